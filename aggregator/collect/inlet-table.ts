/**
 * Everything that stage 1 keeps by inlet, as `AgentTable` does by agent: which records were counted, so that each is counted once, whatever
 * arrives twice, late or from another reader. An entry names the range of positions that it holds; it applies when it begins where the one
 * before ended. A reader that is elsewhere is told so, and goes there.
 *
 * Dead letters are kept by number, the last so many. One that is replayed or dropped is settled by an entry, too, so that it counts once: which
 * numbers are settled stands in the inlet's row, and is committed with the counts.
 */
import type { LedgerEntry } from "../../shared/protocol/batch.ts";
import type { InletEntry, InletName, InletRecords, Letter } from "../log/inlet-entry.ts";
import type { StateChange, StateView } from "../log/log.ts";
import type { SourceInput } from "../state/agent-row.ts";
import {
  decodeRequestRow,
  decodeRequestSlotRow,
  encodeInletRow,
  encodeLetterRow,
  encodeRequestRow,
  encodeRequestSlotRow,
  type InletRow,
} from "../state/inlet-row.ts";
import { inletKey, letterPrefix, numberPart, requestKey, requestSlotKey } from "../state/keys.ts";
import { Overlay } from "../state/overlay.ts";
import { readInlets } from "../state/read-inlets.ts";

/** What is new in an entry: `duplicate` was counted before, or names a dead letter that is no longer kept, `rewind` does not begin where the one before ended, `conflict` uses the key of another request. */
export type InletVerdict = "applied" | "duplicate" | "rewind" | "conflict";

/** Dead letters kept of one inlet. */
export const LETTERS_KEPT = 1_000;
/** Requests with a key that one source remembers. */
export const REQUESTS_KEPT = 65_536;
/** What the rows of inlets may fill of a commit's 4 MiB. */
const OPEN_BYTES_MAX = 512 * 1024;
const ROW_BYTES = 1_000;
const REQUEST_BYTES = 300;

/** See the head of this file. */
export class InletTable {
  private readonly requests: Overlay;
  private letters: StateChange[] = [];
  private readonly inlets = new Map<string, InletRow>();
  private readonly changed = new Set<InletRow>();
  private readonly inputs: SourceInput[];
  private openBytes = 0;

  /** `inputs` gets what each inlet says of event time. */
  constructor(view: StateView, inputs: SourceInput[]) {
    this.requests = new Overlay(view);
    this.inputs = inputs;
    for (const row of readInlets(view)) this.insert(row);
  }

  /** True when something is to be committed. */
  get hasChanges(): boolean {
    return this.changed.size > 0;
  }

  /** True when the rows of inlets fill so much of a commit that no more entries should be applied before it. */
  get isFull(): boolean {
    return this.openBytes >= OPEN_BYTES_MAX;
  }

  /** All inlets. */
  get rows(): Iterable<InletRow> {
    return this.inlets.values();
  }

  /** The inlet's row, and what of the entry's records is new to it. A row is made by the first entry that applies. */
  judge(entry: InletEntry, clockMs: number): { row: InletRow; verdict: InletVerdict } {
    const known = this.inlets.get(inletKey(entry.tenant, entry.source, entry.place));
    const row = known ?? newRow(entry, clockMs);
    const { records } = entry;
    if (records.kind === "request") return { row, verdict: this.judgeRequest(entry, records) };
    if (records.kind === "letters") return { row, verdict: judgeLetters(row, records) };
    const verdict = known === undefined ? "applied" : judgeRange(known.position, records);
    return { row, verdict };
  }

  /** Notes an entry that was not counted. */
  refuse(row: InletRow, verdict: Exclude<InletVerdict, "applied">, clockMs: number): void {
    row.counters[verdict === "rewind" ? "rewound" : verdict]++;
    this.touch(row, clockMs);
  }

  /** Takes over what an applied entry says, but for its counts and its event time. */
  advance(
    row: InletRow,
    entry: InletEntry,
    said: { readonly ledger: readonly LedgerEntry[]; readonly clockMs: number },
  ): void {
    const { records } = entry;
    row.counters.applied++;
    if (records.kind === "range") row.position = records.to;
    else if (records.kind === "letters") this.settle(row, records);
    else if (records.key !== "") this.rememberRequest(row, records);
    for (const added of said.ledger) addToLedger(row.ledger, added);
    for (const letter of entry.letters) this.keepLetter(row, letter, said.clockMs);
    if (!this.inlets.has(inletKey(row.tenant, row.source, row.place))) this.insert(row);
    this.touch(row, said.clockMs);
  }

  /** Takes all changes: `early` ones may be committed before, since applying the same entries again gives the same; `last` ones make them applied. */
  take(): { readonly early: StateChange[]; readonly last: StateChange[] } {
    const last = this.requests.take();
    for (const row of this.changed) {
      const key = inletKey(row.tenant, row.source, row.place);
      last.push({ key, value: encodeInletRow(row) });
    }
    const early = this.letters;
    this.letters = [];
    this.changed.clear();
    this.openBytes = 0;
    return { early, last };
  }

