/** Bytes of the first chunk, and of the longest; rows are cut out of them, so that a commit allocates a few chunks instead of one buffer a row. */
const CHUNK_BYTES_FIRST = 512;
const CHUNK_BYTES_LONGEST = 64 * 1024;
const LOW_LIMIT = 2 ** 28;
/** Longest text that is written byte by byte. */
const SHORT_LENGTH = 32;
const NO_BYTES: Buffer = Buffer.alloc(0);

/**
 * Writes rows of varints and texts, one after the other, into shared chunks. The rows it returns are never written again.
 * Integers are unsigned LEB128 (as in protobuf) up to 2^53 - 1.
 */
export class ByteWriter {
  private chunk = NO_BYTES;
  private start = 0;
  private at = 0;
  private chunkBytes = CHUNK_BYTES_FIRST;

  /** Makes room for `count` more bytes of the open row. */
  reserve(count: number): void {
    if (this.at + count <= this.chunk.length) return;
    const written = this.at - this.start;
    const chunk = Buffer.allocUnsafe(Math.max(this.chunkBytes, (written + count) * 2));
    this.chunkBytes = Math.min(this.chunkBytes * 2, CHUNK_BYTES_LONGEST);
    this.chunk.copy(chunk, 0, this.start, this.at);
    this.chunk = chunk;
    this.start = 0;
    this.at = written;
  }

  /** Bytes of the open row so far. */
  get length(): number {
    return this.at - this.start;
  }

  byte(value: number): void {
    this.reserve(1);
    this.chunk[this.at++] = value;
  }

  /** An integer in [0, 2^53). */
  uint(value: number): void {
    if (this.at + 8 > this.chunk.length) this.reserve(8);
    let rest = value;
    while (rest >= LOW_LIMIT) {
      this.chunk[this.at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    let low = rest | 0;
    while (low >= 128) {
      this.chunk[this.at++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    this.chunk[this.at++] = low;
  }

  /** An integer in (-2^52, 2^52), zigzag. */
  int(value: number): void {
    this.uint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** An integer in (-2^52, 2^52) or undefined. */
  optionalInt(value: number | undefined): void {
    this.byte(value === undefined ? 0 : 1);
    if (value !== undefined) this.int(value);
  }

  flag(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  /** Length in bytes, then UTF-8. */
  text(value: string): void {
    if (value.length <= SHORT_LENGTH && this.shortAscii(value)) return;
    const count = Buffer.byteLength(value);
    this.uint(count);
    this.reserve(count);
    this.at += this.chunk.write(value, this.at, count, "utf8");
  }

  /** Writes a text whose length is one byte, unless it has a character beyond ASCII: two calls out of JavaScript cost more than its bytes. */
  private shortAscii(value: string): boolean {
    const { length } = value;
    this.reserve(1 + length);
    const { chunk, at } = this;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 128) return false;
      chunk[at + 1 + index] = code;
    }
    chunk[at] = length;
    this.at = at + 1 + length;
    return true;
  }

  /** ASCII without its length. */
  ascii(value: string): void {
    this.reserve(value.length);
    this.at += this.chunk.write(value, this.at, value.length, "latin1");
  }

  /** Bytes given as hex, without their length: the reader knows it. */
  hex(value: string): void {
    const count = value.length / 2;
    this.reserve(count);
    this.at += this.chunk.write(value, this.at, count, "hex");
  }

  /** Bytes without their length. */
  raw(value: Buffer): void {
    this.reserve(value.length);
    this.at += value.copy(this.chunk, this.at);
  }

  /** Ends the open row and returns it; the next begins. */
  finish(): Buffer {
    const row = this.chunk.subarray(this.start, this.at);
    this.start = this.at;
    return row;
  }
}
