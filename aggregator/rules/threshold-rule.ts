/** What the file of a threshold rule says: a condition over windows, how long it must hold, and the alert that it becomes. One rule a file. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { assert } from "../../shared/assert.ts";
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

/** The stream of agents that are silent: each is a service of its own. */
export const AGENTS_STREAM = "agents";

/** What is seen of a silent agent: the seconds since its last batch or heartbeat. */
export const AGENT_NAMES: readonly string[] = ["silentSeconds"];

/** What the program sees of itself: latencies in milliseconds from a whole request of an agent or sender to its answer, lines a second, and used heap of its limit. */
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
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** So many windows of every service are read every ten minutes. */
const TRAILING_MS_MAX = 6 * 3_600_000;
/** The name of a rule is part of keys, and of the ids of its alerts. */
const NAME_LENGTH_MAX = 60;
const STALE_AFTER = "5m";
const FORGET_AFTER = "7d, or twice `missing`";

/** What is right in every expression, and not worth telling of. */
const UNLISTED: readonly string[] = [...NUMBER_NAMES.flatMap(baselineNames), "key", "ts"];

/** What the numbers of measures are called: `NAME_KIND`. Which there are only agents know. */
const MEASURE_NAME = /_(sum|count|distinct)((Usual|Spread)?)$/;

/** What is wrong with the names of an expression over what a rule looks at. */
function nameFaults(
  expression: Expression,
  { stream, by, numbers }: Pick<ThresholdConfig, "stream" | "by" | "numbers">,
): ExpressionFault[] {
  const own = Object.keys(numbers);
  const measures = namesIn(expression).filter((name) => MEASURE_NAME.test(name));
  const fields = { [SELF_STREAM]: SELF_NAMES, [AGENTS_STREAM]: AGENT_NAMES }[stream];
  const named = [...by, ...own];
  const known =
    fields === undefined ? [...WINDOW_NAMES, ...named] : [...fields, ...named, "service", "stream"];
  const unlisted = [...UNLISTED, ...own.flatMap(baselineNames), ...measures];
  return checkExpression(expression, { stages: [], fields: known, unlisted }).map(
    ({ offset, message }) => {
      const isList = message.includes("; known fields: ") && fields === undefined;
      return { offset, message: isList ? `${message}; a dimension must stand in \`by\`` : message };
    },
  );
}

/** A condition over a window, whose names the rule as a whole checks. */
function condition() {
  return z
    .string()
    .min(1)
    .check(({ value, issues }) => {
      const { expression, fault } = parseExpression(value);
      if (expression !== undefined) return;
      issues.push({ code: "custom", message: placed(fault), input: value });
    });
}

function placed({ offset, message }: ExpressionFault): string {
  return `${message} (at character ${offset + 1})`;
}

/** Widths of the windows that rules look at, in minutes. */
export const WIDTHS = { "1m": 1, "5m": 5, "1h": 60, "1d": 1_440 } as const;

/** See {@link WIDTHS}. */
export const WIDTH_NAMES = ["1m", "5m", "1h", "1d"] as const;

