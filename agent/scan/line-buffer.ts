import { splitLines } from "../source/split-lines.ts";

/** Takes lines in order. Called synchronously; bytes are only valid during the call. */
export interface LineSink {
  /** Whole lines: `buffer[from, to)` begins where a line begins and ends after a line feed. */
  lines(buffer: Buffer, from: number, to: number): void;
  /** The last line, when no line feed ends it; not empty. */
  unterminated(line: Buffer): void;
  /** Where the last event of whole lines begins, when further lines may belong to it; `to` when they cannot. Absent: they never can. */
  pendingFrom?(buffer: Buffer, from: number, to: number): number;
  /** So many bytes before the first one of a call tell with it what lines are; they stand before it in the buffer, as far as there are any. Absent: none. */
  readonly lookBackBytes?: number;
  /** Events of several lines longer than this are not held. */
  readonly eventBytesMax?: number;
  /** A line of `bytes` bytes, its line feed included, that is longer than the limit. */
  tooLong(bytes: number): void;
  /** Where bytes are best put; may be absent at first and come later. Nobody else may write to it. */
  readonly readBuffer?: Buffer | undefined;
}

/** Bytes read at a time: large enough that the calls cost little, small enough to stay in the processor's cache. */
const READ_BYTES = 512 * 1024;

/**
 * Cuts bytes into lines. The reader puts bytes where {@link room} says and calls {@link filled}; the buffer grows only for a line that
 * does not fit, up to the limit. Longer lines are dropped as they come and never held.
 */
export class LineBuffer {
  readonly #sink: LineSink;
  readonly #lineBytesMax: number;
  #buffer: Buffer;
  /** Bytes at the beginning of the buffer that were handed over and are looked back at. */
  #before = 0;
  /** Bytes behind them that were not handed over: an event that may go on, and an unfinished line. */
  #held = 0;
  /** Of them, those of whole lines. */
  #event = 0;
  /** Bytes dropped of the line at hand; 0 when none is being dropped. */
  #dropped = 0;

  constructor(sink: LineSink, lineBytesMax: number) {
    this.#sink = sink;
    this.#buffer = sink.readBuffer ?? Buffer.allocUnsafeSlow(READ_BYTES);
    this.#lineBytesMax = lineBytesMax;
  }

  /** Where the next bytes go: at least one byte of room. */
  room(): Buffer {
    const { readBuffer } = this.#sink;
    const isBetter = readBuffer !== undefined && readBuffer !== this.#buffer;
    const used = this.#before + this.#held;
    if (isBetter && used <= readBuffer.length / 2) {
      this.#buffer.copy(readBuffer, 0, 0, used);
      this.#buffer = readBuffer;
    }
    if (used > this.#buffer.length / 2) {
      const larger = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
      this.#buffer.copy(larger, 0, 0, used);
      this.#buffer = larger;
    }
    return this.#buffer.subarray(used);
  }

  /** Says that `bytes` bytes were put into {@link room}. */
  filled(bytes: number): void {
    const heldTo = this.#before + this.#held;
    const to = heldTo + bytes;
    let from = this.#before;
    if (this.#dropped > 0) {
      const lineFeed = this.#buffer.subarray(0, to).indexOf(0x0a);
      if (lineFeed < 0) {
        this.#dropped += to;
        this.#held = 0;
        return;
      }
      this.#sink.tooLong(this.#dropped + lineFeed + 1);
      this.#dropped = 0;
      from = lineFeed + 1;
    }
    // What was held has no line feed: when the new bytes have none either, there is nothing to cut.
    const hasLines = from > this.#before || this.#buffer.subarray(heldTo, to).includes(0x0a);
    if (hasLines) from = this.#cut(from, to);
    this.#held = to - from;
    if (this.#held - this.#event > this.#lineBytesMax) {
      if (this.#event > 0) this.#sink.lines(this.#buffer, from, from + this.#event);
      this.#dropped = this.#held - this.#event;
      this.#before = 0;
      this.#held = 0;
      this.#event = 0;
    } else if (from > this.#before) {
      const before = Math.min(from, this.#lookBackBytes());
      this.#buffer.copyWithin(0, from - before, to);
      this.#before = before;
    }
  }

  /** The line feed before the first line that is looked back at proves where that begins. */
  #lookBackBytes(): number {
    const { lookBackBytes = 0 } = this.#sink;
    return lookBackBytes === 0 ? 0 : lookBackBytes + 1;
  }

  /** Hands over the whole lines of a part of the buffer but an event that may go on; returns where what is held begins. */
  #cut(from: number, to: number): number {
    const { runs, restFrom } = splitLines(this.#buffer, from, to, this.#lineBytesMax);
    let eventFrom = restFrom;
    for (const run of runs) {
      if (run.isTooLong) {
        this.#sink.tooLong(run.to - run.from);
        continue;
      }
      if (run.to === restFrom) eventFrom = this.#eventFrom(run.from, run.to);
      const end = Math.min(run.to, eventFrom);
      if (end > run.from) this.#sink.lines(this.#buffer, run.from, end);
    }
    this.#event = restFrom - eventFrom;
    return eventFrom;
  }

  #eventFrom(from: number, to: number): number {
    const found = this.#sink.pendingFrom?.(this.#buffer, from, to) ?? to;
    return to - found <= (this.#sink.eventBytesMax ?? 0) ? found : to;
  }

  /** Adds bytes that stand elsewhere. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.room();
      const part = bytes.subarray(at, at + room.length);
      room.set(part);
      this.filled(part.length);
      at += part.length;
    }
  }

  /** Ends the input: what no line feed ended is the last line. */
  end(): void {
    const from = this.#before;
    if (this.#event > 0) this.#sink.lines(this.#buffer, from, from + this.#event);
    const rest = this.#buffer.subarray(from + this.#event, from + this.#held);
    if (this.#dropped > 0) this.#sink.tooLong(this.#dropped);
    else if (rest.length > 0) this.#sink.unterminated(rest);
    this.#dropped = 0;
    this.#before = 0;
    this.#event = 0;
    this.#held = 0;
  }
}
