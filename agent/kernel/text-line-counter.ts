/**
 * Counts lines of text by a kernel in WebAssembly (`assembly/text-lines.ts`), which builds nothing per line: the fast path of the formats
 * that {@link textFormatOf} knows.
 *
 * How it works. For each format the kernel has a reader that does to a line what the parser does, byte for byte, wherever the line has the
 * form that programs write; it looks at sixteen bytes at a time where it searches. What it cannot prove goes on a list, and this host hands
 * it to the {@link JoiningRemainder}, that is to the parser. So a line counts exactly as the parser would count it, or by the parser.
 *
 * Events of several lines. A line is an event's beginning, or goes on with the event before, or is unproven. An event waits until the next
 * one begins, and then counts as a whole. With an unproven line everything goes to the host from the event before it to the next line that
 * surely begins one: so the parser sees whole events, and what it makes of them depends on nothing else.
 *
 * What the lines before tell. Most lines are like the one before, so what was found in it is expected first and only compared: the minute of a
 * time, the keys of logfmt in their order (`logfmt.ts`), the word of a level, the shape of JSON (`walk-text.ts`; Docker's is walked as it
 * stands in its string, no escape taken out). Other shapes are a tree (`shape-tree.ts`) of which each byte names the few ways that it can begin.
 * Whether the first line of a container goes on with another tells the line before it, which is given to the kernel along with the others.
 *
 * What goes to the parser: lines with marks of a wrong or rare form (times of other layouts, durations such as `1m3s`, names of services of
 * more than 64 bytes), pieces of lines and traces of containers, JSON in containers that is of a dialect or writes a name twice or with
 * escapes, and whatever is rejected.
 *
 * Times without a zone or a year. The kernel asks for each minute once; the year of a time is asked for again when the clock's minute changes.
 *
 * Figures: `node test/benchmark/formats.ts` measures them, as a ratio to split, JSON.parse and the same aggregation.
 */

import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { BUCKET_MULTIPLIER } from "../../shared/aggregates/quantile-sketch.ts";
import { UNIT_US } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { byteOrderMarkBytes } from "../../shared/events/line-bytes.ts";
import type { CountContext, Counted, CountedEntry, LineCounter } from "../window/line-counter.ts";
import { KernelCounts, type RemainderCounter } from "./kernel-counts.ts";
import { openTextKernel, type TextKernel } from "./kernel-module.ts";
import { MinuteLessons } from "./minute-lessons.ts";
import { setUpFormat, type TextFormat } from "./text-formats.ts";

/** A remainder that joins lines to events, and remembers per file how long the last one is. */
export interface JoiningRemainder extends RemainderCounter {
  /** Says that a call ended with an event whose further lines have so many bytes. */
  rememberJoined(context: CountContext, joinedBytes: number): void;
}

/** Durations from here on are for the parser, which notes them: 2^30 ms in µs. */
const DURATION_US_LIMIT = 2 ** 30 * 1000;
/** Text is copied in pieces that stay in the processor's second cache. */
const PIECE_BYTES = 128 * 1024;
const LINE_FEED = 0x0a;
/** Longer lines before the first one are not looked at: the host tells what it is. */
const LINE_BEFORE_BYTES_MAX = 16 * 1024;

/** Results of the kernel's `run`. */
const RUN_DONE = 0;
const RUN_NO_ROOM = 2;
const RUN_ASKS = 3;
/** Words of an entry in the kernel's list of lines. */
const ENTRY_WORDS = 4;

/** See the head of the file. */
export class TextLineCounter implements LineCounter {
  readonly #kernel: TextKernel;
  readonly #format: TextFormat;
  readonly #options: EventOptions;
  #isSetUp = false;
  readonly #remainder: JoiningRemainder;
  readonly #counts: KernelCounts;
  readonly #lessons: MinuteLessons;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #text: number;
  readonly #list: number;
  /** Where files can be read to: whole lines in it are counted where they lie, which spares a copy. */
  readonly readBuffer: Buffer;

  /** What was moved out of the kernel: bytes and lines since the last take, lines ever. */
  #byteCount = 0;
  #joinedLines = 0;
  #joinedBytes = 0;
  #joinedLinesEver = 0;

