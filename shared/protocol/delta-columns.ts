/**
 * The deltas of a received batch, as columns: checked when they are read, then made into objects, or added to aggregates that are there
 * already. The second way makes no object per delta: whoever merges many batches into few windows is several times faster with it.
 */
import type { Reader } from "protobufjs/minimal.js";
import { Aggregate, LEVEL_INDEX, LEVELS } from "../aggregates/aggregate.ts";
import { DIMENSIONS_NONE, type Dimensions } from "../aggregates/dimensions.ts";
import { bucketIndex } from "../aggregates/quantile-sketch.ts";
import type { Delta } from "./batch.ts";
import { Columns, DELTA_ROWS_MAX } from "./deltas.ts";
import {
  addDetailRow,
  checkDetailColumns,
  dimensionsOfRow,
  readDetailField,
} from "./detail-columns.ts";
import {
  BYTES,
  MalformedError,
  readInt32Array,
  readPackedSint,
  readPackedUint,
  readUint32Array,
  refuseTag,
  tag,
} from "./wire.ts";

/** Durations are below this many µs (2^30 ms). */
const DURATION_LIMIT_US = 2 ** 30 * 1000;
const BUCKET_INDEX_MAX = bucketIndex(DURATION_LIMIT_US);
/** Dates end 8.64e15 ms from the epoch; a window must be able to say when it begins and ends, rolled up by any step, too. */
const MINUTE_LIMIT = 143e9;

/** The columns as they are read. */
type ReadColumns = {
  [Name in keyof Columns]: Columns[Name] extends number[] ? ArrayLike<number> : Columns[Name];
};

/** What is told of a delta before it is added; one object for all of them. */
export interface DeltaHead {
  readonly stream: string;
  readonly service: string;
  /** Start of the window, in minutes since the Unix epoch. */
  readonly minute: number;
  /** The same object for rows of the same. */
  readonly dimensions: Dimensions;
  readonly requestCount: number;
  readonly errorCount: number;
}

/** Where a head's delta is to be added. The head is valid during the call only. */
export type DeltaTarget = (head: DeltaHead) => Aggregate;

/** See the head of this file. */
export class DeltaColumns {
  private readonly columns: ReadColumns;
  private readonly strings: readonly string[];

  /** Throws {@link MalformedError} when columns disagree or a value is out of range. */
  constructor(columns: ReadColumns, strings: readonly string[]) {
    checkColumns(columns, strings);
    this.columns = columns;
    this.strings = strings;
  }

  get count(): number {
    return this.columns.stream.length;
  }

  /** Adds every delta, in order, to the aggregate that `target` names for it. Never throws but what `target` throws. */
  addTo(target: DeltaTarget): void {
    const { columns, strings } = this;
    const head = {
      ...{ stream: "", service: "", minute: 0, requestCount: 0, errorCount: 0 },
      dimensions: DIMENSIONS_NONE,
    };
    const cursor = { level: 0, bin: 0, measure: 0, registers: 0, exemplar: 0 };
    const { detail } = columns;
    const hasDetail = detail.measureCount.length + detail.exemplarCount.length > 0;
    for (let row = 0; row < columns.stream.length; row++) {
      head.stream = strings[columns.stream[row] ?? 0] ?? "";
      head.service = strings[columns.service[row] ?? 0] ?? "";
      head.minute += columns.minute[row] ?? 0;
      head.dimensions = dimensionsOfRow(detail, row);
      countLevels(columns, row, cursor.level, head);
      const aggregate = target(head);
      addRow(columns, row, cursor, aggregate);
      if (hasDetail) addDetailRow(detail, row, cursor, { aggregate, strings });
    }
  }

  /** All deltas as objects. */
  toDeltas(): Delta[] {
    const deltas: Delta[] = [];
    this.addTo(({ stream, service, minute, dimensions }) => {
      const aggregate = new Aggregate();
      const isApart = dimensions !== DIMENSIONS_NONE;
      deltas.push({ stream, service, minute, ...(isApart ? { dimensions } : {}), aggregate });
      return aggregate;
    });
    return deltas;
  }
}

