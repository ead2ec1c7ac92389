/**
 * The scenarios of another detector, run by the rules of this program: the lines of a case go through a parser of the agent, its events through a
 * rule, and what the rule finds is compared with the alerts of the case: whose they are, how many, and the events that made them, in order.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { isFormatName, parsers } from "../../../agent/parsers/registry.ts";
import { loadRules, type Rule } from "../../../aggregator/rules/load-rules.ts";
import { type RuleFound, RuleRun } from "../../../aggregator/rules/run-rule.ts";
import { assert, present } from "../../../shared/assert.ts";
import type { EventOptions } from "../../../shared/events/event-options.ts";
import type { ExpressionEvent } from "../../../shared/expression/compile.ts";

const texts = z.record(z.string(), z.string());
const vectorSchema = z.object({
  case: z.string(),
  options: z.object({
    rules: z.record(
      z.string(),
      z.object({
        type: z.string(),
        groupby: z.string().optional(),
        distinct: z.string().optional(),
        capacity: z.number().optional(),
        leakspeed: z.string().optional(),
        blackhole: z.string().optional(),
      }),
    ),
  }),
  input: z.string(),
  expected: z.object({
    alerts: z.array(
      z.object({
        scenario: z.string().optional(),
        sources: z.array(z.string()).optional(),
        events: z.array(texts).optional(),
      }),
    ),
  }),
});
const said = z.union([
  z.string(),
  z.strictObject({ rule: z.string() }),
  z.strictObject({ within: z.string(), stages: z.array(z.unknown()) }),
]);
const fixtureSchema = z.object({
  cases: z.record(
    z.string(),
    z.strictObject({
      why: z.string().optional(),
      format: z.string().default("regex"),
      pattern: z.string().optional(),
      time_format: z.union([z.string(), z.array(z.string())]).optional(),
      fields: texts.default({}),
      names: z.strictObject({ time: z.string() }).optional(),
      rules: z.record(z.string(), said).default({}),
      differences: texts.default({}),
    }),
  ),
});

type Vector = z.output<typeof vectorSchema>;
type Parameters = Vector["options"]["rules"][string];
type Case = z.output<typeof fixtureSchema>["cases"][string];

/** What became of a scenario of a case. */
export interface Outcome {
  readonly case: string;
  readonly scenario: string;
  /** The condition, or the file of the rule, that says it; undefined: nothing does. */
  readonly said: string | undefined;
  /** What is not as expected; empty: every alert is. */
  readonly differences: readonly string[];
  /** Why nothing says it, or why it differs. */
  readonly reason: string | undefined;
  readonly alertCount: number;
  readonly eventCount: number;
}

const read = (name: string) => readFileSync(new URL(name, import.meta.url));
const nowMs = () => Date.UTC(2026, 11, 25);

/** What every scenario of every case became. */
export function runScenarios(): Outcome[] {
  const fixture = fixtureSchema.parse(parse(read("scenarios.yaml").toString(), { merge: true }));
  const lines = gunzipSync(read("scenario-vectors.ndjson.gz")).toString().trimEnd().split("\n");
  return lines.flatMap((line) => {
    const vector = vectorSchema.parse(JSON.parse(line));
    const name = vector.case.replace("crowdsec-scenario/", "");
    return runCase(name, vector, present(fixture.cases[name], name));
  });
}

function runCase(name: string, vector: Vector, fixture: Case): Outcome[] {
  const events = fixture.why === undefined ? eventsOf(vector.input, fixture) : [];
  const { rules } = vector.options;
  const raised = vector.expected.alerts.flatMap(({ scenario }) => scenario ?? []);
  const scenarios = [...new Set([...Object.keys(rules), ...raised])];
  const outcome = (scenario: string): Outcome => {
    const short = scenario.slice(scenario.indexOf("/") + 1);
    const alerts = vector.expected.alerts.filter((alert) => alert.scenario === scenario);
    const rule = fixture.rules[short];
    const parts = {
      ...{ case: name, scenario: short, alertCount: alerts.length },
      eventCount: alerts.reduce((sum, { events: members = [] }) => sum + members.length, 0),
      reason: fixture.why ?? fixture.differences[short],
    };
    if (rule === undefined) return { ...parts, said: undefined, differences: [] };
    const compiled = compile(rule, present(rules[scenario], scenario), fixture);
    const found = foundBy(compiled, events);
    const expected = alerts.map((alert) => ({
      key: alert.sources?.[0] ?? "",
      members: alert.events ?? [],
    }));
    return { ...parts, said: saidText(rule), differences: compare(found, expected, fixture) };
  };
  return scenarios.length === 0
    ? [{ ...outcome(name), reason: fixture.why ?? "the vector names no scenario" }]
    : scenarios.map(outcome);
}

function saidText(rule: z.output<typeof said>): string {
  if (typeof rule === "string") return rule;
  return "rule" in rule ? `${rule.rule}.yaml` : "a pattern of stages";
}

