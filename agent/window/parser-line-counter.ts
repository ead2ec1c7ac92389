/** A line counter for any format: it finds the lines and lets a parser measure each. */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { MinuteWindows } from "../../shared/aggregates/minute-windows.ts";
import { BUCKET_INDEX_MAX } from "../../shared/aggregates/quantile-sketch.ts";
import { present } from "../../shared/assert.ts";
import { byteOrderMarkBytes, isBlank } from "../../shared/events/line-bytes.ts";
import {
  emptyMeasure,
  isFiltered,
  type LineParser,
  type RejectionReason,
} from "../../shared/events/parser.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import { minuteOf } from "../../shared/time/window.ts";
import type { DetailCounter } from "./detail-counter.ts";
import {
  type EventLines,
  eventTextTo,
  lastEventFrom,
  leadingLinesTo,
  lineEnd,
} from "./event-lines.ts";
import type { CountContext, Counted, CountedEntry, LineCounter } from "./line-counter.ts";
import { LineTally } from "./line-tally.ts";

const LINE_FEED = 0x0a;

/** What a {@link ParserLineCounter} needs. */
export interface ParserLineCounterOptions {
  /** Stream of the windows. */
  readonly stream: string;
  /** Serves this counter alone. */
  readonly parser: LineParser;
  /** Most services counted on their own between two takes. */
  readonly servicesMax: number;
  /** How lines become events; absent: every line is one. */
  readonly lines?: EventLines | undefined;
  /** Counts events in windows of its own instead; absent: nothing but levels and durations is counted. */
  readonly detail?: DetailCounter | undefined;
}

/** Where an event begins, and why its first line is none. */
interface EventPlace {
  readonly from: number;
  /** Behind a byte order mark. */
  readonly contentFrom: number;
  /** Before and behind the line feed of the first line. */
  readonly firstEnd: number;
  readonly firstTo: number;
  readonly reason: RejectionReason | undefined;
}

/** What became of a line or an event, the place of its first line, and the text that was measured. */
interface Measured {
  readonly reason: RejectionReason | undefined;
  readonly from: number;
  readonly bytes: number;
  readonly buffer: Buffer;
  readonly textFrom: number;
  readonly textTo: number;
}

/** More bytes without the beginning of an event go on with none: they are lines of another format, and rejected. */
const JOINED_BYTES_MAX = 1_048_576;
/** Files of which it is remembered how far the last beginning is; beyond that the oldest are forgotten. */
const FILES_MAX = 10_000;
/** Stands for calls that name no file. */
const NO_FILE = -1;

/** Counts the lines, or the events of several lines, that its parser understands. */
export class ParserLineCounter implements LineCounter {
  readonly #stream: string;
  readonly #parser: LineParser;
  readonly #windows: MinuteWindows;
  readonly #tally = new LineTally();
  readonly #lines: EventLines | undefined;
  readonly #detail: DetailCounter | undefined;
  /** From a position in the buffer of a call to one in the file. */
  #offsetShift = 0;
  /** Bytes since the last line of a file that began an event. */
  readonly #joinedBytes = new Map<number, number>();
  #measure = emptyMeasure();
  /** Of the line after the one at hand. */
  #nextMeasure = emptyMeasure();
  #nextReason: RejectionReason | undefined;
  #eventTimeMaxMs = Number.NEGATIVE_INFINITY;
  #lineCount = 0;
  /** Bytes of a byte order mark before the next line. */
  #markBytes = 0;

  constructor(options: ParserLineCounterOptions) {
    this.#stream = options.stream;
    this.#parser = options.parser;
    this.#windows = new MinuteWindows(options.servicesMax);
    this.#lines = options.lines;
    this.#detail = options.detail;
  }

  get pendingKeys(): number {
    return this.#windows.size + (this.#detail?.size ?? 0);
  }

  get pendingBuckets(): number {
    return this.pendingKeys * (BUCKET_INDEX_MAX + 1);
  }

  get pendingDetailBytes(): number {
    return this.#detail?.bytes ?? 0;
  }

  get lineCount(): number {
    return this.#lineCount;
  }

  pendingFrom(buffer: Buffer, from: number, to: number, context: CountContext): number {
    const lines = this.#lines;
    if (lines === undefined) return to;
    const mark = context.fileStart === true ? byteOrderMarkBytes(buffer, from, to) : 0;
    const found = lastEventFrom(buffer, from + mark, to, lines.begins);
    return found === from + mark ? from : found;
  }

