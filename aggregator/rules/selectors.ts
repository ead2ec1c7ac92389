/**
 * What agents must send for the rules: from rules to selectors. Two cases. A rule that says what may not lie between its events (next,
 * notNext, consecutive) needs every event of the stream that has its key. Any other only looks at events which can satisfy a condition of one of
 * its stages: the rest neither moves a partial match nor ends one, since time passes by the watermark alone. Of the relaxed rules two kinds need
 * everything all the same, since in Flink's automaton an event that fits nothing moves them on: a greedy one (what its loop then leaves to the
 * next stage), and a notFollowedBy at the end behind a loop (which counts as left only with the next event of the key, whatever it is).
 *
 * Agents do not know what partial matches hold, so a condition travels without what it asks of them; what is left holds whenever the whole does.
 */
import { createHash } from "node:crypto";
import { type Expression, parseExpression } from "../../shared/expression/parse.ts";
import { printExpression } from "../../shared/expression/print.ts";
import { asksStages, namesIn } from "../../shared/expression/visit.ts";
import type { Selector, Selectors } from "../../shared/protocol/selected-event.ts";
import type { Stage } from "../cep/pattern.ts";
import { isNegated } from "../cep/quantifier.ts";
import type { Rule } from "./load-rules.ts";

/** Made by the aggregator from its windows; agents have no such events. */
const METRICS_STREAM = "service-metrics";
/** Every event has them, whatever is selected. `id` and `key` are those of its fields, where it has such fields. */
const OWN_NAMES: ReadonlySet<string> = new Set(["ts", "type"]);
const REVISION_DIGITS = 16;
/** Agents take no much longer lists, and to test so much would cost more than to send everything. */
const CONDITIONS_MAX = 1000;
const KEYS_MAX = 200;

/** The selectors for `rules`, in the same bytes whatever the order of the rules. */
export function selectorsOf(rules: readonly Rule[]): Selectors {
  const byStream = new Map<string, Selector[]>();
  for (const rule of rules) {
    const { stream } = rule.config;
    if (stream === METRICS_STREAM) continue;
    byStream.set(stream, [...(byStream.get(stream) ?? []), selectorOf(rule)]);
  }
  const selectors = [...byStream]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([stream, each]) => merge(stream, each));
  if (selectors.length === 0) return { revision: "", selectors };
  const hash = createHash("sha256").update(JSON.stringify(selectors)).digest("hex");
  return { revision: hash.slice(0, REVISION_DIGITS), selectors };
}

/** What agents send for `rule`, for people. */
export function neededText(rule: Rule): string {
  const { stream } = rule.config;
  if (stream === METRICS_STREAM) return "needs nothing of agents: its events are made of windows";
  const { keys, where, fields } = selectorOf(rule);
  const whose = keys.length === 0 ? "" : ` that have ${keys.join(" or ")}`;
  const which =
    where.length === 0 ? `all events${whose}` : `events${whose} with ${where.join(", or ")}`;
  return `needs of ${stream}: ${which}; of each ${["time", "type", ...fields].join(", ")}`;
}

function selectorOf({ config, message, details }: Rule): Selector {
  const { stream, key, stages } = config;
  const conditions = stages.flatMap((stage) => conditionsOf(stage).flat());
  const read = [...conditions, ...details.map(({ expression }) => expression)];
  // The `key` of a message is that of the rule.
  const told = message.expressions.flatMap(namesIn).filter((name) => name !== "key");
  const names = new Set([...read.flatMap(namesIn), ...told]);
  for (const { distinct } of stages) if (distinct !== undefined) names.add(distinct);
  // An alert of a rule without a key names the service of its last event.
  names.add(key ?? "service");
  return {
    stream,
    keys: key === undefined ? [] : [key],
    where: needsAll(stages) ? [] : whereOf(stages),
    fields: [...names].filter((name) => !OWN_NAMES.has(name)).toSorted(),
  };
}

function needsAll(stages: readonly Stage[]): boolean {
  const isStrict = stages.some(
    ({ contiguity, consecutive, greedy }) =>
      contiguity === "next" || contiguity === "notNext" || consecutive === true || greedy === true,
  );
  return isStrict || endsWithBanAfterLoop(stages);
}

function endsWithBanAfterLoop(stages: readonly Stage[]): boolean {
  if (stages.at(-1)?.contiguity !== "notFollowedBy") return false;
  const times = stages.findLast((stage) => !isNegated(stage))?.times;
  return times !== undefined && times.min !== times.max;
}

/** Conditions of which one holds for any event that a stage or the end of a loop looks for; empty: any event can be one. */
function whereOf(stages: readonly Stage[]): string[] {
  const texts = new Set<string>();
  for (const alternative of stages.flatMap(conditionsOf)) {
    const known = alternative.map(withoutStages).filter((part) => part !== undefined);
    if (known.length === 0) return [];
    const text = known.map((part) => printExpression(part)).reduce(joinAnd);
    // Joined it may be longer than a condition can be.
    if (parseExpression(text).fault !== undefined) return [];
    texts.add(text);
  }
  return [...texts].toSorted();
}

/** What can make an event matter to a stage: alternatives, each of conditions that hold together; none of these: any event. */
function conditionsOf({ where, or, until }: Stage): Expression[][] {
  const parsed = (texts: string | readonly string[] | undefined) =>
    [texts ?? []].flat().flatMap((text) => parseExpression(text).expression ?? []);
  const alternatives = parsed(or).map((expression) => [expression]);
  const first = parsed(where);
  const isTaken = first.length > 0 || alternatives.length === 0;
  return [...(isTaken ? [first] : []), ...alternatives, ...parsed(until).map((end) => [end])];
}

/** What must hold for `expression` to hold, as far as the event alone tells; undefined: that tells nothing. */
function withoutStages(expression: Expression): Expression | undefined {
  if (!asksStages(expression)) return expression;
  if (expression.kind !== "logical") return undefined;
  const left = withoutStages(expression.left);
  const right = withoutStages(expression.right);
  if (left !== undefined && right !== undefined) return { ...expression, left, right };
  return expression.operator === "&&" ? (left ?? right) : undefined;
}

function joinAnd(left: string, right: string): string {
  return `(${left}) && (${right})`;
}

/** One selector for all rules of a stream. It may select more than they need together, never less. */
function merge(stream: string, selectors: readonly Selector[]): Selector {
  return {
    stream,
    keys: atMost(KEYS_MAX, union(selectors.map(({ keys }) => keys))),
    where: atMost(CONDITIONS_MAX, union(selectors.map(({ where }) => where))),
    fields: [...new Set(selectors.flatMap(({ fields }) => fields))].toSorted(),
  };
}

/** All of them, each once; none when one is empty, which stands for everything. */
function union(lists: readonly (readonly string[])[]): string[] {
  if (lists.some((list) => list.length === 0)) return [];
  return [...new Set(lists.flat())].toSorted();
}

function atMost(count: number, list: string[]): string[] {
  return list.length > count ? [] : list;
}
