import type { LedgerEntry, LedgerKind } from "../../shared/protocol/batch.ts";

/** The cumulative ledger of one source: read = aggregated + filtered + rejected + lost + held, in lines and in bytes. */
export class SourceLedger {
  private readonly source: string;
  private readonly totals = new Map<string, LedgerEntry>();

  /** `known`: the entries so far; of the level `held` nothing is taken over, it is told anew at each {@link entries}. */
  constructor(source: string, known: readonly LedgerEntry[]) {
    this.source = source;
    for (const entry of known) {
      if (entry.source !== source || entry.kind === "held") continue;
      this.add(entry.kind, entry.reason, entry.lines, entry.bytes);
    }
  }

  /** Adds lines and bytes (line ends included). Bytes whose lines nobody can know count no lines. */
  add(kind: LedgerKind, reason: string, lines: number, bytes: number): void {
    if (lines === 0 && bytes === 0) return;
    const key = `${kind}/${reason}`;
    const total = this.totals.get(key);
    this.totals.set(key, {
      source: this.source,
      kind,
      reason,
      lines: (total?.lines ?? 0) + lines,
      bytes: (total?.bytes ?? 0) + bytes,
    });
  }

  /** All entries; `heldBytes` wait to be read again now. */
  entries(heldBytes: number): LedgerEntry[] {
    const entries = [...this.totals.values()];
    if (heldBytes > 0) {
      entries.push({ source: this.source, kind: "held", reason: "", lines: 0, bytes: heldBytes });
    }
    return entries;
  }
}
