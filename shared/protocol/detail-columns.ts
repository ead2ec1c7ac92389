/**
 * The columns of dimensions, measures and sample lines: written into a Deltas message, and read from it. Columns of which every row would be
 * zero are left out, so that batches without any cost nothing.
 */
import type { Reader, Writer } from "protobufjs/minimal.js";
import { type Aggregate, LEVELS } from "../aggregates/aggregate.ts";
import {
  Detail,
  EXEMPLAR_LENGTH_MAX,
  EXEMPLARS_MAX,
  type Exemplar,
  MEASURE_KINDS,
  MEASURES_MAX,
  SUM_HIGH_MAX,
} from "../aggregates/detail.ts";
import {
  DIMENSION_NAME_LENGTH_MAX,
  DIMENSION_VALUE_LENGTH_MAX,
  DIMENSIONS_MAX,
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
} from "../aggregates/dimensions.ts";
import type { Delta } from "./batch.ts";
import { readRegisters, writeRegisters } from "./registers.ts";
import type { StringTable } from "./string-table.ts";
import {
  BYTES,
  MalformedError,
  readEnd,
  readHex,
  readPackedSint,
  readPackedUint,
  readPackedUint32,
  readSint,
  refuseTag,
  tag,
  VARINT,
} from "./wire.ts";
import { writePacked } from "./write-packed.ts";

/** Event times are within this many milliseconds of the Unix epoch. */
const TIME_MS_LIMIT = 4e15;
const SUM_LOW_LIMIT = 2 ** 32;

/** See the head of this file. */
export class DetailColumns {
  /** Per row 0, or one more than the place in `dimensionSets`. */
  dimensions: number[] = [];
  readonly dimensionSets: Dimensions[] = [];
  measureCount: number[] = [];
  measureName: number[] = [];
  /** Place in MEASURE_KINDS. */
  measureKind: number[] = [];
  measureLow: number[] = [];
  measureHigh: number[] = [];
  /** Of each measure of the kind `distinct`. */
  readonly registers: Uint8Array[] = [];
  exemplarCount: number[] = [];
  readonly exemplars: Exemplar[] = [];
  /** Of the writer: the place of each set, and the names and values as numbers in the table of strings. */
  readonly setPlaces = new Map<string, number>();
  readonly setStrings: { readonly names: number[]; readonly values: number[] }[] = [];
}

/** Adds one row. */
export function pushDetail(columns: DetailColumns, delta: Delta, strings: StringTable): void {
  columns.dimensions.push(placeOfSet(columns, delta.dimensions ?? DIMENSIONS_NONE, strings));
  const { detail } = delta.aggregate;
  const measures = detail?.measures ?? [];
  columns.measureCount.push(measures.length);
  for (const { name, kind, low, high, sketch } of measures) {
    columns.measureName.push(strings.index(name));
    columns.measureKind.push(MEASURE_KINDS.indexOf(kind));
    columns.measureLow.push(low);
    columns.measureHigh.push(high);
    if (sketch !== undefined) columns.registers.push(writeRegisters(sketch));
  }
  const exemplars = detail?.exemplars ?? [];
  columns.exemplarCount.push(exemplars.length);
  columns.exemplars.push(...exemplars);
}

function placeOfSet(columns: DetailColumns, dimensions: Dimensions, strings: StringTable): number {
  const key = dimensionsKey(dimensions);
  if (key === "") return 0;
  const known = columns.setPlaces.get(key);
  if (known !== undefined) return known;
  columns.setStrings.push({
    names: Object.keys(dimensions).map((name) => strings.index(name)),
    values: Object.values(dimensions).map((value) => strings.index(value)),
  });
  const place = columns.setStrings.length;
  columns.setPlaces.set(key, place);
  return place;
}

