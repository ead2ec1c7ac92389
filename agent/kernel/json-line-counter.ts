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

import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
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
import type { CountContext, Counted, CountedEntry, LineCounter } from "../window/line-counter.ts";
import { type Kernel, openKernel } from "./kernel-module.ts";
import { KernelWindows, PAGE_BUCKETS } from "./kernel-windows.ts";

/** Counts the lines that the kernel cannot prove, and keeps everything counted until it is taken. */
export interface RemainderCounter extends LineCounter {
  /** Adds counts of one service and minute, and keeps `aggregate`; may be called several times for the same. */
  addCounts(service: string, minute: number, aggregate: Aggregate): void;
  /** Adds lines for the ledger that were counted elsewhere. */
  addEntries(entries: readonly CountedEntry[]): void;
}

/** Meanings in the order of the kernel's numbers for them. */
const MEANINGS = ["time", "service", "level", "duration"] as const;
/** Limits of the kernel's table of names. */
const NAME_BYTES_MAX = 32;
const NAMES_MAX = 32;
const SERVICE_BYTES_MAX = 64;
/** Durations from here on are for the parser, which notes them: 2^30 ms in µs. */
const DURATION_US_LIMIT = 2 ** 30 * 1000;
const MINUTE_MS = 60_000;

/** Text is copied in pieces that stay in the processor's second cache. */
const PIECE_BYTES = 128 * 1024;
/** The kernel counts lines and bytes in 32 bits: the counts are moved out before that could be too few. */
const BYTES_BETWEEN_EXPORTS_MAX = 2 ** 31;
const LINE_FEED = 0x0a;

/** Results of the kernel's `run`. */
const RUN_DONE = 0;
const RUN_NO_ROOM = 2;
/** Words of an entry in the kernel's list of lines. */
const ENTRY_WORDS = 4;
/** Size of the kernel's table of services: it begins anew when it is more than half full and room is needed. */
const SERVICES_MAX = 2048;
/** Kinds of lessons. */
const LESSON_LEVEL = 1;
const LESSON_NUMBER_LEVEL = 2;
const LESSON_MINUTE = 3;

/**
 * True when the kernel can know the names of fields under these options: not too many or long, no name with two meanings, none that
 * bytes could write in several ways. Otherwise the parser counts alone.
 */
export function canUseKernel(options: EventOptions): boolean {
  if (options.timeFormats !== undefined) return false;
  const names = fieldNames(options);
  const known = new Set<string>();
  for (const meaning of MEANINGS) {
    for (const name of new Set(names[meaning])) {
      const isPlain = name.isWellFormed() && !name.includes("\ufffd");
      if (!isPlain || known.has(name) || Buffer.byteLength(name) > NAME_BYTES_MAX) return false;
      known.add(name);
    }
  }
  return known.size <= NAMES_MAX;
}

/** Counts JSON lines by the kernel, and by `remainder` what the kernel leaves. See the head of this file. */
export class JsonLineCounter implements LineCounter {
  readonly #kernel: Kernel;
  readonly #remainder: RemainderCounter;
  readonly #windows: KernelWindows;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #zone: TimeZone;
  readonly #text: number;
  readonly #scratch: number;
  readonly #list: number;
  /** Where files can be read to: whole lines in it are counted where they lie, which spares a copy. */
  readonly readBuffer: Buffer;

  #defaultService: string | undefined;
  #timeLimitMs = Number.NaN;
  /** Lines that were moved out of the kernel, ever and since the last take. */
  #lineCount = 0;
  #lines = 0;
  /** Bytes of lines that the kernel counted since the last take. */
  #byteCount = 0;
  #bytesSinceExport = 0;
  #aheadLines = 0;
  #aheadBytes = 0;
  #eventTimeMaxMs = Number.NEGATIVE_INFINITY;

