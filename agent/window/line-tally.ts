/** What became of the lines since the last take: the numbers that the ledger gets. */
import type { LedgerKind } from "../../shared/protocol/batch.ts";
import type { CountedEntry } from "./line-counter.ts";

interface Tally {
  readonly kind: LedgerKind;
  readonly reason: string;
  lines: number;
  bytes: number;
}

/** Counts lines and bytes by kind and reason. */
export class LineTally {
  #aggregatedLines = 0;
  #aggregatedBytes = 0;
  #others = new Map<string, Tally>();

  /** Adds lines that count in a window. */
  aggregated(lines: number, bytes: number): void {
    this.#aggregatedLines += lines;
    this.#aggregatedBytes += bytes;
  }

  /** Adds lines of any other kind. */
  add(kind: LedgerKind, reason: string, lines: number, bytes: number): void {
    const key = `${kind} ${reason}`;
    const tally = this.#others.get(key);
    if (tally === undefined) {
      this.#others.set(key, { kind, reason, lines, bytes });
      return;
    }
    tally.lines += lines;
    tally.bytes += bytes;
  }

  /** Adds entries that were counted elsewhere. */
  addEntries(entries: readonly CountedEntry[]): void {
    for (const { kind, reason, lines, bytes } of entries) {
      if (kind === "aggregated") this.aggregated(lines, bytes);
      else this.add(kind, reason, lines, bytes);
    }
  }

  /** Takes all entries and starts anew. */
  take(): CountedEntry[] {
    const entries: CountedEntry[] = [];
    if (this.#aggregatedLines > 0) {
      const [lines, bytes] = [this.#aggregatedLines, this.#aggregatedBytes];
      entries.push({ kind: "aggregated", reason: "", lines, bytes });
    }
    entries.push(...this.#others.values());
    this.#aggregatedLines = 0;
    this.#aggregatedBytes = 0;
    this.#others = new Map();
    return entries;
  }
}
