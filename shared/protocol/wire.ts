/**
 * Protobuf fields, strictly: a field that this version does not know, a wire type that does not fit, or an integer beyond 2^53 is refused.
 * Protobufjs' minimal reader and writer do the bytes; the messages are written out by hand beside `tailrace.proto`, since a batch goes straight
 * from and to its columns without objects in between. A test holds them against protobufjs' own reading of the `.proto`.
 */

import type { Reader, Writer } from "protobufjs/minimal.js";
import protobuf from "protobufjs/minimal.js";
import { AssertionError } from "../assert.ts";

// 64-bit integers as numbers instead of Long objects; `safe` below refuses those that a number cannot hold.
Reflect.set(protobuf.util, "Long", null);
protobuf.configure();

/** Thrown when bytes are not what `tailrace.proto` and FORMAT.md say; the message tells what is wrong. */
export class MalformedError extends Error {
  override readonly name: string = "MalformedError";
}

/** Wire types of protobuf. */
export const VARINT = 0;
/** Length-delimited: text, bytes, messages and packed numbers. */
export const BYTES = 2;
/** A byte of a varint from here on says that another follows. */
export const CONTINUED = 128;
/** Four bytes, little endian. */
export const FIXED32 = 5;

/** The tag of a field: its number and wire type. */
export function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

/** A new writer. */
export function createWriter(): Writer {
  return protobuf.Writer.create();
}

/** Finishes `writer` as a Buffer of its own. */
export function finish(writer: Writer): Buffer {
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A reader over `bytes`. */
export function createReader(bytes: Uint8Array): Reader {
  return protobuf.Reader.create(bytes);
}

/** Runs `decode`, turning the reader's own faults (an end in the middle of a field, a varint too long) into {@link MalformedError}. */
export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof MalformedError || isFaultOfProgram(cause)) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new MalformedError(`${what} does not decode: ${detail}`, { cause });
  }
}

// Such a fault says nothing of the bytes: taken for malformed, it would condemn records that are whole.
function isFaultOfProgram(cause: unknown): boolean {
  return (
    cause instanceof ReferenceError || cause instanceof TypeError || cause instanceof AssertionError
  );
}

/** Refuses a field that this version does not know. */
export function refuseTag(message: string, fieldTag: number): never {
  throw new MalformedError(
    `${message} has an unknown field: number ${fieldTag >>> 3}, wire type ${fieldTag & 7}`,
  );
}

/** Reads an unsigned integer up to 2^53 − 1. */
export function readUint(reader: Reader): number {
  return safe(Number(reader.uint64()));
}

/** Reads a zigzag-coded integer within ±(2^53 − 1). */
export function readSint(reader: Reader): number {
  return safe(Number(reader.sint64()));
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw new MalformedError("an integer is beyond 2^53");
  return value;
}

/** Reads the length of a nested message or packed field and returns where it ends. */
export function readEnd(reader: Reader): number {
  const bytes = reader.uint32();
  const end = reader.pos + bytes;
  if (end > reader.len) throw new MalformedError("a field ends beyond its message");
  return end;
}

/** Reads bytes as lower-case hex. */
export function readHex(reader: Reader): string {
  const bytes = reader.bytes();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** Reads packed unsigned 32-bit integers. */
export function readPackedUint32(reader: Reader): number[] {
  return Array.from(readUint32Array(reader));
}

/** The same, for columns of tens of thousands. */
export function readUint32Array(reader: Reader): Uint32Array {
  const end = readEnd(reader);
  const { buf } = reader;
  const values = new Uint32Array(end - reader.pos);
  let count = 0;
  // Most are of one byte, which costs a third of a call.
  while (reader.pos < end) {
    const byte = buf[reader.pos] ?? CONTINUED;
    if (byte < CONTINUED) {
      reader.pos++;
      values[count++] = byte;
    } else values[count++] = reader.uint32();
  }
  return values.subarray(0, count);
}

/** Reads packed zigzag-coded 32-bit integers. */
export function readInt32Array(reader: Reader): Int32Array {
  const end = readEnd(reader);
  const { buf } = reader;
  const values = new Int32Array(end - reader.pos);
  let count = 0;
  while (reader.pos < end) {
    const byte = buf[reader.pos] ?? CONTINUED;
    if (byte < CONTINUED) {
      reader.pos++;
      values[count++] = (byte >>> 1) ^ -(byte & 1);
    } else values[count++] = reader.sint32();
  }
  return values.subarray(0, count);
}

/** Reads packed unsigned integers up to 2^53 − 1. */
export function readPackedUint(reader: Reader): number[] {
  const end = readEnd(reader);
  const values: number[] = [];
  while (reader.pos < end) values.push(readUint(reader));
  return values;
}

/** Reads packed zigzag-coded integers within ±(2^53 − 1). */
export function readPackedSint(reader: Reader): number[] {
  const end = readEnd(reader);
  const values: number[] = [];
  while (reader.pos < end) values.push(readSint(reader));
  return values;
}

/** Reads packed doubles. */
export function readPackedDouble(reader: Reader): number[] {
  const end = readEnd(reader);
  const values: number[] = [];
  while (reader.pos < end) values.push(reader.double());
  return values;
}
