/** A line counter that finds out the format of each file and hands its lines to the counter of that format. */

import { deltaKey } from "../../shared/aggregates/detailed-windows.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { byteOrderMarkBytes, isBlank } from "../../shared/events/line-bytes.ts";
import type { LineParser } from "../../shared/events/parser.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import { type FormatChoice, FormatGuess, FormatSampler } from "../parsers/auto.ts";
import type { ParserName } from "../parsers/registry.ts";
import type { CountContext, Counted, LineCounter } from "./line-counter.ts";
import { LineTally } from "./line-tally.ts";
import { ParserLineCounter } from "./parser-line-counter.ts";

const LINE_FEED = 0x0a;
/** Files whose guess is remembered; beyond that the oldest are forgotten and guessed anew when they grow. */
const FILES_MAX = 10_000;
/** No format looks back further. */
const LOOK_BACK_BYTES_MAX = 102_400;
/** Stands for calls that name no file. */
const NO_FILE = -1;

/** What an {@link AutoLineCounter} needs. */
export interface AutoLineCounterOptions {
  readonly stream: string;
  readonly eventOptions: EventOptions;
  /** Makes the counter of a format; asked at most once for each. */
  readonly createCounter: (format: ParserName) => LineCounter;
  /** Told when a file's format is first guessed, when the guess changes and when it stands. */
  readonly onFormat?: ((choice: FormatChoice, file: number | undefined) => void) | undefined;
}

interface FileGuess {
  readonly guess: FormatGuess;
  /** Position in the file up to which lines were weighed. */
  weighedTo: number;
  generation: number | undefined;
}

/** Rejects every line that is not blank: for lines that no format knows. */
const unknownFormat: LineParser = {
  parse: (line) => ({
    kind: "rejection",
    reason: isBlank(line, 0, line.length) ? "blank" : "unparsed",
  }),
  measure: (buffer, from, to) => (isBlank(buffer, from, to) ? "blank" : "unparsed"),
};

/** See the head of the file. */
export class AutoLineCounter implements LineCounter {
  readonly #options: AutoLineCounterOptions;
  readonly #sampler: FormatSampler;
  readonly #guesses = new Map<number, FileGuess>();
  readonly #counters = new Map<ParserName | "unknown", LineCounter>();
  /** The counter that counted last: most likely it counts next. */
  #latest: LineCounter | undefined;

  constructor(options: AutoLineCounterOptions) {
    this.#options = options;
    this.#sampler = new FormatSampler(options.eventOptions);
  }

  get readBuffer(): Buffer | undefined {
    return this.#latest?.readBuffer;
  }

  /** The format by which the lines of a file were last counted; undefined when none knows them. */
  formatOf(file: number): ParserName | undefined {
    return this.#guesses.get(file)?.guess.nearest;
  }

