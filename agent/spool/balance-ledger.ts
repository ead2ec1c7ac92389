/**
 * Whether the ledger accounts for every byte that was read: read = aggregated + filtered + rejected + lost + held.
 *
 * The two sides stem from different places. What was read is told by the positions: a record says for each file from where to where it reads
 * on, and which ranges below are held back until later. What became of it is told by the ledger. Bytes that were destroyed before they were read are ledgered as lost without having been
 * read, so the ledger may exceed the positions by what is lost, and by nothing else; it may never fall short of them.
 */
import {
  BALANCED_KINDS,
  type BalancedKind,
  type Batch,
  type Checkpoint,
  type LedgerEntry,
  type LedgerKind,
} from "../../shared/protocol/batch.ts";
import type { SegmentHeader } from "./segment.ts";
import { Ledger } from "./spool-state.ts";

/** Lines and bytes. */
export interface LedgerAmount {
  readonly lines: number;
  readonly bytes: number;
}

/** What was chosen to be sent, and what became of it: selected = sent + shed. */
export interface Sending {
  readonly what: "events" | "raw lines";
  readonly selected: LedgerAmount;
  readonly sent: LedgerAmount;
  readonly shed: LedgerAmount;
  /** Why and how much was not sent. */
  readonly reasons: Readonly<Record<string, LedgerAmount>>;
  readonly balances: boolean;
}

/** Both sides for one source. */
export interface SourceBalance {
  readonly source: string;
  /** The sum of the kinds below but `noted`, since the source was first read. */
  readonly read: LedgerAmount;
  readonly kinds: Readonly<Record<BalancedKind | "noted", LedgerAmount>>;
  /** Of events and raw lines, where there were any. */
  readonly sendings: readonly Sending[];
  /** Bytes by which the positions of the records that are looked at moved on, and by which the ledger did. */
  readonly positionBytes: number;
  readonly accountedBytes: number;
  /** Records in which the two sides do not fit. */
  readonly faults: readonly BalanceFault[];
}

/** A record that read more than its ledger says, or less. */
export interface BalanceFault {
  readonly sequence: number;
  readonly positionBytes: number;
  readonly accountedBytes: number;
  /** How much of what is accounted was lost, which may be unread. */
  readonly lostBytes: number;
}

interface Sums {
  positionBytes: number;
  accountedBytes: number;
  readonly faults: BalanceFault[];
}

/** Follows the records of a spool, in order. */
export class LedgerBalance {
  #ledger = new Ledger();
  #isKnown = false;
  /** By number of the file. */
  #heldBytes = new Map<number, number>();
  readonly #sources = new Map<string, Sums>();

  /** A segment begins: its header says how the ledger and the files stand. */
  begin(header: Pick<SegmentHeader, "ledger" | "checkpoints">): void {
    this.#ledger = new Ledger(header.ledger);
    this.#heldBytes = new Map(header.checkpoints.map((found) => [found.file, heldBytesOf(found)]));
    this.#isKnown = true;
    for (const { source } of header.ledger) this.#sumsOf(source);
  }

  /** A batch follows; call {@link begin} before the first. */
  add(batch: Batch): void {
    const before = this.#ledger.entries();
    const after = new Ledger(batch.ledger);
    for (const source of namesIn([...before, ...batch.ledger], batch)) {
      const sums = this.#sumsOf(source);
      let positionBytes = 0;
      for (const found of batch.checkpoints) {
        if (found.source === source) positionBytes += this.#move(found);
      }
      const accountedBytes = accounted(batch.ledger, source) - accounted(before, source);
      const lostBytes = bytesOf(batch.ledger, source, ["lost"]) - bytesOf(before, source, ["lost"]);
      sums.positionBytes += positionBytes;
      sums.accountedBytes += accountedBytes;
      const excess = accountedBytes - positionBytes;
      if (this.#isKnown && (excess < 0 || excess > Math.max(0, lostBytes))) {
        sums.faults.push({ sequence: batch.sequence, positionBytes, accountedBytes, lostBytes });
      }
    }
    this.#ledger = after;
  }