  /** Fails with PROGRAM_FILE_MISSING when the kernel was never built. `kernel` is for tests. */
  constructor(
    format: TextFormat,
    options: EventOptions,
    remainder: JoiningRemainder,
    kernel: TextKernel = openTextKernel(),
  ) {
    const { call, memory } = kernel;
    this.#kernel = kernel;
    this.#format = format;
    this.#remainder = remainder;
    this.#counts = new KernelCounts(kernel, remainder, LEVEL_INDEX.INFO, () => this.#export());
    this.#lessons = new MinuteLessons(kernel, options);
    this.#bytes = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    this.#text = call.textAddress();
    this.#list = call.unprovenAddress() >>> 2;
    this.readBuffer = Buffer.from(memory, this.#text, call.textBytes());
    const isNs = options.durationUnit === "ns";
    const multiplier = isNs ? 0 : UNIT_US[options.durationUnit];
    call.start(BUCKET_MULTIPLIER, multiplier, isNs ? 1000 : 0, DURATION_US_LIMIT);
    this.#options = options;
  }

  get pendingKeys(): number {
    return this.#remainder.pendingKeys + this.#counts.pendingKeys;
  }

  get pendingBuckets(): number {
    return this.#remainder.pendingBuckets + this.#counts.pendingBuckets;
  }

  get lineCount(): number {
    const joined = this.#joinedLinesEver + this.#kernel.call.joinedLines();
    return this.#remainder.lineCount + this.#counts.eventCount + joined;
  }

  get eventBytesMax(): number {
    return this.#remainder.eventBytesMax ?? 0;
  }

  lookBackBytes(file: number): number {
    return this.#remainder.lookBackBytes?.(file) ?? 0;
  }

  isUnfinished(buffer: Buffer, from: number, to: number, file: number): boolean {
    return this.#remainder.isUnfinished?.(buffer, from, to, file) ?? false;
  }

  pendingFrom(buffer: Buffer, from: number, to: number, context: CountContext): number {
    return this.#remainder.pendingFrom?.(buffer, from, to, context) ?? to;
  }

  leadingTo(buffer: Buffer, from: number, to: number, context: CountContext): number {
    return this.#remainder.leadingTo?.(buffer, from, to, context) ?? from;
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
    // A mark before the first line is no part of it; that is the parser's to know, and so is where a file without a line begins.
    const hasMark = context.fileStart === true && byteOrderMarkBytes(buffer, from, to) > 0;
    if (from === to || hasMark) {
      this.#remainder.count(buffer, from, to, context);
      return;
    }
    if (!this.#isSetUp) this.#setUp();
    this.#counts.useContext(context.service, context.eventTimeLimitMs);
    this.#lessons.useClock();
    if (buffer.buffer === this.#kernel.memory && buffer.byteOffset >= this.#text) {
      const before = this.#lineBefore(buffer, from);
      const beforeAddress = before === undefined ? 0 : buffer.byteOffset + before;
      const address = buffer.byteOffset + from;
      this.#scan({ buffer, from, to, address, beforeAddress, isLast: true }, context, from);
    } else this.#countPieces(buffer, from, to, context);
  }

  /** Before the first line, rather than at the start: a source of containers takes 200 ms of CPU for it, and may have no line for long. */
  #setUp(): void {
    this.#isSetUp = true;
    setUpFormat(this.#kernel, this.#format, this.#options, (text) => this.#counts.putScratch(text));
  }

  /** Copies the text piece by piece; a piece begins where the one before left an event that may go on. */
  #countPieces(buffer: Buffer, from: number, to: number, context: CountContext): void {
    let at = from;
    let bytes = PIECE_BYTES;
    while (at < to) {
      const limit = Math.min(to, at + bytes);
      const end = limit === to ? to : buffer.lastIndexOf(LINE_FEED, limit - 1) + 1;
      let next = at;
      if (end > at) {
        const piece = this.#copyPiece(buffer, at, end);
        next = this.#scan({ ...piece, isLast: end === to }, context, from);
      }
      if (next > at) {
        at = next;
        bytes = PIECE_BYTES;
      } else if (bytes * 2 <= this.readBuffer.length) bytes *= 2;
      else {
        // One event or line that does not fit: what comes behind is counted with it.
        const later = at === from ? context : { ...context, fileStart: false };
        this.#remainder.count(buffer, at, to, later);
        at = to;
      }
    }
  }

  /** Copies the lines `buffer[from, to)` into the kernel's memory, with the line before if that matters and finds room. */
  #copyPiece(buffer: Buffer, from: number, to: number): Omit<Piece, "isLast"> {
    const before = this.#lineBefore(buffer, from);
    const start = before !== undefined && to - before <= this.readBuffer.length ? before : from;
    buffer.copy(this.#bytes, this.#text, start, to);
    const isKnown = start === before;
    const address = this.#text + from - start;
    return { buffer, from, to, address, beforeAddress: isKnown ? this.#text : 0 };
  }

  /**
   * Where the line before `from` begins, `from` when there is none; undefined when it does not matter, or is too long to be looked at. The
   * parser looks at the same bytes, which tell it whether the line at `from` goes on with another.
   */
  #lineBefore(buffer: Buffer, from: number): number | undefined {
    if (!this.#format.looksBack) return undefined;
    if (from < 2) return from;
    const before = buffer.lastIndexOf(LINE_FEED, from - 2) + 1;
    return buffer[from - 1] === LINE_FEED && from - before <= LINE_BEFORE_BYTES_MAX
      ? before
      : undefined;
  }

  countUnterminated(line: Buffer, context: CountContext): void {
    this.#remainder.countUnterminated(line, context);
  }

  /** Scans a piece of a call that begins at `start`; returns where in its buffer the next one begins. */
  #scan(piece: Piece, context: CountContext, start: number): number {
    const { call } = this.#kernel;
    const { from, to, address, isLast, beforeAddress } = piece;
    this.#counts.reserve(to - from);
    call.begin(address, address + to - from, isLast ? 1 : 0, beforeAddress);
    for (;;) {
      const result = call.run();
      if (result === RUN_NO_ROOM) this.#counts.makeRoom();
      else {
        if (result === RUN_ASKS) this.#lessons.teach();
        else this.#countUnproven(piece, context, start);
        if (result === RUN_DONE) break;
      }
    }
    const joinedBytes = call.lastJoined();
    if (this.#format.eventBytesMax > 0 && isLast && joinedBytes >= 0) {
      this.#remainder.rememberJoined(context, joinedBytes);
    }
    return call.heldFrom() - address + from;
  }

  /** Gives the lines of the kernel's list to the remainder, neighbours together. */
  #countUnproven(piece: Piece, context: CountContext, start: number): void {
    const count = this.#kernel.call.unproven();
    const shift = piece.from - piece.address;
    let from = 0;
    let to = 0;
    for (let number = 0; number <= count; number++) {
      const entry = this.#list + number * ENTRY_WORDS;
      const lineFrom = number < count ? (this.#words[entry] ?? 0) + shift : -1;
      if (lineFrom !== to) {
        const isFirst = from === start || context.fileStart !== true;
        const later = isFirst ? context : { ...context, fileStart: false };
        if (to > from) this.#remainder.count(piece.buffer, from, to, later);
        from = lineFrom;
      }
      if (number < count) to = (this.#words[entry + 1] ?? 0) + shift;
    }
  }

  take(): Counted {
    const counted = this.#counts.take(
      () => this.#byteCount,
      () => this.#joinedEntries(),
    );
    this.#byteCount = 0;
    this.#joinedLines = 0;
    this.#joinedBytes = 0;
    return counted;
  }

  #joinedEntries(): CountedEntry[] {
    const [lines, bytes] = [this.#joinedLines, this.#joinedBytes];
    return lines === 0 ? [] : [{ kind: "filtered", reason: "joined", lines, bytes }];
  }

  #export(): void {
    const { call } = this.#kernel;
    this.#byteCount += call.countedBytes();
    this.#joinedLines += call.joinedLines();
    this.#joinedLinesEver += call.joinedLines();
    this.#joinedBytes += call.joinedBytes();
  }
}

/** Lines in the kernel's memory at `address`, the same as in `buffer[from, to)`. */
interface Piece {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
  readonly address: number;
  /** Where the line before begins there, `address` when there is none; 0 when it is not known, or does not matter. */
  readonly beforeAddress: number;
  /** True when the call ends with it, and so its last event. */
  readonly isLast: boolean;
}
