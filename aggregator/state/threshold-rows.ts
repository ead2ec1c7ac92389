/**
 * The rows in which stage 2 keeps what threshold rules know, and what people did to alerts.
 *
 * ```text
 * byte    format version 1
 * text    JSON: a `ThresholdRow`, a `NowRow`, a `DueRow`, `ThresholdCounts`, a silence or an entry of the audit log
 * ```
 *
 * An alert's id leads to `byte 1, uint number` of its newest revision.
 */
import { z } from "zod";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

const VERSION = 1;

const optionalMs = z.number().optional();

const thresholdSchema = z.object({
  tenant: z.string(),
  stream: z.string(),
  service: z.string(),
  dimensions: z.record(z.string(), z.string()).optional(),
  timerMs: optionalMs,
  phase: z.enum(["quiet", "pending", "firing"]),
  lastMs: z.number(),
  sinceMs: optionalMs,
  clearSinceMs: optionalMs,
  cooldownUntilMs: optionalMs,
  episodes: z.array(z.object({ fromMs: z.number(), toMs: optionalMs })),
});

/** What a threshold rule knows of one service. */
export type ThresholdRow = z.output<typeof thresholdSchema>;

const nowSchema = z.object({
  kind: z.enum(["early", "correction"]),
  tenant: z.string(),
  stream: z.string(),
  service: z.string(),
  minute: z.int(),
  fields: z.record(z.string(), z.unknown()),
});

/** A window that threshold rules look at before it is final, or again. */
export type NowRow = z.output<typeof nowSchema>;

const dueSchema = z.object({
  tenant: z.string(),
  stream: z.string(),
  service: z.string(),
});

/** A service whose window threshold rules read when its end is reached. */
export type DueRow = z.output<typeof dueSchema>;

const countsSchema = z.object({
  ...{ name: z.string(), alerts: z.int(), cooledDown: z.int() },
  /** None in rows of an older program. */
  ...{ keys: z.int().optional(), pending: z.int().optional() },
});

/**
 * What happened to a threshold rule so far: alerts that fired, breaches that its cooldown kept quiet; and how much it knows: subjects, those
 * among them whose alert is pending.
 */
export type ThresholdCounts = z.output<typeof countsSchema>;

/** Writes any of these rows. */
export function encodeJsonRow(value: unknown): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.text(JSON.stringify(value));
  return writer.finish();
}

/** Reads a row. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeJsonRow<S extends z.ZodType>(
  bytes: Buffer,
  schema: S,
  what: string,
): z.output<S> {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, what);
  const text = reader.text();
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw reader.corrupt(`is no ${what}`);
  }
}

/** Reads what a threshold rule knows of a service. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeThresholdRow(bytes: Buffer): ThresholdRow {
  return decodeJsonRow(bytes, thresholdSchema, "state of a threshold rule");
}

/** Reads a window to be looked at at once. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeNowRow(bytes: Buffer): NowRow {
  return decodeJsonRow(bytes, nowSchema, "window for threshold rules");
}

/** Reads a service whose window is to be read. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeDueRow(bytes: Buffer): DueRow {
  return decodeJsonRow(bytes, dueSchema, "window that threshold rules wait for");
}

/** Reads what happened to a threshold rule. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeThresholdCounts(bytes: Buffer): ThresholdCounts {
  return decodeJsonRow(bytes, countsSchema, "counters of a threshold rule");
}

/** Writes the number of an alert's newest revision. */
export function encodeNumberRow(number: number): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.uint(number);
  return writer.finish();
}

/** Reads the number of an alert's newest revision. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeNumberRow(bytes: Buffer): number {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "number of an alert");
  return reader.uint();
}
