/** What the file of a threshold rule says: a condition over windows, how long it must hold, and the alert that it becomes. One rule a file. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { assert } from "../../shared/assert.ts";
import { durationText } from "../../shared/config/quantity.ts";
import { duration } from "../../shared/config/units.ts";
import { checkExpression } from "../../shared/expression/check.ts";
import {
  compilePredicate,
  compileValue,
  type ExpressionEvent,
  type StageEvents,
} from "../../shared/expression/compile.ts";
import {
  type Expression,
  type ExpressionFault,
  parseExpression,
  type Value,
} from "../../shared/expression/parse.ts";
import { printExpression } from "../../shared/expression/print.ts";
import { namesIn, visitExpression } from "../../shared/expression/visit.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import type { LifeSettings } from "../alerts/alert-life.ts";
import { type BaselineSettings, baselineNames } from "../alerts/baseline.ts";
import { type AlertDetail, compileDetails } from "./alert-details.ts";
import { compileTemplate, type MessageTemplate } from "./message-template.ts";
import { alertSchema, ruleName, ruleSummary } from "./rule.ts";

/** What a window says to conditions; times are ISO 8601, latencies in milliseconds. */
export const WINDOW_NAMES: readonly string[] = [
  "avgLatency",
  "errorCount",
  "errorRate",
  "max",
  "min",
  "p50",
  "p95",
  "p99",
  "requestCount",
  "responseTime",
  "service",
  "stream",
  "windowEnd",
  "windowStart",
];

/** The stream of what the program sees of itself every ten seconds. */
export const SELF_STREAM = "tailrace";

/** What it sees: latencies in milliseconds from a whole request of an agent or sender to its answer, lines a second, and used heap of its limit. */
export const SELF_NAMES: readonly string[] = [
  "eventsPerSecond",
  "heapUsedRatio",
  "processingLatencyP50",
  "processingLatencyP95",
  "processingLatencyP99",
];

/** Names of numbers of a window, of which something can be usual. */
const NUMBER_NAMES: readonly string[] = WINDOW_NAMES.filter(
  (name) => !["service", "stream", "windowEnd", "windowStart"].includes(name),
);

const NO_STAGES: StageEvents = { eventsOf: () => [] };
const DAY_MS = 86_400_000;
/** So many windows of every service are read every ten minutes. */
const TRAILING_MS_MAX = 6 * 3_600_000;
/** The name of a rule is part of keys, and of the ids of its alerts. */
const NAME_LENGTH_MAX = 60;
const STALE_AFTER = "5m";
const FORGET_AFTER = "7d";

const KNOWN = {
  stages: [],
  fields: [
    ...WINDOW_NAMES,
    ...NUMBER_NAMES.flatMap(baselineNames),
    ...SELF_NAMES,
    ...["key", "ts"],
  ],
};

/** What the numbers of measures are called: `NAME_KIND`. Which there are only agents know. */
const MEASURE_NAME = /_(sum|count|distinct)$/;

/** What is wrong with the names of an expression over a window. */
function nameFaults(expression: Expression): ExpressionFault[] {
  const measures = namesIn(expression).filter((name) => MEASURE_NAME.test(name));
  return checkExpression(expression, { ...KNOWN, fields: [...KNOWN.fields, ...measures] });
}

/** A condition over a window; what is wrong with it is told beside all other faults. */
function condition() {
  return z
    .string()
    .min(1)
    .check(({ value, issues }) => {
      const { expression, fault } = parseExpression(value);
      const faults = expression === undefined ? [fault] : nameFaults(expression);
      for (const { offset, message } of faults) {
        issues.push({
          code: "custom",
          message: `${message} (at character ${offset + 1})`,
          input: value,
        });
      }
    });
}