  get pendingKeys(): number {
    let keys = 0;
    for (const counter of this.#counters.values()) keys += counter.pendingKeys;
    return keys;
  }

  get pendingBuckets(): number {
    let buckets = 0;
    for (const counter of this.#counters.values()) buckets += counter.pendingBuckets;
    return buckets;
  }

  get pendingDetailBytes(): number {
    let bytes = 0;
    for (const counter of this.#counters.values()) bytes += counter.pendingDetailBytes ?? 0;
    return bytes;
  }

  get lineCount(): number {
    let lines = 0;
    for (const counter of this.#counters.values()) lines += counter.lineCount;
    return lines;
  }

  /** As of the counters that hold something. */
  get eventBytesMax(): number {
    let bytes = 0;
    for (const counter of this.#counters.values()) {
      bytes = Math.max(bytes, counter.eventBytesMax ?? 0);
    }
    return bytes;
  }

  /** As long as the format of a file is not sure it may be the one that looks furthest. */
  lookBackBytes(file: number): number {
    const guess = this.#guesses.get(file)?.guess;
    if (guess?.isFinal !== true) return LOOK_BACK_BYTES_MAX;
    return this.#counters.get(guess.nearest ?? "unknown")?.lookBackBytes?.(file) ?? 0;
  }

  isUnfinished(buffer: Buffer, from: number, to: number, file: number): boolean {
    const format = this.formatOf(file) ?? "unknown";
    return this.#counters.get(format)?.isUnfinished?.(buffer, from, to, file) ?? false;
  }

  pendingFrom(buffer: Buffer, from: number, to: number, context: CountContext): number {
    if (from === to) return to;
    const counter = this.#counterFor(buffer, from, to, context);
    return counter.pendingFrom?.(buffer, from, to, context) ?? to;
  }

  leadingTo(buffer: Buffer, from: number, to: number, context: CountContext): number {
    if (from === to) return from;
    const counter = this.#counterFor(buffer, from, to, context);
    return counter.leadingTo?.(buffer, from, to, context) ?? from;
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
    if (from === to) return;
    this.#latest = this.#counterFor(buffer, from, to, context);
    this.#latest.count(buffer, from, to, context);
  }

  countUnterminated(line: Buffer, context: CountContext): void {
    if (line.length === 0) return;
    this.#counterFor(line, 0, line.length, context).countUnterminated(line, context);
  }

  #counterFor(buffer: Buffer, from: number, to: number, context: CountContext): LineCounter {
    const known = this.#guessOf(context.file ?? NO_FILE);
    const { guess } = known;
    const isFileStart = context.fileStart === true;
    const { offset } = context;
    if (!guess.isFinal) {
      const before = guess.choice;
      const mark = isFileStart ? byteOrderMarkBytes(buffer, from, to) : 0;
      // Lines that wait for the rest of their event come again, but weigh once.
      if (known.generation !== context.generation) known.weighedTo = 0;
      known.generation = context.generation;
      const seen = offset === undefined ? 0 : Math.max(0, known.weighedTo - offset);
      this.#weigh(guess, buffer, from + Math.max(mark, seen), to);
      if (offset !== undefined) known.weighedTo = Math.max(known.weighedTo, offset + to - from);
      const choice = guess.choice;
      const isNews = choice?.format !== before?.format || choice?.isFinal !== before?.isFinal;
      if (choice !== undefined && isNews) this.#options.onFormat?.(choice, context.file);
    }
    return this.#counter(guess.nearest ?? "unknown");
  }

  #weigh(guess: FormatGuess, buffer: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to && !guess.isFinal) {
      const end = buffer.indexOf(LINE_FEED, at);
      const lineTo = end < 0 || end > to ? to : end;
      guess.weigh(this.#sampler, buffer, at, lineTo);
      at = lineTo + 1;
    }
  }

  #guessOf(file: number): FileGuess {
    const known = this.#guesses.get(file);
    if (known !== undefined) return known;
    if (this.#guesses.size >= FILES_MAX) {
      for (const oldest of this.#guesses.keys()) {
        this.#guesses.delete(oldest);
        break;
      }
    }
    const made = { guess: new FormatGuess(), weighedTo: 0, generation: undefined };
    this.#guesses.set(file, made);
    return made;
  }

  #counter(format: ParserName | "unknown"): LineCounter {
    let counter = this.#counters.get(format);
    if (counter === undefined) {
      const { stream } = this.#options;
      counter =
        format === "unknown"
          ? new ParserLineCounter({ stream, parser: unknownFormat, servicesMax: 1 })
          : this.#options.createCounter(format);
      this.#counters.set(format, counter);
    }
    return counter;
  }

  take(): Counted {
    const [only] = this.#counters.values();
    if (only !== undefined && this.#counters.size === 1) return only.take();
    const deltas = new Map<string, Delta>();
    const tally = new LineTally();
    let eventTimeMaxMs: number | undefined;
    for (const counter of this.#counters.values()) {
      const counted = counter.take();
      for (const delta of counted.deltas) {
        const key = deltaKey(delta);
        const known = deltas.get(key);
        if (known === undefined) deltas.set(key, delta);
        else known.aggregate.merge(delta.aggregate);
      }
      tally.addEntries(counted.entries);
      if (counted.eventTimeMaxMs !== undefined) {
        eventTimeMaxMs = Math.max(eventTimeMaxMs ?? counted.eventTimeMaxMs, counted.eventTimeMaxMs);
      }
    }
    return { deltas: [...deltas.values()], entries: tally.take(), eventTimeMaxMs };
  }
}
