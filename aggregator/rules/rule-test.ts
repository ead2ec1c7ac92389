/** Tests of rules as data: what comes in, and which alerts must come out, when. The format is described in `config/rules/README.md`. */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { durationText } from "../../shared/config/quantity.ts";
import { duration } from "../../shared/config/units.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import type { Rule } from "./load-rules.ts";
import { readEvent } from "./read-event.ts";
import { type RuleFound, RuleRun } from "./run-rule.ts";
import type { ThresholdRule } from "./threshold-rule.ts";
import { ThresholdRun } from "./threshold-run.ts";
import { testLineSchema, testWindowSchema, testWindows } from "./threshold-test.ts";

/** Enough for a test that a person can follow, few enough that a mistyped one ends. */
const REPEAT_MAX = 10_000;

const moment = () =>
  duration({ max: "365d" }).meta({ description: "Since the start of the test." });
const key = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const eventSchema = z.looseObject({
  at: moment(),
  repeat: z.int().min(1).max(REPEAT_MAX).prefault(1).meta({ description: "How often it comes." }),
  every: duration({ max: "365d" })
    .prefault("0s")
    .meta({ description: "Time between repetitions." }),
});

const alertSchema = z.strictObject({
  at: moment(),
  rule: z.string().optional().meta({ description: "Needed only to tell several rules apart." }),
  key: key.optional(),
  dimensions: z.record(z.string(), z.string()).optional().meta({
    description: "Of rules with `by`: whose alert it is.",
  }),
  state: z.enum(["firing", "resolved"]).optional().meta({
    description: "Of threshold rules: whether it fires then, which it does by default, or is over.",
  }),
  type: z.string().optional(),
  severity: z.string().optional(),
  message: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional().meta({
    description: "Those named must be equal; the alert may have more.",
  }),
});

const testSchema = z.strictObject({
  name: z.string().min(1),
  start: z.iso
    .datetime({ offset: true, error: "expected a time such as 2026-11-20T10:00:00Z" })
    .prefault("2026-01-01T00:00:00Z")
    .meta({ description: "When the test begins." }),
  events: z
    .array(eventSchema)
    .prefault([])
    .meta({ description: "For patterns, in the order of arrival." }),
  windows: z
    .array(testWindowSchema)
    .prefault([])
    .meta({ description: "For threshold rules: final windows." }),
  lines: z
    .array(testLineSchema)
    .prefault([])
    .meta({ description: "For threshold rules: lines of logs, counted by service and minute." }),
  until: moment().optional().meta({
    description:
      "For threshold rules: how far time passes; by default to the end of the last window.",
  }),
  alerts: z.array(alertSchema).meta({ description: "All that come, in any order." }),
});

/** Schema of a file of tests. */
export const ruleTestSchema = z.strictObject({
  rules: z
    .array(z.string().min(1))
    .min(1)
    .meta({ description: "Rule files, relative to this one." }),
  out_of_orderness: duration({ max: "365d" }).prefault("0s"),
  tests: z.array(testSchema).min(1),
});

/** One test. */
export type RuleTest = z.output<typeof testSchema>;
type ExpectedAlert = z.output<typeof alertSchema>;

/** An alert that came, in the terms of a test. */
interface ActualAlert extends ExpectedAlert {
  readonly rule: string;
}

const alertText = z.object({ message: z.string(), details: z.record(z.string(), z.unknown()) });

/** The rules of a file of tests. */
export interface TestedRules {
  readonly rules: readonly Rule[];
  readonly thresholds: readonly ThresholdRule[];
}

/** Runs a test; what is not as it should be, a line each; empty: passed. */
export function runRuleTest(
  { rules, thresholds }: TestedRules,
  test: RuleTest,
  outOfOrdernessMs: number,
): string[] {
  const startMs = Date.parse(test.start);
  const faults: string[] = [];
  const events = eventsOf(test, startMs, faults);
  if (faults.length > 0) return faults;
  const unexpected: ActualAlert[] = [];
  for (const rule of rules) {
    for (const found of runAll(new RuleRun(rule), events, outOfOrdernessMs)) {
      const actual = actualAlert(found, startMs);
      if (actual !== undefined) unexpected.push(actual);
    }
  }
  unexpected.push(...thresholdAlerts(thresholds, test, startMs));
  for (const expected of test.alerts) {
    const index = unexpected.findIndex((actual) => isAsExpected(actual, expected));
    if (index >= 0) unexpected.splice(index, 1);
    else faults.push(`missing alert ${shown(expected)}`);
  }
  return [...faults, ...unexpected.map((actual) => `unexpected alert ${shown(actual)}`)];
}

