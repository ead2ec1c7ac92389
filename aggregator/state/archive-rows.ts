/**
 * The rows in which stage 2 keeps what has yet to be archived, as it arrived: deltas, events and gaps.
 *
 * Items are numbered by a position, from 0. They stand in blocks, of which the last is open; a block never changes once it is closed. What
 * one flush took is one row under `archive-block/BLOCK/POSITION`, POSITION being that of its first item:
 *
 * ```text
 * byte    format version 2; in version 1 no delta has dimensions
 * items:  byte kind: 1 delta, 2 event, 3 gap, 4 raw line; byte fate: 0 in time, 1 late, 2 too late
 * delta:  text tenant, stream, service; dimensions; int minute, aggregate, contributors
 * event:  text tenant, agent, stream, source; uint file, generation, offset, index; int time; text type, or flag; text fields (JSON)
 * line:   as line-row writes it
 * gap:    text tenant, text stream, int from, int to, uint count
 * ```
 */
import { z } from "zod";
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { DIMENSIONS_NONE, type Dimensions } from "../../shared/aggregates/dimensions.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import type { StateView } from "../log/log.ts";
import { readAggregate, writeAggregate } from "./aggregate-format.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { Contributors } from "./contributors.ts";
import { readDimensions, writeDimensions } from "./detail-format.ts";
import { ARCHIVE_KEY, archiveBlockPrefix, numberOfPart, rangeOf } from "./keys.ts";
import { type KeyedLine, readLine, writeLine } from "./line-row.ts";

const VERSION = 2;
const ROW_VERSION = 1;
const DELTA = 1;
const EVENT = 2;
const HOLE = 3;
const LINE = 4;
/** By kind of arrival. */
const ARRIVAL_KINDS = { event: EVENT, hole: HOLE, line: LINE } as const;

/** In the order of their bytes. */
const FATES = ["in_time", "late", "too_late"] as const;

/**
 * What became of an item when it came: `late` deltas corrected a final window and `late` events were seen by no rule; `too_late` deltas
 * were beyond the retention.
 */
export type Fate = (typeof FATES)[number];

/** Part of a window, of all agents that sent one at the time. */
export interface ArchivedDelta {
  readonly kind: "delta";
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  readonly dimensions: Dimensions;
  /** Start of the window in minutes since the Unix epoch. */
  readonly minute: number;
  readonly aggregate: Aggregate;
  readonly contributors: Contributors;
}

/** An event as an agent sent it. */
export interface ArchivedEvent {
  readonly kind: "event";
  readonly tenant: string;
  readonly agent: string;
  readonly event: SelectedEvent;
}

/** A gap in the events of a stream. */
export interface ArchivedHole {
  readonly kind: "hole";
  readonly tenant: string;
  readonly hole: Hole;
}

/** A raw line as an agent sent it. */
export interface ArchivedLine extends KeyedLine {
  readonly kind: "line";
}

/** What came from agents beside deltas: it goes to the archive whether or not rules see it. */
export type Arrival = ArchivedEvent | ArchivedHole | ArchivedLine;

/** One thing to archive. */
export type ArchiveItem = (ArchivedDelta | Arrival) & { readonly fate: Fate };

/** Stage 2's row about the archive. */
export interface ArchiveRow {
  /** Number of the open block; those before it are closed. */
  block: number;
  /** All blocks below this are archived and their rows deleted. */
  firstBlock: number;
  /** Position of the next item. */
  position: number;
  /** Items in the open block. */
  openItems: number;
  /** Bytes of rows of the open block. */
  openBytes: number;
  /** The log's clock at the first item of the open block. */
  openSinceMs: number | undefined;
  /** Bytes of rows of all blocks. */
  waitingBytes: number;
  /** Items that were left out since too much waited. */
  shedItems: number;
}

/** Writes stage 2's row about the archive. */
export function encodeArchiveRow(row: ArchiveRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(ROW_VERSION);
  writer.uint(row.block);
  writer.uint(row.firstBlock);
  writer.uint(row.position);
  writer.uint(row.openItems);
  writer.uint(row.openBytes);
  writer.optionalInt(row.openSinceMs);
  writer.uint(row.waitingBytes);
  writer.uint(row.shedItems);
  return writer.finish();
}

/** Reads stage 2's row about the archive; the row before the first commit when there is none. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function readArchiveRow(view: StateView): ArchiveRow {
  const bytes = view.get(ARCHIVE_KEY);
  if (bytes === undefined) {
    const none = { block: 0, firstBlock: 0, position: 0, openItems: 0, openBytes: 0 };
    return { ...none, openSinceMs: undefined, waitingBytes: 0, shedItems: 0 };
  }
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(ROW_VERSION, "row about the archive");
  return {
    block: reader.uint(),
    firstBlock: reader.uint(),
    position: reader.uint(),
    openItems: reader.uint(),
    openBytes: reader.uint(),
    openSinceMs: reader.optionalInt(),
    waitingBytes: reader.uint(),
    shedItems: reader.uint(),
  };
}

/** Begins a row of items. */
export function beginItems(writer: ByteWriter): void {
  writer.byte(VERSION);
}

