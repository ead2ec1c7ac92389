import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { neededText, selectorsOf } from "../../../../aggregator/rules/selectors.ts";
import { present } from "../../../../shared/assert.ts";

const golden = z
  .array(z.object({ name: z.string(), rules: z.array(z.unknown()), selectors: z.unknown() }))
  .parse(
    JSON.parse(readFileSync(join(import.meta.dirname, "../../../golden/selectors.json"), "utf8")),
  );

function rulesOf(rules: readonly unknown[]) {
  const texts = rules.map((rule, index) => ({ file: `${index}`, text: JSON.stringify(rule) }));
  return present(loadRules(texts).rules, "rules");
}

describe("the selectors of rules", () => {
  it.each(golden.map(({ name, ...rest }) => [name, rest] as const))(
    "are those written down: %s",
    (_name, { rules, selectors }) => {
      expect(selectorsOf(rulesOf(rules))).toEqual(selectors);
      expect(selectorsOf(rulesOf(rules.toReversed()))).toEqual(selectors);
    },
  );

  const rule = (index: number, where: unknown) => ({
    name: `rule-${index}`,
    ...{ summary: "A sample.", stream: "events", key: "k" },
    stages: [{ name: "a", where }],
    alert: { type: "SAMPLE", severity: "info", message: "Seen." },
  });

  it("are everything when agents could not take the conditions", () => {
    const long = `v in [${"12345678, ".repeat(408)}1]`;
    expect(selectorsOf(rulesOf([rule(0, [long, "w > 1"])])).selectors[0]?.where).toEqual([]);
    const many = Array.from({ length: 1001 }, (_, index) => rule(index, `v == ${index}`));
    expect(selectorsOf(rulesOf(many.slice(1))).selectors[0]?.where).toHaveLength(1000);
    expect(selectorsOf(rulesOf(many)).selectors[0]?.where).toEqual([]);
  });
});

describe("the names `id` and `key`", () => {
  const withKey = (key: string, where: string, message: string) => ({
    ...{ name: "a", summary: "A sample.", stream: "events", key, stages: [{ name: "a", where }] },
    alert: { type: "SAMPLE", severity: "info", message },
  });
  const fieldsOf = (rule: unknown) => selectorsOf(rulesOf([rule])).selectors[0]?.fields;

  it("are fields that travel where rules read them, but for the key of a message", () => {
    expect(fieldsOf(withKey("userId", "x > 1", "{{key}}"))).toEqual(["userId", "x"]);
    expect(fieldsOf(withKey("userId", "key == 'a' && ts > 1", "{{id}}"))).toEqual([
      ...["id", "key", "userId"],
    ]);
    expect(fieldsOf(withKey("key", "type == 'A'", "Seen."))).toEqual(["key"]);
  });
});

describe("what a rule needs", () => {
  const told = (changes: object) => {
    const stages = [
      { name: "a", where: "v > 1" },
      { name: "b", contiguity: "followedBy", where: "w > 1" },
    ];
    const rule = { name: "sample", summary: "A sample.", stream: "events", key: "k", stages };
    const alert = { type: "SAMPLE", severity: "info", message: "Seen." };
    const [loaded] = rulesOf([{ ...rule, alert, ...changes }]);
    return neededText(present(loaded, "rule"));
  };

  it("is told to people", () => {
    expect(told({})).toBe(
      "needs of events: events that have k with v > 1, or w > 1; of each time, type, k, v, w",
    );
    expect(told({ key: undefined, stages: [{ name: "a" }] })).toBe(
      "needs of events: all events; of each time, type, service",
    );
    expect(told({ stream: "service-metrics" })).toMatch(/^needs nothing of agents/);
  });
});
