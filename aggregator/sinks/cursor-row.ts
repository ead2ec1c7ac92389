/** The rows in which a sink's place and its dead letters are kept. Each begins with a format byte. */
import { z } from "zod";
import { TailraceError } from "../../shared/errors.ts";
import { ALERT_STATES, type Result } from "./sink.ts";

const FORMAT_VERSION = 1;

/** How far a sink is. */
export interface Cursor {
  /** Number of the last change that is written or among the dead letters; 0 before the first. */
  readonly change: number;
  /** What the sink wants to be opened with. */
  readonly position: string | undefined;
  /** Dead letters kept, and numbered so far. */
  readonly deadCount: number;
  readonly deadTotal: number;
  /** While results are written again on demand; undefined otherwise. */
  readonly replay?: Replay | undefined;
}

/** Up to the change that the cursor had reached before, only results whose time ends after a moment are written again. */
export interface Replay {
  /** Milliseconds since the Unix epoch. */
  readonly fromMs: number;
  readonly throughChange: number;
}

/** The cursor of a sink that never wrote. */
export const CURSOR_START: Cursor = { change: 0, position: undefined, deadCount: 0, deadTotal: 0 };

/** A result that a sink refused for good, with the reason. */
export interface DeadLetter {
  readonly reason: string;
  readonly refusedAtMs: number;
  readonly result: Result;
}

const cursorSchema = z.object({
  change: z.int().min(0),
  position: z.string().optional(),
  deadCount: z.int().min(0),
  deadTotal: z.int().min(0),
  replay: z.object({ fromMs: z.number(), throughChange: z.int().min(0) }).optional(),
});

const windowSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  stream: z.string(),
  service: z.string(),
  windowStartMs: z.number(),
  windowEndMs: z.number(),
  revision: z.number(),
  json: z.string(),
});

const alertSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  rule: z.string(),
  alertType: z.string(),
  severity: z.string(),
  timestampMs: z.number(),
  revision: z.number(),
  json: z.string(),
  state: z.enum(ALERT_STATES).default("firing"),
  isSuppressed: z.boolean().default(false),
});

const deadLetterSchema = z.object({
  reason: z.string(),
  refusedAtMs: z.number(),
  result: z.union([alertSchema, windowSchema]),
});

// A `$` begins no tenant's key: names are escaped, and encodeURIComponent leaves none.
const PREFIX = "$sink/";

/** Key of a sink's cursor. */
export function cursorKey(sink: string): string {
  return `${PREFIX}${encodeURIComponent(sink)}/cursor`;
}

/** Key of a sink's dead letter number `index`; ascending numbers give ascending keys. */
export function deadLetterKey(sink: string, index: number): string {
  return `${deadLetterPrefix(sink)}${String(index).padStart(16, "0")}`;
}

/** The number of a {@link deadLetterKey}. */
export function deadLetterNumber(key: string): number {
  return Number(key.slice(key.lastIndexOf("/") + 1));
}

/** What the keys of a sink's dead letters begin with; `${prefix}~` is beyond them all. */
export function deadLetterPrefix(sink: string): string {
  return `${PREFIX}${encodeURIComponent(sink)}/dead/`;
}

/** The bytes of a cursor. */
export function encodeCursor(cursor: Cursor): Buffer {
  return encode(cursor);
}

/** The cursor of these bytes, the start when there are none. Throws FORMAT_UNKNOWN. */
export function decodeCursor(row: Buffer | undefined, key: string): Cursor {
  if (row === undefined) return CURSOR_START;
  const cursor = decode(cursorSchema, row, key);
  return { ...cursor, position: cursor.position };
}

/** The bytes of a dead letter. */
export function encodeDeadLetter(letter: DeadLetter): Buffer {
  return encode(letter);
}

/** The dead letter of these bytes. Throws FORMAT_UNKNOWN. */
export function decodeDeadLetter(row: Buffer, key: string): DeadLetter {
  return decode(deadLetterSchema, row, key);
}

function encode(value: unknown): Buffer {
  return Buffer.concat([Buffer.of(FORMAT_VERSION), Buffer.from(JSON.stringify(value))]);
}

function decode<T>(schema: z.ZodType<T>, row: Buffer, key: string): T {
  if (row[0] !== FORMAT_VERSION) {
    throw new TailraceError(
      "FORMAT_UNKNOWN",
      `The state store's row ${key} has format ${row[0]}, this version reads ${FORMAT_VERSION}; use the version that wrote it or a newer one.`,
      { facts: { key } },
    );
  }
  return schema.parse(JSON.parse(row.toString("utf8", 1)));
}