  get eventBytesMax(): number {
    return this.#lines?.bytesMax ?? 0;
  }

  lookBackBytes(): number {
    return this.#lines?.lookBackBytes ?? 0;
  }

  isUnfinished(buffer: Buffer, from: number, to: number): boolean {
    return this.#lines?.isUnfinished?.(buffer, from, to) ?? false;
  }

  leadingTo(buffer: Buffer, from: number, to: number): number {
    const lines = this.#lines;
    return lines === undefined ? from : leadingLinesTo(buffer, from, to, lines.begins);
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
    this.#offsetShift = (context.offset ?? 0) - from;
    if (this.#lines !== undefined) {
      this.#countEvents(buffer, from, to, context);
      return;
    }
    let at = from;
    this.#markBytes = context.fileStart === true ? byteOrderMarkBytes(buffer, from, to) : 0;
    // Published once per call.
    let lines = 0;
    let bytes = 0;
    while (at < to) {
      const end = buffer.indexOf(LINE_FEED, at);
      const next = end < 0 || end >= to ? to : end + 1;
      if (this.#countLine(buffer, at, next, context)) {
        lines++;
        bytes += next - at;
      }
      at = next;
    }
    this.#tally.aggregated(lines, bytes);
  }

  countUnterminated(line: Buffer, context: CountContext): void {
    if (line.length > 0) this.count(line, 0, line.length, context);
  }

  /** Adds counts of one service and minute that were made elsewhere and now belong here; several may be of the same. */
  addCounts(service: string, minute: number, aggregate: Aggregate): void {
    this.#windows.addAggregate(service, minute, aggregate);
  }

  /** Adds lines for the ledger that were counted elsewhere. */
  addEntries(entries: readonly CountedEntry[]): void {
    this.#tally.addEntries(entries);
  }

  /** Says that a call ended with an event, counted elsewhere, whose further lines have so many bytes. */
  rememberJoined(context: CountContext, joinedBytes: number): void {
    this.#remember(context, joinedBytes);
  }

