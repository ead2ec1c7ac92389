/** What the read loop knows of a source, whatever its kind. */
import type { Checkpoint, Delta, LedgerEntry, SourceReport } from "../../shared/protocol/batch.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import type { SelectedLine } from "../../shared/protocol/selected-line.ts";

/** What was counted since the last cut, and the positions that it covers. They belong into one record. */
export interface SourceCut {
  readonly deltas: Delta[];
  readonly events: readonly SelectedEvent[];
  readonly holes: readonly Hole[];
  readonly lines: readonly SelectedLine[];
  /** Changed ones. A file that was truncated since the last cut has one entry per generation, in their order. */
  readonly checkpoints: Checkpoint[];
  readonly report: SourceReport;
  /** All entries of this source, cumulative. */
  readonly ledger: LedgerEntry[];
}

/** A source of lines. Only one `discover` or `read` is at work at a time. */
export interface Source {
  readonly name: string;
  /** Count of windows that wait for the next cut. */
  readonly pendingKeys: number;
  /** At most how many buckets of sketches these windows have. */
  readonly pendingBuckets: number;
  /** Size of the selected events that wait for the next cut. */
  readonly pendingEventBytes: number;
  /** About what measures and sample lines of the windows that wait, and raw lines, take in a batch. */
  readonly pendingDetailBytes: number;
  /** Bytes that are known to be there and not yet counted. */
  readonly backlogBytes: number;
  /** Count of handles that are open now. */
  readonly openFileCount: number;
  /** True when everything there was is counted, and nothing follows; what is unreadable is not among it. */
  readonly ended: boolean;
  /** Count of files that are there and could not be read when last looked at; each was warned of. */
  readonly unreadableCount: number;
  /** Looks what there is. Call it at the start, when something may have changed, and every now and then. */
  discover(): Promise<void>;
  /** States whether files came, went or were renamed since the last look; cheap enough to ask ten times a second. */
  hasMoved(): Promise<boolean>;
  /** Reads on for about `bytesMax` bytes; resolves with the bytes read, 0 when there is nothing to do for now. */
  read(bytesMax: number): Promise<number>;
  /** Takes everything that was counted since the last cut. `isShedding`: selected events become holes; `isSheddingLines`: raw lines are left out. */
  cut(isShedding?: boolean, isSheddingLines?: boolean): SourceCut;
  /** The full set, as of now. */
  checkpoints(): Checkpoint[];
  /** Asks to be called when there is something to read; files are looked at instead. */
  listen?(wake: () => void): void;
  /** Counts, before the last cut, what no later run gets: what was received and nobody sends again, files that no name leads to. */
  drain?(): Promise<void>;
  /** Closes everything; waits for what is at work. Nothing may be called afterwards but `cut` and `checkpoints`. */
  close(): Promise<void>;
}

/** A source as it stands. */
export type SourceStatus = Pick<
  Source,
  "name" | "backlogBytes" | "pendingKeys" | "openFileCount" | "unreadableCount"
>;

/** How a source stands now. */
export function sourceStatus(source: Source): SourceStatus {
  const { name, backlogBytes, pendingKeys, openFileCount, unreadableCount } = source;
  return { name, backlogBytes, pendingKeys, openFileCount, unreadableCount };
}
