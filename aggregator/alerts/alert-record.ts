/**
 * An alert that has a life, as every interface shows it: one JSON object, of which every change makes a new revision. Matches of patterns are
 * born finished and get their state here when somebody acknowledges them.
 */
import { z } from "zod";
import type { Labels } from "./matchers.ts";

/** Where an alert stands. Pending ones may come to nothing, and go to no sink. */
export const ALERT_STATES = ["pending", "firing", "acknowledged", "resolved"] as const;

/** See {@link ALERT_STATES}. */
export type AlertState = (typeof ALERT_STATES)[number];

/** Who said that an alert is known. */
export interface Acknowledgement {
  readonly by: string;
  readonly at: string;
  readonly comment: string;
}

/** Why nobody is notified: ids of silences, and of alerts that are the cause of this one. */
export interface Suppression {
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
}

/** Nothing keeps an alert quiet. */
export const NOT_SUPPRESSED: Suppression = { silencedBy: [], inhibitedBy: [] };

/** What changes of an alert. */
export interface AlertChange {
  readonly state: AlertState;
  readonly revision: number;
  /** Event time of the change, or the log's clock when a person made it. */
  readonly updatedMs: number;
  readonly acknowledged?: Acknowledgement;
  readonly resolved?: { readonly atMs: number; readonly reason: string };
}

const recordSchema = z.looseObject({
  alertType: z.string(),
  severity: z.string(),
  updatedAt: z.string().optional(),
  details: z.looseObject({ rule: z.string().optional() }).optional(),
  dimensions: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  suppressed: z
    .object({ silencedBy: z.array(z.string()), inhibitedBy: z.array(z.string()) })
    .optional(),
});

type AlertObject = z.output<typeof recordSchema>;

/** The text of an alert with what changed. Keys that were there keep their places. */
export function changedText(json: string, change: AlertChange): string {
  const { state, revision, updatedMs, acknowledged, resolved } = change;
  return JSON.stringify({
    ...readObject(json),
    state,
    revision,
    updatedAt: iso(updatedMs),
    ...(acknowledged === undefined ? {} : { acknowledged }),
    ...(resolved === undefined
      ? {}
      : { resolvedAt: iso(resolved.atMs), resolveReason: resolved.reason }),
  });
}

/** The text of an alert with what keeps it quiet. */
export function suppressedText(json: string, suppression: Suppression): string {
  const { suppressed, ...rest } = readObject(json);
  if (suppressed === undefined && !isSuppressed(suppression)) return json;
  return JSON.stringify(isSuppressed(suppression) ? { ...rest, suppressed: suppression } : rest);
}

/** When an alert with a life last changed, in milliseconds; undefined: it never did. */
export function lastChangeMs(json: string): number | undefined {
  const { updatedAt } = readRecord(json);
  return updatedAt === undefined ? undefined : Date.parse(updatedAt);
}

/** What keeps an alert quiet, as its text says. */
export function suppressionOf(json: string): Suppression {
  return readRecord(json).suppressed ?? NOT_SUPPRESSED;
}

/** True when nobody is to be notified. */
export function isSuppressed({ silencedBy, inhibitedBy }: Suppression): boolean {
  return silencedBy.length > 0 || inhibitedBy.length > 0;
}

/** What an alert is told apart by: its own labels, and those that every alert has. */
export function labelsOf(json: string): Labels {
  const record = readRecord(json);
  const labels: Record<string, string> = {
    alertname: record.details?.rule ?? record.alertType,
    alerttype: record.alertType,
    severity: record.severity,
  };
  for (const name of ["service", "stream", "user", "key"]) {
    const value = record[name];
    if (typeof value === "string" || typeof value === "number") labels[name] = String(value);
  }
  return { ...record.dimensions, ...labels, ...record.labels };
}

/** The alert as it stands there, its keys in their order. */
function readObject(json: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(json);
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function readRecord(json: string): AlertObject {
  return recordSchema.parse(JSON.parse(json));
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
