/** Rules find in the events that their selectors choose whatever they would find in all of them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Pattern } from "../../aggregator/cep/pattern.ts";
import type { CepEvent } from "../../aggregator/cep/shared-buffer.ts";
import { loadRules, type Rule } from "../../aggregator/rules/load-rules.ts";
import { foundText, RuleRun } from "../../aggregator/rules/run-rule.ts";
import { selectorsOf } from "../../aggregator/rules/selectors.ts";
import { present } from "../../shared/assert.ts";
import { compileName, compilePredicate } from "../../shared/expression/compile.ts";
import { parseExpression } from "../../shared/expression/parse.ts";
import type { Selector } from "../../shared/protocol/selected-event.ts";
import { eventLists, patterns } from "./random-patterns.ts";

const LAG_MS = 3;

function ruleOf({ within, ...pattern }: Pattern): Rule | undefined {
  const rule = {
    ...{ name: "sample", summary: "A sample.", stream: "events" },
    ...pattern,
    ...(within === undefined ? {} : { within: `${within}ms` }),
    skipThrowOnMiss: false,
    alert: { type: "SAMPLE", severity: "info", message: "{{key}} {{v}} {{count(s0)}}" },
    onTimeout: "alert",
  };
  return loadRules([{ file: "sample", text: JSON.stringify(rule) }]).rules?.[0];
}

/** What an agent sends of an event; undefined: nothing. */
function selected({ keys, where, fields }: Selector, event: CepEvent): CepEvent | undefined {
  const holds = where.map((text) => {
    const { expression } = parseExpression(text);
    return compilePredicate(present(expression, text))(event, { eventsOf: () => [] });
  });
  const hasKey = keys.length === 0 || keys.some((name) => compileName(name)(event) !== null);
  if (!hasKey || (holds.length > 0 && !holds.includes(true))) return undefined;
  const kept = Object.entries(event.fields).filter(([name]) => fields.includes(name));
  return { ...event, fields: Object.fromEntries(kept) };
}

function run(
  rule: Rule,
  events: readonly CepEvent[],
  select: (event: CepEvent) => CepEvent | undefined,
): string[] {
  const running = new RuleRun(rule);
  const found: string[] = [];
  const advance = (watermarkMs: number) =>
    found.push(...running.advance(watermarkMs).map(foundText));
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const event of events) {
    const sent = select(event);
    if (sent !== undefined) running.add(sent);
    newestMs = Math.max(newestMs, event.ts);
    advance(newestMs - LAG_MS);
  }
  advance(Number.POSITIVE_INFINITY);
  return found.toSorted();
}

describe("the selectors of a rule", () => {
  test("choose enough for every match and alert", () => {
    let leftOut = 0;
    fc.assert(
      fc.property(patterns, eventLists, (pattern, events) => {
        const rule = ruleOf(pattern);
        fc.pre(rule !== undefined);
        const selector = present(selectorsOf([rule]).selectors[0], "selector");
        const chosen = run(rule, events, (event) => {
          const sent = selected(selector, event);
          if (sent === undefined) leftOut++;
          return sent;
        });
        expect(chosen).toEqual(run(rule, events, (event) => event));
      }),
      { numRuns: 2000 },
    );
    expect(leftOut).toBeGreaterThan(100);
  });
});
