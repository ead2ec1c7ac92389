/**
 * Counts events where windows are kept apart by dimensions, fields are measured, or sample lines kept. The counter of lines says which events
 * there are and what counts of them; this parses each of them once more, wholly, which takes some microseconds. Sources that ask for none of
 * that have none, and are counted faster.
 */
import type { CompiledAggregation, Labels } from "../../shared/events/compile-aggregation.ts";
import { EventDetail } from "../../shared/events/event-detail.ts";
import { redactedText, withLevel } from "../../shared/events/leaving-event.ts";
import { lineEvent } from "../../shared/events/line-event.ts";
import type { LineParser, Measure } from "../../shared/events/parser.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import { lineId } from "../../shared/protocol/line-id.ts";
import { labelsOfPath } from "./file-labels.ts";
import type { CountContext } from "./line-counter.ts";
import type { LineTally } from "./line-tally.ts";

/** Paths whose labels are remembered. */
const PATHS_MAX = 1000;

/** What counting beside levels and durations is to do. */
export interface DetailOptions {
  /** Name of the agent and of the source: lines are named after them. */
  readonly agent: string;
  readonly source: string;
  /** Name of the host, as a label. */
  readonly host: string;
  readonly aggregation: CompiledAggregation;
}

/** What a {@link DetailCounter} needs. */
export interface DetailCounterOptions extends DetailOptions {
  /** Name of the parser. */
  readonly format: string;
  /** Serves this counter alone. */
  readonly parser: LineParser;
  /** Most services counted on their own between two takes. */
  readonly servicesMax: number;
}

/** An event that counts. */
export interface CountedEvent {
  readonly text: Buffer;
  /** What the counter of lines found. */
  readonly measure: Measure;
  /** Position in the file of the event's first byte. */
  readonly offset: number;
}

/** See the head of this file. */
export class DetailCounter {
  readonly #options: DetailCounterOptions;
  readonly #detail: EventDetail;
  readonly #labels = new Map<string, Labels>();

  constructor(options: DetailCounterOptions) {
    this.#options = options;
    this.#detail = new EventDetail(options.aggregation, options.servicesMax);
  }

  /** Count of windows. */
  get size(): number {
    return this.#detail.size;
  }

  /** About what measures and sample lines take in a batch. */
  get bytes(): number {
    return this.#detail.bytes;
  }

  /** Counts an event in its window. What its values lack is told to `tally`. */
  count(counted: CountedEvent, context: CountContext, tally: LineTally): void {
    const { parser, format, aggregation, agent, source } = this.#options;
    const { text, measure, offset } = counted;
    const { file = 0, generation = 0, service } = context;
    const read = lineEvent(parser, format, text, service);
    const meaning = { parser, format, service };
    const left = read && redactedText(read, text, meaning, aggregation.redactor);
    const { timeMs } = measure;
    const detailed = {
      ...{ measure, service, text, labels: this.#labelsOf(context.path) },
      event: read && withLevel(read, measure.level),
      leaving: left && withLevel(left, measure.level),
      id: () => lineId(agent, { source, file, generation, offset, timeMs }),
    };
    this.#detail.add(detailed, (fault) => tally.add("noted", fault, 1, text.length));
  }

  /** Takes all windows and starts anew; lines whose dimensions were folded are told to `tally`. */
  take(stream: string, tally: LineTally): Delta[] {
    const { foldedLines } = this.#detail;
    if (foldedLines > 0) tally.add("noted", "dimensions_folded", foldedLines, 0);
    return this.#detail.take(stream);
  }

  #labelsOf(path = ""): Labels {
    const known = this.#labels.get(path);
    if (known !== undefined) return known;
    const { host, source } = this.#options;
    const labels = { host, source, ...labelsOfPath(path) };
    if (this.#labels.size >= PATHS_MAX) this.#labels.clear();
    this.#labels.set(path, labels);
    return labels;
  }
}
