/**
 * The row of an event that came too late for rules. A ring of the newest.
 *
 * ```text
 * byte         format version 2; 1 ends behind the event
 * event        as in rule-rows
 * text         its place in the order of events
 * int          the watermark it came behind, ms since the Unix epoch
 * text         names of the rules that would have seen it (JSON)
 * ```
 */
import { z } from "zod";
import type { StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { lateKey, PATTERNS_KEY } from "./keys.ts";
import { decodePatternsRow, readWaiting, type WaitingRow, writeWaiting } from "./rule-rows.ts";

const VERSION = 2;
const rulesSchema = z.array(z.string());

/** Late events that are kept in each partition; beyond it the oldest is overwritten. */
export const LATE_COUNT_MAX = 10_000;

/** An event that came too late. */
export interface LateRow extends WaitingRow {
  /** Undefined in rows of version 1, as is what follows. */
  readonly place: string | undefined;
  readonly watermarkMs: number | undefined;
  readonly rules: readonly string[];
}

/** A late event and the how-manieth it was. */
export interface NumberedLate {
  readonly number: number;
  readonly row: LateRow;
}

/** Writes a row. */
export function encodeLateRow(row: LateRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writeWaiting(writer, row);
  writer.text(row.place ?? "");
  writer.int(row.watermarkMs ?? row.timeMs);
  writer.text(JSON.stringify(row.rules));
  return writer.finish();
}

/** Reads a row. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeLateRow(bytes: Buffer): LateRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, VERSION, "late event");
  const event = readWaiting(reader);
  if (version === 1) return { ...event, place: undefined, watermarkMs: undefined, rules: [] };
  return {
    ...event,
    place: reader.text(),
    watermarkMs: reader.int(),
    rules: readNames(reader),
  };
}

/** The late events of one partition with numbers below `before`, newest first. */
export function* readLate(view: StateView, before: number): Iterable<NumberedLate> {
  const { lateNumber } = decodePatternsRow(view.get(PATTERNS_KEY));
  const oldest = Math.max(0, lateNumber - LATE_COUNT_MAX);
  for (let number = Math.min(before, lateNumber) - 1; number >= oldest; number--) {
    const bytes = view.get(lateKey(number % LATE_COUNT_MAX));
    if (bytes !== undefined) yield { number, row: decodeLateRow(bytes) };
  }
}

function readNames(reader: ByteReader): string[] {
  try {
    return rulesSchema.parse(JSON.parse(reader.text()));
  } catch (error) {
    throw reader.corrupt(`holds no list of names (${String(error)})`);
  }
}
