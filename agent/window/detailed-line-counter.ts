/**
 * A line counter for sources that keep windows apart by dimensions, measure fields, or keep sample lines. It parses each line wholly, which
 * takes some microseconds; sources that ask for none of that are counted by other, faster counters.
 */

import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { Detail } from "../../shared/aggregates/detail.ts";
import { DetailedWindows } from "../../shared/aggregates/detailed-windows.ts";
import { byteOrderMarkBytes } from "../../shared/events/line-bytes.ts";
import { eventOfParsed } from "../../shared/events/line-event.ts";
import { isFiltered, type LineParser, type ParsedEvent } from "../../shared/events/parser.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import { lineId } from "../../shared/protocol/line-id.ts";
import { minuteOf } from "../../shared/time/window.ts";
import type { CompiledAggregation } from "./compile-aggregation.ts";
import { type Labels, labelsOfPath } from "./file-labels.ts";
import type { CountContext, Counted, LineCounter } from "./line-counter.ts";
import { LineTally } from "./line-tally.ts";

const LINE_FEED = 0x0a;
/** Paths whose labels are remembered. */
const PATHS_MAX = 1000;

/** What a {@link DetailedLineCounter} needs. */
export interface DetailedLineCounterOptions {
  readonly stream: string;
  /** Name of the agent and of the source: lines are named after them. */
  readonly agent: string;
  readonly source: string;
  /** Name of the host, as a label. */
  readonly host: string;
  /** Name of the parser. */
  readonly format: string;
  /** Serves this counter alone. */
  readonly parser: LineParser;
  readonly aggregation: CompiledAggregation;
  /** Most services counted on their own between two takes. */
  readonly servicesMax: number;
}

/** See the head of this file. */
export class DetailedLineCounter implements LineCounter {
  readonly #options: DetailedLineCounterOptions;
  readonly #windows: DetailedWindows;
  readonly #tally = new LineTally();
  readonly #labels = new Map<string, Labels>();
  #eventTimeMaxMs = Number.NEGATIVE_INFINITY;
  #lineCount = 0;

  constructor(options: DetailedLineCounterOptions) {
    this.#options = options;
    const { aggregation, servicesMax } = options;
    const { dimensionNames, seriesMax } = aggregation;
    this.#windows = new DetailedWindows(dimensionNames, { servicesMax, seriesMax });
  }

  get pendingKeys(): number {
    return this.#windows.size;
  }

  get pendingDetailBytes(): number {
    return this.#windows.detailBytes;
  }

  get lineCount(): number {
    return this.#lineCount;
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
    const markBytes = context.fileStart === true ? byteOrderMarkBytes(buffer, from, to) : 0;
    for (let at = from; at < to; ) {
      const end = buffer.indexOf(LINE_FEED, at);
      const next = end < 0 || end >= to ? to : end + 1;
      const contentFrom = at + (at === from ? markBytes : 0);
      const contentTo = buffer[next - 1] === LINE_FEED ? next - 1 : next;
      this.#countLine(buffer.subarray(contentFrom, contentTo), next - at, {
        ...{ context, position: at, offset: (context.offset ?? 0) + at - from },
      });
      at = next;
    }
  }

  countUnterminated(line: Buffer, context: CountContext): void {
    if (line.length > 0) this.count(line, 0, line.length, context);
  }

  take(): Counted {
    const { foldedLines } = this.#windows;
    if (foldedLines > 0) this.#tally.add("noted", "dimensions_folded", foldedLines, 0);
    const eventTimeMaxMs = Number.isFinite(this.#eventTimeMaxMs) ? this.#eventTimeMaxMs : undefined;
    this.#eventTimeMaxMs = Number.NEGATIVE_INFINITY;
    return {
      deltas: this.#windows.take(this.#options.stream),
      entries: this.#tally.take(),
      eventTimeMaxMs,
    };
  }

  #countLine(line: Buffer, bytes: number, at: LinePosition): void {
    this.#lineCount++;
    const { context } = at;
    const parsed = this.#options.parser.parse(line);
    if (parsed.kind === "rejection") {
      const { reason } = parsed;
      this.#tally.add(isFiltered(reason) ? "filtered" : "rejected", reason, 1, bytes);
      if (!isFiltered(reason)) context.onRejected?.(reason, at.position);
      return;
    }
    this.#tally.aggregated(1, bytes);
    if (parsed.durationOutOfRange) this.#tally.add("noted", "duration_out_of_range", 1, bytes);
    const { timeMs } = parsed;
    if (timeMs > context.eventTimeLimitMs) this.#tally.add("noted", "clock_ahead", 1, bytes);
    else if (timeMs > this.#eventTimeMaxMs) this.#eventTimeMaxMs = timeMs;
    this.#countEvent(parsed, line, at);
  }

  #countEvent(parsed: ParsedEvent, line: Buffer, at: LinePosition): void {
    const { aggregation, format } = this.#options;
    const { context } = at;
    const event = eventOfParsed(parsed, format, line, context.service);
    const aggregate = this.#windows.at({
      service: parsed.service ?? context.service,
      minute: minuteOf(parsed.timeMs),
      values: aggregation.valuesOf(event, this.#labelsOf(context.path)),
    });
    aggregate.add(LEVEL_INDEX[parsed.level], parsed.durationUs ?? -1);
    for (const measure of aggregation.measures) {
      if (!measure.holds(event)) continue;
      aggregate.detail ??= new Detail();
      const state = aggregate.detail.measure(measure.name, measure.kind);
      const fault = state && measure.add(event, state);
      if (fault !== undefined) this.#tally.add("noted", fault, 1, line.length);
    }
    if (aggregation.isExemplar?.(event) === true) {
      aggregate.detail ??= new Detail();
      this.#addExemplar(aggregate.detail, { event, level: LEVEL_INDEX[parsed.level], line, at });
    }
  }

  #addExemplar(
    detail: Detail,
    found: {
      readonly event: ExpressionEvent;
      readonly level: number;
      readonly line: Buffer;
      readonly at: LinePosition;
    },
  ): void {
    const { agent, source, aggregation } = this.#options;
    const { context, offset } = found.at;
    const timeMs = found.event.ts;
    const { file = 0, generation = 0 } = context;
    const id = lineId(agent, { source, file, generation, offset, timeMs });
    if (!detail.wantsExemplar(id)) return;
    const line = aggregation.exemplarText(found.line.toString("utf8"));
    if (line !== undefined) detail.addExemplar({ id, timeMs, level: found.level, line });
  }

  #labelsOf(path: string | undefined): Labels {
    const known = this.#labels.get(path ?? "");
    if (known !== undefined) return known;
    const { host, source } = this.#options;
    const labels = { host, source, ...labelsOfPath(path ?? "") };
    if (this.#labels.size >= PATHS_MAX) this.#labels.clear();
    this.#labels.set(path ?? "", labels);
    return labels;
  }
}

/** Where a line stands. */
interface LinePosition {
  readonly context: CountContext;
  /** In the buffer, of its first byte. */
  readonly position: number;
  /** In the file. */
  readonly offset: number;
}
