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
import { type Expression, parseExpression, type Value } from "../../shared/expression/parse.ts";
import { printExpression } from "../../shared/expression/print.ts";
import { visitExpression } from "../../shared/expression/visit.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import type { LifeSettings } from "../alerts/alert-life.ts";
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

const NO_STAGES: StageEvents = { eventsOf: () => [] };
const STALE_AFTER = "5m";
const FORGET_AFTER = "7d";

const KNOWN = { stages: [], fields: [...WINDOW_NAMES, "key", "ts"] };

/** A condition over a window; what is wrong with it is told beside all other faults. */
function condition() {
  return z
    .string()
    .min(1)
    .check(({ value, issues }) => {
      const { expression, fault } = parseExpression(value);
      const faults = expression === undefined ? [fault] : checkExpression(expression, KNOWN);
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
  name: ruleName,
  summary: ruleSummary,
  stream: z.string().min(1).prefault(STREAM_DEFAULT).meta({
    description: "Windows of this stream are looked at; every service is watched for itself.",
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
  if (rule.missing !== undefined && (rule.stale_after ?? Infinity) <= rule.missing) {
    fault(["stale_after"], "expected more than `missing`");
  }
  const { template, faults = [] } = compileTemplate(rule.alert.message, []);
  for (const message of faults) fault(["alert", "message"], message);
  for (const expression of template?.expressions ?? []) {
    for (const { message } of checkExpression(expression, KNOWN))
      fault(["alert", "message"], message);
  }
  const compiled = compileDetails(rule.alert.details, []);
  for (const { name, message } of compiled.faults ?? []) fault(["alert", "details", name], message);
  for (const { name, expression } of compiled.details ?? []) {
    for (const { message } of checkExpression(expression, KNOWN)) {
      fault(["alert", "details", name], message);
    }
  }
});

/** A part of a condition that compares something with a number: what an alert shows. */
export interface Comparison {
  readonly text: string;
  readonly operator: string;
  readonly limit: number;
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
    id: `${name.slice(0, NAME_LENGTH_MAX)}@${hashOf([name, stream, missing === undefined])}`,
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

const NAME_LENGTH_MAX = 60;

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
    if (part.kind !== "comparison" || part.right.kind !== "literal") return;
    if (typeof part.right.value === "number")
      found.push(comparison(part, part.left, part.right.value));
  });
  return found;
}

function comparison(
  whole: Expression & { readonly kind: "comparison" },
  left: Expression,
  limit: number,
): Comparison {
  const value = compileValue(left);
  const holds = compilePredicate(whole);
  return {
    text: printExpression(left),
    operator: whole.operator,
    limit,
    valueOf: (event) => value(event, NO_STAGES),
    holds: (event) => holds(event, NO_STAGES),
  };
}