/** Reads a Deltas message that ends at `end`. Throws {@link MalformedError} when columns disagree or a value is out of range. */
export function readDeltaColumns(
  reader: Reader,
  end: number,
  strings: readonly string[],
): DeltaColumns {
  return new DeltaColumns(readColumns(reader, end, strings), strings);
}

function countLevels(
  columns: ReadColumns,
  row: number,
  first: number,
  head: { requestCount: number; errorCount: number },
): void {
  const mask = columns.levelMask[row] ?? 0;
  let at = first;
  head.requestCount = 0;
  head.errorCount = 0;
  for (let index = 0; index < LEVELS.length; index++) {
    if ((mask & (1 << index)) === 0) continue;
    const count = columns.levelCounts[at++] ?? 0;
    head.requestCount += count;
    if (index === LEVEL_INDEX.ERROR || index === LEVEL_INDEX.FATAL) head.errorCount += count;
  }
}

function addRow(
  columns: ReadColumns,
  row: number,
  cursor: { level: number; bin: number },
  target: Aggregate,
): void {
  const mask = columns.levelMask[row] ?? 0;
  const { levels, sketch } = target;
  for (let index = 0; index < levels.length; index++) {
    if ((mask & (1 << index)) === 0) continue;
    levels[index] = (levels[index] ?? 0) + (columns.levelCounts[cursor.level++] ?? 0);
  }
  const zeroCount = columns.zeroCount[row] ?? 0;
  const binEnd = cursor.bin + (columns.binCount[row] ?? 0);
  let count = zeroCount;
  if (cursor.bin < binEnd) {
    const { binIndex, binValue } = columns;
    let last = 0;
    for (let bin = cursor.bin; bin < binEnd; bin++) last += binIndex[bin] ?? 0;
    // Both ends first, so that the loop never grows the array.
    sketch.cover(binIndex[cursor.bin] ?? 0, last);
    const { bins } = sketch;
    let at = -sketch.first;
    for (let bin = cursor.bin; bin < binEnd; bin++) {
      at += binIndex[bin] ?? 0;
      const value = binValue[bin] ?? 0;
      bins[at] = (bins[at] ?? 0) + value;
      count += value;
    }
  }
  cursor.bin = binEnd;
  if ((columns.folded[row] ?? 0) === 1) target.folded = true;
  if (count === 0) return;
  sketch.zeroCount += zeroCount;
  sketch.count += count;
  target.addSum(columns.sumLow[row] ?? 0, columns.sumHigh[row] ?? 0);
  const min = columns.min[row] ?? 0;
  const max = columns.max[row] ?? 0;
  if (min < target.durationMin) target.durationMin = min;
  if (max > target.durationMax) target.durationMax = max;
}

function readColumns(reader: Reader, end: number, strings: readonly string[]): ReadColumns {
  const columns: ReadColumns = new Columns();
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, BYTES)) columns.stream = readUint32Array(reader);
    else if (fieldTag === tag(2, BYTES)) columns.service = readUint32Array(reader);
    else if (fieldTag === tag(3, BYTES)) columns.minute = readPackedSint(reader);
    else if (fieldTag === tag(4, BYTES)) columns.levelMask = readUint32Array(reader);
    else if (fieldTag === tag(5, BYTES)) columns.levelCounts = readUint32Array(reader);
    else if (fieldTag === tag(6, BYTES)) columns.zeroCount = readUint32Array(reader);
    else if (fieldTag === tag(7, BYTES)) columns.sumLow = readUint32Array(reader);
    else if (fieldTag === tag(8, BYTES)) columns.sumHigh = readUint32Array(reader);
    else if (fieldTag === tag(9, BYTES)) columns.min = readPackedUint(reader);
    else if (fieldTag === tag(10, BYTES)) columns.max = readPackedUint(reader);
    else if (fieldTag === tag(11, BYTES)) columns.binCount = readUint32Array(reader);
    else if (fieldTag === tag(12, BYTES)) columns.binIndex = readInt32Array(reader);
    else if (fieldTag === tag(13, BYTES)) columns.binValue = readUint32Array(reader);
    else if (fieldTag === tag(14, BYTES)) columns.folded = readUint32Array(reader);
    else if (!readDetailField(reader, fieldTag, columns.detail, strings))
      refuseTag("Deltas", fieldTag);
  }
  return columns;
}