function eventsOf(input: string, fixture: Case): ExpressionEvent[] {
  const { format, pattern, time_format: formats, names } = fixture;
  assert(isFormatName(format) && format !== "auto", format);
  const options: EventOptions = {
    fields: names === undefined ? {} : { time: [names.time] },
    ...{ durationUnit: "ms", timezone: "UTC", nowMs },
    pattern,
    timeFormats: formats === undefined ? undefined : [formats].flat(),
  };
  const parser = parsers[format].compile(options);
  const events: ExpressionEvent[] = [];
  for (const [index, line] of input.split("\n").entries()) {
    const parsed = parser.parse(Buffer.from(line));
    if (parsed.kind !== "event") continue;
    const { timeMs, service, level, message } = parsed;
    const fields = { ...parsed.fields, service, level, message };
    events.push({ id: index, ts: timeMs, key: null, type: null, fields });
  }
  return events;
}

function compile(rule: z.output<typeof said>, parameters: Parameters, fixture: Case): Rule {
  const isFile = typeof rule !== "string" && "rule" in rule;
  const text = isFile
    ? read(`../../../config/rules/security/${rule.rule}.yaml`).toString()
    : stringify(ruleOf(rule, parameters, fixture));
  const loaded = loadRules([{ file: "scenario", text }]);
  assert(loaded.faults === undefined, JSON.stringify(loaded.faults));
  const compiled = present(loaded.rules[0], "a rule");
  const [stage] = compiled.config.stages;
  if (isFile && parameters.type === "leaky") {
    // A file says the parameters of the scenario.
    assert(stage?.times?.max === 1 + (parameters.capacity ?? 0), `${rule.rule}: times`);
    assert(stage.leak === msOf(parameters.leakspeed), `${rule.rule}: leak`);
    assert(compiled.config.alert.cooldown === msOf(parameters.blackhole), `${rule.rule}: cooldown`);
  }
  return compiled;
}

/** A rule with the parameters of a vector. */
function ruleOf(
  rule: Exclude<z.output<typeof said>, { readonly rule: string }>,
  parameters: Parameters,
  { fields }: Case,
): unknown {
  const { type, groupby, distinct, capacity = 0, leakspeed, blackhole } = parameters;
  const nameOf = (meta: string) => {
    const name = meta.replace(/^evt\.(Meta|Parsed)\./, "");
    return fields[name] ?? name;
  };
  const bucket = {
    times: { min: capacity + 1, max: capacity + 1 },
    leak: `${msOf(leakspeed)}ms`,
    ...(distinct === undefined ? {} : { distinct: nameOf(distinct) }),
  };
  return {
    ...{ name: "scenario", summary: "A scenario.", stream: "application-logs" },
    ...(groupby === undefined ? {} : { key: nameOf(groupby) }),
    ...(typeof rule === "string"
      ? { stages: [{ name: "events", where: rule, ...(type === "leaky" ? bucket : {}) }] }
      : { skip: "skipPastLastEvent", ...rule }),
    alert: {
      ...{ type: "SCENARIO", severity: "warning", message: "{{key}}" },
      ...(blackhole === undefined ? {} : { cooldown: `${msOf(blackhole)}ms` }),
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

function msOf(text = "0s"): number {
  return Number(text.slice(0, -1)) * present(UNITS[text.slice(-1)], text);
}

interface Group {
  readonly key: string;
  readonly members: readonly Readonly<Record<string, unknown>>[];
}

function foundBy(rule: Rule, events: readonly ExpressionEvent[]): Group[] {
  const run = new RuleRun(rule);
  for (const event of events) run.add(event);
  const found: RuleFound[] = run.advance(Number.POSITIVE_INFINITY);
  return found
    .filter(({ alert }) => alert !== undefined)
    .map(({ key, events: stages }) => ({
      key: String(key ?? ""),
      members: Object.values(stages)
        .flat()
        .map(({ ts, fields }) => ({ ...fields, timestamp: new Date(ts).toISOString() })),
    }));
}

/** What differs, for people. What both sides say is compared: the time to the second where one side tells no more. */
function compare(found: readonly Group[], expected: readonly Group[], fixture: Case): string[] {
  if (found.length !== expected.length) {
    return [`${found.length} alerts, not ${expected.length}`];
  }
  const nameOf = (meta: string) => fixture.fields[meta] ?? meta;
  const left = [...found];
  const differences: string[] = [];
  for (const group of expected) {
    const at = left.findIndex(
      ({ members }) =>
        members.length === group.members.length &&
        group.members.every((member, index) => isSame(member, members[index] ?? {}, nameOf)),
    );
    if (at >= 0) left.splice(at, 1);
    else {
      const near = left.find(({ key }) => key === group.key);
      differences.push(`${group.key}: ${group.members.length} events, found ${near?.members.length}`);
    }
  }
  return differences;
}

function isSame(
  expected: Readonly<Record<string, unknown>>,
  found: Readonly<Record<string, unknown>>,
  nameOf: (meta: string) => string,
): boolean {
  return Object.entries(expected).every(([meta, value]) => {
    if (meta === "timestamp") return isSameTime(String(value), String(found["timestamp"]));
    const own = found[nameOf(meta)];
    return meta === "service" || own === undefined || String(own) === String(value);
  });
}

function isSameTime(expected: string, found: string): boolean {
  const [one, other] = [expected, found].map((text) => Math.floor(Date.parse(text) / 1_000));
  return one === other;
}
