/**
 * Turns records into what an agent would make of lines: counts by minute, the events that rules ask for, a ledger, and dead letters of those
 * that are no events. A record is one event in JSON, whatever white space it holds; what its fields mean is the same for all.
 */

import { MinuteWindows, SERVICE_OTHER } from "../../shared/aggregates/minute-windows.ts";
import { type AggregateConfig, wantsDetail } from "../../shared/events/aggregate-config.ts";
import {
  type CompiledAggregation,
  compileAggregation,
  type Labels,
} from "../../shared/events/compile-aggregation.ts";
import { type CompiledSelector, compileSelectors } from "../../shared/events/compile-selectors.ts";
import { EventDetail } from "../../shared/events/event-detail.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { parser } from "../../shared/events/json.ts";
import { redactedFields, serviceCutter, withLevel } from "../../shared/events/leaving-event.ts";
import { lineEvent } from "../../shared/events/line-event.ts";
import { emptyMeasure, type LineParser } from "../../shared/events/parser.ts";
import { PendingEvents } from "../../shared/events/pending-events.ts";
import {
  type Delta,
  DIGEST_NONE,
  type LedgerEntry,
  type LedgerKind,
} from "../../shared/protocol/batch.ts";
import { encodeBatch } from "../../shared/protocol/codec.ts";
import { lineId } from "../../shared/protocol/line-id.ts";
import { SELECTORS_NONE, type Selectors } from "../../shared/protocol/selected-event.ts";
import type { Redactor } from "../../shared/redaction/redactor.ts";
import { minuteOf } from "../../shared/time/window.ts";
import type { Letter } from "../log/inlet-entry.ts";

/** Most services counted on their own in one entry. */
const SERVICES_MAX = 10_000;
/** Of a record among the dead letters so many bytes are kept. */
const LETTER_BYTES_MAX = 4_096;

/** What of records is kept beside their counts, and as what. */
export interface LeavingRecords {
  readonly redactor: Redactor;
  /** Undefined: windows tell counts by level and durations only. */
  readonly aggregation: CompiledAggregation | undefined;
}

/** What `aggregate:` of an inlet and `redact:` say. */
export function leavingRecords(
  config: AggregateConfig | undefined,
  redactor: Redactor,
): LeavingRecords {
  const aggregation = wantsDetail(config) ? compileAggregation(config, redactor) : undefined;
  return { redactor, aggregation };
}

/** How records are understood. */
export interface CountOptions {
  /** Name of the source. */
  readonly source: string;
  /** Stream of the windows. */
  readonly stream: string;
  /** Service of events that name none. */
  readonly service: string;
  readonly events: EventOptions;
  readonly leaving: LeavingRecords;
  /** What dimensions may be named after beside fields. */
  readonly labels: Labels;
  /** The events that rules ask for; looked at when an entry begins. */
  readonly selectors: () => Selectors;
  /** Where events are found: with the position of its record it names each event for ever. */
  readonly place: { readonly source: string; readonly file: number };
}

/** What was counted, as an entry of the log holds it. */
export interface CountedRecords {
  /** A Batch message. */
  readonly batch: Buffer;
  readonly letters: readonly Letter[];
}

/** See the head of this file. */
export class RecordCounter {
  readonly #options: CountOptions;
  readonly #parser: LineParser;
  readonly #measure = emptyMeasure();
  readonly #windows = new MinuteWindows(SERVICES_MAX);
  readonly #detail: EventDetail | undefined;
  #ledger = new Map<string, { kind: LedgerKind; reason: string; lines: number; bytes: number }>();
  #letters: Letter[] = [];
  readonly #pending = new PendingEvents();
  #eventTimeMaxMs: number | undefined;
  #selectors = SELECTORS_NONE;
  #selector: CompiledSelector | undefined;

  constructor(options: CountOptions) {
    this.#options = options;
    const { aggregation, redactor } = options.leaving;
    this.#parser = parser.compile({ ...options.events, cutService: serviceCutter(redactor) });
    this.#detail = aggregation && new EventDetail(aggregation, SERVICES_MAX);
    this.#switch();
  }

