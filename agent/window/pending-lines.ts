/**
 * Raw lines of one source that wait for the seal.
 *
 * Their rates are bounded, in lines and in bytes. Where there are more, services share what is left fairly: none gets more than another as long
 * as that one has lines waiting, so the service that fails loudest hides no other. Which lines of a service stay is decided by their ids, that
 * is by chance but always the same; each that stays says how many it stands for.
 */

import { SERVICE_OTHER } from "../../shared/aggregates/minute-windows.ts";
import { lineId } from "../../shared/protocol/line-id.ts";
import type { SelectedLine } from "../../shared/protocol/selected-line.ts";
import type { CountedEntry } from "./line-counter.ts";

/** How many lines a source may send. */
export interface LineLimits {
  /** Per second. */
  readonly lineRate: number;
  readonly byteRate: number;
  /** One of so many lines is taken, by chance. */
  readonly sampleOf: number;
}

/** What was not used is saved up for this long. */
const BURST_SECONDS = 10;
/** Of what is more than may be sent, so much waits for the choice. */
const WAITING_FACTOR = 2;
/** More services between two seals share as one: names that never come again, such as ids, must cost no more than others. */
const SERVICES_MAX = 1000;
/** What a line takes in a batch beside its text. */
const LINE_HEAD_BYTES = 32;

interface Waiting {
  readonly id: string;
  readonly line: Omit<SelectedLine, "weight">;
  readonly bytes: number;
}

interface ServiceLines {
  waiting: Waiting[];
  /** Lines of the service since the last take, those that were left out included. */
  count: number;
}

interface Budget {
  lines: number;
  bytes: number;
}

/** See the head of this file. */
export class PendingLines {
  readonly #agent: string;
  readonly #limits: LineLimits;
  readonly #nowMs: () => number;
  readonly #services = new Map<string, ServiceLines>();
  readonly #shed = new Map<string, { lines: number; bytes: number }>();
  readonly #budget: Budget;
  #waiting: Budget = { lines: 0, bytes: 0 };
  #filledAtMs: number;

  /** `nowMs` never goes back. */
  constructor(agent: string, limits: LineLimits, nowMs: () => number) {
    this.#agent = agent;
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#budget = this.#burst;
    this.#filledAtMs = nowMs();
  }

  /** Size of the lines that wait. */
  get bytes(): number {
    return this.#waiting.bytes;
  }

  /** Adds a line; `text` says what may leave of it, and is asked only when it may be sent: undefined when nothing may. */
  add(line: Omit<SelectedLine, "weight" | "line">, bytes: number, text: () => string | undefined) {
    const id = lineId(this.#agent, line);
    const { sampleOf } = this.#limits;
    const service = this.#serviceOf(line.service);
    service.count++;
    // The first 8 digits of an id are a number below 2^32, each as likely as another.
    if (Number.parseInt(id.slice(0, 8), 16) >= 2 ** 32 / sampleOf) {
      this.#note("sampled", 1, bytes);
      return;
    }
    const leaving = text();
    if (leaving === undefined) {
      service.count--;
      this.#note("redacted", 1, bytes);
      return;
    }
    const size = LINE_HEAD_BYTES + Buffer.byteLength(leaving);
    service.waiting.push({ id, line: { ...line, line: leaving }, bytes: size });
    this.#waiting.lines++;
    this.#waiting.bytes += size;
    const burst = this.#burst;
    const isMuch =
      this.#waiting.lines > burst.lines * WAITING_FACTOR ||
      this.#waiting.bytes > burst.bytes * WAITING_FACTOR;
    if (isMuch) this.#leaveOut(burst);
  }

  /** Takes what may be sent and starts anew. `isShedding`: nothing may. */
  take(isShedding: boolean): {
    readonly lines: readonly SelectedLine[];
    readonly entries: readonly CountedEntry[];
  } {
    this.#fillBudget();
    if (isShedding) this.#shedAll("spool_full");
    else this.#leaveOut(this.#budget);
    const lines: SelectedLine[] = [];
    let bytes = 0;
    for (const { waiting, count } of this.#services.values()) {
      const weight = waiting.length === 0 ? 1 : count / waiting.length;
      for (const item of waiting) {
        lines.push({ ...item.line, weight });
        bytes += item.bytes;
      }
    }
    this.#budget.lines -= lines.length;
    this.#budget.bytes -= bytes;
    const entries = this.#entries(lines.length, bytes);
    this.#services.clear();
    this.#shed.clear();
    this.#waiting = { lines: 0, bytes: 0 };
    // By where they stand: so equal batches are equal, and offsets take few bytes.
    lines.sort((a, b) => a.file - b.file || a.generation - b.generation || a.offset - b.offset);
    return { lines, entries };
  }

  get #burst(): Budget {
    const { lineRate, byteRate } = this.#limits;
    return { lines: lineRate * BURST_SECONDS, bytes: byteRate * BURST_SECONDS };
  }

