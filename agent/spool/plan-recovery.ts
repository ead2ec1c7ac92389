/**
 * How an agent and an aggregator that no longer agree become one again, exactly once.
 *
 * They disagree when the aggregator was restored from a backup, when the agent's data directory was rolled back or cloned, or when the spool
 * was damaged in its middle. The cure is always the same. The aggregator answers a hello with its checkpoints, which say what it counted:
 * for every file and generation a set of bytes, all below `offset` but the held ranges. Of the records still in the spool each one says
 * which bytes it counts: [from, offset) and what was held before it, without what is held after it. A record is kept, that is sealed again
 * in the new epoch, when none of its bytes was counted; otherwise it is dropped. What lies between becomes a held range and is read again
 * from the files; bytes that are gone are ledgered as lost by whoever tries to read them.
 *
 * On one line of records the number of a file means the same file to both sides, whatever its inode is by now. When the line forked, because a
 * rolled-back or cloned agent went on from a common past, numbers may mean two files: then a record is kept only when identity and fingerprint
 * prove that both mean the same. Dropping is always exact while the files are there; keeping is needed only for bytes that are gone from them.
 */
import { present } from "../../shared/assert.ts";
import type { ByteRange, Checkpoint, LedgerEntry } from "../../shared/protocol/batch.ts";
import { rangesBytes, rangesOverlap, subtractRanges, unionRanges } from "./byte-ranges.ts";
import type { HeldBefore } from "./record.ts";
import type { FileStart } from "./segment.ts";
import { Ledger } from "./spool-state.ts";

/** What recovery begins with. */
export interface RecoveryBasis {
  /** The answered checkpoints, those of removed files included. */
  readonly checkpoints: readonly Checkpoint[];
  readonly ledger: readonly LedgerEntry[];
  /** Files of which reading did not begin with their first byte. */
  readonly starts: readonly FileStart[];
  /** True when it is not certain that the spool and the aggregator are on one line of records. */
  readonly isForked: boolean;
}

/** What a retained record says of files and ledger. */
export interface RetainedRecord {
  /** In the order of the batch: a file whose generation ended comes twice. */
  readonly checkpoints: readonly Checkpoint[];
  readonly heldBefore: readonly HeldBefore[];
  /** What it adds to the ledger; entries of kind `held` are left aside. */
  readonly ledger: readonly LedgerEntry[];
  /** True when the aggregator's mark says that it was applied. */
  readonly isApplied: boolean;
  /** True when records before it may be missing. */
  readonly isAfterGap: boolean;
}

/** A record that is kept: what to write in it when it is sealed again. */
export interface KeptRecord {
  readonly checkpoints: readonly Checkpoint[];
  readonly heldBefore: readonly HeldBefore[];
  readonly ledgerChanges: readonly LedgerEntry[];
  /** Cumulative, after the record, without levels. */
  readonly ledger: readonly LedgerEntry[];
}

/** Where the agent goes on when all retained records were offered. */
export interface RecoveryResult {
  /** Files that are gone and wholly read are left out. */
  readonly checkpoints: readonly Checkpoint[];
  readonly ledger: readonly LedgerEntry[];
  readonly starts: readonly FileStart[];
  /** Highest number of a file that occurred anywhere; -1 when there is none. */
  readonly fileMax: number;
}

interface FileState {
  readonly checkpoint: Checkpoint;
  /** Bytes of the checkpoint's generation that are counted, or are not to be. */
  readonly counted: readonly ByteRange[];
}

/** Decides record by record. Show and offer everything in the order in which it was sealed, then call {@link finish}. */
export class RecoveryPlan {
  readonly #files = new Map<number, FileState>();
  readonly #answered: readonly Checkpoint[];
  readonly #answeredFileMax: number;
  readonly #isForked: boolean;
  readonly #ledger: Ledger;
  readonly #starts: Map<number, number>;
  /** The furthest that the spool itself knows of each generation of a file, by ascending generation. */
  readonly #seen = new Map<number, Map<number, Checkpoint>>();
  /** Files that the aggregator knew to be gone and wholly read; it may have forgotten them since. */
  readonly #finished = new Set<number>();

