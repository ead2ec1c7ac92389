/**
 * Counts JSON lines without building an object, a string or a number for most of them: the fast path of every source with `format: json`.
 *
 * How it works. A kernel in WebAssembly (`assembly/`, AssemblyScript, SIMD) looks at sixteen bytes at a time. It learns *shapes*: a
 * shape is everything of a line that is not the inside of a string or a number, such as `{"timestamp":"` … `","service":"` … `}`.
 * - Nearly every line is *walked* (`walk-line.ts`): each literal of the shape is one comparison, each string one search for its closing
 *   quote; time, level, service and duration are read on the way and counted in a slot of their (service, minute).
 * - A line that fits no shape is *parsed* (`parse-line.ts`) as JSON, by a small validating parser that knows what is simple: that proves
 *   the line and teaches its shape to the walk.
 * - What the kernel cannot prove simple goes on a list, and this host gives it line by line to the {@link RemainderCounter}, that is to
 *   JSON.parse: broken lines, escapes in names or in fields with a meaning, a name twice, odd times and numbers, very long names.
 *   Some such lines carry a *lesson*: the text of a level, a local minute. The host asks the same functions that the parser uses and
 *   teaches the kernel, which from then on counts such lines itself.
 *
 * Why it is exact. The kernel never guesses: a line is counted only when it is proven to be JSON and each of its four fields has a form
 * for which the kernel computes the same bits as the parser. A walked line consists of the same literals as a proven one, so it is valid
 * and has the same keys at the same depth. Numbers are read as integers below 2^53 and divided once by an exact power of ten, which gives
 * the double of JSON.parse; numbers with more digits count only when rounding up and down give the same microsecond. Buckets use the
 * arithmetic of the sketch, operation by operation. And since every part of an aggregate is an integer, it does not matter in which order
 * the kernel's counts and those of the remainder are merged.
 *
 * What bounds it. The kernel has 6 MiB at fixed addresses, of which only what is used takes memory. When a table is full, it stops before
 * the line that does not fit, the counts move into ordinary aggregates, and it goes on; {@link JsonLineCounter.take} empties all slots.
 *
 * Figures (Node 26, one core of a shared Xeon of the Sapphire Rapids generation, lines of 239 bytes, 1 GB; `npm run bench` measures anew):
 * - the kernel alone, from memory: 66 ns a line, 3.6 GB/s, 0.28 s of CPU per GB; a line that goes to the parser costs about 1.2 µs;
 * - `scan`: 0.67 s/GB, of which reading the file is 0.16 and the rest compiling, moving 4,800 windows out, collecting and printing them;
 * - split, JSON.parse and the same aggregation: 4.2 s/GB, that is 6.3 times as much; the parser-driven counter: 4.8 s/GB.
 * Of the kernel's 66 ns, 7 go to counting, 6 to the time, 11 to the duration, the rest to the walk. Constants loaded from memory instead
 * of written as `splat` gained 5 %, doubles instead of 64-bit integers in the counts another 5 %. Walking two halves of the text in turn, or
 * searching strings 64 bytes at a time, gained nothing.
 */

import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { BUCKET_MULTIPLIER } from "../../shared/aggregates/quantile-sketch.ts";
import { assert } from "../../shared/assert.ts";
import {
  fieldNames,
  levelOfNumber,
  levelOfText,
  UNIT_US,
} from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";
import type { CountContext, Counted, LineCounter } from "../window/line-counter.ts";
import { KernelCounts, type RemainderCounter } from "./kernel-counts.ts";
import { type Kernel, openKernel } from "./kernel-module.ts";
import { canKnowNames, KERNEL_MEANINGS } from "./known-names.ts";

/** Durations from here on are for the parser, which notes them: 2^30 ms in µs. */
const DURATION_US_LIMIT = 2 ** 30 * 1000;
const MINUTE_MS = 60_000;

/** Text is copied in pieces that stay in the processor's second cache. */
const PIECE_BYTES = 128 * 1024;
const LINE_FEED = 0x0a;

/** Results of the kernel's `run`. */
const RUN_DONE = 0;
const RUN_NO_ROOM = 2;
/** Words of an entry in the kernel's list of lines. */
const ENTRY_WORDS = 4;
/** Kinds of lessons. */
const LESSON_LEVEL = 1;
const LESSON_NUMBER_LEVEL = 2;
const LESSON_MINUTE = 3;

/** Counts JSON lines by the kernel, and by `remainder` what the kernel leaves. See the head of this file. */
export class JsonLineCounter implements LineCounter {
  readonly #kernel: Kernel;
  readonly #remainder: RemainderCounter;
  readonly #counts: KernelCounts;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #zone: TimeZone;
  readonly #text: number;
  readonly #scratch: number;
  readonly #list: number;
  /** Where files can be read to: whole lines in it are counted where they lie, which spares a copy. */
  readonly readBuffer: Buffer;

  /** Bytes of lines that the kernel counted since the last take. */
  #byteCount = 0;