  /** Counts the line `buffer[from, to)`, its line end included; true when it counts in a window. */
  #countLine(buffer: Buffer, from: number, to: number, context: CountContext): boolean {
    this.#lineCount++;
    const contentFrom = from + this.#markBytes;
    this.#markBytes = 0;
    const contentTo = buffer[to - 1] === LINE_FEED ? to - 1 : to;
    const reason = this.#parser.measure(buffer, contentFrom, contentTo, this.#measure);
    const text = { buffer, textFrom: contentFrom, textTo: contentTo };
    return this.#countMeasure({ reason, from, bytes: to - from, ...text }, context);
  }

  /** Counts what {@link #measure} holds; true when it counts in a window. */
  #countMeasure(measured: Measured, context: CountContext): boolean {
    const { reason, from, bytes } = measured;
    const measure = this.#measure;
    if (reason !== undefined) {
      this.#tally.add(isFiltered(reason) ? "filtered" : "rejected", reason, 1, bytes);
      if (!isFiltered(reason)) context.onRejected?.(reason, from);
      return false;
    }
    const { timeMs } = measure;
    if (this.#detail === undefined) {
      const service = measure.service === "" ? context.service : measure.service;
      this.#windows.at(service, minuteOf(timeMs)).add(measure.level, measure.durationUs);
    } else {
      const text = measured.buffer.subarray(measured.textFrom, measured.textTo);
      const offset = from + this.#offsetShift;
      this.#detail.count({ text, measure, offset }, context, this.#tally);
    }
    if (measure.durationOutOfRange) this.#tally.add("noted", "duration_out_of_range", 1, bytes);
    if (timeMs > context.eventTimeLimitMs) this.#tally.add("noted", "clock_ahead", 1, bytes);
    else if (timeMs > this.#eventTimeMaxMs) this.#eventTimeMaxMs = timeMs;
    return true;
  }

  /**
   * Counts events of several lines. Each line is measured once: the beginning of the next event proves that the one before is whole, and only
   * an event that really has more lines is measured again.
   */
  #countEvents(buffer: Buffer, from: number, to: number, context: CountContext): void {
    const mark = context.fileStart === true ? byteOrderMarkBytes(buffer, from, to) : 0;
    const lines = present(this.#lines, "how lines become events");
    let joinedBytes = this.#joinedBefore(context);
    // Published once per call.
    let lineCount = 0;
    let byteCount = 0;
    let event: EventPlace | undefined;
    for (let at = from; at < to; ) {
      const end = lineEnd(buffer, at, to);
      const next = Math.min(to, end + 1);
      const contentFrom = at === from ? at + mark : at;
      this.#lineCount++;
      if (this.#begins(lines, buffer, contentFrom, end)) {
        if (event !== undefined) this.#countEvent(buffer, event, at, context);
        [this.#measure, this.#nextMeasure] = [this.#nextMeasure, this.#measure];
        event = { from: at, contentFrom, firstEnd: end, firstTo: next, reason: this.#nextReason };
        joinedBytes = 0;
      } else {
        joinedBytes += next - at;
        if (joinedBytes <= JOINED_BYTES_MAX) {
          lineCount++;
          byteCount += next - at;
        } else this.#countAlone(buffer, { from: at, end, to: next }, context);
      }
      at = next;
    }
    if (event !== undefined) this.#countEvent(buffer, event, to, context);
    if (lineCount > 0) this.#tally.add("filtered", "joined", lineCount, byteCount);
    this.#remember(context, joinedBytes);
  }

  /** True when a line begins an event; where the parser says so, the line is measured by that. */
  #begins(lines: EventLines, buffer: Buffer, from: number, end: number): boolean {
    if (!lines.isByParser) return lines.begins(buffer, from, end);
    this.#nextReason = this.#parser.measure(buffer, from, end, this.#nextMeasure);
    return this.#nextReason !== "unparsed" && this.#nextReason !== "blank";
  }

  /** Counts the event that begins at `event.from` and whose lines end at `to`. */
  #countEvent(buffer: Buffer, event: EventPlace, to: number, context: CountContext): void {
    const { isByParser, bytesMax } = present(this.#lines, "how lines become events");
    const { from, contentFrom, firstEnd, firstTo } = event;
    const measure = this.#measure;
    let { reason } = event;
    let textTo = firstEnd;
    if (firstTo < to || !isByParser) {
      textTo = eventTextTo(buffer, contentFrom, to, bytesMax);
      reason = this.#parser.measure(buffer, contentFrom, textTo, measure);
      if (reason !== undefined && firstTo < to) {
        textTo = firstEnd;
        reason = this.#parser.measure(buffer, contentFrom, firstEnd, measure);
      }
    }
    const bytes = firstTo - from;
    const text = { buffer, textFrom: contentFrom, textTo };
    if (this.#countMeasure({ reason, from, bytes, ...text }, context)) {
      this.#tally.aggregated(1, bytes);
    }
  }

  /** A line that neither begins an event nor can belong to one. */
  #countAlone(
    buffer: Buffer,
    line: { readonly from: number; readonly end: number; readonly to: number },
    context: CountContext,
  ): void {
    const reason = isBlank(buffer, line.from, line.end) ? "blank" : "unparsed";
    const text = { buffer, textFrom: line.from, textTo: line.end };
    this.#countMeasure({ reason, from: line.from, bytes: line.to - line.from, ...text }, context);
  }

  /** What comes before the first event of a log belongs to none. */
  #joinedBefore({ file = NO_FILE, fileStart, follows }: CountContext): number {
    if (fileStart === true) return follows === true ? 0 : Number.POSITIVE_INFINITY;
    return this.#joinedBytes.get(file) ?? 0;
  }

  #remember({ file = NO_FILE }: CountContext, joinedBytes: number): void {
    if (!this.#joinedBytes.has(file) && this.#joinedBytes.size >= FILES_MAX) {
      for (const oldest of this.#joinedBytes.keys()) {
        this.#joinedBytes.delete(oldest);
        break;
      }
    }
    this.#joinedBytes.set(file, joinedBytes);
  }

  #takeDeltas(): Delta[] {
    const plain = this.#windows.take(this.#stream);
    return this.#detail === undefined ? plain : this.#detail.take(this.#stream, this.#tally);
  }

  take(): Counted {
    const eventTimeMaxMs = Number.isFinite(this.#eventTimeMaxMs) ? this.#eventTimeMaxMs : undefined;
    this.#eventTimeMaxMs = Number.NEGATIVE_INFINITY;
    return {
      deltas: this.#takeDeltas(),
      entries: this.#tally.take(),
      eventTimeMaxMs,
    };
  }
}
