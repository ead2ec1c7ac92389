import { findLastLineFeed, findLineFeed, splitLines } from "./split-lines.ts";

/** What becomes of framed bytes. */
export interface FramedLines {
  /** Whole lines, each with its line feed, in a buffer of their own. */
  lines(bytes: Buffer): void;
  /** A piece of a line that is longer than the limit; all of them come in order before {@link tooLong}. Only valid during the call. */
  dropped?(piece: Buffer): void;
  /** A line of `bytes` bytes, its line feed included, that is longer than the limit. */
  tooLong(bytes: number): void;
}

/** Cuts a stream of bytes into whole lines. What it holds of an unfinished line is at most the limit. */
export class LineFramer {
  readonly #lineBytesMax: number;
  readonly #target: FramedLines;
  #parts: Buffer[] = [];
  #heldBytes = 0;
  /** Bytes dropped of the line at hand; 0 when none is being dropped. */
  #droppedBytes = 0;

  constructor(lineBytesMax: number, target: FramedLines) {
    this.#lineBytesMax = lineBytesMax;
    this.#target = target;
  }

  /** Bytes of a line that is not finished. */
  get unfinishedBytes(): number {
    return this.#heldBytes + this.#droppedBytes;
  }

  /** Takes the next bytes; they are copied. */
  push(bytes: Buffer): void {
    let from = 0;
    if (this.#droppedBytes > 0) {
      const end = findLineFeed(bytes, 0, bytes.length) + 1;
      const dropped = bytes.subarray(0, end === 0 ? bytes.length : end);
      this.#droppedBytes += dropped.length;
      this.#target.dropped?.(dropped);
      if (end === 0) return;
      this.#target.tooLong(this.#droppedBytes);
      this.#droppedBytes = 0;
      from = end;
    }
    const restFrom = findLastLineFeed(bytes, from, bytes.length) + 1;
    if (restFrom > from) {
      const whole = Buffer.concat([...this.#parts, bytes.subarray(from, restFrom)]);
      this.#parts = [];
      this.#heldBytes = 0;
      this.#hand(whole);
      from = restFrom;
    }
    this.#hold(bytes.subarray(from));
  }

  /** The stream is over: what no line feed ended is the last line, which gets one. */
  end(): void {
    if (this.#droppedBytes > 0) this.#target.tooLong(this.#droppedBytes);
    else if (this.#heldBytes > 0) this.#hand(Buffer.concat([...this.#parts, Buffer.from("\n")]));
    this.#parts = [];
    this.#heldBytes = 0;
    this.#droppedBytes = 0;
  }

  #hold(rest: Buffer): void {
    if (rest.length === 0) return;
    if (this.#heldBytes + rest.length > this.#lineBytesMax) {
      this.#droppedBytes = this.#heldBytes + rest.length;
      for (const part of [...this.#parts, rest]) this.#target.dropped?.(part);
      this.#parts = [];
      this.#heldBytes = 0;
      return;
    }
    this.#parts.push(Buffer.from(rest));
    this.#heldBytes += rest.length;
    // Many small pieces would cost more than their bytes.
    if (this.#parts.length > 64) this.#parts = [Buffer.concat(this.#parts)];
  }

  #hand(whole: Buffer): void {
    const { runs } = splitLines(whole, 0, whole.length, this.#lineBytesMax);
    for (const run of runs) {
      const bytes = whole.subarray(run.from, run.to);
      if (run.isTooLong) {
        this.#target.dropped?.(bytes);
        this.#target.tooLong(bytes.length);
      } else this.#target.lines(bytes);
    }
  }
}