function thresholdAlerts(
  thresholds: readonly ThresholdRule[],
  test: RuleTest,
  startMs: number,
): ActualAlert[] {
  const windows = testWindows(test, startMs);
  const ends = windows
    .filter(({ widthMinutes = 1 }) => thresholds.some((rule) => rule.widthMinutes === widthMinutes))
    .map(({ startMs: ofMs, widthMinutes = 1 }) => ofMs + widthMinutes * 60_000);
  const untilMs = test.until === undefined ? Math.max(startMs, ...ends) : startMs + test.until;
  return thresholds.flatMap((rule) =>
    new ThresholdRun(rule)
      .run(windows, untilMs)
      .map(({ state, service, dimensions, atMs, alert }) => {
        const { message, details } = alertText.parse(JSON.parse(alert.json));
        const { rule: name, alertType: type, severity } = alert;
        const at = atMs - startMs;
        const apart = dimensions === undefined ? {} : { dimensions };
        const what = {
          rule: name,
          key: service,
          ...apart,
          state,
          type,
          severity,
          message,
          details,
        };
        return { at, ...what };
      }),
  );
}

function eventsOf(test: RuleTest, startMs: number, faults: string[]): CepEvent[] {
  const events: CepEvent[] = [];
  for (const [index, { at, repeat, every, ...rest }] of test.events.entries()) {
    for (let count = 0; count < repeat; count++) {
      const event = readEvent({ ...rest, ts: startMs + at + count * every }, events.length);
      if (typeof event !== "string") events.push(event);
      else faults.push(`event ${index} is none: ${event}`);
    }
  }
  return events;
}

function runAll(run: RuleRun, events: readonly CepEvent[], outOfOrdernessMs: number): RuleFound[] {
  const found: RuleFound[] = [];
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const event of events) {
    run.add(event);
    newestMs = Math.max(newestMs, event.ts);
    found.push(...run.advance(newestMs - outOfOrdernessMs - 1));
  }
  return [...found, ...run.advance(Number.POSITIVE_INFINITY)];
}

function actualAlert(found: RuleFound, startMs: number): ActualAlert | undefined {
  const { rule, alert } = found;
  if (alert === undefined) return undefined;
  const { message, details } = alertText.parse(JSON.parse(alert.json));
  const { alertType: type, severity } = alert;
  return {
    at: found.timestampMs - startMs,
    rule,
    key: found.key,
    type,
    severity,
    message,
    details,
  };
}

/** Everything that the test says of the alert is so. */
function isAsExpected(actual: ActualAlert, { details = {}, ...rest }: ExpectedAlert): boolean {
  const expected = actual.state === undefined ? rest : { state: "firing", ...rest };
  const isSame = Object.entries(expected).every(([name, value]) =>
    isDeepStrictEqual(Reflect.get(actual, name), value),
  );
  return (
    isSame &&
    Object.entries(details).every(([name, value]) =>
      isDeepStrictEqual(actual.details?.[name], value),
    )
  );
}

function shown({ at, ...rest }: ExpectedAlert): string {
  const facts = Object.entries(rest).map(([name, value]) =>
    name === "details"
      ? `details ${JSON.stringify(withoutStages(value))}`
      : `${name} ${JSON.stringify(value)}`,
  );
  return [`at ${durationText(at)}:`, ...facts].join(" ");
}

/** The events themselves would hide the rest. */
function withoutStages(details: unknown): unknown {
  if (typeof details !== "object" || details === null) return details;
  return Object.fromEntries(Object.entries(details).filter(([name]) => name !== "stages"));
}