function checkColumns(columns: ReadColumns, strings: readonly string[]): void {
  const rowCount = columns.stream.length;
  if (rowCount > DELTA_ROWS_MAX) {
    throw malformed(`${rowCount} rows are more than the ${DELTA_ROWS_MAX} that a batch may have`);
  }
  const { detail, ...plain } = columns;
  for (const [name, column] of Object.entries(plain)) {
    if (name === "levelCounts" || name === "binIndex" || name === "binValue") continue;
    if (column.length === rowCount) continue;
    throw malformed(`column ${name} has ${column.length} rows instead of ${rowCount}`);
  }
  check(columns.binIndex.length === columns.binValue.length, "bin columns differ in length");
  const cursor = { level: 0, bin: 0 };
  let minute = 0;
  for (let row = 0; row < rowCount; row++) {
    minute += at(columns.minute, row);
    check(Math.abs(minute) <= MINUTE_LIMIT, "a window's minute is beyond all dates");
    check(at(columns.stream, row) < strings.length, "a stream is not in the string table");
    check(at(columns.service, row) < strings.length, "a service is not in the string table");
    const requestCount = checkLevels(columns, row, cursor);
    const durationCount = at(columns.zeroCount, row) + checkBins(columns, row, cursor);
    check(durationCount <= requestCount, "more durations than events");
    checkSums(columns, row, durationCount);
  }
  check(cursor.level === columns.levelCounts.length, "level counts are left over");
  check(cursor.bin === columns.binIndex.length, "bins are left over");
  checkDetailColumns(detail, rowCount, strings);
}

/** Returns the count of events. */
function checkLevels(columns: ReadColumns, row: number, cursor: { level: number }): number {
  const mask = at(columns.levelMask, row);
  check(mask < 1 << LEVELS.length, "a level is not known");
  let requestCount = 0;
  for (let left = mask; left > 0; left >>>= 1) {
    if ((left & 1) === 0) continue;
    const count = at(columns.levelCounts, cursor.level++);
    check(count > 0, "a level is counted zero times");
    requestCount += count;
  }
  return requestCount;
}

/** Returns the count of durations in bins. */
function checkBins(columns: ReadColumns, row: number, cursor: { bin: number }): number {
  const { binIndex, binValue } = columns;
  const binEnd = cursor.bin + at(columns.binCount, row);
  check(binEnd <= binIndex.length, "a column is too short");
  let count = 0;
  let index = 0;
  for (let bin = cursor.bin; bin < binEnd; bin++) {
    const step = binIndex[bin] ?? 0;
    check(bin === cursor.bin ? step >= 0 : step > 0, "bins are not ascending");
    index += step;
    const value = binValue[bin] ?? 0;
    check(value > 0, "a bin is empty");
    count += value;
  }
  check(index <= BUCKET_INDEX_MAX, "a bin is out of range");
  cursor.bin = binEnd;
  return count;
}

function checkSums(columns: ReadColumns, row: number, durationCount: number): void {
  const min = at(columns.min, row);
  const max = at(columns.max, row);
  if (durationCount > 0) {
    check(min <= max && max < DURATION_LIMIT_US, "the extremes of durations are out of range");
    return;
  }
  const hasNone =
    min === 0 && max === 0 && at(columns.sumLow, row) + at(columns.sumHigh, row) === 0;
  check(hasNone, "a sum of no durations is not zero");
}

function at(column: ArrayLike<number>, row: number): number {
  const value = column[row];
  if (value === undefined) throw malformed("a column is too short");
  return value;
}

function check(condition: boolean, message: string): void {
  if (!condition) throw malformed(message);
}

function malformed(message: string): MalformedError {
  return new MalformedError(`Deltas: ${message}`);
}
