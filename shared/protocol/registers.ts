/**
 * The registers of a sketch of distinct values as bytes, the same for equal registers, on the wire and in stored rows.
 *
 * ```text
 * byte 0: few. Then per register that is not zero, ascending: uint (index − index before − 1) · 64 + rank, LEB128; the index before the first is −1
 * byte 1: many. Then all 16,384 registers, 6 bits each, from the lowest bit of the first byte on
 * ```
 */
import { type DistinctSketch, RANK_MAX, REGISTER_COUNT } from "../aggregates/distinct-sketch.ts";
import { MalformedError } from "./wire.ts";

const FEW = 0;
const MANY = 1;
/** From so many registers on all of them take less than one by one. */
const FEW_COUNT_MAX = 6000;
const MANY_BYTES = (REGISTER_COUNT * 6) / 8;

/** The bytes of a sketch's registers. */
export function writeRegisters(sketch: DistinctSketch): Uint8Array {
  const registers = sketch.registers();
  if (registers.length > FEW_COUNT_MAX) return packAll(registers);
  const bytes: number[] = [FEW];
  let before = -1;
  for (const [index, rank] of registers) {
    let value = (index - before - 1) * 64 + rank;
    for (; value >= 128; value >>>= 7) bytes.push((value & 127) | 128);
    bytes.push(value);
    before = index;
  }
  return Uint8Array.from(bytes);
}

function packAll(registers: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = new Uint8Array(1 + MANY_BYTES);
  bytes[0] = MANY;
  for (const [index, rank] of registers) {
    const bit = index * 6;
    const at = 1 + (bit >>> 3);
    const value = rank << (bit & 7);
    bytes[at] = (bytes[at] ?? 0) | (value & 255);
    if (value > 255) bytes[at + 1] = (bytes[at + 1] ?? 0) | (value >>> 8);
  }
  return bytes;
}

/** Tells each register that is not zero. Throws {@link MalformedError} when the bytes are none of {@link writeRegisters}. */
export function readRegisters(
  bytes: Uint8Array,
  raise: (index: number, rank: number) => void,
): void {
  if (bytes[0] === MANY) readAll(bytes, raise);
  else if (bytes[0] === FEW) readFew(bytes, raise);
  else throw malformed("begin with an unknown byte");
}

function readFew(bytes: Uint8Array, raise: (index: number, rank: number) => void): void {
  let index = -1;
  for (let at = 1; at < bytes.length; ) {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 14) throw malformed("end in a number");
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    index += (value >>> 6) + 1;
    raiseChecked(index, value & 63, raise);
  }
}

function readAll(bytes: Uint8Array, raise: (index: number, rank: number) => void): void {
  if (bytes.length !== 1 + MANY_BYTES) throw malformed("are of another length");
  for (let index = 0; index < REGISTER_COUNT; index++) {
    const bit = index * 6;
    const at = 1 + (bit >>> 3);
    const pair = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    const rank = (pair >>> (bit & 7)) & 63;
    if (rank > 0) raiseChecked(index, rank, raise);
  }
}

function raiseChecked(
  index: number,
  rank: number,
  raise: (index: number, rank: number) => void,
): void {
  if (index >= REGISTER_COUNT || rank < 1 || rank > RANK_MAX) throw malformed("are out of range");
  raise(index, rank);
}

function malformed(what: string): MalformedError {
  return new MalformedError(`Deltas: registers of distinct values ${what}`);
}
