/** Events in windows that are kept apart by dimensions, with measures and sample lines: what one event adds to them. */
import type { Aggregate } from "../aggregates/aggregate.ts";
import { Detail } from "../aggregates/detail.ts";
import { DetailedWindows } from "../aggregates/detailed-windows.ts";
import type { ExpressionEvent } from "../expression/compile.ts";
import type { Delta } from "../protocol/batch.ts";
import { minuteOf } from "../time/window.ts";
import type { CompiledAggregation, Labels } from "./compile-aggregation.ts";
import type { Measure } from "./parser.ts";

/** An event that counts. */
export interface DetailedEvent {
  readonly measure: Measure;
  /** Service of an event that names none. */
  readonly service: string;
  /** The event as its text says it; undefined when it can be counted only. */
  readonly event: ExpressionEvent | undefined;
  /** The same without secrets; of JSON they are taken out of each value later. */
  readonly leaving: ExpressionEvent | undefined;
  readonly labels: Labels;
  /** Name of the event, for ever the same. */
  readonly id: () => string;
  readonly text: Buffer;
}

/** See the head of this file. */
export class EventDetail {
  readonly #aggregation: CompiledAggregation;
  readonly #windows: DetailedWindows;

  /** `servicesMax`: most services counted on their own between two takes. */
  constructor(aggregation: CompiledAggregation, servicesMax: number) {
    this.#aggregation = aggregation;
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

  /** Lines whose dimensions were folded since the last take. */
  get foldedLines(): number {
    return this.#windows.foldedLines;
  }

  /** Adds an event to its window. What its values lack is told to `onFault`. */
  add(detailed: DetailedEvent, onFault: (fault: string) => void): void {
    const { measure, event, leaving, labels } = detailed;
    const aggregate = this.#windows.at({
      service: measure.service === "" ? detailed.service : measure.service,
      minute: minuteOf(measure.timeMs),
      values: this.#aggregation.valuesOf(leaving, labels),
    });
    aggregate.add(measure.level, measure.durationUs);
    if (event === undefined) return;
    this.#measure(aggregate, event, onFault);
    if (this.#aggregation.isExemplar?.(event, measure.level) === true) {
      aggregate.detail ??= new Detail();
      this.#addExemplar(aggregate.detail, detailed);
    }
  }

  /** Takes all windows and starts anew. */
  take(stream: string): Delta[] {
    return this.#windows.take(stream);
  }

  #measure(aggregate: Aggregate, event: ExpressionEvent, onFault: (fault: string) => void): void {
    for (const measure of this.#aggregation.measures) {
      if (!measure.holds(event)) continue;
      aggregate.detail ??= new Detail();
      const state = aggregate.detail.measure(measure.name, measure.kind);
      const fault = state && measure.add(event, state);
      if (fault !== undefined) onFault(fault);
    }
  }

  #addExemplar(detail: Detail, { id: nameOf, measure, text }: DetailedEvent): void {
    const id = nameOf();
    if (!detail.wantsExemplar(id)) return;
    const line = this.#aggregation.exemplarText(text.toString("utf8"));
    const { timeMs, level } = measure;
    if (line !== undefined) detail.addExemplar({ id, timeMs, level, line });
  }
}
