/**
 * The deltas of a batch as columns: one packed list per property, a row per (stream, service, minute). Columns decode in tight loops and
 * compress better than a message per row.
 */
import type { Reader, Writer } from "protobufjs/minimal.js";
import { Aggregate, LEVELS } from "../aggregates/aggregate.ts";
import { bucketIndex } from "../aggregates/quantile-sketch.ts";
import { assert } from "../assert.ts";
import type { Delta } from "./batch.ts";
import {
  BYTES,
  MalformedError,
  readPackedSint,
  readPackedSint32,
  readPackedUint,
  readPackedUint32,
  refuseTag,
  tag,
  writePacked,
} from "./wire.ts";

/** Durations are below this many µs (2^30 ms). */
const DURATION_LIMIT_US = 2 ** 30 * 1000;
const BUCKET_INDEX_MAX = bucketIndex(DURATION_LIMIT_US);
const UINT32_LIMIT = 2 ** 32;

/** Gives every text a number, in order of first use. */
export interface StringTable {
  index(text: string): number;
}

class Columns {
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
  /** Of each row's bins: the first as it is, the others as the difference to the one before. */
  binIndex: number[] = [];
  binValue: number[] = [];
  folded: number[] = [];
}

/** Writes the fields of a Deltas message. */
export function writeDeltas(writer: Writer, deltas: readonly Delta[], strings: StringTable): void {
  const columns = new Columns();
  let minuteBefore = 0;
  for (const delta of deltas) {
    columns.stream.push(strings.index(delta.stream));
    columns.service.push(strings.index(delta.service));
    columns.minute.push(delta.minute - minuteBefore);
    minuteBefore = delta.minute;
    pushAggregate(columns, delta.aggregate);
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
  writePacked(writer, 12, "sint32", columns.binIndex);
  writePacked(writer, 13, "uint32", columns.binValue);
  writePacked(writer, 14, "uint32", columns.folded);
}

function pushAggregate(columns: Columns, aggregate: Aggregate): void {
  let mask = 0;
  for (const [index, count] of aggregate.levels.entries()) {
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
  let binCount = 0;
  let indexBefore = 0;
  for (let at = 0; at < sketch.bins.length; at++) {
    const count = sketch.bins[at] ?? 0;
    if (count === 0) continue;
    const index = sketch.first + at;
    columns.binIndex.push(index - indexBefore);
    columns.binValue.push(count);
    indexBefore = index;
    binCount++;
  }
  columns.binCount.push(binCount);
  columns.folded.push(aggregate.folded ? 1 : 0);
}

/** Reads a Deltas message that ends at `end`. Throws {@link MalformedError} when columns disagree or a value is out of range. */
export function readDeltas(reader: Reader, end: number, strings: readonly string[]): Delta[] {
  return columnsToDeltas(readColumns(reader, end), strings);
}

function readColumns(reader: Reader, end: number): Columns {
  const columns = new Columns();
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, BYTES)) columns.stream = readPackedUint32(reader);
    else if (fieldTag === tag(2, BYTES)) columns.service = readPackedUint32(reader);
    else if (fieldTag === tag(3, BYTES)) columns.minute = readPackedSint(reader);
    else if (fieldTag === tag(4, BYTES)) columns.levelMask = readPackedUint32(reader);
    else if (fieldTag === tag(5, BYTES)) columns.levelCounts = readPackedUint32(reader);
    else if (fieldTag === tag(6, BYTES)) columns.zeroCount = readPackedUint32(reader);
    else if (fieldTag === tag(7, BYTES)) columns.sumLow = readPackedUint32(reader);
    else if (fieldTag === tag(8, BYTES)) columns.sumHigh = readPackedUint32(reader);
    else if (fieldTag === tag(9, BYTES)) columns.min = readPackedUint(reader);
    else if (fieldTag === tag(10, BYTES)) columns.max = readPackedUint(reader);
    else if (fieldTag === tag(11, BYTES)) columns.binCount = readPackedUint32(reader);
    else if (fieldTag === tag(12, BYTES)) columns.binIndex = readPackedSint32(reader);
    else if (fieldTag === tag(13, BYTES)) columns.binValue = readPackedUint32(reader);
    else if (fieldTag === tag(14, BYTES)) columns.folded = readPackedUint32(reader);
    else refuseTag("Deltas", fieldTag);
  }
  return columns;
}

