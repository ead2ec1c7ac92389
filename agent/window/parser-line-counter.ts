/** A line counter for any format: it finds the lines and lets a parser measure each. */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { MinuteWindows } from "../../shared/aggregates/minute-windows.ts";
import { byteOrderMarkBytes } from "../../shared/events/line-bytes.ts";
import { emptyMeasure, isFiltered, type LineParser } from "../../shared/events/parser.ts";
import { minuteOf } from "../../shared/time/window.ts";
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
}

/** Counts the lines that its parser understands. */
export class ParserLineCounter implements LineCounter {
  readonly #stream: string;
  readonly #parser: LineParser;
  readonly #windows: MinuteWindows;
  readonly #tally = new LineTally();
  readonly #measure = emptyMeasure();
  #eventTimeMaxMs = Number.NEGATIVE_INFINITY;
  #lineCount = 0;
  /** Bytes of a byte order mark before the next line. */
  #markBytes = 0;

  constructor(options: ParserLineCounterOptions) {
    this.#stream = options.stream;
    this.#parser = options.parser;
    this.#windows = new MinuteWindows(options.servicesMax);
  }

  get pendingKeys(): number {
    return this.#windows.size;
  }

  get lineCount(): number {
    return this.#lineCount;
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
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

  /** Counts the line `buffer[from, to)`, its line end included; true when it counts in a window. */
  #countLine(buffer: Buffer, from: number, to: number, context: CountContext): boolean {
    const measure = this.#measure;
    this.#lineCount++;
    const contentFrom = from + this.#markBytes;
    this.#markBytes = 0;
    const contentTo = buffer[to - 1] === LINE_FEED ? to - 1 : to;
    const reason = this.#parser.measure(buffer, contentFrom, contentTo, measure);
    if (reason !== undefined) {
      this.#tally.add(isFiltered(reason) ? "filtered" : "rejected", reason, 1, to - from);
      if (!isFiltered(reason)) context.onRejected?.(reason, from);
      return false;
    }
    const { timeMs } = measure;
    const service = measure.service === "" ? context.service : measure.service;
    this.#windows.at(service, minuteOf(timeMs)).add(measure.level, measure.durationUs);
    if (measure.durationOutOfRange) {
      this.#tally.add("noted", "duration_out_of_range", 1, to - from);
    }
    if (timeMs > context.eventTimeLimitMs) this.#tally.add("noted", "clock_ahead", 1, to - from);
    else if (timeMs > this.#eventTimeMaxMs) this.#eventTimeMaxMs = timeMs;
    return true;
  }

  take(): Counted {
    const eventTimeMaxMs = Number.isFinite(this.#eventTimeMaxMs) ? this.#eventTimeMaxMs : undefined;
    this.#eventTimeMaxMs = Number.NEGATIVE_INFINITY;
    return {
      deltas: this.#windows.take(this.#stream),
      entries: this.#tally.take(),
      eventTimeMaxMs,
    };
  }
}