const thresholdShape = z.strictObject({
  name: ruleName.max(NAME_LENGTH_MAX, {
    error: `expected a name of at most ${NAME_LENGTH_MAX} characters`,
  }),
  summary: ruleSummary,
  stream: z.string().min(1).prefault(STREAM_DEFAULT).meta({
    description:
      "Windows of this stream are looked at, every service for itself; `tailrace` is the aggregator itself, every ten seconds.",
  }),
  where: condition()
    .optional()
    .meta({
      description: "Only windows for which this holds concern the rule.",
      examples: ["service != 'batch'"],
    }),
  condition: condition()
    .optional()
    .meta({
      description: "What must not be; over the numbers of a window of one minute.",
      examples: ["errorRate > 0.05 || avgLatency > 1000"],
    }),
  baseline: z
    .strictObject({
      history: duration({ min: "10m", max: "60d" })
        .prefault("7d")
        .meta({ description: "How far back windows count." }),
      same_hour: z.boolean().prefault(true).meta({
        description: "Only those of the same hour of earlier days; else history is at most 6h.",
      }),
      min_windows: z.int().min(2).max(10_000).prefault(30).meta({
        description: "With fewer windows nothing is usual, and comparisons with it never hold.",
      }),
    })
    .check(({ value, issues }) => {
      const historyMs = value.history;
      if (value.same_hour ? historyMs >= DAY_MS : historyMs <= TRAILING_MS_MAX) return;
      const message = value.same_hour
        ? "expected at least 1d, since only earlier days count"
        : "expected at most 6h, unless only the same hour of earlier days counts";
      issues.push({ code: "custom", message, path: ["history"], input: value });
    })
    .optional()
    .meta({
      description:
        "What is usual of a service: conditions then know errorRateUsual (the median of earlier windows) and errorRateSpread (their MAD times 1.4826), and the same of every other number.",
    }),
  missing: duration({ min: "1m", max: "30d" }).optional().meta({
    description: "Instead of a condition: a service of which nothing came for this long.",
  }),
  for: duration({ max: "7d" }).prefault("0s").meta({
    description: "How long the condition must hold before the alert fires; 0s: one window.",
  }),
  min_count: z.int().min(1).prefault(1).meta({
    description: "Windows with fewer requests neither raise nor resolve.",
  }),
  evaluate: z.enum(["final", "provisional"]).prefault("final").meta({
    description:
      "`provisional` also looks at windows that may still change, and fires earlier; needs min_count.",
  }),
  resolve: z
    .strictObject({
      condition: condition()
        .optional()
        .meta({
          description:
            "Must hold for the alert to end; absent: the rule's condition does not hold.",
          examples: ["errorRate < 0.02"],
        }),
      for: duration({ max: "7d" }).prefault("0s").meta({ description: "… for this long." }),
    })
    .prefault({})
    .meta({ description: "When it is over." }),
  stale_after: duration({ min: "1m", max: "365d" })
    .optional()
    .meta({
      description: `Silence after which what fired is over; ${STALE_AFTER}, with \`missing\` ${FORGET_AFTER}.`,
    }),
  labels: z
    .record(
      z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, { error: "expected a name such as team" }),
      z.string().min(1),
    )
    .prefault({})
    .meta({ description: "What silences, groups and Alertmanager tell alerts apart by." }),
  runbook: z.url().optional().meta({ description: "Where it says what to do." }),
  alert: alertSchema.meta({ description: "What it becomes." }),
});

/** A threshold rule as it stands in its file. */
export type ThresholdConfig = z.output<typeof thresholdShape>;

/** Schema of the file of a threshold rule; an expression that cannot be compiled is a fault at its place. */
export const thresholdSchema = thresholdShape.superRefine((rule, context) => {
  const fault = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", path, message });
  if ((rule.condition === undefined) === (rule.missing === undefined)) {
    fault(["condition"], "expected a condition, or `missing`, and not both");
  }
  if (rule.evaluate === "provisional" && rule.min_count < 2) {
    fault(
      ["min_count"],
      "expected at least 2: the first request of a window alone decides nothing",
    );
  }
  if (rule.baseline === undefined && usualNames(rule).length > 0) {
    fault(["condition"], "what is usual is known only with `baseline`");
  }
  if (rule.missing !== undefined && (rule.stale_after ?? Infinity) <= rule.missing) {
    fault(["stale_after"], "expected more than `missing`");
  }
  const { template, faults = [] } = compileTemplate(rule.alert.message, []);
  for (const message of faults) fault(["alert", "message"], message);
  for (const expression of template?.expressions ?? []) {
    for (const { message } of nameFaults(expression)) fault(["alert", "message"], message);
  }
  const compiled = compileDetails(rule.alert.details, []);
  for (const { name, message } of compiled.faults ?? []) fault(["alert", "details", name], message);
  for (const { name, expression } of compiled.details ?? []) {
    for (const { message } of nameFaults(expression)) {
      fault(["alert", "details", name], message);
    }
  }
});

/** Names of the numbers of which expressions ask what is usual. */
function usualNames(rule: {
  readonly where?: string | undefined;
  readonly condition?: string | undefined;
  readonly resolve: { readonly condition?: string | undefined };
  readonly alert: { readonly message: string; readonly details: Readonly<Record<string, string>> };
}): string[] {
  const texts = [rule.where, rule.condition, rule.resolve.condition];
  const expressions = [...texts, ...Object.values(rule.alert.details)].flatMap((text) =>
    text === undefined ? [] : (parseExpression(text).expression ?? []),
  );
  const told = compileTemplate(rule.alert.message, []).template?.expressions ?? [];
  const used = new Set([...expressions, ...told].flatMap(namesIn));
  return NUMBER_NAMES.filter((name) => baselineNames(name).some((one) => used.has(one)));
}

