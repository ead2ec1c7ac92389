/**
 * Counts events where windows are kept apart by dimensions, fields are measured, or sample lines kept. The counter of lines says which events
 * there are and what counts of them; this parses each of them once more, wholly, which takes some microseconds. Sources that ask for none of
 * that have none, and are counted faster.
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { Detail } from "../../shared/aggregates/detail.ts";
import { DetailedWindows } from "../../shared/aggregates/detailed-windows.ts";
import { lineEvent } from "../../shared/events/line-event.ts";
import type { LineParser, Measure } from "../../shared/events/parser.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import { lineId } from "../../shared/protocol/line-id.ts";
import { minuteOf } from "../../shared/time/window.ts";
import type { CompiledAggregation } from "./compile-aggregation.ts";
import { type Labels, labelsOfPath } from "./file-labels.ts";
import { redactedText, withLevel } from "./leaving-event.ts";
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
  readonly #windows: DetailedWindows;
  readonly #labels = new Map<string, Labels>();

  constructor(options: DetailCounterOptions) {
    this.#options = options;
    const { aggregation, servicesMax } = options;
    const { dimensionNames, seriesMax } = aggregation;
    this.#windows = new DetailedWindows(dimensionNames, { servicesMax, seriesMax });
  }

  /** Count of windows. */
  get size(): number {
    return this.#windows.size;
  }

  /** About what measures and sample lines take in a batch. */
  get bytes(): number {
    return this.#windows.detailBytes;
  }

  /** Counts an event in its window. What its values lack is told to `tally`. */
  count(counted: CountedEvent, context: CountContext, tally: LineTally): void {
    const { parser, format, aggregation } = this.#options;
    const { text, measure } = counted;
    const read = lineEvent(parser, format, text, context.service);
    const event = read && withLevel(read, measure.level);
    const meaning = { parser, format, service: context.service };
    const left = read && redactedText(read, text, meaning, aggregation.redactor);
    const leaving = left && withLevel(left, measure.level);
    const labels = this.#labelsOf(context.path);
    const aggregate = this.#windows.at({
      service: measure.service === "" ? context.service : measure.service,
      minute: minuteOf(measure.timeMs),
      values: aggregation.valuesOf(leaving, labels),
    });
    aggregate.add(measure.level, measure.durationUs);
    if (event === undefined) return;
    this.#measure(aggregate, event, (fault) => tally.add("noted", fault, 1, text.length));
    if (aggregation.isExemplar?.(event, measure.level) === true) {
      aggregate.detail ??= new Detail();
      this.#addExemplar(aggregate.detail, counted, context);
    }
  }

  /** Takes all windows and starts anew; lines whose dimensions were folded are told to `tally`. */
  take(stream: string, tally: LineTally): Delta[] {
    const { foldedLines } = this.#windows;
    if (foldedLines > 0) tally.add("noted", "dimensions_folded", foldedLines, 0);
    return this.#windows.take(stream);
  }

  #measure(aggregate: Aggregate, event: ExpressionEvent, onFault: (fault: string) => void): void {
    for (const measure of this.#options.aggregation.measures) {
      if (!measure.holds(event)) continue;
      aggregate.detail ??= new Detail();
      const state = aggregate.detail.measure(measure.name, measure.kind);
      const fault = state && measure.add(event, state);
      if (fault !== undefined) onFault(fault);
    }
  }

  #addExemplar(detail: Detail, counted: CountedEvent, context: CountContext): void {
    const { agent, source, aggregation } = this.#options;
    const { text, measure, offset } = counted;
    const { timeMs, level } = measure;
    const { file = 0, generation = 0 } = context;
    const id = lineId(agent, { source, file, generation, offset, timeMs });
    if (!detail.wantsExemplar(id)) return;
    const line = aggregation.exemplarText(text.toString("utf8"));
    if (line !== undefined) detail.addExemplar({ id, timeMs, level, line });
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
