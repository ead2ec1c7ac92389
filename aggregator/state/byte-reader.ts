import { TailraceError } from "../../shared/errors.ts";

/** Where bytes came from, which tells what is corrupt when they do not fit. */
export type ByteOrigin = "LOG_CORRUPT" | "STATE_CORRUPT";

/** Reads what `ByteWriter` wrote. Every method fails with LOG_CORRUPT or STATE_CORRUPT where the bytes end too early. */
export class ByteReader {
  private readonly bytes: Buffer;
  private readonly origin: ByteOrigin;
  private at = 0;

  constructor(bytes: Buffer, origin: ByteOrigin) {
    this.bytes = bytes;
    this.origin = origin;
  }

  /** True when all bytes are read. */
  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  /** Index of the next byte. */
  get offset(): number {
    return this.at;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw this.corrupt("ends too early");
    return value;
  }

  uint(): number {
    const bytes = this.bytes;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[this.at++];
      if (byte === undefined) throw this.corrupt("ends too early");
      value |= (byte & 0x7f) << shift;
      if (byte < 128) return value;
    }
    for (let factor = 2 ** 28; factor < 2 ** 53; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 128 && Number.isSafeInteger(value)) return value;
    }
    throw this.corrupt("holds a number beyond 2^53");
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  optionalInt(): number | undefined {
    return this.flag() ? this.int() : undefined;
  }

  flag(): boolean {
    return this.byte() !== 0;
  }

  text(): string {
    return this.take(this.uint()).toString("utf8");
  }

  /** `count` bytes as lower-case hex. */
  hex(count: number): string {
    return this.take(count).toString("hex");
  }

  /** All bytes that are left. */
  rest(): Buffer {
    return this.take(this.bytes.length - this.at);
  }

  /** `count` bytes; a view, not a copy. */
  take(count: number): Buffer {
    const to = this.at + count;
    if (to > this.bytes.length) throw this.corrupt("ends too early");
    const taken = this.bytes.subarray(this.at, to);
    this.at = to;
    return taken;
  }

  /** The error that says that these bytes were not written so. */
  corrupt(what: string): TailraceError {
    return new TailraceError(
      this.origin,
      `A stored row ${what} at byte ${this.at} of ${this.bytes.length}: restore the data directory from a backup.`,
      { facts: { offset: this.at, bytes: this.bytes.length } },
    );
  }

  /** Reads the format version before a row; fails with FORMAT_UNKNOWN when it is not `version`. */
  version(version: number, row: string): void {
    this.versions(version, version, row);
  }

  /** Reads and returns the format version before a row; fails with FORMAT_UNKNOWN when it is not from `lowest` to `highest`. */
  versions(lowest: number, highest: number, row: string): number {
    const found = this.byte();
    if (found >= lowest && found <= highest) return found;
    const known = lowest === highest ? String(highest) : `${lowest} to ${highest}`;
    throw new TailraceError(
      "FORMAT_UNKNOWN",
      `A stored ${row} has format version ${found}, this program reads ${known}: run the version that wrote it.`,
      { facts: { row, found, expected: highest } },
    );
  }
}
