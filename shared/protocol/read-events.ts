/** Reads the events and holes of a batch, strictly: what an agent could not have sent is refused. */
import type { Reader } from "protobufjs/minimal.js";
import { EventColumns, VALUE_KINDS } from "./event-columns.ts";
import {
  EVENT_BYTES_MAX,
  EVENT_DEPTH_MAX,
  EVENT_TIME_MS_MAX,
  EVENT_VALUES_MAX,
  EVENTS_MAX,
  eventBytes,
} from "./event-limits.ts";
import type { Hole, SelectedEvent } from "./selected-event.ts";
import {
  BYTES,
  MalformedError,
  readEnd,
  readPackedDouble,
  readPackedSint,
  readPackedUint,
  readPackedUint32,
  readSint,
  readUint,
  refuseTag,
  tag,
  VARINT,
} from "./wire.ts";

/** Reads an Events message that ends at `end`. Throws {@link MalformedError} when columns disagree or a limit is exceeded. */
export function readEvents(
  reader: Reader,
  end: number,
  strings: readonly string[],
): SelectedEvent[] {
  return new EventReader(readColumns(reader, end), strings).events();
}

/** Reads a Hole message that ends at `end`. Throws {@link MalformedError}. */
export function readHole(reader: Reader, end: number, strings: readonly string[]): Hole {
  let stream = strings[0];
  let fromMs = 0;
  let toMs = 0;
  let count = 0;
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) stream = strings[reader.uint32()];
    else if (fieldTag === tag(2, VARINT)) fromMs = readSint(reader);
    else if (fieldTag === tag(3, VARINT)) toMs = readSint(reader);
    else if (fieldTag === tag(4, VARINT)) count = readUint(reader);
    else refuseTag("Hole", fieldTag);
  }
  if (stream === undefined) throw new MalformedError("a hole's stream is not in the string table");
  const isRight =
    count > 0 && fromMs <= toMs && fromMs >= -EVENT_TIME_MS_MAX && toMs <= EVENT_TIME_MS_MAX;
  if (!isRight) throw new MalformedError("a hole is empty or beyond all dates");
  return { stream, fromMs, toMs, count };
}

function readColumns(reader: Reader, end: number): EventColumns {
  const columns = new EventColumns();
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, BYTES)) columns.stream = readPackedUint32(reader);
    else if (fieldTag === tag(2, BYTES)) columns.source = readPackedUint32(reader);
    else if (fieldTag === tag(3, BYTES)) columns.file = readPackedUint(reader);
    else if (fieldTag === tag(4, BYTES)) columns.generation = readPackedUint32(reader);
    else if (fieldTag === tag(5, BYTES)) columns.offset = readPackedSint(reader);
    else if (fieldTag === tag(6, BYTES)) columns.index = readPackedUint32(reader);
    else if (fieldTag === tag(7, BYTES)) columns.timeMs = readPackedSint(reader);
    else if (fieldTag === tag(8, BYTES)) columns.type = readPackedUint32(reader);
    else if (fieldTag === tag(9, BYTES)) columns.shape = readPackedUint32(reader);
    else if (fieldTag === tag(10, BYTES)) columns.shapes.push(readShape(reader));
    else if (fieldTag === tag(11, BYTES)) columns.kinds = readPackedUint32(reader);
    else if (fieldTag === tag(12, BYTES)) columns.integers = readPackedSint(reader);
    else if (fieldTag === tag(13, BYTES)) columns.doubles = readPackedDouble(reader);
    else if (fieldTag === tag(14, BYTES)) columns.texts = readPackedUint32(reader);
    else if (fieldTag === tag(15, BYTES)) columns.longTexts.push(reader.string());
    else if (fieldTag === tag(16, BYTES)) columns.sizes = readPackedUint32(reader);
    else refuseTag("Events", fieldTag);
  }
  return columns;
}

function readShape(reader: Reader): number[] {
  const end = readEnd(reader);
  let names: number[] = [];
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, BYTES)) names = readPackedUint32(reader);
    else refuseTag("Shape", fieldTag);
  }
  return names;
}

/** Walks the columns once. */
class EventReader {
  private readonly columns: EventColumns;
  private readonly strings: readonly string[];
  private readonly shapes: readonly (readonly string[])[];
  private readonly at = { kind: 0, integer: 0, double: 0, text: 0, longText: 0, size: 0 };

  constructor(columns: EventColumns, strings: readonly string[]) {
    this.columns = columns;
    this.strings = strings;
    checkLengths(columns);
    this.shapes = columns.shapes.map((names) => {
      const texts = names.map((number) => this.stringAt(number));
      if (new Set(texts).size < texts.length) throw malformed("a shape names a field twice");
      return texts;
    });
  }