function columnsToDeltas(columns: Columns, strings: readonly string[]): Delta[] {
  const rowCount = columns.stream.length;
  for (const [name, column] of Object.entries(columns)) {
    if (name === "levelCounts" || name === "binIndex" || name === "binValue") continue;
    check(
      column.length === rowCount,
      `column ${name} has ${column.length} rows instead of ${rowCount}`,
    );
  }
  check(columns.binIndex.length === columns.binValue.length, "bin columns differ in length");
  const deltas: Delta[] = [];
  const cursor = { level: 0, bin: 0 };
  let minute = 0;
  for (let row = 0; row < rowCount; row++) {
    minute += at(columns.minute, row);
    check(Math.abs(minute) < 2 ** 40, "a minute is out of range");
    const stream = strings[at(columns.stream, row)];
    const service = strings[at(columns.service, row)];
    if (stream === undefined || service === undefined) {
      throw new MalformedError("a name is not in the string table");
    }
    deltas.push({ stream, service, minute, aggregate: rowToAggregate(columns, row, cursor) });
  }
  check(cursor.level === columns.levelCounts.length, "level counts are left over");
  check(cursor.bin === columns.binIndex.length, "bins are left over");
  return deltas;
}

function rowToAggregate(
  columns: Columns,
  row: number,
  cursor: { level: number; bin: number },
): Aggregate {
  const aggregate = new Aggregate();
  const mask = at(columns.levelMask, row);
  check(mask < 1 << LEVELS.length, "a level is not known");
  let requestCount = 0;
  for (let index = 0; index < LEVELS.length; index++) {
    if ((mask & (1 << index)) === 0) continue;
    const count = at(columns.levelCounts, cursor.level++);
    check(count > 0, "a level is counted zero times");
    aggregate.levels[index] = count;
    requestCount += count;
  }
  const { sketch } = aggregate;
  const zeroCount = at(columns.zeroCount, row);
  sketch.zeroCount = zeroCount;
  let durationCount = zeroCount;
  const binEnd = cursor.bin + at(columns.binCount, row);
  let index = 0;
  for (let bin = cursor.bin; bin < binEnd; bin++) {
    const step = at(columns.binIndex, bin);
    check(bin === cursor.bin ? step >= 0 : step > 0, "bins are not ascending");
    index += step;
    check(index <= BUCKET_INDEX_MAX, "a bin is out of range");
    const count = at(columns.binValue, bin);
    check(count > 0, "a bin is empty");
    sketch.addBin(index, count);
    durationCount += count;
  }
  cursor.bin = binEnd;
  sketch.count = durationCount;
  check(durationCount <= requestCount, "more durations than events");
  readSums(aggregate, columns, row);
  aggregate.folded = at(columns.folded, row) === 1;
  return aggregate;
}

function readSums(aggregate: Aggregate, columns: Columns, row: number): void {
  const min = at(columns.min, row);
  const max = at(columns.max, row);
  aggregate.durationSumLow = at(columns.sumLow, row);
  aggregate.durationSumHigh = at(columns.sumHigh, row);
  if (aggregate.durationCount > 0) {
    check(min <= max && max < DURATION_LIMIT_US, "the extremes of durations are out of range");
    aggregate.durationMin = min;
    aggregate.durationMax = max;
  } else {
    check(
      min === 0 && max === 0 && aggregate.durationSum === 0,
      "a sum of no durations is not zero",
    );
  }
}

function at(column: readonly number[], row: number): number {
  const value = column[row];
  if (value === undefined) throw new MalformedError("a column is too short");
  return value;
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new MalformedError(`Deltas: ${message}`);
}
