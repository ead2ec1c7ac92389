/**
 * The rows in which stage 2 keeps what threshold rules know, and what people did to alerts.
 *
 * ```text
 * byte    format version 1
 * text    JSON: a `ThresholdRow`, a `NowRow`, a silence or an entry of the audit log
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