  private judgeRequest(
    { tenant, source }: InletName,
    records: Extract<InletRecords, { kind: "request" }>,
  ): InletVerdict {
    if (records.key === "") return "applied";
    const known = this.requests.get(requestKey(tenant, source, records.key));
    if (known === undefined) return "applied";
    return decodeRequestRow(known) === records.digest ? "duplicate" : "conflict";
  }

  private rememberRequest(
    row: InletRow,
    { key, digest }: Extract<InletRecords, { kind: "request" }>,
  ): void {
    const { tenant, source } = row;
    const slotKey = requestSlotKey(tenant, source, row.position % REQUESTS_KEPT);
    const forgotten = this.requests.get(slotKey);
    if (forgotten !== undefined) {
      this.requests.set(requestKey(tenant, source, decodeRequestSlotRow(forgotten)), undefined);
    }
    this.requests.set(slotKey, encodeRequestSlotRow(key));
    this.requests.set(requestKey(tenant, source, key), encodeRequestRow(digest));
    row.position++;
    this.openBytes += REQUEST_BYTES + 4 * key.length;
  }

  private settle(
    row: InletRow,
    { isCounted, settled }: Extract<InletRecords, { kind: "letters" }>,
  ): void {
    const prefix = letterPrefix(row.tenant, row.source, row.place);
    for (const { number, reason, bytes } of settled) {
      // Together with the row that says so: a letter that is gone without that would be counted anew after a crash.
      this.requests.set(prefix + numberPart(number), undefined);
      row.letterCount--;
      this.openBytes += 2 * prefix.length;
      if (!isCounted) continue;
      const taken = { source: "", kind: "rejected", reason, lines: -1, bytes: -bytes } as const;
      addToLedger(row.ledger, taken);
    }
    const numbers = settled.map(({ number }) => number);
    row.settledLetters = [...row.settledLetters, ...numbers].toSorted((a, b) => a - b);
  }

  private keepLetter(row: InletRow, letter: Letter, takenMs: number): void {
    const prefix = letterPrefix(row.tenant, row.source, row.place);
    const oldest = row.letterTotal - LETTERS_KEPT;
    if (oldest >= 0) {
      if (row.settledLetters[0] === oldest) row.settledLetters.shift();
      else {
        this.letters.push({ key: prefix + numberPart(oldest), value: undefined });
        row.letterCount--;
      }
    }
    row.letterCount++;
    const key = prefix + numberPart(row.letterTotal);
    this.letters.push({ key, value: encodeLetterRow({ ...letter, takenMs }) });
    row.letterTotal++;
    this.openBytes += letter.value.length + 2 * key.length;
  }

  private insert(row: InletRow): void {
    this.inlets.set(inletKey(row.tenant, row.source, row.place), row);
    this.inputs.push(...row.sources);
  }

  private touch(row: InletRow, clockMs: number): void {
    row.seenMs = clockMs;
    if (this.changed.has(row)) return;
    this.changed.add(row);
    this.openBytes += ROW_BYTES;
  }
}

function judgeLetters(
  row: InletRow,
  { settled }: Extract<InletRecords, { kind: "letters" }>,
): InletVerdict {
  const [first, end] = [Math.max(0, row.letterTotal - LETTERS_KEPT), row.letterTotal];
  const gone = new Set(row.settledLetters);
  for (const { number } of settled) {
    if (number < first || number >= end || gone.has(number)) return "duplicate";
    gone.add(number);
  }
  return settled.length === 0 ? "duplicate" : "applied";
}

function judgeRange(position: number, records: { from: number; to: number }): InletVerdict {
  if (records.from === position) return "applied";
  return records.to <= position ? "duplicate" : "rewind";
}

function newRow({ tenant, source, place }: InletName, clockMs: number): InletRow {
  const input: SourceInput = {
    source,
    state: "idle",
    eventTimeMaxMs: undefined,
    eventSeenMs: undefined,
    seenMs: clockMs,
  };
  const counters = { applied: 0, duplicate: 0, rewound: 0, conflict: 0, records: 0, clockAhead: 0 };
  return {
    ...{ tenant, source, place, position: 0, counters, ledger: [], letterCount: 0, letterTotal: 0 },
    ...{ settledLetters: [], selectorRevision: "", selectedSinceMs: undefined },
    ...{ seenMs: clockMs, sources: [input] },
  };
}

function addToLedger(ledger: LedgerEntry[], added: LedgerEntry): void {
  const index = ledger.findIndex(
    ({ kind, reason }) => kind === added.kind && reason === added.reason,
  );
  const before = ledger[index];
  if (before === undefined) ledger.push({ ...added, source: "" });
  else {
    const [lines, bytes] = [before.lines + added.lines, before.bytes + added.bytes];
    if (lines === 0) ledger.splice(index, 1);
    else ledger[index] = { ...before, lines, bytes };
  }
}
