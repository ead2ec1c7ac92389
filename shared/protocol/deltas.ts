/**
 * The deltas of a batch as columns: one packed list per property, a row per (stream, service, minute, dimensions). Columns decode in tight
 * loops and compress better than a message per row. What is read of them stands in `delta-columns.ts`.
 */
import type { Writer } from "protobufjs/minimal.js";
import type { Aggregate } from "../aggregates/aggregate.ts";
import type { QuantileSketch } from "../aggregates/quantile-sketch.ts";
import { assert } from "../assert.ts";
import type { Delta } from "./batch.ts";
import { DetailColumns, pushDetail, writeDetailColumns } from "./detail-columns.ts";
import type { StringTable } from "./string-table.ts";
import { writePacked } from "./write-packed.ts";

const UINT32_LIMIT = 2 ** 32;

/**
 * Most rows of a batch; a receiver refuses more, since a few well-compressed bytes could otherwise hold millions. An agent seals at about 16,000
 * windows and adds one read of 1 MiB at most, whose lines are no shorter than 14 bytes.
 */
export const DELTA_ROWS_MAX: number = 2 ** 17;

/** The columns of a Deltas message, by the names of its fields. */
export class Columns {
  stream: number[] = [];
  service: number[] = [];
  /** Difference to the row before. */
  minute: number[] = [];
  levelMask: number[] = [];
  levelCounts: number[] = [];
  zeroCount: number[] = [];
  sumLow: number[] = [];
  sumHigh: number[] = [];
  min: number[] = [];
  max: number[] = [];
  binCount: number[] = [];
  /** Of each row's bins: the first as it is, the others as the difference to the one before. Nearly all numbers of a batch are here. */
  binIndex: Int32Array = new Int32Array();
  binValue: Uint32Array = new Uint32Array();
  folded: number[] = [];
  /** Dimensions, measures and sample lines: of most batches there are none. */
  readonly detail = new DetailColumns();
}

/** Writes the fields of a Deltas message. */
export function writeDeltas(writer: Writer, deltas: readonly Delta[], strings: StringTable): void {
  assert(deltas.length <= DELTA_ROWS_MAX, "a batch is sealed before it has too many rows");
  const columns = new Columns();
  let binMax = 0;
  for (const { aggregate } of deltas) binMax += aggregate.sketch.bins.length;
  columns.binIndex = new Int32Array(binMax);
  columns.binValue = new Uint32Array(binMax);
  let binTo = 0;
  let minuteBefore = 0;
  for (const delta of deltas) {
    columns.stream.push(strings.index(delta.stream));
    columns.service.push(strings.index(delta.service));
    columns.minute.push(delta.minute - minuteBefore);
    minuteBefore = delta.minute;
    pushCounts(columns, delta.aggregate);
    binTo = pushBins(columns, binTo, delta.aggregate.sketch);
    pushDetail(columns.detail, delta, strings);
  }
  writePacked(writer, 1, "uint32", columns.stream);
  writePacked(writer, 2, "uint32", columns.service);
  writePacked(writer, 3, "sint64", columns.minute);
  writePacked(writer, 4, "uint32", columns.levelMask);
  writePacked(writer, 5, "uint32", columns.levelCounts);
  writePacked(writer, 6, "uint32", columns.zeroCount);
  writePacked(writer, 7, "uint32", columns.sumLow);
  writePacked(writer, 8, "uint32", columns.sumHigh);
  writePacked(writer, 9, "uint64", columns.min);
  writePacked(writer, 10, "uint64", columns.max);
  writePacked(writer, 11, "uint32", columns.binCount);
  writePacked(writer, 12, "sint32", columns.binIndex.subarray(0, binTo));
  writePacked(writer, 13, "uint32", columns.binValue.subarray(0, binTo));
  writePacked(writer, 14, "uint32", columns.folded);
  writeDetailColumns(writer, columns.detail);
}

function pushCounts(columns: Columns, aggregate: Aggregate): void {
  let mask = 0;
  for (let index = 0; index < aggregate.levels.length; index++) {
    const count = aggregate.levels[index] ?? 0;
    assert(count < UINT32_LIMIT, "a delta counts less than 2^32 events of a level");
    if (count > 0) {
      mask |= 1 << index;
      columns.levelCounts.push(count);
    }
  }
  columns.levelMask.push(mask);
  const { sketch } = aggregate;
  const hasDurations = sketch.count > 0;
  columns.zeroCount.push(sketch.zeroCount);
  columns.sumLow.push(aggregate.durationSumLow);
  columns.sumHigh.push(aggregate.durationSumHigh);
  columns.min.push(hasDurations ? aggregate.durationMin : 0);
  columns.max.push(hasDurations ? aggregate.durationMax : 0);
  columns.folded.push(aggregate.folded || aggregate.detail?.isFolded === true ? 1 : 0);
}

/** Adds a row's bins from the place `binFrom` on and returns the place behind them. */
function pushBins(columns: Columns, binFrom: number, sketch: QuantileSketch): number {
  const { first, bins } = sketch;
  const { binIndex, binValue } = columns;
  let binTo = binFrom;
  let indexBefore = 0;
  for (let at = 0; at < bins.length; at++) {
    const count = bins[at] ?? 0;
    if (count === 0) continue;
    binIndex[binTo] = first + at - indexBefore;
    binValue[binTo++] = count;
    indexBefore = first + at;
  }
  columns.binCount.push(binTo - binFrom);
  return binTo;
}
