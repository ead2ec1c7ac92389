/**
 * How large events may be. A sender leaves out what is larger and says so; a receiver takes what is larger for malformed, since a few
 * well-compressed bytes could otherwise hold millions of values.
 */
import type { SelectedEvent } from "./selected-event.ts";

/** Most events of a batch. An agent seals at 1 MiB of them, and one takes 32 bytes or more. */
export const EVENTS_MAX: number = 2 ** 17;
/** Most values of all events of a batch together; lists and maps count, and so does what is in them. */
export const EVENT_VALUES_MAX: number = 2 ** 20;
/** Most holes of a batch: an agent sends one per stream. */
export const HOLES_MAX: number = 4096;
/** Most fields of one event. */
export const EVENT_FIELDS_MAX = 256;
/** Longest name of a field or a type, in UTF-16 code units. */
export const EVENT_NAME_LENGTH_MAX = 1024;
/** Lists and maps within each other: a field that is a list of numbers has depth 1. */
export const EVENT_DEPTH_MAX = 8;
/** Largest event, as {@link eventBytes} counts: rows of state that hold events stay small. */
export const EVENT_BYTES_MAX = 16_384;
/** Event times are within this many milliseconds of the Unix epoch, so that the difference of two of them is an integer below 2^53. */
export const EVENT_TIME_MS_MAX = 4e15;

const EVENT_HEAD_BYTES = 32;
const VALUE_BYTES = 9;

/**
 * What an event counts against limits: about what it takes uncompressed and without a table of names. Infinity when a limit on names,
 * depth or the count of fields is exceeded, or it holds what JSON cannot write.
 */
export function eventBytes(event: Pick<SelectedEvent, "type" | "fields">): number {
  const names = Object.keys(event.fields);
  if (names.length > EVENT_FIELDS_MAX) return Number.POSITIVE_INFINITY;
  let bytes = EVENT_HEAD_BYTES + (event.type === null ? 0 : nameBytes(event.type));
  for (const name of names) bytes += nameBytes(name) + valueBytes(event.fields[name], 0);
  return bytes;
}

function nameBytes(name: string): number {
  return name.length > EVENT_NAME_LENGTH_MAX ? Number.POSITIVE_INFINITY : Buffer.byteLength(name);
}

function valueBytes(value: unknown, depth: number): number {
  if (typeof value === "string") return VALUE_BYTES + Buffer.byteLength(value);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return VALUE_BYTES;
  if (typeof value !== "object" || depth >= EVENT_DEPTH_MAX) return Number.POSITIVE_INFINITY;
  let bytes = VALUE_BYTES;
  if (Array.isArray(value)) {
    for (const item of value) bytes += valueBytes(item, depth + 1);
    return bytes;
  }
  for (const [name, item] of Object.entries(value)) {
    bytes += nameBytes(name) + valueBytes(item, depth + 1);
  }
  return bytes;
}
