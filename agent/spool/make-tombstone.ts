/**
 * What takes the place of a batch that the aggregator condemned: its checkpoints without its counts, which are ledgered as lost, and holes
 * for its events.
 */
import type { LedgerEntry, LedgerKind, SealedRecord } from "../../shared/protocol/batch.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { mergeHoles } from "../../shared/protocol/merge-holes.ts";
import { openRecord, sealRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import { BODY_BYTES_MAX, type FoundRecord, type RecordNotes, readNotes } from "./record.ts";
import { Ledger, type SpoolState } from "./spool-state.ts";

/** The reason under which a condemned batch's lines are ledgered. */
export const CONDEMNED_REASON = "malformed_batch";

/** A tombstone ready for the spool. */
export interface MadeTombstone {
  readonly record: SealedRecord;
  readonly notes: RecordNotes;
  /** Lines that are lost with the batch. */
  readonly lines: number;
}

/** Makes the tombstone of `found`. A batch that cannot even be decoded here gives one without checkpoints. */
export function makeTombstone(
  state: SpoolState,
  found: FoundRecord,
  previousDigest: string,
): MadeTombstone {
  const { sequence, digest } = found.record;
  const batch = tryDecode(found);
  const taken = readNotes(found.notesBytes).ledger.filter(isTaken);
  const ledger = new Ledger(batch?.ledger ?? state.ledger());
  const changes = taken.flatMap((entry) => [
    { ...entry, lines: -entry.lines, bytes: -entry.bytes },
    asCondemned(entry),
  ]);
  ledger.add(changes);
  const record = sealRecord({
    agent: state.agent,
    epoch: state.epoch,
    sequence,
    previousDigest: batch?.previousDigest ?? previousDigest,
    sealedAtMs: batch?.sealedAtMs ?? 0,
    deltas: [],
    checkpoints: batch?.checkpoints ?? [],
    sources: [],
    ledger: ledger.entries(),
    tombstone: { reason: "malformed_batch", replacedDigest: digest },
    events: [],
    holes: mergeHoles(batch?.holes ?? [], batch?.events ?? []),
    selectorRevision: batch?.selectorRevision ?? "",
  });
  const aggregated = taken.filter((entry) => entry.kind === "aggregated");
  const lines = aggregated.reduce((sum, entry) => sum + entry.lines, 0);
  return { record, notes: { ledger: changes, heldBefore: [] }, lines };
}

/** What a ledger entry becomes when the batch that brought it is condemned. */
export function asCondemned(entry: LedgerEntry): LedgerEntry {
  if (!isTaken(entry)) return entry;
  return { ...entry, kind: CONDEMNED_KINDS[entry.kind], reason: CONDEMNED_REASON };
}

/** Whether an aggregator would have taken in what the entry counts. */
function isTaken(entry: LedgerEntry): entry is LedgerEntry & { readonly kind: TakenKind } {
  return entry.kind in CONDEMNED_KINDS;
}

type TakenKind = keyof typeof CONDEMNED_KINDS;

const CONDEMNED_KINDS = {
  aggregated: "lost",
  events_sent: "events_shed",
  lines_sent: "lines_shed",
} as const satisfies Partial<Record<LedgerKind, LedgerKind>>;

function tryDecode(found: FoundRecord) {
  try {
    return decodeBatch(openRecord(found.record, BODY_BYTES_MAX));
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