  events(): SelectedEvent[] {
    const { columns, at } = this;
    const events: SelectedEvent[] = [];
    let offset = 0;
    let timeMs = 0;
    for (let row = 0; row < columns.stream.length; row++) {
      offset += entry(columns.offset, row);
      timeMs += entry(columns.timeMs, row);
      events.push(this.eventAt(row, offset, timeMs));
    }
    const isUsedUp =
      at.kind === columns.kinds.length &&
      at.integer === columns.integers.length &&
      at.double === columns.doubles.length &&
      at.text === columns.texts.length &&
      at.longText === columns.longTexts.length &&
      at.size === columns.sizes.length;
    if (!isUsedUp) throw malformed("values are left over");
    return events;
  }

  private eventAt(row: number, offset: number, timeMs: number): SelectedEvent {
    const { columns, shapes } = this;
    if (!Number.isSafeInteger(offset) || offset < 0) throw malformed("an offset is out of range");
    if (!(Math.abs(timeMs) <= EVENT_TIME_MS_MAX)) throw malformed("an event is beyond all dates");
    const type = entry(columns.type, row);
    const event = {
      stream: this.stringAt(entry(columns.stream, row)),
      source: this.stringAt(entry(columns.source, row)),
      file: entry(columns.file, row),
      generation: entry(columns.generation, row),
      offset,
      index: entry(columns.index, row),
      timeMs,
      type: type === 0 ? null : this.stringAt(type - 1),
      fields: this.pairs(entry(shapes, entry(columns.shape, row))),
    };
    if (eventBytes(event) > EVENT_BYTES_MAX) throw malformed("an event is too large");
    return event;
  }

  /** An object of its own properties, whatever their names: `__proto__` is one like any other. */
  private pairs(names: readonly string[]): Record<string, unknown> {
    const pairs = names.map((name): [string, unknown] => [name, this.value(0)]);
    return Object.fromEntries(pairs);
  }

  private value(depth: number): unknown {
    const { columns, at } = this;
    const kind = entry(columns.kinds, at.kind++);
    switch (kind) {
      case VALUE_KINDS.null:
        return null;
      case VALUE_KINDS.false:
        return false;
      case VALUE_KINDS.true:
        return true;
      case VALUE_KINDS.integer:
        return entry(columns.integers, at.integer++);
      case VALUE_KINDS.double:
        return entry(columns.doubles, at.double++);
      case VALUE_KINDS.text:
        return this.stringAt(entry(columns.texts, at.text++));
      case VALUE_KINDS.longText:
        return entry(columns.longTexts, at.longText++);
      case VALUE_KINDS.list:
      case VALUE_KINDS.map:
        if (depth >= EVENT_DEPTH_MAX) throw malformed("a value is nested too deeply");
        return kind === VALUE_KINDS.list ? this.list(depth + 1) : this.map(depth + 1);
      default:
        throw malformed(`kind ${kind} of a value is not known`);
    }
  }

  private list(depth: number): unknown[] {
    const values: unknown[] = [];
    for (let left = this.size(); left > 0; left--) values.push(this.value(depth));
    return values;
  }

  private map(depth: number): Record<string, unknown> {
    const pairs: [string, unknown][] = [];
    for (let left = this.size(); left > 0; left--) {
      const name = this.stringAt(entry(this.columns.texts, this.at.text++));
      pairs.push([name, this.value(depth)]);
    }
    return Object.fromEntries(pairs);
  }

  private size(): number {
    return entry(this.columns.sizes, this.at.size++);
  }

  private stringAt(number: number): string {
    const text = this.strings[number];
    if (text === undefined) throw malformed(`number ${number} is not in the string table`);
    return text;
  }
}

function checkLengths(columns: EventColumns): void {
  const rowCount = columns.stream.length;
  if (rowCount > EVENTS_MAX) {
    throw malformed(`${rowCount} events are more than the ${EVENTS_MAX} that a batch may have`);
  }
  if (columns.kinds.length > EVENT_VALUES_MAX) {
    throw malformed(`${columns.kinds.length} values are more than the ${EVENT_VALUES_MAX} allowed`);
  }
  const { source, file, generation, offset, index, timeMs, type, shape } = columns;
  for (const column of [source, file, generation, offset, index, timeMs, type, shape]) {
    if (column.length !== rowCount) throw malformed("columns differ in length");
  }
}

function entry<T>(column: readonly T[], place: number): T {
  const value = column[place];
  if (value === undefined) throw malformed("a column is too short");
  return value;
}

function malformed(message: string): MalformedError {
  return new MalformedError(`Events: ${message}`);
}
