/**
 * Finding out the format of a file: every parser tries the first lines, and the one that reads most of them as events wins.
 *
 * A guess weighs the first {@link SAMPLE_LINES} lines that are an event to at least one parser; lines that are none to any, such as a
 * banner, do not count. Until then the leader may change; after that nothing changes its mind, and lines that it cannot read are
 * rejected. So one bad line decides nothing.
 */
import type { EventOptions } from "../../shared/events/event-options.ts";
import { isBlank } from "../../shared/events/line-bytes.ts";
import { emptyMeasure, type LineParser } from "../../shared/events/parser.ts";
import { type ParserName, parsers, STRICTEST_FIRST } from "./registry.ts";

/** Lines that are weighed. */
export const SAMPLE_LINES = 100;

/** In the order in which a tie is decided. */
const CANDIDATES = STRICTEST_FIRST;

/** What a guess says of a file so far. */
export interface FormatChoice {
  readonly format: ParserName;
  /** Lines of the sample that this format reads as events. */
  readonly lines: number;
  /** Lines of the sample. */
  readonly sampled: number;
  /** True when the sample is complete: the choice stands. */
  readonly isFinal: boolean;
}

/** Weighs the lines of one file. */
export class FormatGuess {
  readonly #events: number[] = CANDIDATES.map(() => 0);
  /** Lines whose shape a format knows although they lack a time: they say what to call a rejection, no more. */
  readonly #shapes: number[] = CANDIDATES.map(() => 0);
  #sampled = 0;

  /** True when the sample is complete. */
  get isFinal(): boolean {
    return this.#sampled >= SAMPLE_LINES;
  }

  /** The leading format; undefined when no line was an event to any. */
  get choice(): FormatChoice | undefined {
    const best = indexOfMax(this.#events);
    const format = CANDIDATES[best];
    const lines = this.#events[best] ?? 0;
    if (format === undefined || lines === 0) return undefined;
    return { format, lines, sampled: this.#sampled, isFinal: this.isFinal };
  }

  /** The format whose reasons fit lines that are no events: the leader, else one that knew a line's shape, else undefined. */
  get nearest(): ParserName | undefined {
    const choice = this.choice;
    if (choice !== undefined) return choice.format;
    const best = indexOfMax(this.#shapes);
    return (this.#shapes[best] ?? 0) > 0 ? CANDIDATES[best] : undefined;
  }

  /** Weighs one line. */
  weigh(sampler: FormatSampler, buffer: Buffer, from: number, to: number): void {
    if (isBlank(buffer, from, to)) return;
    let isEvent = false;
    for (let index = 0; index < CANDIDATES.length; index++) {
      const reason = sampler.reason(index, buffer, from, to);
      // A format for which a line is blank that is not knows an envelope around nothing.
      if (reason === undefined || reason === "blank") {
        this.#events[index] = (this.#events[index] ?? 0) + 1;
        isEvent = true;
      } else if (reason === "no_time" || reason === "bad_time") {
        this.#shapes[index] = (this.#shapes[index] ?? 0) + 1;
      }
    }
    if (isEvent) this.#sampled++;
  }
}

/** The parsers that guesses try; one serves all guesses of a source. */
export class FormatSampler {
  readonly #options: EventOptions;
  #parsers: readonly LineParser[] | undefined;
  readonly #measure = emptyMeasure();

  constructor(options: EventOptions) {
    this.#options = { ...options, isGuess: true };
  }

  /** Why a line is no event to the candidate at `index`; undefined when it is one. */
  reason(index: number, buffer: Buffer, from: number, to: number): string | undefined {
    // Made when there is a line: that takes 50 ms, and there may be none for long.
    this.#parsers ??= CANDIDATES.map((name) => parsers[name].compile(this.#options));
    return this.#parsers[index]?.measure(buffer, from, to, this.#measure) ?? undefined;
  }
}

function indexOfMax(values: readonly number[]): number {
  let best = 0;
  values.forEach((value, index) => {
    if (value > (values[best] ?? 0)) best = index;
  });
  return best;
}
