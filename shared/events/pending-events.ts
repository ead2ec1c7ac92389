/** Selected events of one source that wait for the seal. */
import type { ExpressionEvent } from "../expression/compile.ts";
import type { LedgerEntry } from "../protocol/batch.ts";
import { EVENT_BYTES_MAX, EVENT_TIME_MS_MAX, eventBytes } from "../protocol/event-limits.ts";
import { mergeHoles } from "../protocol/merge-holes.ts";
import type { Hole, SelectedEvent } from "../protocol/selected-event.ts";

/** What waits is sealed at about this size. */
const SEAL_BYTES = 1024 * 1024;
/** No more than this waits, however long the read that brings it: a batch must stay far below what an aggregator takes. */
const PENDING_BYTES_MAX = 4 * SEAL_BYTES;

/** Where an event was found. */
export type EventPlace = Pick<
  SelectedEvent,
  "stream" | "source" | "file" | "generation" | "offset" | "index"
>;

/** What a seal takes. */
export interface TakenEvents {
  readonly events: readonly SelectedEvent[];
  readonly holes: readonly Hole[];
  /** For the ledger of events: selected = sent + shed. */
  readonly entries: readonly Omit<LedgerEntry, "source">[];
}

interface Tally {
  lines: number;
  bytes: number;
}

/** See the head of this file. */
export class PendingEvents {
  #events: SelectedEvent[] = [];
  #bytes = 0;
  #shed = new Map<string, Tally>();
  #holes: readonly Hole[] = [];

  /** Count of bytes that wait, as limits count them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True when so much waits that it should be sealed before more is read. */
  get isFull(): boolean {
    return this.#bytes >= SEAL_BYTES;
  }

  /** Adds what travels of `event`; `lineBytes` is the length of its line. */
  add(
    event: ExpressionEvent,
    fields: readonly string[],
    place: EventPlace,
    lineBytes: number,
  ): void {
    const selected: SelectedEvent = {
      ...place,
      timeMs: event.ts,
      type: event.type,
      fields: project(event, fields),
    };
    const bytes = eventBytes(selected);
    if (bytes > EVENT_BYTES_MAX) this.#shedOne(selected, "too_large", lineBytes);
    else if (Math.abs(event.ts) > EVENT_TIME_MS_MAX) this.#shedOne(selected, "bad_time", bytes);
    else if (this.#bytes + bytes > PENDING_BYTES_MAX) this.#shedOne(selected, "buffer_full", bytes);
    else {
      this.#events.push(selected);
      this.#bytes += bytes;
    }
  }

  /** Takes everything and starts anew. `isShedding`: no event is sent, all become holes. */
  take(isShedding: boolean): TakenEvents {
    if (isShedding && this.#events.length > 0) {
      this.#tally("spool_full", this.#events.length, this.#bytes);
      this.#holes = mergeHoles(this.#holes, this.#events);
      this.#events = [];
      this.#bytes = 0;
    }
    const taken = { events: this.#events, holes: this.#holes, entries: this.#entries() };
    this.#events = [];
    this.#bytes = 0;
    this.#shed = new Map();
    this.#holes = [];
    return taken;
  }

  #shedOne(event: SelectedEvent, reason: string, bytes: number): void {
    this.#tally(reason, 1, bytes);
    const timeMs = Math.min(Math.max(event.timeMs, -EVENT_TIME_MS_MAX), EVENT_TIME_MS_MAX);
    this.#holes = mergeHoles(this.#holes, [{ stream: event.stream, timeMs }]);
  }

  #tally(reason: string, lines: number, bytes: number): void {
    const before = this.#shed.get(reason) ?? { lines: 0, bytes: 0 };
    this.#shed.set(reason, { lines: before.lines + lines, bytes: before.bytes + bytes });
  }

  #entries(): Omit<LedgerEntry, "source">[] {
    const sent = { lines: this.#events.length, bytes: this.#bytes };
    const selected = { ...sent };
    const entries: Omit<LedgerEntry, "source">[] = [];
    for (const [reason, tally] of this.#shed) {
      selected.lines += tally.lines;
      selected.bytes += tally.bytes;
      entries.push({ kind: "events_shed", reason, ...tally });
    }
    if (sent.lines > 0) entries.push({ kind: "events_sent", reason: "", ...sent });
    if (selected.lines > 0) entries.push({ kind: "events_selected", reason: "", ...selected });
    return entries;
  }
}

function project(event: ExpressionEvent, names: readonly string[]): Record<string, unknown> {
  const pairs: [string, unknown][] = [];
  for (const name of names) {
    if (Object.hasOwn(event.fields, name)) pairs.push([name, event.fields[name]]);
  }
  return Object.fromEntries(pairs);
}