const thresholdShape = z.strictObject({
  name: ruleName.max(NAME_LENGTH_MAX, {
    error: `expected a name of at most ${NAME_LENGTH_MAX} characters`,
  }),
  summary: ruleSummary,
  stream: z.string().min(1).prefault(STREAM_DEFAULT).meta({
    description:
      "Windows of this stream are looked at, every service for itself; `tailrace` is the aggregator itself, every ten seconds, `agents` those that are silent.",
  }),
  window: z.enum(WIDTH_NAMES).prefault("1m").meta({
    description: "How long the windows are that are looked at; when their end is reached.",
  }),
  by: z
    .array(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "expected a name such as endpoint" }),
    )
    .max(4)
    .prefault([])
    .meta({
      description:
        "Dimensions: each of their values is looked at for itself, and known under its name.",
      examples: [["endpoint"]],
    }),
  numbers: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "expected a name such as failRate" }),
      condition(),
    )
    .prefault({})
    .meta({
      description:
        "Further numbers, computed from those of the window; conditions know them, and what is usual of them.",
      examples: [{ failRate: "failed_count / requests_count" }],
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
      description: "What must not be; over the numbers of a window.",
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
      description: `Silence after which what fired is over; ${STALE_AFTER} (of wider windows four minutes more than one of them), with \`missing\` ${FORGET_AFTER}.`,
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
  if (rule.evaluate === "provisional" && (rule.window !== "1m" || rule.by.length > 0)) {
    fault(["evaluate"], "expected `final`, unless whole services are looked at by the minute");
  }
  if (rule.baseline === undefined && usualNames(rule).length > 0) {
    fault(["condition"], "what is usual is known only with `baseline`");
  }
  if (rule.baseline !== undefined && rule.by.length > 0) {
    fault(["baseline"], "expected none with `by`: what is usual is known of whole services");
  }
  for (const name of Object.keys(rule.numbers).filter((one) => !isNew(one, rule.by))) {
    fault(["numbers", name], "expected a name that nothing else has");
  }
  for (const name of rule.by.filter((one) => [...WINDOW_NAMES, ...UNLISTED].includes(one))) {
    fault(["by"], `expected a dimension; ${name} is a number or name of every window`);
  }
  if ([SELF_STREAM, AGENTS_STREAM].includes(rule.stream)) {
    if (rule.window !== "1m" || rule.by.length > 0 || rule.baseline !== undefined) {
      fault(["stream"], `expected another, since ${rule.stream} has no windows`);
    }
  }
  const conditions = [
    ...Object.entries(rule.numbers).map(([name, text]) => [["numbers", name], text] as const),
    [["where"], rule.where],
    [["condition"], rule.condition],
    [["resolve", "condition"], rule.resolve.condition],
  ] as const;
  for (const [path, text] of conditions) {
    const expression = text === undefined ? undefined : parseExpression(text).expression;
    if (expression === undefined) continue;
    // Numbers are computed from those of the window, not from each other.
    const known = path[0] === "numbers" ? { ...rule, numbers: {} } : rule;
    for (const one of nameFaults(expression, known)) fault([...path], placed(one));
  }
  const widthMs = WIDTHS[rule.window] * MINUTE_MS;
  const { missing, stale_after: staleMs = Infinity } = rule;
  if (staleMs <= (missing ?? 0)) fault(["stale_after"], "expected more than `missing`");
  for (const [path, ms] of [
    ["stale_after", staleMs],
    ["missing", missing ?? Infinity],
  ] as const) {
    if (ms < widthMs) fault([path], `expected at least the length of a window, ${rule.window}`);
  }
  const { template, faults = [] } = compileTemplate(rule.alert.message, []);
  for (const message of faults) fault(["alert", "message"], message);
  for (const expression of template?.expressions ?? []) {
    for (const { message } of nameFaults(expression, rule)) {
      fault(["alert", "message"], message);
    }
  }
  const compiled = compileDetails(rule.alert.details, []);
  for (const { name, message } of compiled.faults ?? []) fault(["alert", "details", name], message);
  for (const { name, expression } of compiled.details ?? []) {
    for (const { message } of nameFaults(expression, rule)) {
      fault(["alert", "details", name], message);
    }
  }
});

/** States whether a number of the rule's own has a name of its own. */
function isNew(name: string, by: readonly string[]): boolean {
  return ![...WINDOW_NAMES, ...UNLISTED, ...by].includes(name) && !MEASURE_NAME.test(name);
}

/** Names of the numbers of which expressions ask what is usual. */
function usualNames(rule: {
  readonly numbers: Readonly<Record<string, string>>;
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
  const measures = [...used].flatMap((name) =>
    MEASURE_NAME.test(name) ? [name.replace(/(Usual|Spread)$/, "")] : [],
  );
  const own = Object.keys(rule.numbers);
  return [...NUMBER_NAMES, ...own, ...new Set(measures)].filter((name) =>
    baselineNames(name).some((one) => used.has(one)),
  );
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
  /** How long its windows are. */
  readonly widthMinutes: number;
  readonly life: LifeSettings;
  readonly message: MessageTemplate;
  readonly details: readonly AlertDetail[];
  readonly comparisons: readonly Comparison[];
  /** What conditions ask to be usual; undefined: nothing. */
  readonly baseline:
    | { readonly settings: BaselineSettings; readonly names: readonly string[] }
    | undefined;
  /** The numbers of a window, and those that the rule computes from them. */
  numbersOf(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
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
  const widthMinutes = WIDTHS[config.window];
  const staleDefaultMs =
    missing === undefined ? (4 + widthMinutes) * MINUTE_MS : Math.max(7 * DAY_MS, 2 * missing);
  const staleAfterMs = config.stale_after ?? staleDefaultMs;
  const isPlain = widthMinutes === 1 && config.by.length === 0;
  const watched = [name, stream, missing === undefined];
  return {
    config,
    id: `${name}@${hashOf(isPlain ? watched : [...watched, widthMinutes, config.by])}`,
    widthMinutes,
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
    numbersOf: compileNumbers(config.numbers),
    concerns: predicate(where, true),
    isBreach,
    isClear:
      resolve.condition === undefined
        ? (event) => !isBreach(event)
        : predicate(resolve.condition, true),
  };
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

function compileNumbers(numbers: ThresholdConfig["numbers"]): ThresholdRule["numbersOf"] {
  const compiled = Object.entries(numbers).flatMap(([name, text]) => {
    const { expression } = parseExpression(text);
    return expression === undefined ? [] : [[name, compileValue(expression)] as const];
  });
  if (compiled.length === 0) return (fields) => fields;
  return (fields) => {
    const event = { id: 0, ts: 0, key: null, type: null, fields };
    const own = compiled.map(([name, valueOf]) => [name, valueOf(event, NO_STAGES)] as const);
    return { ...fields, ...Object.fromEntries(own) };
  };
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
