/**
 * What stage 1 hands to stage 2: deltas, merged over all batches of an emission, and its watermark. Where both stages run in one
 * transaction these are values; otherwise they are entries of the topic `keyed`:
 *
 * ```text
 * byte    format version 1
 * byte    kind: 1 deltas, 2 watermark
 * uint    partition of `batches` that it comes from
 * deltas:    per series: text tenant, text stream, text service, uint count of deltas; per delta: int minute, aggregate, contributors
 * watermark: byte 1 and int W, or byte 0 when there is none yet; byte 1 when idle
 * ```
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { aggregateBytesMax, readAggregate, writeAggregate } from "../state/aggregate-format.ts";
import { ByteReader } from "../state/byte-reader.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import { Contributors } from "../state/contributors.ts";
import { makeSeries, type Series } from "../state/keys.ts";

const VERSION = 1;
const DELTAS = 1;
const WATERMARK = 2;
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
}

/** An entry of the topic `keyed`. */
export type KeyedEntry =
  | { readonly kind: "deltas"; readonly from: number; readonly deltas: readonly KeyedDelta[] }
  | { readonly kind: "watermark"; readonly from: number; readonly watermark: PartitionWatermark };

/** The bytes of a watermark of partition `from` of `batches`. */
export function encodeWatermark(from: number, watermark: PartitionWatermark): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.byte(WATERMARK);
  writer.uint(from);
  writer.optionalInt(watermark.watermarkMs);
  writer.flag(watermark.idle);
  return writer.finish();
}

/** The bytes of deltas of partition `from` of `batches`, as entries of about half a MiB; deltas of one series must stand together. */
export function encodeDeltas(from: number, deltas: readonly KeyedDelta[]): Buffer[] {
  const entries: Buffer[] = [];
  const writer = new ByteWriter();
  let at = 0;
  while (at < deltas.length) {
    writer.byte(VERSION);
    writer.byte(DELTAS);
    writer.uint(from);
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
  writer.uint(end - at);
  for (const delta of deltas.slice(at, end)) {
    writer.int(delta.minute);
    writeAggregate(writer, delta.aggregate);
    delta.contributors.write(writer);
  }
  return end;
}

/** The entry of these bytes. Fails with FORMAT_UNKNOWN or LOG_CORRUPT. */
export function decodeKeyedEntry(payload: Buffer): KeyedEntry {
  const reader = new ByteReader(payload, "LOG_CORRUPT");
  reader.version(VERSION, "log entry");
  const kind = reader.byte();
  const from = reader.uint();
  if (kind === WATERMARK) {
    const watermarkMs = reader.optionalInt();
    return { kind: "watermark", from, watermark: { watermarkMs, idle: reader.flag() } };
  }
  if (kind !== DELTAS) throw reader.corrupt(`is of unknown kind ${kind}`);
  const deltas: KeyedDelta[] = [];
  while (!reader.atEnd) {
    const series = makeSeries(reader.text(), reader.text(), reader.text());
    for (let left = reader.uint(); left > 0; left--) {
      const minute = reader.int();
      const aggregate = readAggregate(reader);
      deltas.push({ series, minute, aggregate, contributors: Contributors.read(reader) });
    }
  }
  return { kind: "deltas", from, deltas };
}
