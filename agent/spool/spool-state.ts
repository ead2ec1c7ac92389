/** What an agent knows after its newest record: the content of the next segment's header, kept up to date record by record. */
import { assert } from "../../shared/assert.ts";
import type { AgentMark } from "../../shared/protocol/answers.ts";
import type { Batch, Checkpoint, LedgerEntry } from "../../shared/protocol/batch.ts";
import type { RecordNotes } from "./record.ts";
import type { FileStart, SegmentHeader } from "./segment.ts";

/** The cumulative ledger of an agent. */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();

  constructor(entries: readonly LedgerEntry[] = []) {
    for (const entry of entries) this.#entries.set(keyOf(entry), entry);
  }

  /** Adds `changes`; those of kind `held` are levels and replace what was there. */
  add(changes: readonly LedgerEntry[]): void {
    for (const change of changes) {
      const key = keyOf(change);
      const before = this.#entries.get(key);
      const isSum = change.kind !== "held" && before !== undefined;
      const lines = change.lines + (isSum ? before.lines : 0);
      const bytes = change.bytes + (isSum ? before.bytes : 0);
      assert(lines >= 0 && bytes >= 0, `the ledger entry ${key} stays above zero`);
      if (lines === 0 && bytes === 0) this.#entries.delete(key);
      else this.#entries.set(key, { ...change, lines, bytes });
    }
  }

  entries(): LedgerEntry[] {
    return [...this.#entries.values()];
  }
}

/** What `after` adds to `before`: both cumulative; entries of kind `held` come as their new level when it changed. */
export function ledgerChanges(
  before: readonly LedgerEntry[],
  after: readonly LedgerEntry[],
): LedgerEntry[] {
  const known = new Map(before.map((entry) => [keyOf(entry), entry]));
  const changes: LedgerEntry[] = [];
  for (const entry of after) {
    const key = keyOf(entry);
    const old = known.get(key);
    known.delete(key);
    if (old?.lines === entry.lines && old.bytes === entry.bytes) continue;
    if (entry.kind === "held" || old === undefined) changes.push(entry);
    else changes.push({ ...entry, lines: entry.lines - old.lines, bytes: entry.bytes - old.bytes });
  }
  for (const gone of known.values()) {
    if (gone.kind === "held") changes.push({ ...gone, lines: 0, bytes: 0 });
  }
  return changes;
}

function keyOf(entry: LedgerEntry): string {
  return JSON.stringify([entry.source, entry.kind, entry.reason]);
}

/** See the head of this file. */
export class SpoolState {
  readonly agent: string;
  readonly epoch: string;
  readonly logId: string;
  readonly #before: AgentMark | undefined;
  readonly #starts: Map<number, FileStart>;
  readonly #sources: Set<string>;
  readonly #checkpoints: Map<number, Checkpoint>;
  #ledger: Ledger;
  #nextSequence: number;
  #previousDigest: string;
  #nextFile: number;

  constructor(header: SegmentHeader) {
    this.agent = header.agent;
    this.epoch = header.epoch;
    this.logId = header.logId;
    this.#before = header.before;
    this.#starts = new Map(header.starts.map((start) => [start.file, start]));
    this.#sources = new Set(header.sources);
    this.#checkpoints = new Map(header.checkpoints.map((found) => [found.file, found]));
    this.#ledger = new Ledger(header.ledger);
    this.#nextSequence = header.nextSequence;
    this.#previousDigest = header.previousDigest;
    this.#nextFile = header.nextFile;
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Digest of the newest record. */
  get previousDigest(): string {
    return this.#previousDigest;
  }

  /** A number for a new file; never given twice. */
  allocateFile(): number {
    return this.#nextFile++;
  }

  /** Takes in a batch that became the newest record. */
  apply(batch: Batch, notes: RecordNotes, digest: string): void {
    assert(batch.sequence === this.#nextSequence, "records follow each other without a gap");
    this.#nextSequence++;
    this.#previousDigest = digest;
    for (const found of batch.checkpoints) {
      const isNew = !this.#checkpoints.has(found.file);
      if (isNew && found.from > 0 && found.generation === 0) this.#begin(found.file, found.from);
      this.#take({ ...found, from: found.offset });
    }
    this.#ledger.add(notes.ledger);
  }

  #begin(file: number, offset: number): void {
    if (!this.#starts.has(file)) this.#starts.set(file, { file, offset });
  }

  #take(checkpoint: Checkpoint): void {
    this.#nextFile = Math.max(this.#nextFile, checkpoint.file + 1);
    // A file that is gone and wholly read needs no place any more; its number stays taken.
    if (checkpoint.removed) this.#checkpoints.delete(checkpoint.file);
    else this.#checkpoints.set(checkpoint.file, checkpoint);
  }

  /** Takes in the notes of a tombstone. */
  correct(notes: RecordNotes): void {
    this.#ledger.add(notes.ledger);
  }

  /** Notes that `start_at` was applied to a source, and where its files begin because of it. */
  addSource(name: string, checkpoints: readonly Checkpoint[]): void {
    this.#sources.add(name);
    for (const found of checkpoints) {
      this.#take({ ...found, from: found.offset });
      if (found.offset > 0) this.#begin(found.file, found.offset);
    }
  }

  /** Takes over what a recovery ended with; numbers up to `fileMax` are not given again. */
  adopt(recovered: {
    readonly checkpoints: readonly Checkpoint[];
    readonly ledger: readonly LedgerEntry[];
    readonly starts: readonly FileStart[];
    readonly fileMax: number;
  }): void {
    this.#checkpoints.clear();
    for (const checkpoint of recovered.checkpoints) this.#take(checkpoint);
    for (const start of recovered.starts) this.#begin(start.file, start.offset);
    this.#ledger = new Ledger(recovered.ledger);
    this.#nextFile = Math.max(this.#nextFile, recovered.fileMax + 1);
  }

  hasSource(name: string): boolean {
    return this.#sources.has(name);
  }

  checkpoint(file: number): Checkpoint | undefined {
    return this.#checkpoints.get(file);
  }

  checkpoints(): Checkpoint[] {
    return [...this.#checkpoints.values()];
  }

  ledger(): LedgerEntry[] {
    return this.#ledger.entries();
  }

  header(): SegmentHeader {
    return {
      agent: this.agent,
      epoch: this.epoch,
      logId: this.logId,
      before: this.#before,
      nextSequence: this.#nextSequence,
      previousDigest: this.#previousDigest,
      nextFile: this.#nextFile,
      sources: [...this.#sources],
      starts: [...this.#starts.values()].filter((start) => this.#checkpoints.has(start.file)),
      checkpoints: this.checkpoints(),
      ledger: this.ledger(),
    };
  }
}