/** Writes the fields of a Deltas message that hold these columns. */
export function writeDetailColumns(writer: Writer, columns: DetailColumns): void {
  writeUnlessZero(writer, 15, columns.dimensions);
  for (const { names, values } of columns.setStrings) {
    writer.uint32(tag(16, BYTES)).fork();
    writePacked(writer, 1, "uint32", names);
    writePacked(writer, 2, "uint32", values);
    writer.ldelim();
  }
  writeUnlessZero(writer, 17, columns.measureCount);
  writePacked(writer, 18, "uint32", columns.measureName);
  writePacked(writer, 19, "uint32", columns.measureKind);
  writePacked(writer, 20, "uint64", columns.measureLow);
  writePacked(writer, 21, "sint64", columns.measureHigh);
  for (const registers of columns.registers) writer.uint32(tag(22, BYTES)).bytes(registers);
  writeUnlessZero(writer, 23, columns.exemplarCount);
  for (const { id, timeMs, level, line } of columns.exemplars) {
    writer.uint32(tag(24, BYTES)).fork();
    writer.uint32(tag(1, BYTES)).bytes(Buffer.from(id, "hex"));
    writer.uint32(tag(2, VARINT)).sint64(timeMs);
    writer.uint32(tag(3, VARINT)).uint32(level);
    writer.uint32(tag(4, BYTES)).string(line);
    writer.ldelim();
  }
}

function writeUnlessZero(writer: Writer, field: number, column: readonly number[]): void {
  if (column.some((value) => value !== 0)) writePacked(writer, field, "uint32", column);
}

/** Reads a field of a Deltas message into the columns; false when it is none of theirs. */
export function readDetailField(
  reader: Reader,
  fieldTag: number,
  columns: DetailColumns,
  strings: readonly string[],
): boolean {
  if (fieldTag === tag(15, BYTES)) columns.dimensions = readPackedUint32(reader);
  else if (fieldTag === tag(16, BYTES)) columns.dimensionSets.push(readSet(reader, strings));
  else if (fieldTag === tag(17, BYTES)) columns.measureCount = readPackedUint32(reader);
  else if (fieldTag === tag(18, BYTES)) columns.measureName = readPackedUint32(reader);
  else if (fieldTag === tag(19, BYTES)) columns.measureKind = readPackedUint32(reader);
  else if (fieldTag === tag(20, BYTES)) columns.measureLow = readPackedUint(reader);
  else if (fieldTag === tag(21, BYTES)) columns.measureHigh = readPackedSint(reader);
  else if (fieldTag === tag(22, BYTES)) columns.registers.push(reader.bytes());
  else if (fieldTag === tag(23, BYTES)) columns.exemplarCount = readPackedUint32(reader);
  else if (fieldTag === tag(24, BYTES)) columns.exemplars.push(readExemplar(reader));
  else return false;
  return true;
}

function readSet(reader: Reader, strings: readonly string[]): Dimensions {
  const end = readEnd(reader);
  let names: readonly number[] = [];
  let values: readonly number[] = [];
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, BYTES)) names = readPackedUint32(reader);
    else if (fieldTag === tag(2, BYTES)) values = readPackedUint32(reader);
    else refuseTag("DimensionSet", fieldTag);
  }
  check(names.length === values.length && names.length > 0, "a set of dimensions has no values");
  check(names.length <= DIMENSIONS_MAX, `a window has more than ${DIMENSIONS_MAX} dimensions`);
  const pairs: [string, string][] = [];
  for (const [at, name] of names.entries()) {
    const pair: [string, string] = [text(strings, name), text(strings, values[at] ?? 0)];
    const isLong =
      pair[0].length > DIMENSION_NAME_LENGTH_MAX || pair[1].length > DIMENSION_VALUE_LENGTH_MAX;
    check(!isLong, "a dimension is too long");
    const before = pairs.at(-1);
    check(before === undefined || before[0] < pair[0], "dimensions are not ascending");
    pairs.push(pair);
  }
  return Object.fromEntries(pairs);
}

function readExemplar(reader: Reader): Exemplar {
  const end = readEnd(reader);
  let id = "";
  let timeMs = 0;
  let level = 0;
  let line = "";
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, BYTES)) id = readHex(reader);
    else if (fieldTag === tag(2, VARINT)) timeMs = readSint(reader);
    else if (fieldTag === tag(3, VARINT)) level = reader.uint32();
    else if (fieldTag === tag(4, BYTES)) line = reader.string();
    else refuseTag("Exemplar", fieldTag);
  }
  check(id.length === 32, "a sample line's id is not 16 bytes");
  check(Math.abs(timeMs) <= TIME_MS_LIMIT, "a sample line's time is out of range");
  check(level < LEVELS.length, "a sample line's level is not known");
  check(line.length <= EXEMPLAR_LENGTH_MAX, "a sample line is too long");
  return { id, timeMs, level, line };
}

