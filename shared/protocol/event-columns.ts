/**
 * The events of a batch as columns, one entry a row, and their values as one column per kind of value. Names of fields stand once per
 * *shape*, a list of names in their order, of which log lines have few; short texts stand in the batch's table of strings. What is read of
 * the columns stands in `read-events.ts`.
 */
import type { Writer } from "protobufjs/minimal.js";
import { assert } from "../assert.ts";
import { EVENT_VALUES_MAX, EVENTS_MAX } from "./event-limits.ts";
import type { Hole, SelectedEvent } from "./selected-event.ts";
import type { StringTable } from "./string-table.ts";
import { BYTES, tag, VARINT } from "./wire.ts";
import { writePacked } from "./write-packed.ts";

/** Kinds of values. The numbers are the format. */
export const VALUE_KINDS = {
  null: 0,
  false: 1,
  true: 2,
  /** Zigzag-coded, within ±(2^53 − 1) and not −0. */
  integer: 3,
  /** Any other number, as its 8 bytes. */
  double: 4,
  /** In the table of strings. */
  text: 5,
  longText: 6,
  /** `sizes` says of how many values; they follow. */
  list: 7,
  /** `sizes` says of how many pairs; each name stands in `texts` before what its value adds there. */
  map: 8,
} as const;

/** Texts up to this many UTF-16 code units go through the table of strings, where a repeated one takes a byte or two. */
const SHORT_TEXT_LENGTH = 64;

/** The columns of an Events message, by the names of its fields. */
export class EventColumns {
  stream: number[] = [];
  source: number[] = [];
  file: number[] = [];
  generation: number[] = [];
  /** Difference to the row before. */
  offset: number[] = [];
  index: number[] = [];
  /** Difference to the row before. */
  timeMs: number[] = [];
  /** 0: none; else one more than the number in the table of strings. */
  type: number[] = [];
  /** Which of `shapes`. */
  shape: number[] = [];
  /** Names of fields, as numbers in the table of strings. */
  shapes: (readonly number[])[] = [];
  kinds: number[] = [];
  integers: number[] = [];
  doubles: number[] = [];
  /** Numbers in the table of strings. */
  texts: number[] = [];
  longTexts: string[] = [];
  sizes: number[] = [];
}

/** Writes the fields of an Events message. All events are within the limits of `event-limits.ts`. */
export function writeEvents(
  writer: Writer,
  events: readonly SelectedEvent[],
  strings: StringTable,
): void {
  assert(events.length <= EVENTS_MAX, "a batch is sealed before it has too many events");
  const columns = toColumns(events, strings);
  assert(
    columns.kinds.length <= EVENT_VALUES_MAX,
    "a batch is sealed before it has too many values",
  );
  writePacked(writer, 1, "uint32", columns.stream);
  writePacked(writer, 2, "uint32", columns.source);
  writePacked(writer, 3, "uint64", columns.file);
  writePacked(writer, 4, "uint32", columns.generation);
  writePacked(writer, 5, "sint64", columns.offset);
  writePacked(writer, 6, "uint32", columns.index);
  writePacked(writer, 7, "sint64", columns.timeMs);
  writePacked(writer, 8, "uint32", columns.type);
  writePacked(writer, 9, "uint32", columns.shape);
  for (const names of columns.shapes) {
    writer.uint32(tag(10, BYTES)).fork();
    writePacked(writer, 1, "uint32", names);
    writer.ldelim();
  }
  writePacked(writer, 11, "uint32", columns.kinds);
  writePacked(writer, 12, "sint64", columns.integers);
  writePacked(writer, 13, "double", columns.doubles);
  writePacked(writer, 14, "uint32", columns.texts);
  for (const text of columns.longTexts) writer.uint32(tag(15, BYTES)).string(text);
  writePacked(writer, 16, "uint32", columns.sizes);
}

/** Writes the fields of a Hole message. */
export function writeHole(writer: Writer, hole: Hole, strings: StringTable): void {
  writer.uint32(tag(1, VARINT)).uint32(strings.index(hole.stream));
  writer.uint32(tag(2, VARINT)).sint64(hole.fromMs);
  writer.uint32(tag(3, VARINT)).sint64(hole.toMs);
  writer.uint32(tag(4, VARINT)).uint64(hole.count);
}

function toColumns(events: readonly SelectedEvent[], strings: StringTable): EventColumns {
  const columns = new EventColumns();
  const shapes = new Map<string, number>();
  let offsetBefore = 0;
  let timeMsBefore = 0;
  for (const event of events) {
    columns.stream.push(strings.index(event.stream));
    columns.source.push(strings.index(event.source));
    columns.file.push(event.file);
    columns.generation.push(event.generation);
    columns.offset.push(event.offset - offsetBefore);
    columns.index.push(event.index);
    columns.timeMs.push(event.timeMs - timeMsBefore);
    columns.type.push(event.type === null ? 0 : strings.index(event.type) + 1);
    offsetBefore = event.offset;
    timeMsBefore = event.timeMs;
    const names = Object.keys(event.fields).map((name) => strings.index(name));
    const key = names.join();
    let shape = shapes.get(key);
    if (shape === undefined) {
      shape = columns.shapes.length;
      shapes.set(key, shape);
      columns.shapes.push(names);
    }
    columns.shape.push(shape);
    for (const value of Object.values(event.fields)) pushValue(columns, value, strings);
  }
  return columns;
}

function pushValue(columns: EventColumns, value: unknown, strings: StringTable): void {
  const { kinds } = columns;
  if (value === null) kinds.push(VALUE_KINDS.null);
  else if (typeof value === "boolean") kinds.push(value ? VALUE_KINDS.true : VALUE_KINDS.false);
  else if (typeof value === "number") pushNumber(columns, value);
  else if (typeof value === "string") pushText(columns, value, strings);
  else if (Array.isArray(value)) {
    kinds.push(VALUE_KINDS.list);
    columns.sizes.push(value.length);
    for (const item of value) pushValue(columns, item, strings);
  } else {
    assert(typeof value === "object" && value !== undefined, "an event holds what JSON can write");
    const pairs = Object.entries(value);
    kinds.push(VALUE_KINDS.map);
    columns.sizes.push(pairs.length);
    for (const [name, item] of pairs) {
      columns.texts.push(strings.index(name));
      pushValue(columns, item, strings);
    }
  }
}

function pushNumber(columns: EventColumns, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    columns.kinds.push(VALUE_KINDS.integer);
    columns.integers.push(value);
  } else {
    columns.kinds.push(VALUE_KINDS.double);
    columns.doubles.push(value);
  }
}

function pushText(columns: EventColumns, value: string, strings: StringTable): void {
  if (value.length <= SHORT_TEXT_LENGTH) {
    columns.kinds.push(VALUE_KINDS.text);
    columns.texts.push(strings.index(value));
  } else {
    columns.kinds.push(VALUE_KINDS.longText);
    columns.longTexts.push(value);
  }
}