  constructor(basis: RecoveryBasis) {
    this.#answered = basis.checkpoints;
    this.#isForked = basis.isForked;
    this.#starts = new Map(basis.starts.map((start) => [start.file, start.offset]));
    this.#ledger = new Ledger(basis.ledger.filter((entry) => entry.kind !== "held"));
    this.#answeredFileMax = Math.max(-1, ...basis.checkpoints.map((found) => found.file));
    for (const checkpoint of basis.checkpoints) {
      const below = unionRanges([{ from: 0, to: checkpoint.offset }]);
      const counted = subtractRanges(below, checkpoint.held);
      this.#files.set(checkpoint.file, { checkpoint, counted });
    }
  }

  /** Looks at checkpoints of the spool's own: they tell how far it had read what it no longer holds records of. */
  see(checkpoints: readonly Checkpoint[]): void {
    for (const found of checkpoints) {
      const generations = this.#seen.get(found.file) ?? new Map<number, Checkpoint>();
      this.#seen.set(found.file, generations);
      const known = generations.get(found.generation);
      if (known === undefined || found.offset >= known.offset) {
        generations.set(found.generation, found);
      }
    }
  }

  /** Decides about the next record: what to seal again, or undefined when it is dropped. */
  offer(record: RetainedRecord): KeptRecord | undefined {
    if (record.isApplied) {
      this.see(record.checkpoints);
      for (const found of record.checkpoints) if (found.removed) this.#finished.add(found.file);
      return undefined;
    }
    const draft = new Map<number, FileState>();
    const heldBefore: HeldBefore[] = [];
    const lost: LedgerEntry[] = [];
    const checkpoints: Checkpoint[] = [];
    for (const found of record.checkpoints) {
      const before = draft.get(found.file) ?? this.#stateFor(found, record.isAfterGap);
      const after = before && advance(before, found, record.heldBefore);
      if (before === undefined || after === undefined) {
        this.see(record.checkpoints);
        return undefined;
      }
      if (before.checkpoint.generation !== found.generation) lost.push(...this.#lostOf(before));
      else if (before.checkpoint.held.length > 0) {
        const { file, generation } = found;
        heldBefore.push({ file, generation, ranges: before.checkpoint.held });
      }
      draft.set(found.file, after);
      checkpoints.push(after.checkpoint);
    }
    this.see(record.checkpoints);
    for (const [file, state] of draft) this.#files.set(file, state);
    const ledgerChanges = [...record.ledger.filter((entry) => entry.kind !== "held"), ...lost];
    this.#ledger.add(ledgerChanges);
    return { checkpoints, heldBefore, ledgerChanges, ledger: this.#ledger.entries() };
  }

  /**
   * What the agent goes on with. Bytes that the spool once had but that neither the aggregator nor a kept record counted are held: whoever
   * reads them again finds them, or ledgers them as lost.
   */
  finish(): RecoveryResult {
    if (!this.#isForked) for (const file of this.#seen.keys()) this.#extend(file);
    const states = [...this.#files.values()];
    const checkpoints = states
      .map(({ checkpoint }) => ({ ...checkpoint, from: checkpoint.offset }))
      .filter((checkpoint) => !checkpoint.removed);
    const starts = [...this.#starts].map(([file, offset]) => ({ file, offset }));
    const fileMax = Math.max(this.#answeredFileMax, ...this.#seen.keys());
    return { checkpoints, ledger: this.#ledger.entries(), starts, fileMax };
  }

  #extend(file: number): void {
    const seen = present([...(this.#seen.get(file)?.values() ?? [])].at(-1), "a seen checkpoint");
    const before = this.#stateFor(seen, false);
    if (before === undefined) return;
    const isNewGeneration = before.checkpoint.generation < seen.generation;
    if (isNewGeneration) this.#ledger.add(this.#lostOf(before));
    else if (before.checkpoint.generation > seen.generation) return;
    else if (before.checkpoint.offset >= seen.offset && this.#files.has(file)) return;
    this.#files.set(file, settle(seen, isNewGeneration ? [] : before.counted));
  }

  /** Bytes of a generation that ended which nobody counted; how many lines they were, nobody knows. */
  #lostOf(state: FileState): LedgerEntry[] {
    const { source, file, generation, offset, held } = state.checkpoint;
    const end = this.#seen.get(file)?.get(generation)?.offset ?? offset;
    const bytes = rangesBytes(held) + Math.max(0, end - offset);
    if (bytes === 0) return [];
    return [{ source, kind: "lost", reason: "lost_by_aggregator", lines: 0, bytes }];
  }

  /** What is counted of the file that `found` means; undefined when that is not certain. */
  #stateFor(found: Checkpoint, isAfterGap: boolean): FileState | undefined {
    const state = this.#files.get(found.file);
    if (state !== undefined) {
      return isSameFile(state.checkpoint, found, this.#isForked) ? state : undefined;
    }
    if (this.#finished.has(found.file)) return undefined;
    if (this.#isForked) {
      // A lower number that the aggregator does not know was finished and forgotten there, or never sent.
      if (found.file <= this.#answeredFileMax) return undefined;
      const { source, device, inode } = found;
      const twin = (other: Checkpoint) =>
        other.source === source && other.device === device && other.inode === inode;
      if (this.#answered.some((other) => !other.removed && twin(other))) return undefined;
    }
    // The first that is heard of a file says where its reading began: behind its start for a copy, or with `start_at: end`.
    const isFirst = !this.#seen.has(found.file) && !this.#starts.has(found.file);
    if (isFirst && found.from > 0 && found.generation === 0) {
      if (isAfterGap || this.#isForked) return undefined;
      this.#starts.set(found.file, found.from);
    }
    const start = this.#starts.get(found.file) ?? 0;
    const counted = unionRanges([{ from: 0, to: start }]);
    return { checkpoint: { ...found, ...BEGINNING, offset: start, from: start }, counted };
  }
}

const BEGINNING = {
  generation: 0,
  guardBytes: 0,
  guard: 0,
  held: [],
  unterminated: false,
  complete: false,
  removed: false,
} as const;

/**
 * Decides about all of `records` at once; the positions of those that are kept, each with what to seal. `seen` is the full set of checkpoints
 * with which the retained records begin.
 */
export function planRecovery(
  basis: RecoveryBasis,
  seen: readonly Checkpoint[],
  records: readonly RetainedRecord[],
): RecoveryResult & { readonly kept: ReadonlyMap<number, KeptRecord> } {
  const plan = new RecoveryPlan(basis);
  plan.see(seen);
  const kept = new Map<number, KeptRecord>();
  for (const [index, record] of records.entries()) {
    const decision = plan.offer(record);
    if (decision !== undefined) kept.set(index, decision);
  }
  return { ...plan.finish(), kept };
}

function isSameFile(known: Checkpoint, found: Checkpoint, isStrict: boolean): boolean {
  if (known.source !== found.source) return false;
  if (!isStrict) return true;
  return (
    known.inode === found.inode &&
    known.device === found.device &&
    known.birthMs === found.birthMs &&
    known.generation === found.generation &&
    known.fingerprintBytes === found.fingerprintBytes &&
    known.fingerprint === found.fingerprint
  );
}

/** The state after a record, or undefined when the record counts what was counted already. */
function advance(
  before: FileState,
  found: Checkpoint,
  heldBefore: readonly HeldBefore[],
): FileState | undefined {
  const known = before.checkpoint;
  if (found.generation < known.generation) return undefined;
  const isNewGeneration = found.generation > known.generation;
  const countedBefore = isNewGeneration ? [] : before.counted;
  const held = heldBefore.find(
    (entry) => entry.file === found.file && entry.generation === found.generation,
  );
  const read = unionRanges([{ from: found.from, to: found.offset }], held?.ranges ?? []);
  const added = subtractRanges(read, found.held);
  if (rangesOverlap(countedBefore, added)) return undefined;
  const counted = unionRanges(countedBefore, added);
  const from = isNewGeneration ? 0 : known.offset;
  const isFurther = isNewGeneration || found.offset >= known.offset;
  return settle({ ...(isFurther ? found : known), from }, counted);
}

/** The checkpoint with everything below its offset held that is not counted. */
function settle(checkpoint: Checkpoint, counted: readonly ByteRange[]): FileState {
  const below = unionRanges([{ from: 0, to: checkpoint.offset }]);
  const held = subtractRanges(below, counted);
  const isWhole = held.length === 0;
  const complete = checkpoint.complete && isWhole;
  const removed = checkpoint.removed && isWhole;
  return { checkpoint: { ...checkpoint, held, complete, removed }, counted };
}