/** Throws {@link MalformedError} when these columns do not fit `rowCount` rows. */
export function checkDetailColumns(
  columns: DetailColumns,
  rowCount: number,
  strings: readonly string[],
): void {
  for (const column of [columns.dimensions, columns.measureCount, columns.exemplarCount]) {
    check(column.length === 0 || column.length === rowCount, "a column of details is too short");
  }
  for (const place of columns.dimensions) {
    check(place <= columns.dimensionSets.length, "a set of dimensions is not there");
  }
  const { measureName, measureKind, measureLow, measureHigh } = columns;
  checkCounts(columns.measureCount, MEASURES_MAX, measureName.length);
  checkCounts(columns.exemplarCount, EXEMPLARS_MAX, columns.exemplars.length);
  const lengths = new Set([measureName, measureKind, measureLow, measureHigh].map((c) => c.length));
  check(lengths.size === 1, "columns of measures differ in length");
  for (const name of measureName) {
    check(text(strings, name).length <= DIMENSION_NAME_LENGTH_MAX, "a measure's name is too long");
  }
  let registers = 0;
  for (const [at, number] of measureKind.entries()) {
    const kind = MEASURE_KINDS[number];
    check(kind !== undefined, "a measure's kind is not known");
    if (kind === "distinct") {
      const bytes = columns.registers[registers++];
      check(bytes !== undefined, "registers are missing");
      if (bytes !== undefined) readRegisters(bytes, () => undefined);
    }
    const low = measureLow[at] ?? 0;
    check(kind !== "sum" || low < SUM_LOW_LIMIT, "a sum is out of range");
    check(Math.abs(measureHigh[at] ?? 0) <= SUM_HIGH_MAX, "a sum is out of range");
  }
  check(registers === columns.registers.length, "registers are left over");
}

function checkCounts(counts: readonly number[], limit: number, length: number): void {
  let sum = 0;
  for (const count of counts) {
    check(count <= limit, "a window has too many measures or sample lines");
    sum += count;
  }
  check(sum === length, "measures or sample lines are left over");
}

/** Where the next row's measures, registers and sample lines begin. */
export interface DetailCursor {
  measure: number;
  registers: number;
  exemplar: number;
}

/** The dimensions of a row. */
export function dimensionsOfRow(columns: DetailColumns, row: number): Dimensions {
  const place = columns.dimensions[row] ?? 0;
  return place === 0 ? DIMENSIONS_NONE : (columns.dimensionSets[place - 1] ?? DIMENSIONS_NONE);
}

/** Adds a row's measures and sample lines to `target`; rows are added in their order, each once. */
export function addDetailRow(
  columns: DetailColumns,
  row: number,
  cursor: DetailCursor,
  target: { readonly aggregate: Aggregate; readonly strings: readonly string[] },
): void {
  const measureEnd = cursor.measure + (columns.measureCount[row] ?? 0);
  const exemplarEnd = cursor.exemplar + (columns.exemplarCount[row] ?? 0);
  if (measureEnd === cursor.measure && exemplarEnd === cursor.exemplar) return;
  const { aggregate, strings } = target;
  aggregate.detail ??= new Detail();
  const { detail } = aggregate;
  for (; cursor.measure < measureEnd; cursor.measure++) {
    const at = cursor.measure;
    const kind = MEASURE_KINDS[columns.measureKind[at] ?? 0] ?? "count";
    const registers = kind === "distinct" ? columns.registers[cursor.registers++] : undefined;
    const state = detail.measure(strings[columns.measureName[at] ?? 0] ?? "", kind);
    if (state === undefined) continue;
    const low = columns.measureLow[at] ?? 0;
    if (kind === "count") state.low += low;
    else if (kind === "sum") state.addSum(low, columns.measureHigh[at] ?? 0);
    else if (registers !== undefined) {
      readRegisters(registers, (index, rank) => state.sketch?.raise(index, rank));
    }
  }
  for (; cursor.exemplar < exemplarEnd; cursor.exemplar++) {
    const exemplar = columns.exemplars[cursor.exemplar];
    if (exemplar !== undefined) detail.addExemplar(exemplar);
  }
}

function text(strings: readonly string[], index: number): string {
  const found = strings[index];
  if (found === undefined) throw malformed("a name is not in the string table");
  return found;
}

function check(condition: boolean, message: string): void {
  if (!condition) throw malformed(message);
}

function malformed(message: string): MalformedError {
  return new MalformedError(`Deltas: ${message}`);
}
