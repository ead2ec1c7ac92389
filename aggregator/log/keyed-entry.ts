/**
 * What stage 1 hands to stage 2: deltas, merged over all batches of an emission, events and gaps for rules, and its watermark. Where both
 * stages run in one transaction these are values; otherwise they are entries of the topic `keyed`:
 *
 * ```text
 * byte    format version 4; of version 1 there are only kinds 1 and 2, and a watermark ends after `idle`; before version 3 no series has
 *         dimensions; before version 4 there is no kind 6
 * byte    kind: 1 deltas, 2 watermark, 3 events, 4 gaps, 5 arrivals, 6 operations
 * uint    partition of `batches` that it comes from
 * deltas:    per series: text tenant, text stream, text service, dimensions, uint count of deltas; per delta: int minute, aggregate, contributors
 * watermark: byte 1 and int W, or byte 0 when there is none yet; byte 1 when idle; byte 1, text revision and optional int since, or byte 0
 * events:    per event: text agent, text source, uint file, generation, offset, index, then as it waits (rule-rows)
 * gaps:      per gap: text tenant, text stream, int from, int to, uint count
 * arrivals:  events and gaps to archive, as archive-rows writes them
 * operations: per operation: text tenant, text JSON
 * ```
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { aggregateBytesMax, readAggregate, writeAggregate } from "../state/aggregate-format.ts";
import { type Arrival, readArrival, writeArrival } from "../state/archive-rows.ts";
import { ByteReader } from "../state/byte-reader.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import { Contributors } from "../state/contributors.ts";
import { readDimensions, writeDimensions } from "../state/detail-format.ts";
import { makeSeries, type Series } from "../state/keys.ts";
import { readHole, readWaiting, writeHole, writeWaiting } from "../state/rule-rows.ts";
import type { KeyedEvent, KeyedHole } from "./keyed-event.ts";
import type { OperationEntry } from "./operation-entry.ts";

const VERSION = 4;
const DELTAS = 1;
const WATERMARK = 2;
const EVENTS = 3;
const HOLES = 4;
const ARRIVALS = 5;
const OPERATIONS = 6;
/** An entry of deltas ends soon after this, so that a reader is never handed more than it can commit at once. */
const ENTRY_BYTES = 512 * 1024;

/** What is new for one window. Whoever is handed it may keep and change `aggregate` and `contributors`. */
export interface KeyedDelta {
  readonly series: Series;
  /** Start of the window in minutes since the Unix epoch. */
  readonly minute: number;
  readonly aggregate: Aggregate;
  readonly contributors: Contributors;
}

/** How far event time has come in one partition of `batches`. */
export interface PartitionWatermark {
  /** No event with a time up to this is expected, milliseconds; undefined before the first event. */
  readonly watermarkMs: number | undefined;
  /** True when no source of the partition is live: it holds nothing back. */
  readonly idle: boolean;
  /** Undefined while live agents of the partition select by different selectors. */
  readonly selection: Selection | undefined;
}

/** By which selectors all live agents of a partition select events. */
export interface Selection {
  readonly revision: string;
  /** Up to this event time they may have selected by others, milliseconds; undefined: they never did. */
  readonly sinceMs: number | undefined;
}

/** An entry of the topic `keyed`. */
export type KeyedEntry =
  | { readonly kind: "deltas"; readonly from: number; readonly deltas: readonly KeyedDelta[] }
  | { readonly kind: "events"; readonly from: number; readonly events: readonly KeyedEvent[] }
  | { readonly kind: "holes"; readonly from: number; readonly holes: readonly KeyedHole[] }
  | { readonly kind: "arrivals"; readonly from: number; readonly arrivals: readonly Arrival[] }
  | {
      readonly kind: "operations";
      readonly from: number;
      readonly operations: readonly OperationEntry[];
    }
  | { readonly kind: "watermark"; readonly from: number; readonly watermark: PartitionWatermark };

/** The bytes of a watermark of partition `from` of `batches`. */
export function encodeWatermark(from: number, watermark: PartitionWatermark): Buffer {
  const writer = new ByteWriter();
  writeHead(writer, WATERMARK, from);
  writer.optionalInt(watermark.watermarkMs);
  writer.flag(watermark.idle);
  writeSelection(writer, watermark.selection);
  return writer.finish();
}

/** Writes a selection, as part of something else. */
export function writeSelection(writer: ByteWriter, selection: Selection | undefined): void {
  writer.flag(selection !== undefined);
  if (selection === undefined) return;
  writer.text(selection.revision);
  writer.optionalInt(selection.sinceMs);
}

/** Reads what {@link writeSelection} wrote. */
export function readSelection(reader: ByteReader): Selection | undefined {
  return reader.flag() ? { revision: reader.text(), sinceMs: reader.optionalInt() } : undefined;
}

/** The bytes of events of partition `from` of `batches`, as entries of about half a MiB. */
export function encodeEvents(from: number, events: readonly KeyedEvent[]): Buffer[] {
  return encodeAll(from, EVENTS, events, writeEvent);
}

/** The bytes of gaps of partition `from` of `batches`, as entries of about half a MiB. */
export function encodeHoles(from: number, holes: readonly KeyedHole[]): Buffer[] {
  return encodeAll(from, HOLES, holes, writeHole);
}

/** The bytes of what is to be archived of partition `from` of `batches`, as entries of about half a MiB. */
export function encodeArrivals(from: number, arrivals: readonly Arrival[]): Buffer[] {
  return encodeAll(from, ARRIVALS, arrivals, writeArrival);
}