  /** Fails with PROGRAM_FILE_MISSING when the kernel was never built. `kernel` is for tests. */
  constructor(options: EventOptions, remainder: RemainderCounter, kernel: Kernel = openKernel()) {
    assert(canKnowNames(options), "the kernel cannot know these names of fields");
    const { call, memory } = kernel;
    this.#kernel = kernel;
    this.#remainder = remainder;
    this.#counts = new KernelCounts(kernel, remainder, LEVEL_INDEX.INFO);
    this.#bytes = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    this.#zone = new TimeZone(options.timezone);
    this.#text = call.textAddress();
    this.#scratch = call.scratchAddress();
    this.#list = call.unprovenAddress() >>> 2;
    this.readBuffer = Buffer.from(memory, this.#text, call.textBytes());
    const isNs = options.durationUnit === "ns";
    const multiplier = isNs ? 0 : UNIT_US[options.durationUnit];
    call.start(BUCKET_MULTIPLIER, multiplier, isNs ? 1000 : 0, DURATION_US_LIMIT);
    const names = fieldNames(options);
    for (const [field, meaning] of KERNEL_MEANINGS.entries()) {
      for (const [rank, name] of [...new Set(names[meaning])].entries()) {
        call.addName(this.#counts.putScratch(name), field, rank);
      }
    }
  }

  get pendingKeys(): number {
    return this.#remainder.pendingKeys + this.#counts.pendingKeys;
  }

  get pendingBuckets(): number {
    return this.#remainder.pendingBuckets + this.#counts.pendingBuckets;
  }

  get lineCount(): number {
    return this.#remainder.lineCount + this.#counts.eventCount;
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
    this.#counts.useContext(context.service, context.eventTimeLimitMs);
    // A byte order mark is only possible before the first line, and the kernel never proves a line that has one.
    const later = context.fileStart === true ? { ...context, fileStart: false } : context;
    if (buffer.buffer === this.#kernel.memory) {
      this.#scan({ buffer, from, to, address: buffer.byteOffset + from }, context, later);
      return;
    }
    let at = from;
    while (at < to) {
      const pieceContext = at === from ? context : later;
      const limit = Math.min(to, at + PIECE_BYTES);
      const end = limit === to ? to : buffer.lastIndexOf(LINE_FEED, limit - 1) + 1;
      if (end > at) {
        buffer.copy(this.#bytes, this.#text, at, end);
        this.#scan({ buffer, from: at, to: end, address: this.#text }, pieceContext, later);
        at = end;
      } else {
        const lineEnd = buffer.indexOf(LINE_FEED, limit) + 1;
        this.#remainder.count(buffer, at, lineEnd, pieceContext);
        at = lineEnd;
      }
    }
  }

  countUnterminated(line: Buffer, context: CountContext): void {
    this.#remainder.countUnterminated(line, context);
  }

  take(): Counted {
    const counted = this.#counts.take(() => this.#byteCount);
    this.#byteCount = 0;
    return counted;
  }

  /** Scans lines that lie at `piece.address` in the kernel's memory and stem from `piece.buffer[from, to)`. */
  #scan(piece: Piece, first: CountContext, later: CountContext): void {
    const { call } = this.#kernel;
    const bytes = piece.to - piece.from;
    this.#counts.reserve(bytes);
    this.#byteCount += bytes;
    call.begin(piece.address, piece.address + bytes);
    for (;;) {
      const result = call.run();
      if (result === RUN_NO_ROOM) {
        this.#counts.makeRoom();
        continue;
      }
      this.#countUnproven(piece, first, later);
      if (result === RUN_DONE) break;
    }
  }

  /** Gives the lines of the kernel's list to the remainder, neighbours together, and teaches what they can teach. */
  #countUnproven(piece: Piece, first: CountContext, later: CountContext): void {
    const count = this.#kernel.call.unproven();
    const shift = piece.from - piece.address;
    let from = 0;
    let to = 0;
    for (let number = 0; number <= count; number++) {
      const entry = this.#list + number * ENTRY_WORDS;
      const lineFrom = number < count ? (this.#words[entry] ?? 0) + shift : -1;
      if (lineFrom !== to) {
        const context = from === piece.from ? first : later;
        if (to > from) this.#remainder.count(piece.buffer, from, to, context);
        this.#byteCount -= to - from;
        from = lineFrom;
      }
      if (number === count) break;
      to = (this.#words[entry + 1] ?? 0) + shift;
      const lesson = this.#words[entry + 3] ?? 0;
      if (lesson > 0) this.#teach(lesson >>> 8, this.#words[entry + 2] ?? 0, lesson & 0xff);
    }
  }

  #teach(lesson: number, address: number, length: number): void {
    const { call } = this.#kernel;
    if (lesson === LESSON_MINUTE) {
      const wallMinute = call.wallMinute(address);
      const offsetMs = this.#zone.offsetMs(wallMinute);
      if (offsetMs % MINUTE_MS === 0) call.learnMinute(address, wallMinute - offsetMs / MINUTE_MS);
      return;
    }
    const text = this.#bytes.toString("utf8", address, address + length);
    this.#bytes.copy(this.#bytes, this.#scratch, address, address + length);
    if (lesson === LESSON_LEVEL) call.learnLevel(length, 0, levelOfText(text));
    if (lesson === LESSON_NUMBER_LEVEL) call.learnLevel(length, 1, levelOfNumber(Number(text)));
  }
}

/** Lines in the kernel's memory at `address`, the same as in `buffer[from, to)`. */
interface Piece {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
  readonly address: number;
}