  /** A tombstone corrects the ledger: what a condemned batch held is lost. */
  correct(changes: readonly LedgerEntry[]): void {
    this.#ledger.add(changes);
  }

  /** Both sides as they stand, sources by name. */
  balances(): SourceBalance[] {
    const entries = this.#ledger.entries();
    return [...this.#sources]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([source, sums]) => {
        const own = entries.filter((entry) => entry.source === source);
        const amount = (kinds: readonly LedgerKind[]) => amountOf(own, kinds);
        return {
          source,
          read: amount(BALANCED_KINDS),
          kinds: {
            aggregated: amount(["aggregated"]),
            filtered: amount(["filtered"]),
            rejected: amount(["rejected"]),
            lost: amount(["lost"]),
            held: amount(["held"]),
            noted: amount(["noted"]),
          },
          sendings: sendingsOf(own),
          ...sums,
        };
      });
  }

  /** Bytes by which a file is read further: held ones are not, until they are let go. */
  #move(found: Checkpoint): number {
    const before = this.#heldBytes.get(found.file) ?? 0;
    const after = heldBytesOf(found);
    this.#heldBytes.set(found.file, after);
    return found.offset - found.from - (after - before);
  }

  #sumsOf(source: string): Sums {
    const known = this.#sources.get(source);
    if (known !== undefined) return known;
    const sums = { positionBytes: 0, accountedBytes: 0, faults: [] };
    this.#sources.set(source, sums);
    return sums;
  }
}

function sendingsOf(own: readonly LedgerEntry[]): Sending[] {
  const sendings = [
    sendingOf(own, "events", ["events_selected", "events_sent", "events_shed"]),
    sendingOf(own, "raw lines", ["lines_selected", "lines_sent", "lines_shed"]),
  ];
  return sendings.filter(
    ({ selected, sent, shed }) => selected.lines + sent.lines + shed.lines > 0,
  );
}

function sendingOf(
  own: readonly LedgerEntry[],
  what: Sending["what"],
  kinds: readonly [selected: LedgerKind, sent: LedgerKind, shed: LedgerKind],
): Sending {
  const [selected, sent, shed] = [
    amountOf(own, [kinds[0]]),
    amountOf(own, [kinds[1]]),
    amountOf(own, [kinds[2]]),
  ];
  const reasons = own
    .filter(({ kind }) => kind === kinds[2])
    .map(({ reason, lines, bytes }) => [reason, { lines, bytes }] as const);
  const balances =
    selected.lines === sent.lines + shed.lines && selected.bytes === sent.bytes + shed.bytes;
  return { what, selected, sent, shed, reasons: Object.fromEntries(reasons), balances };
}

function namesIn(entries: readonly LedgerEntry[], batch: Batch): Set<string> {
  const names = new Set(entries.map((entry) => entry.source));
  for (const { source } of batch.checkpoints) names.add(source);
  for (const { source } of batch.sources) names.add(source);
  return names;
}

function heldBytesOf({ held }: Checkpoint): number {
  return held.reduce((bytes, range) => bytes + range.to - range.from, 0);
}

function accounted(entries: readonly LedgerEntry[], source: string): number {
  return bytesOf(entries, source, ["aggregated", "filtered", "rejected", "lost"]);
}

function bytesOf(
  entries: readonly LedgerEntry[],
  source: string,
  kinds: readonly LedgerKind[],
): number {
  const own = entries.filter((entry) => entry.source === source);
  return amountOf(own, kinds).bytes;
}

function amountOf(entries: readonly LedgerEntry[], kinds: readonly LedgerKind[]): LedgerAmount {
  let lines = 0;
  let bytes = 0;
  for (const entry of entries) {
    if (!kinds.includes(entry.kind)) continue;
    lines += entry.lines;
    bytes += entry.bytes;
  }
  return { lines, bytes };
}
