/**
 * Counts events where windows are kept apart by dimensions, fields are measured, or sample lines kept. The counter of lines says which events
 * there are and what counts of them; this parses each of them once more, wholly, which takes some microseconds. Sources that ask for none of
 * that have none, and are counted faster.
 *
 * A kernel counts in its place where only dimensions and sample lines are asked for: it keeps counts apart by the values of fields, and notes
 * the lines of some levels. Of these only those are parsed that will be a window's samples as far as is known.
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { CompiledAggregation, Labels } from "../../shared/events/compile-aggregation.ts";
import { EventDetail } from "../../shared/events/event-detail.ts";
import { eventOfFields } from "../../shared/events/event-shape.ts";
import { redactedText, withLevel } from "../../shared/events/leaving-event.ts";
import { lineEvent } from "../../shared/events/line-event.ts";
import type { LineParser, Measure } from "../../shared/events/parser.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import { lineId } from "../../shared/protocol/line-id.ts";
import { minuteOf } from "../../shared/time/window.ts";
import { labelsOfPath, PATH_LABELS } from "./file-labels.ts";
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

/** What a kernel has to do that counts in the place of a {@link DetailCounter}. */
export interface KernelTask {
  /** Fields whose values keep counts apart. */
  readonly fields: readonly string[];
  /** Levels whose lines are noted, one bit for each. */
  readonly levels: number;
  /** True when it matters which path lines come from. */
  readonly isByPath: boolean;
}

/** A line that a kernel counted and noted. */
export interface NotedLine {
  /** Name of its service, and behind it the values of the fields: see {@link DetailCounter.addCounts}. */
  readonly key: string;
  readonly timeMs: number;
  readonly level: number;
  readonly offset: number;
  text(): Buffer;
}

/** A service, and the values of the dimensions of one of its series. */
interface Series {
  readonly service: string;
  readonly values: readonly string[];
}

/** What stands before a value in a key: no value, a text, a number. */
const VALUE_KINDS = /([\u0001-\u0003])/;
const TEXT_KIND = "\u0002";
const NUMBER_KIND = "\u0003";
/** Keys whose values are remembered. */
const KEYS_MAX = 5000;

/** See the head of this file. */
export class DetailCounter {
  readonly #options: DetailCounterOptions;
  readonly #detail: EventDetail;
  readonly #labels = new Map<string, Labels>();
  readonly #series = new Map<string, Series>();
  #seriesPath: string | undefined;

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

  /** What a kernel has to do that counts in this one's place; undefined where none can. */
  get kernelTask(): KernelTask | undefined {
    const { measures, dimensionFields, exemplarLevels } = this.#options.aggregation;
    if (measures.length > 0) return undefined;
    const fields = [...new Set(dimensionFields)];
    const isByPath = PATH_LABELS.some((label) => fields.includes(label));
    return { fields, levels: exemplarLevels, isByPath };
  }

  /**
   * Adds counts of lines that the kernel counted, and keeps them apart. `key` is the service's name and behind it, for each field of the
   * {@link kernelTask}, the kind and text of its value; the lines come from `path`.
   */
  addCounts(key: string, minute: number, aggregate: Aggregate, path: string | undefined): void {
    this.#detail.addCounts({ ...this.#seriesOf(key, path), minute }, aggregate);
  }

  /** Keeps a line that the kernel counted as a sample, if it may be one. */
  addNoted(line: NotedLine, context: CountContext): void {
    const { parser, format, agent, source } = this.#options;
    const { key, timeMs, level, offset } = line;
    const { file = 0, generation = 0, service } = context;
    const place = { ...this.#seriesOf(key, context.path), minute: minuteOf(timeMs) };
    const id = lineId(agent, { source, file, generation, offset, timeMs });
    this.#detail.addSample(place, { id, timeMs, level }, () => {
      const text = line.text();
      const read = lineEvent(parser, format, text, service);
      return read && { event: withLevel(read, level), text };
    });
  }

  #seriesOf(key: string, path: string | undefined): Series {
    if (path !== this.#seriesPath || this.#series.size >= KEYS_MAX) this.#series.clear();
    this.#seriesPath = path;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#readKey(key, path);
      this.#series.set(key, series);
    }
    return series;
  }

  #readKey(key: string, path: string | undefined): Series {
    const { aggregation } = this.#options;
    const [service = "", ...parts] = key.split(VALUE_KINDS);
    const fields: [string, string | number][] = [];
    for (const [index, field] of [...new Set(aggregation.dimensionFields)].entries()) {
      const [kind, text = ""] = parts.slice(2 * index);
      if (kind === TEXT_KIND) fields.push([field, text]);
      if (kind === NUMBER_KIND) fields.push([field, Number(text)]);
    }
    const event = eventOfFields(Object.fromEntries(fields), 0, "");
    return { service, values: aggregation.valuesOf(event, this.#labelsOf(path)) };
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
