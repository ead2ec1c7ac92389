/** The seal: one synchronous cut of all sources becomes one batch and the notes that stay with it in the spool. */
import type {
  Batch,
  Checkpoint,
  Delta,
  LedgerEntry,
  SourceReport,
} from "../../shared/protocol/batch.ts";
import { mergeHoles } from "../../shared/protocol/merge-holes.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import type { SelectedLine } from "../../shared/protocol/selected-line.ts";
import type { HeldBefore, RecordNotes } from "./record.ts";
import { Ledger, ledgerChanges, type SpoolState } from "./spool-state.ts";

/** What one source hands over at a seal. */
export interface SealedCut {
  readonly deltas: readonly Delta[];
  readonly events: readonly SelectedEvent[];
  readonly holes: readonly Hole[];
  /** None when left out. */
  readonly lines?: readonly SelectedLine[];
  /** Those that changed since the cut before. */
  readonly checkpoints: readonly Checkpoint[];
  readonly report: SourceReport;
  /** The source's cumulative ledger now, and as it was at the cut before. */
  readonly ledger: readonly LedgerEntry[];
  readonly ledgerBefore: readonly LedgerEntry[];
}

/** A batch ready for the spool. */
export interface MadeBatch {
  readonly batch: Batch;
  readonly notes: RecordNotes;
  /** True when nothing was counted, read or lost since the batch before: only a heartbeat needs it. */
  readonly isEmpty: boolean;
}

/** When a batch is sealed, and what chose its events. */
export interface Seal {
  readonly sealedAtMs: number;
  readonly selectorRevision: string;
}

/** Makes the batch that follows `state`, which stays as it is. */
export function makeBatch(state: SpoolState, cuts: readonly SealedCut[], seal: Seal): MadeBatch {
  const deltas = cuts.flatMap((cut) => cut.deltas);
  const lines = cuts.flatMap((cut) => cut.lines ?? []);
  const checkpoints = cuts
    .flatMap((cut) => cut.checkpoints)
    .map((found) => {
      const before = state.checkpoint(found.file);
      const isContinued = before?.generation === found.generation;
      return isContinued ? { ...found, from: before.offset } : found;
    });
  const changes = cuts.flatMap((cut) => ledgerChanges(cut.ledgerBefore, cut.ledger));
  const ledger = new Ledger(state.ledger());
  ledger.add(changes);
  const heldBefore: HeldBefore[] = [];
  for (const checkpoint of checkpoints) {
    const before = state.checkpoint(checkpoint.file);
    if (before === undefined || before.generation !== checkpoint.generation) continue;
    const { file, generation, held } = before;
    if (held.length > 0) heldBefore.push({ file, generation, ranges: held });
  }
  return {
    batch: {
      agent: state.agent,
      epoch: state.epoch,
      sequence: state.nextSequence,
      previousDigest: state.previousDigest,
      deltas,
      checkpoints,
      sources: cuts.map((cut) => cut.report),
      ledger: ledger.entries(),
      tombstone: undefined,
      events: cuts.flatMap((cut) => cut.events),
      ...(lines.length === 0 ? {} : { lines }),
      holes: mergeHoles(
        cuts.flatMap((cut) => cut.holes),
        [],
      ),
      ...seal,
    },
    notes: { ledger: changes, heldBefore },
    isEmpty: deltas.length + checkpoints.length + changes.length === 0,
  };
}