/** The bytes of what people did, from partition `from` of `batches`. */
export function encodeOperations(from: number, operations: readonly OperationEntry[]): Buffer[] {
  return encodeAll(from, OPERATIONS, operations, (writer, { tenant, json }) => {
    writer.text(tenant);
    writer.text(json);
  });
}

function encodeAll<Item>(
  from: number,
  kind: number,
  items: readonly Item[],
  write: (writer: ByteWriter, item: Item) => void,
): Buffer[] {
  const entries: Buffer[] = [];
  const writer = new ByteWriter();
  for (const item of items) {
    if (writer.length === 0) writeHead(writer, kind, from);
    write(writer, item);
    if (writer.length >= ENTRY_BYTES) entries.push(writer.finish());
  }
  if (writer.length > 0) entries.push(writer.finish());
  return entries;
}

function writeHead(writer: ByteWriter, kind: number, from: number): void {
  writer.byte(VERSION);
  writer.byte(kind);
  writer.uint(from);
}

function writeEvent(writer: ByteWriter, { tenant, agent, keyField, key, event }: KeyedEvent): void {
  const { stream, source, file, generation, offset, index, timeMs, type, fields } = event;
  writer.text(agent);
  writer.text(source);
  for (const number of [file, generation, offset, index]) writer.uint(number);
  writeWaiting(writer, { tenant, stream, keyField, key, timeMs, type, fields });
}

function readEvent(reader: ByteReader): KeyedEvent {
  const agent = reader.text();
  const source = reader.text();
  const file = reader.uint();
  const generation = reader.uint();
  const offset = reader.uint();
  const index = reader.uint();
  const { tenant, keyField, key, ...rest } = readWaiting(reader);
  const event = { ...rest, source, file, generation, offset, index };
  return { tenant, agent, keyField, key, event };
}

/** The bytes of deltas of partition `from` of `batches`, as entries of about half a MiB; deltas of one series must stand together. */
export function encodeDeltas(from: number, deltas: readonly KeyedDelta[]): Buffer[] {
  const entries: Buffer[] = [];
  const writer = new ByteWriter();
  let at = 0;
  while (at < deltas.length) {
    writeHead(writer, DELTAS, from);
    while (at < deltas.length && writer.length < ENTRY_BYTES) at = writeSeries(writer, deltas, at);
    entries.push(writer.finish());
  }
  return entries;
}

/** Writes deltas of one series from index `at` on and returns the index after them. */
function writeSeries(writer: ByteWriter, deltas: readonly KeyedDelta[], at: number): number {
  const series = deltas[at]?.series;
  if (series === undefined) return at;
  let end = at;
  let bytes = writer.length;
  for (; deltas[end]?.series === series && bytes < ENTRY_BYTES; end++) {
    const delta = deltas[end];
    if (delta !== undefined) bytes += aggregateBytesMax(delta.aggregate);
  }
  writer.text(series.tenant);
  writer.text(series.stream);
  writer.text(series.service);
  writeDimensions(writer, series.dimensions);
  writer.uint(end - at);
  for (const delta of deltas.slice(at, end)) {
    writer.int(delta.minute);
    writeAggregate(writer, delta.aggregate);
    delta.contributors.write(writer);
  }
  return end;
}

function readSeries(reader: ByteReader, version: number): Series {
  const names = [reader.text(), reader.text(), reader.text()] as const;
  return version < 3 ? makeSeries(...names) : makeSeries(...names, readDimensions(reader));
}

/** The entry of these bytes. Fails with FORMAT_UNKNOWN or LOG_CORRUPT. */
export function decodeKeyedEntry(payload: Buffer): KeyedEntry {
  const reader = new ByteReader(payload, "LOG_CORRUPT");
  const version = reader.versions(1, VERSION, "log entry");
  const kind = reader.byte();
  const from = reader.uint();
  if (kind === WATERMARK) {
    const watermarkMs = reader.optionalInt();
    const idle = reader.flag();
    const selection = version === 1 ? undefined : readSelection(reader);
    return { kind: "watermark", from, watermark: { watermarkMs, idle, selection } };
  }
  if (kind === EVENTS && version > 1) {
    const events: KeyedEvent[] = [];
    while (!reader.atEnd) events.push(readEvent(reader));
    return { kind: "events", from, events };
  }
  if (kind === HOLES && version > 1) {
    const holes: KeyedHole[] = [];
    while (!reader.atEnd) holes.push(readHole(reader));
    return { kind: "holes", from, holes };
  }
  if (kind === ARRIVALS && version > 1) {
    const arrivals: Arrival[] = [];
    while (!reader.atEnd) arrivals.push(readArrival(reader));
    return { kind: "arrivals", from, arrivals };
  }
  if (kind === OPERATIONS && version > 3) {
    const operations: OperationEntry[] = [];
    while (!reader.atEnd) {
      operations.push({ kind: "operation", tenant: reader.text(), json: reader.text() });
    }
    return { kind: "operations", from, operations };
  }
  if (kind !== DELTAS) throw reader.corrupt(`is of unknown kind ${kind}`);
  const deltas: KeyedDelta[] = [];
  while (!reader.atEnd) {
    const series = readSeries(reader, version);
    for (let left = reader.uint(); left > 0; left--) {
      const minute = reader.int();
      const aggregate = readAggregate(reader);
      deltas.push({ series, minute, aggregate, contributors: Contributors.read(reader) });
    }
  }
  return { kind: "deltas", from, deltas };
}
