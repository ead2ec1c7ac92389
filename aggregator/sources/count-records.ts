/**
 * Turns records into what an agent would make of lines: counts by minute, the events that rules ask for, a ledger, and dead letters of those
 * that are no events. A record is one event in JSON, whatever white space it holds; what its fields mean is the same for all.
 */

import { MinuteWindows } from "../../shared/aggregates/minute-windows.ts";
import { type CompiledSelector, compileSelectors } from "../../shared/events/compile-selectors.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { parser } from "../../shared/events/json.ts";
import { lineEvent } from "../../shared/events/line-event.ts";
import { emptyMeasure, type LineParser } from "../../shared/events/parser.ts";
import { PendingEvents } from "../../shared/events/pending-events.ts";
import { DIGEST_NONE, type LedgerEntry, type LedgerKind } from "../../shared/protocol/batch.ts";
import { encodeBatch } from "../../shared/protocol/codec.ts";
import { SELECTORS_NONE, type Selectors } from "../../shared/protocol/selected-event.ts";
import { minuteOf } from "../../shared/time/window.ts";
import type { Letter } from "../log/inlet-entry.ts";

/** Most services counted on their own in one entry. */
const SERVICES_MAX = 10_000;
/** Of a record among the dead letters so many bytes are kept. */
const LETTER_BYTES_MAX = 4_096;

/** How records are understood. */
export interface CountOptions {
  /** Name of the source. */
  readonly source: string;
  /** Stream of the windows. */
  readonly stream: string;
  /** Service of events that name none. */
  readonly service: string;
  readonly events: EventOptions;
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
  #ledger = new Map<string, { kind: LedgerKind; reason: string; lines: number; bytes: number }>();
  #letters: Letter[] = [];
  readonly #pending = new PendingEvents();
  #eventTimeMaxMs: number | undefined;
  #selectors = SELECTORS_NONE;
  #selector: CompiledSelector | undefined;

  constructor(options: CountOptions) {
    this.#options = options;
    this.#parser = parser.compile(options.events);
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
    const service = measure.service === "" ? this.#options.service : measure.service;
    const { timeMs } = measure;
    this.#windows.at(service, minuteOf(timeMs)).add(measure.level, measure.durationUs);
    this.note("aggregated", "", 1, bytes);
    if (measure.durationOutOfRange) this.note("noted", "duration_out_of_range", 1, bytes);
    if (timeMs > timeLimitMs) this.note("noted", "clock_ahead", 1, bytes);
    else this.#eventTimeMaxMs = Math.max(this.#eventTimeMaxMs ?? timeMs, timeMs);
    if (this.#selector !== undefined) this.#select(value, position, this.#selector);
    return undefined;
  }

  /** Records in windows since the last take. */
  get aggregatedCount(): number {
    return this.#ledger.get("aggregated ")?.lines ?? 0;
  }

  /** Keeps a record that is no event, with the reason. */
  reject(value: Buffer, position: number, reason: string): void {
    this.note("rejected", reason, 1, value.length);
    const isCut = value.length > LETTER_BYTES_MAX;
    this.#letters.push({ position, reason, isCut, value: value.subarray(0, LETTER_BYTES_MAX) });
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
    const ledger: LedgerEntry[] = [...this.#ledger.values()].map((entry) => ({ source, ...entry }));
    const batch = encodeBatch({
      ...{ agent: source, epoch: DIGEST_NONE, sequence: 1, previousDigest: DIGEST_NONE },
      ...{ sealedAtMs: nowMs, deltas: this.#windows.take(stream), checkpoints: [], ledger },
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

  #select(value: Buffer, position: number, selector: CompiledSelector): void {
    const { stream, service, place } = this.#options;
    const event = lineEvent(this.#parser, "json", value, service);
    if (event === undefined || !selector.matches(event)) return;
    const found = { stream, ...place, generation: 0, offset: position, index: 0 };
    this.#pending.add(event, selector.fields, found, value.length);
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
