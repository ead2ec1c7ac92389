/**
 * Bytes of an aggregate, the same for equal aggregates: in a window's row and in the log between the stages.
 *
 * ```text
 * byte    bits 0-6: which levels are not zero, in the order of LEVELS; bit 7: folded
 * uint…   one count per bit set
 * uint    count of durations of 0 µs
 * uint    count of bins from the first to the last that are not zero
 * where there is a duration: uint sum low, uint sum high, uint min, uint max - min
 * where there is a bin: int index of the first; then per bin its count as uint, or 0 and the length of a run of empty bins
 * ```
 *
 * Where there are measures or sample lines the count of bins is 8,192 higher, and they follow (detail-format).
 */
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { readDetail, writeDetail } from "./detail-format.ts";

const FOLDED_BIT = 0x80;
/** More buckets than values below 2^40 can fill. */
const BIN_COUNT_MAX = 4096;
/** Added to the count of bins where a detail follows. */
const DETAIL_MARK = 8192;

/** Writes `aggregate`. */
export function writeAggregate(writer: ByteWriter, aggregate: Aggregate): void {
  writeCounts(writer, aggregate);
  if (aggregate.detail !== undefined) writeDetail(writer, aggregate.detail);
}

function writeCounts(writer: ByteWriter, aggregate: Aggregate): void {
  const levels = aggregate.levels;
  let mask = aggregate.folded ? FOLDED_BIT : 0;
  for (let index = 0; index < levels.length; index++) {
    if (levels[index] !== 0) mask |= 1 << index;
  }
  writer.byte(mask);
  for (let index = 0; index < levels.length; index++) {
    const count = levels[index] ?? 0;
    if (count !== 0) writer.uint(count);
  }
  const sketch = aggregate.sketch;
  const bins = sketch.bins;
  writer.uint(sketch.zeroCount);
  writer.uint(bins.length + (aggregate.detail === undefined ? 0 : DETAIL_MARK));
  if (sketch.zeroCount + bins.length === 0) return;
  writer.uint(aggregate.durationSumLow);
  writer.uint(aggregate.durationSumHigh);
  writer.uint(aggregate.durationMin);
  writer.uint(aggregate.durationMax - aggregate.durationMin);
  if (bins.length === 0) return;
  writer.int(sketch.first);
  writer.reserve(bins.length * 2);
  for (let at = 0; at < bins.length; at++) {
    const count = bins[at] ?? 0;
    writer.uint(count);
    if (count > 0) continue;
    const runStart = at;
    while (at + 1 < bins.length && bins[at + 1] === 0) at++;
    writer.uint(at - runStart + 1);
  }
}

/** Reads what {@link writeAggregate} wrote. */
export function readAggregate(reader: ByteReader): Aggregate {
  const aggregate = new Aggregate();
  const mask = reader.byte();
  aggregate.folded = (mask & FOLDED_BIT) !== 0;
  for (let index = 0; index < aggregate.levels.length; index++) {
    if ((mask & (1 << index)) !== 0) aggregate.levels[index] = reader.uint();
  }
  const sketch = aggregate.sketch;
  sketch.zeroCount = reader.uint();
  sketch.count = sketch.zeroCount;
  const mark = reader.uint();
  const binCount = mark % DETAIL_MARK;
  if (binCount > BIN_COUNT_MAX || mark >= 2 * DETAIL_MARK) throw reader.corrupt(`has ${mark} bins`);
  if (sketch.zeroCount + binCount > 0) {
    aggregate.durationSumLow = reader.uint();
    aggregate.durationSumHigh = reader.uint();
    aggregate.durationMin = reader.uint();
    aggregate.durationMax = aggregate.durationMin + reader.uint();
    if (binCount > 0) readBins(reader, aggregate, binCount);
  }
  if (mark >= DETAIL_MARK) aggregate.detail = readDetail(reader);
  return aggregate;
}

function readBins(reader: ByteReader, aggregate: Aggregate, binCount: number): void {
  const sketch = aggregate.sketch;
  sketch.first = reader.int();
  const bins = new Array<number>(binCount);
  let count = sketch.count;
  for (let at = 0; at < binCount; at++) {
    const bin = reader.uint();
    bins[at] = bin;
    count += bin;
    if (bin > 0) continue;
    const end = at + reader.uint();
    if (end >= binCount || end === at) throw reader.corrupt("has a run of bins that does not fit");
    while (at + 1 < end) bins[++at] = 0;
  }
  sketch.bins = bins;
  sketch.count = count;
}

/** Bytes that {@link writeAggregate} needs at most. */
export function aggregateBytesMax(aggregate: Aggregate): number {
  const sketch = aggregate.sketch;
  let countBytes = 2;
  for (let limit = 2 ** 14; sketch.count >= limit; limit *= 128) countBytes++;
  return 110 + sketch.bins.length * countBytes + (aggregate.detail?.bytes ?? 0);
}