  /**
   * Counts one record. Events later than `timeLimitMs` count in their window, but move nothing else. Returns why the record is no event;
   * undefined when it is one, or blank.
   */
  add(value: Buffer, position: number, timeLimitMs: number): string | undefined {
    const measure = this.#measure;
    const bytes = value.length;
    const reason = this.#parser.measure(value, 0, bytes, measure);
    if (reason === "blank") {
      this.note("filtered", reason, 1, bytes);
      return undefined;
    }
    if (reason !== undefined) {
      this.reject(value, position, reason);
      return reason;
    }
    const { timeMs } = measure;
    this.#count(value, position);
    this.note("aggregated", "", 1, bytes);
    if (measure.durationOutOfRange) this.note("noted", "duration_out_of_range", 1, bytes);
    if (timeMs > timeLimitMs) this.note("noted", "clock_ahead", 1, bytes);
    else this.#eventTimeMaxMs = Math.max(this.#eventTimeMaxMs ?? timeMs, timeMs);
    if (this.#selector !== undefined) this.#select(value, position, this.#selector);
    return undefined;
  }

  #count(value: Buffer, position: number): void {
    const { source, place, service, labels } = this.#options;
    const measure = this.#measure;
    const { timeMs, level } = measure;
    if (this.#detail === undefined) {
      const name = measure.service === "" ? service : measure.service;
      this.#windows.at(name, minuteOf(timeMs)).add(level, measure.durationUs);
      return;
    }
    const read = lineEvent(this.#parser, "json", value, service);
    const event = read && withLevel(read, level);
    const { file } = place;
    const id = () =>
      lineId(source, { source: place.source, file, generation: 0, offset: position, timeMs });
    const detailed = { measure, service, event, leaving: event, labels, id, text: value };
    this.#detail.add(detailed, (fault) => this.note("noted", fault, 1, value.length));
  }

  /** Records in windows since the last take. */
  get aggregatedCount(): number {
    return this.#ledger.get("aggregated ")?.lines ?? 0;
  }

  /** Keeps a record that is no event, with the reason. One of which something was taken out is not whole, and so not counted later. */
  reject(value: Buffer, position: number, reason: string): void {
    this.note("rejected", reason, 1, value.length);
    const kept = this.#redacted(value);
    const isCut = kept !== value || value.length > LETTER_BYTES_MAX;
    this.#letters.push({ position, reason, isCut, value: kept.subarray(0, LETTER_BYTES_MAX) });
  }

  /** The record itself when nothing has to be taken out of what is kept of it. */
  #redacted(value: Buffer): Buffer {
    const { redactor } = this.#options.leaving;
    if (!redactor.isActive) return value;
    const text = value.toString("utf8");
    const redacted =
      value.length > LETTER_BYTES_MAX
        ? redactor.redactStart(text, LETTER_BYTES_MAX)
        : redactor.redact(text);
    return redacted === text ? value : Buffer.from(redacted ?? "");
  }

  /** Adds records to the ledger. */
  note(kind: LedgerKind, reason: string, lines: number, bytes: number): void {
    const key = `${kind} ${reason}`;
    const entry = this.#ledger.get(key);
    if (entry === undefined) this.#ledger.set(key, { kind, reason, lines, bytes });
    else {
      entry.lines += lines;
      entry.bytes += bytes;
    }
  }

  /** Takes everything counted since the last take and starts anew. `state`: whether more is to be read soon. */
  take(nowMs: number, state: "live" | "idle" = "live"): CountedRecords {
    const { source, stream } = this.#options;
    const { events, holes, entries } = this.#pending.take(false);
    for (const { kind, reason, lines, bytes } of entries) this.note(kind, reason, lines, bytes);
    const foldedLines = this.#detail?.foldedLines ?? 0;
    if (foldedLines > 0) this.note("noted", "dimensions_folded", foldedLines, 0);
    const ledger: LedgerEntry[] = [...this.#ledger.values()].map((entry) => ({ source, ...entry }));
    const batch = encodeBatch({
      ...{ agent: source, epoch: DIGEST_NONE, sequence: 1, previousDigest: DIGEST_NONE },
      ...{ sealedAtMs: nowMs, deltas: this.#deltas(stream), checkpoints: [], ledger },
      sources: [{ source, state, eventTimeMaxMs: this.#eventTimeMaxMs }],
      ...{ events, holes, selectorRevision: this.#selectors.revision, tombstone: undefined },
    });
    const letters = this.#letters;
    this.#ledger = new Map();
    this.#letters = [];
    this.#eventTimeMaxMs = undefined;
    this.#switch();
    return { batch, letters };
  }

  #deltas(stream: string): Delta[] {
    const { redactor } = this.#options.leaving;
    const deltas = this.#detail?.take(stream) ?? this.#windows.take(stream);
    if (!redactor.isActive) return deltas;
    return deltas.map((delta) => ({
      ...delta,
      service: redactor.redact(delta.service) ?? SERVICE_OTHER,
    }));
  }

  #select(value: Buffer, position: number, selector: CompiledSelector): void {
    const { stream, service, place, leaving } = this.#options;
    const event = lineEvent(this.#parser, "json", value, service);
    if (event === undefined || !selector.matches(event)) return;
    const found = { stream, ...place, generation: 0, offset: position, index: 0 };
    const selected = redactedFields(event, selector.fields, leaving.redactor);
    this.#pending.add(selected, selector.fields, found, value.length);
  }

  /** All events of an entry are chosen by the same selectors. */
  #switch(): void {
    const selectors = this.#options.selectors();
    if (selectors === this.#selectors) return;
    this.#selectors = selectors;
    const parts = selectors.selectors.filter(({ stream }) => stream === this.#options.stream);
    this.#selector = parts.length === 0 ? undefined : compileSelectors(parts);
  }
}