  #fillBudget(): void {
    const nowMs = this.#nowMs();
    const seconds = (nowMs - this.#filledAtMs) / 1000;
    this.#filledAtMs = nowMs;
    const { lineRate, byteRate } = this.#limits;
    const { lines, bytes } = this.#burst;
    this.#budget.lines = Math.min(lines, this.#budget.lines + seconds * lineRate);
    this.#budget.bytes = Math.min(bytes, this.#budget.bytes + seconds * byteRate);
  }

  #serviceOf(name: string): ServiceLines {
    const isOwn = this.#services.has(name) || this.#services.size < SERVICES_MAX;
    const key = isOwn ? name : SERVICE_OTHER;
    let service = this.#services.get(key);
    if (service === undefined) {
      service = { waiting: [], count: 0 };
      this.#services.set(key, service);
    }
    return service;
  }

  /** Keeps what fits, a line of each service in turn, of each those with the smallest ids. */
  #leaveOut(budget: Budget): void {
    if (this.#waiting.lines <= budget.lines && this.#waiting.bytes <= budget.bytes) return;
    const turns = [...this.#services.values()];
    for (const { waiting } of turns) waiting.sort((a, b) => (a.id < b.id ? -1 : 1));
    const kept = turns.map(() => 0);
    const left = { ...budget };
    let open = turns.map((_, index) => index);
    while (open.length > 0) {
      open = open.filter((index) => {
        const item = turns[index]?.waiting[kept[index] ?? 0];
        if (item === undefined || left.lines < 1 || left.bytes < item.bytes) return false;
        left.lines--;
        left.bytes -= item.bytes;
        kept[index] = (kept[index] ?? 0) + 1;
        return true;
      });
    }
    for (const [index, service] of turns.entries()) {
      for (const { bytes } of service.waiting.slice(kept[index])) {
        this.#note("rate_limited", 1, bytes);
        this.#waiting.lines--;
        this.#waiting.bytes -= bytes;
      }
      service.waiting = service.waiting.slice(0, kept[index]);
    }
  }

  #shedAll(reason: string): void {
    this.#note(reason, this.#waiting.lines, this.#waiting.bytes);
    for (const service of this.#services.values()) service.waiting = [];
  }

  #note(reason: string, lines: number, bytes: number): void {
    if (lines === 0) return;
    const before = this.#shed.get(reason) ?? { lines: 0, bytes: 0 };
    this.#shed.set(reason, { lines: before.lines + lines, bytes: before.bytes + bytes });
  }

  #entries(lines: number, bytes: number): CountedEntry[] {
    const selected = { lines, bytes };
    const entries: CountedEntry[] = [];
    for (const [reason, shed] of this.#shed) {
      selected.lines += shed.lines;
      selected.bytes += shed.bytes;
      entries.push({ kind: "lines_shed", reason, ...shed });
    }
    if (lines > 0) entries.push({ kind: "lines_sent", reason: "", lines, bytes });
    if (selected.lines > 0) entries.push({ kind: "lines_selected", reason: "", ...selected });
    return entries;
  }
}
