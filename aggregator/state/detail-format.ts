/**
 * Bytes of measures, sample lines and dimensions, the same for equal ones, as parts of other rows.
 *
 * ```text
 * detail      byte folded; uint count of measures; per measure: text name, byte kind (0 sum, 1 count, 2 distinct), then
 *               sum: uint low, int high; count: uint; distinct: uint length, registers (shared/protocol/registers.ts)
 *             uint count of sample lines; per line: 16 bytes id, int time, byte level, text
 * dimensions  uint count; per dimension: text name, text value
 * ```
 */
import {
  Detail,
  EXEMPLARS_MAX,
  MEASURE_KINDS,
  MEASURES_MAX,
  type MeasureState,
} from "../../shared/aggregates/detail.ts";
import {
  DIMENSIONS_MAX,
  DIMENSIONS_NONE,
  type Dimensions,
} from "../../shared/aggregates/dimensions.ts";
import { readRegisters, writeRegisters } from "../../shared/protocol/registers.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

const ID_BYTES = 16;

/** Writes measures and sample lines. */
export function writeDetail(writer: ByteWriter, detail: Detail): void {
  writer.flag(detail.isFolded);
  const { measures, exemplars } = detail;
  writer.uint(measures.length);
  for (const { name, kind, low, high, sketch } of measures) {
    writer.text(name);
    writer.byte(MEASURE_KINDS.indexOf(kind));
    if (sketch !== undefined) {
      const registers = Buffer.from(writeRegisters(sketch));
      writer.uint(registers.length);
      writer.raw(registers);
      continue;
    }
    writer.uint(low);
    if (kind === "sum") writer.int(high);
  }
  writer.uint(exemplars.length);
  for (const { id, timeMs, level, line } of exemplars) {
    writer.hex(id);
    writer.int(timeMs);
    writer.byte(level);
    writer.text(line);
  }
}

/** Reads what {@link writeDetail} wrote. */
export function readDetail(reader: ByteReader): Detail {
  const detail = new Detail();
  detail.isFolded = reader.flag();
  const measureCount = reader.uint();
  if (measureCount > MEASURES_MAX) throw reader.corrupt(`has ${measureCount} measures`);
  for (let left = measureCount; left > 0; left--) readMeasure(reader, detail);
  const exemplarCount = reader.uint();
  if (exemplarCount > EXEMPLARS_MAX) throw reader.corrupt(`has ${exemplarCount} sample lines`);
  for (let left = exemplarCount; left > 0; left--) {
    const id = reader.hex(ID_BYTES);
    const timeMs = reader.int();
    const level = reader.byte();
    detail.addExemplar({ id, timeMs, level, line: reader.text() });
  }
  return detail;
}

function readMeasure(reader: ByteReader, detail: Detail): void {
  const name = reader.text();
  const kind = MEASURE_KINDS[reader.byte()];
  if (kind === undefined) throw reader.corrupt("has a measure of an unknown kind");
  const state = detail.measure(name, kind);
  if (state === undefined) throw reader.corrupt("has too many measures");
  if (kind === "distinct") {
    readSketch(reader, state);
    return;
  }
  state.low = reader.uint();
  if (kind === "sum") state.high = reader.int();
}

function readSketch(reader: ByteReader, state: MeasureState): void {
  const bytes = reader.take(reader.uint());
  try {
    readRegisters(bytes, (index, rank) => state.sketch?.raise(index, rank));
  } catch (error) {
    if (error instanceof MalformedError) throw reader.corrupt("has registers that are none");
    throw error;
  }
}

/** Writes dimensions. */
export function writeDimensions(writer: ByteWriter, dimensions: Dimensions): void {
  const pairs = Object.entries(dimensions);
  writer.uint(pairs.length);
  for (const [name, value] of pairs) {
    writer.text(name);
    writer.text(value);
  }
}

/** Reads what {@link writeDimensions} wrote. */
export function readDimensions(reader: ByteReader): Dimensions {
  const count = reader.uint();
  if (count > DIMENSIONS_MAX) throw reader.corrupt(`has ${count} dimensions`);
  if (count === 0) return DIMENSIONS_NONE;
  const pairs: (readonly [string, string])[] = [];
  for (let left = count; left > 0; left--) pairs.push([reader.text(), reader.text()]);
  return Object.fromEntries(pairs);
}