/** Writes one item into a row. */
export function writeItem(writer: ByteWriter, item: ArchiveItem): void {
  writer.byte(item.kind === "delta" ? DELTA : ARRIVAL_KINDS[item.kind]);
  writer.byte(FATES.indexOf(item.fate));
  if (item.kind !== "delta") {
    writeArrivalBody(writer, item);
    return;
  }
  for (const text of [item.tenant, item.stream, item.service]) writer.text(text);
  writeDimensions(writer, item.dimensions);
  writer.int(item.minute);
  writeAggregate(writer, item.aggregate);
  item.contributors.write(writer);
}

/** Writes an arrival, as part of something else. */
export function writeArrival(writer: ByteWriter, arrival: Arrival): void {
  writer.byte(ARRIVAL_KINDS[arrival.kind]);
  writeArrivalBody(writer, arrival);
}

/** Reads what {@link writeArrival} wrote. */
export function readArrival(reader: ByteReader): Arrival {
  const kind = reader.byte();
  if (!isArrival(kind)) throw reader.corrupt(`holds an arrival of kind ${kind}`);
  return readArrivalBody(reader, kind);
}

/** The items of a block with their positions, in that order. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function* readBlock(
  view: StateView,
  block: number,
): Iterable<readonly [position: number, item: ArchiveItem]> {
  const prefix = archiveBlockPrefix(block);
  const { from, to } = rangeOf(prefix);
  for (const [key, bytes] of view.range(from, to)) {
    let position = numberOfPart(key.slice(prefix.length));
    const reader = new ByteReader(bytes, "STATE_CORRUPT");
    const version = reader.versions(1, VERSION, "row of items to archive");
    while (!reader.atEnd) yield [position++, readItem(reader, version)];
  }
}

function readItem(reader: ByteReader, version: number): ArchiveItem {
  const kind = reader.byte();
  const fate = FATES[reader.byte()];
  if (fate === undefined) throw reader.corrupt("has an unknown fate");
  if (isArrival(kind)) return { ...readArrivalBody(reader, kind), fate };
  if (kind !== DELTA) throw reader.corrupt(`holds an item of kind ${kind}`);
  return {
    kind: "delta",
    fate,
    tenant: reader.text(),
    stream: reader.text(),
    service: reader.text(),
    dimensions: version < 2 ? DIMENSIONS_NONE : readDimensions(reader),
    minute: reader.int(),
    aggregate: readAggregate(reader),
    contributors: Contributors.read(reader),
  };
}

function isArrival(kind: number): boolean {
  return kind === EVENT || kind === HOLE || kind === LINE;
}

function writeArrivalBody(writer: ByteWriter, arrival: Arrival): void {
  if (arrival.kind === "line") {
    writeLine(writer, arrival);
    return;
  }
  writer.text(arrival.tenant);
  if (arrival.kind === "hole") {
    const { stream, fromMs, toMs, count } = arrival.hole;
    writer.text(stream);
    writer.int(fromMs);
    writer.int(toMs);
    writer.uint(count);
    return;
  }
  const { stream, source, file, generation, offset, index, timeMs, type, fields } = arrival.event;
  for (const text of [arrival.agent, stream, source]) writer.text(text);
  for (const number of [file, generation, offset, index]) writer.uint(number);
  writer.int(timeMs);
  writer.flag(type !== null);
  if (type !== null) writer.text(type);
  writer.text(JSON.stringify(fields));
}

function readArrivalBody(reader: ByteReader, kind: number): Arrival {
  if (kind === LINE) return { kind: "line", ...readLine(reader) };
  const tenant = reader.text();
  if (kind === HOLE) {
    const [stream, fromMs, toMs, count] = [
      reader.text(),
      reader.int(),
      reader.int(),
      reader.uint(),
    ] as const;
    return { kind: "hole", tenant, hole: { stream, fromMs, toMs, count } };
  }
  const agent = reader.text();
  const event = {
    stream: reader.text(),
    source: reader.text(),
    file: reader.uint(),
    generation: reader.uint(),
    offset: reader.uint(),
    index: reader.uint(),
    timeMs: reader.int(),
    type: reader.flag() ? reader.text() : null,
    fields: readFields(reader),
  };
  return { kind: "event", tenant, agent, event };
}

const fieldsSchema = z.record(z.string(), z.unknown());

function readFields(reader: ByteReader): SelectedEvent["fields"] {
  const text = reader.text();
  try {
    return fieldsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw reader.corrupt(`holds fields that are none (${String(error)})`);
  }
}

/** Position of the first item that waits for its file; of the next to come when none waits. */
export function firstWaitingPosition(view: StateView): number {
  const { from, to } = rangeOf("archive-block/");
  for (const [key] of view.range(from, to, { limit: 1 })) {
    return numberOfPart(key.slice(key.lastIndexOf("/") + 1));
  }
  return readArchiveRow(view).position;
}