  /** Fails with PROGRAM_FILE_MISSING when the kernel was never built. `kernel` is for tests. */
  constructor(options: EventOptions, remainder: RemainderCounter, kernel: Kernel = openKernel()) {
    assert(canUseKernel(options), "the kernel cannot know these names of fields");
    const { call, memory } = kernel;
    this.#kernel = kernel;
    this.#remainder = remainder;
    this.#windows = new KernelWindows(kernel);
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
    for (const [field, meaning] of MEANINGS.entries()) {
      for (const [rank, name] of [...new Set(names[meaning])].entries()) {
        call.addName(this.#putScratch(name), field, rank);
      }
    }
  }

  get pendingKeys(): number {
    return this.#remainder.pendingKeys + this.#kernel.call.slots();
  }

  get pendingBuckets(): number {
    return this.#remainder.pendingBuckets + this.#kernel.call.pages() * PAGE_BUCKETS;
  }

  get lineCount(): number {
    return this.#remainder.lineCount + this.#lineCount + this.#kernel.call.events();
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
    this.#useContext(context);
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
    this.#export(false);
    const entries: CountedEntry[] = [];
    if (this.#lines > 0) {
      const [lines, bytes] = [this.#lines, this.#byteCount];
      entries.push({ kind: "aggregated", reason: "", lines, bytes });
    }
    if (this.#aheadLines > 0) {
      const [lines, bytes] = [this.#aheadLines, this.#aheadBytes];
      entries.push({ kind: "noted", reason: "clock_ahead", lines, bytes });
    }
    this.#remainder.addEntries(entries);
    const counted = this.#remainder.take();
    const timeMaxMs = Math.max(
      this.#eventTimeMaxMs,
      counted.eventTimeMaxMs ?? Number.NEGATIVE_INFINITY,
    );
    this.#lines = 0;
    this.#byteCount = 0;
    this.#aheadLines = 0;
    this.#aheadBytes = 0;
    this.#eventTimeMaxMs = Number.NEGATIVE_INFINITY;
    return { ...counted, eventTimeMaxMs: Number.isFinite(timeMaxMs) ? timeMaxMs : undefined };
  }

  #useContext(context: CountContext): void {
    if (context.service !== this.#defaultService) this.#useService(context.service);
    if (context.eventTimeLimitMs !== this.#timeLimitMs) {
      this.#timeLimitMs = context.eventTimeLimitMs;
      this.#kernel.call.setTimeLimit(this.#timeLimitMs);
    }
  }

  #useService(service: string): void {
    this.#defaultService = service;
    // A name that the kernel cannot keep is left to the remainder, with the lines that need it.
    const isKept = service.isWellFormed() && Buffer.byteLength(service) <= SERVICE_BYTES_MAX;
    const length = isKept ? this.#putScratch(service) : 0;
    // When the table of names is full, making room for it sets the service, too.
    if (this.#kernel.call.setDefault(length, LEVEL_INDEX.INFO) === 0) this.#export(true);
  }

  /** Scans lines that lie at `piece.address` in the kernel's memory and stem from `piece.buffer[from, to)`. */
  #scan(piece: Piece, first: CountContext, later: CountContext): void {
    const { call } = this.#kernel;
    const bytes = piece.to - piece.from;
    if (this.#bytesSinceExport + bytes > BYTES_BETWEEN_EXPORTS_MAX) this.#export(false);
    this.#bytesSinceExport += bytes;
    this.#byteCount += bytes;
    call.begin(piece.address, piece.address + bytes);
    for (;;) {
      const result = call.run();
      if (result === RUN_NO_ROOM) {
        this.#export(call.services() * 2 > SERVICES_MAX);
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

  /** Moves all counts out of the kernel. `isWithServices`: its table of names, which is full, begins anew. */
  #export(isWithServices: boolean): void {
    const { call } = this.#kernel;
    const lines = call.events();
    this.#lineCount += lines;
    this.#lines += lines;
    this.#aheadLines += call.aheadEvents();
    this.#aheadBytes += call.aheadBytes();
    if (lines > call.aheadEvents()) {
      this.#eventTimeMaxMs = Math.max(this.#eventTimeMaxMs, call.timeMax());
    }
    this.#windows.take(isWithServices, (service, minute, aggregate) =>
      this.#remainder.addCounts(service, minute, aggregate),
    );
    this.#bytesSinceExport = 0;
    if (isWithServices && this.#defaultService !== undefined)
      this.#useService(this.#defaultService);
  }

  /** Lays a text out where the kernel looks for names; returns its length. */
  #putScratch(text: string): number {
    return this.#bytes.write(text, this.#scratch, "utf8");
  }
}

/** Lines in the kernel's memory at `address`, the same as in `buffer[from, to)`. */
interface Piece {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
  readonly address: number;
}
