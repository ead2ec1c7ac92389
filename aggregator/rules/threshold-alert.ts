/** What a threshold rule says of a window: the numbers it tests, and the alert that a person gets. */
import { createHash } from "node:crypto";
import { type Dimensions, dimensionsKey } from "../../shared/aggregates/dimensions.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Sample, Transition } from "../alerts/alert-life.ts";
import type { AlertState } from "../alerts/alert-record.ts";
import type { Alert } from "./make-alert.ts";
import type { ThresholdRule } from "./threshold-rule.ts";

const ID_DIGITS = 32;
const MESSAGE_LENGTH_MAX = 2_000;
const NO_STAGES = { eventsOf: () => [] };

/** Whom an alert is about. */
export interface Subject {
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  /** Of a rule that looks at windows by dimensions; none when left out. */
  readonly dimensions?: Dimensions | undefined;
}

/** Names a subject: no two have the same. */
export function subjectKey({ tenant, stream, service, dimensions }: Subject): string {
  const names = [tenant, stream, service];
  return JSON.stringify(dimensions === undefined ? names : [...names, dimensionsKey(dimensions)]);
}

/** What is known beside the window that decided. */
export interface Evidence {
  /** All windows of the breach as one, as every interface shows them; undefined when they are gone. */
  readonly window: Readonly<Record<string, unknown>> | undefined;
  /** Where the windows can be looked at. */
  readonly link: string | undefined;
}

/** The event that conditions see for a window; `fields` are its numbers. */
export function windowEvent(
  fields: Readonly<Record<string, unknown>>,
  timeMs: number,
): ExpressionEvent {
  const { service } = fields;
  const key = typeof service === "string" ? service : null;
  return { id: 0, ts: timeMs, key, type: null, fields };
}

/** What a window says to a rule's life; undefined when it says nothing: too few requests. */
export function sampleOf(
  rule: ThresholdRule,
  event: ExpressionEvent,
  fromMs: number,
): Sample | undefined {
  const { requestCount } = event.fields;
  const isCounted = typeof requestCount !== "number" || requestCount >= rule.config.min_count;
  if (!isCounted && rule.life.missingMs === undefined) return undefined;
  const toMs = event.ts + 1;
  return { fromMs, toMs, isBreach: rule.isBreach(event), isClear: rule.isClear(event) };
}

/** The id of an episode: the same whoever finds it. */
export function thresholdAlertId(rule: string, subject: Subject, sinceMs: number): string {
  const { tenant, stream, service, dimensions } = subject;
  const apart = dimensions === undefined ? [] : [dimensionsKey(dimensions)];
  const text = JSON.stringify([tenant, rule, stream, service, sinceMs, ...apart]);
  return createHash("sha256").update(text).digest("hex").slice(0, ID_DIGITS);
}

/** The alert that an episode becomes; `event` is the window that decided, undefined for silence. */
export function thresholdAlert(
  rule: ThresholdRule,
  subject: Subject,
  happened: {
    readonly transition: Transition;
    readonly event: ExpressionEvent | undefined;
    readonly evidence: Evidence;
    readonly revision: number;
    readonly state: AlertState;
  },
): Alert {
  const { name, alert, labels } = rule.config;
  const { transition, event, evidence, revision, state } = happened;
  const { atMs, sinceMs, isLate } = transition;
  const id = thresholdAlertId(name, subject, sinceMs);
  const { dimensions, ...names } = subject;
  const shown = windowEvent(roundedFields({ ...dimensions, ...names, ...event?.fields }), atMs - 1);
  const message = rule.message.render(shown, NO_STAGES);
  const json = JSON.stringify({
    alertType: alert.type,
    service: subject.service,
    stream: subject.stream,
    ...(dimensions === undefined ? {} : { dimensions }),
    message: message.length <= MESSAGE_LENGTH_MAX ? message : message.slice(0, MESSAGE_LENGTH_MAX),
    timestamp: iso(atMs),
    severity: alert.severity,
    details: detailsOf(rule, subject, { transition, event, evidence }),
    id,
    state,
    revision,
    startsAt: iso(sinceMs),
    updatedAt: iso(atMs),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(isLate ? { late: true } : {}),
  });
  const { type: alertType, severity } = alert;
  return { id, rule: name, alertType, severity, timestampMs: atMs, json };
}

function detailsOf(
  rule: ThresholdRule,
  subject: Subject,
  happened: {
    readonly transition: Transition;
    readonly event: ExpressionEvent | undefined;
    readonly evidence: Evidence;
  },
): Readonly<Record<string, unknown>> {
  const { name, condition, missing, for: forMs, runbook } = rule.config;
  const { transition, event, evidence } = happened;
  const { atMs, sinceMs } = transition;
  const own = rule.details.map((detail) => [
    detail.name,
    event === undefined ? null : detail.valueOf(event, NO_STAGES),
  ]);
  const { contributors, exemplars, ...window } = evidence.window ?? {};
  return {
    rule: name,
    kind: missing === undefined ? "threshold" : "missing",
    key: subject.service,
    summary: rule.config.summary,
    ...(condition === undefined ? { missingMs: missing } : { condition }),
    ...(event === undefined ? {} : { values: valuesOf(rule, event) }),
    ...(forMs === 0 ? {} : { forMs }),
    ...Object.fromEntries(own),
    since: iso(sinceMs),
    durationMs: atMs - sinceMs,
    ...(evidence.window === undefined ? {} : { window }),
    ...(contributors === undefined ? {} : { contributors: sharesOf(contributors) }),
    ...(exemplars === undefined ? {} : { exemplars }),
    ...(evidence.link === undefined ? {} : { link: evidence.link }),
    ...(runbook === undefined ? {} : { runbook }),
  };
}

/** Each number that the condition tests, with its limit. */
function valuesOf(rule: ThresholdRule, event: ExpressionEvent) {
  return rule.comparisons.map((comparison) => ({
    name: comparison.text,
    value: rounded(comparison.valueOf(event)),
    operator: comparison.operator,
    limit: rounded(comparison.limitOf(event)),
    ...(comparison.limitText === undefined ? {} : { limitText: comparison.limitText }),
    holds: comparison.holds(event),
  }));
}

/** Contributors with their part of the errors, or of the requests when there are no errors; the largest first. */
function sharesOf(contributors: unknown): unknown {
  if (!Array.isArray(contributors)) return contributors;
  const rows = contributors.map((one: unknown) => ({
    one: typeof one === "object" && one !== null ? one : {},
    errors: numberIn(one, "errorCount"),
    requests: numberIn(one, "requestCount"),
  }));
  const errors = rows.reduce((sum, row) => sum + row.errors, 0);
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  return rows
    .map(({ one, ...row }) => {
      const share = errors > 0 ? row.errors / errors : row.requests / Math.max(1, requests);
      return { ...one, share: rounded(share) };
    })
    .toSorted((a, b) => Number(b.share) - Number(a.share));
}

function numberIn(value: unknown, name: string): number {
  const found: unknown = typeof value === "object" && value !== null && Reflect.get(value, name);
  return typeof found === "number" ? found : 0;
}

/** People read four digits; counts stay whole. */
function rounded(value: Value): Value {
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  return Number(value.toPrecision(4));
}

function roundedFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "number" ? rounded(value) : value,
    ]),
  );
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