/** A part of a condition that compares something: what an alert shows. */
export interface Comparison {
  readonly text: string;
  readonly operator: string;
  /** What it is compared with, when that is no number but has to be computed. */
  readonly limitText: string | undefined;
  limitOf(event: ExpressionEvent): Value;
  valueOf(event: ExpressionEvent): Value;
  holds(event: ExpressionEvent): boolean;
}

/** A threshold rule that is ready to run. */
export interface ThresholdRule {
  readonly config: ThresholdConfig;
  /** Names the rule and what it watches: what is known of its keys belongs to these. Fits into a key of stored state. */
  readonly id: string;
  readonly life: LifeSettings;
  readonly message: MessageTemplate;
  readonly details: readonly AlertDetail[];
  readonly comparisons: readonly Comparison[];
  /** What conditions ask to be usual; undefined: nothing. */
  readonly baseline:
    | { readonly settings: BaselineSettings; readonly names: readonly string[] }
    | undefined;
  /** Whether the rule is about this window at all. */
  concerns(event: ExpressionEvent): boolean;
  isBreach(event: ExpressionEvent): boolean;
  isClear(event: ExpressionEvent): boolean;
}

/** Compiles what {@link thresholdSchema} let through. */
export function compileThreshold(config: ThresholdConfig): ThresholdRule {
  const { name, stream, where, resolve, missing } = config;
  const { template } = compileTemplate(config.alert.message, []);
  const { details } = compileDetails(config.alert.details, []);
  assert(template !== undefined && details !== undefined, `rule ${name} does not compile`);
  const isBreach = predicate(config.condition, false);
  const staleAfterMs = config.stale_after ?? (missing === undefined ? 5 * 60_000 : 7 * 86_400_000);
  return {
    config,
    id: `${name}@${hashOf([name, stream, missing === undefined])}`,
    life: {
      forMs: config.for,
      resolveForMs: resolve.for,
      cooldownMs: config.alert.cooldown,
      staleAfterMs,
      missingMs: missing,
    },
    message: template,
    details,
    comparisons: comparisonsOf(config.condition),
    baseline: config.baseline && {
      settings: {
        historyMs: config.baseline.history,
        isSameHour: config.baseline.same_hour,
        windowsMin: config.baseline.min_windows,
      },
      names: usualNames(config),
    },
    concerns: predicate(where, true),
    isBreach,
    isClear:
      resolve.condition === undefined
        ? (event) => !isBreach(event)
        : predicate(resolve.condition, true),
  };
}

/** What a rule does, for people. */
export function explainThreshold({ config, life }: ThresholdRule): string {
  const { name, summary, stream, where, min_count, evaluate, resolve } = config;
  const { missingMs, forMs, resolveForMs, cooldownMs, staleAfterMs } = life;
  const over = `${evaluate} windows of ${stream}${where === undefined ? "" : ` with ${where}`}`;
  const lines = [`${name}: ${summary}`, `looks at ${over}, each service for itself`];
  if (missingMs !== undefined) {
    lines.push(`fires after ${durationText(missingMs)} without a window, resolves with the next`);
  } else {
    const held = forMs === 0 ? "" : ` for ${durationText(forMs)}`;
    const few =
      min_count === 1 ? "" : `; windows with fewer than ${min_count} requests say nothing`;
    lines.push(`fires when ${config.condition}${held}${few}`);
    const end = resolve.condition ?? "that does not hold";
    lines.push(
      `resolves when ${end}${resolveForMs === 0 ? "" : ` for ${durationText(resolveForMs)}`}`,
    );
  }
  lines.push(`is over after ${durationText(staleAfterMs)} of silence`);
  if (cooldownMs > 0) lines.push(`then fires nothing for ${durationText(cooldownMs)}`);
  return lines.join("\n");
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}

function predicate(text: string | undefined, absent: boolean): (event: ExpressionEvent) => boolean {
  const expression = text === undefined ? undefined : parseExpression(text).expression;
  if (expression === undefined) return () => absent;
  const holds = compilePredicate(expression);
  return (event) => holds(event, NO_STAGES);
}

function comparisonsOf(text: string | undefined): Comparison[] {
  const expression = text === undefined ? undefined : parseExpression(text).expression;
  if (expression === undefined) return [];
  const found: Comparison[] = [];
  visitExpression(expression, (part) => {
    if (part.kind === "comparison") found.push(comparison(part));
  });
  return found;
}

function comparison(whole: Expression & { readonly kind: "comparison" }): Comparison {
  const { left, right, operator } = whole;
  const [value, limit] = [compileValue(left), compileValue(right)];
  const holds = compilePredicate(whole);
  return {
    text: printExpression(left),
    operator,
    limitText: right.kind === "literal" ? undefined : printExpression(right),
    limitOf: (event) => limit(event, NO_STAGES),
    valueOf: (event) => value(event, NO_STAGES),
    holds: (event) => holds(event, NO_STAGES),
  };
}
