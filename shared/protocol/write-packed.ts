/**
 * Packed fields of numbers, which are nearly all that a batch consists of. They are laid out here: protobufjs' writer keeps an object for each
 * number until it knows the length, which costs an agent on a backlog more than counting does.
 */
import type { Writer } from "protobufjs/minimal.js";
import { BYTES, CONTINUED, tag } from "./wire.ts";

/** How numbers of a packed field are written: integers within ±(2^53 − 1), those of the unsigned kinds not below 0. */
export type PackedKind = "uint32" | "sint32" | "uint64" | "sint64" | "double";

/** Bytes of a varint of 53 bits and a sign, rounded up; a double has eight. */
const NUMBER_BYTES_MAX = 10;

/** Writes `values` as one packed field; nothing when there are none. */
export function writePacked(
  writer: Writer,
  field: number,
  kind: PackedKind,
  values: ArrayLike<number>,
): void {
  if (values.length === 0) return;
  const bytes = kind === "double" ? doubles(values) : varints(values, kind.startsWith("s"));
  writer.uint32(tag(field, BYTES)).bytes(bytes);
}

/** `isSigned`: zigzag-coded, so that numbers near zero are short whatever their sign. */
function varints(values: ArrayLike<number>, isSigned: boolean): Uint8Array {
  // Most are of one byte.
  let bytes = Buffer.allocUnsafe(Math.ceil(values.length * 1.25) + NUMBER_BYTES_MAX);
  let to = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0;
    if (to + NUMBER_BYTES_MAX > bytes.length) {
      bytes = Buffer.concat([bytes.subarray(0, to)], 2 * bytes.length);
    }
    const code = !isSigned ? value : value < 0 ? -2 * value - 1 : 2 * value;
    if (code < CONTINUED) {
      bytes[to++] = code;
      continue;
    }
    // The sign is the lowest bit. It is taken apart first, since twice a number of 53 bits may have no exact double.
    const sign = isSigned && value < 0 ? 1 : 0;
    const magnitude = sign === 1 ? -value - 1 : value;
    const firstUnit = isSigned ? CONTINUED / 2 : CONTINUED;
    let rest = Math.floor(magnitude / firstUnit);
    const first = magnitude - rest * firstUnit;
    let low = isSigned ? 2 * first + sign : first;
    while (rest > 0) {
      bytes[to++] = low + CONTINUED;
      const next = Math.floor(rest / CONTINUED);
      low = rest - next * CONTINUED;
      rest = next;
    }
    bytes[to++] = low;
  }
  return bytes.subarray(0, to);
}

function doubles(values: ArrayLike<number>): Uint8Array {
  const bytes = Buffer.allocUnsafe(8 * values.length);
  for (let at = 0; at < values.length; at++) bytes.writeDoubleLE(values[at] ?? 0, 8 * at);
  return bytes;
}
