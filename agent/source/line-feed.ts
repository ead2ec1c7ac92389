/** Where the lines of a live source come from: its one moving part. */

/** Bytes that are no lines to count, for the ledger. */
export interface RefusedLines {
  /** `rejected`: they were received and are part of the position. `lost`: they never were. */
  readonly kind: "rejected" | "lost";
  readonly reason: string;
  readonly lines: number;
  readonly bytes: number;
}

/** What was received since the last call. */
export interface TakenLines {
  /** Whole lines, each with its line feed. */
  readonly bytes: Buffer;
  readonly refused: readonly RefusedLines[];
  /** Where to go on behind these lines, in a sender that can; absent: as before. */
  readonly position?: string | undefined;
}

/** Receives lines, and keeps them until they are taken. */
export interface LineFeed {
  /** Names the place in checkpoints, such as `journal` or `udp://0.0.0.0:514`. */
  readonly path: string;
  /** Bytes that wait to be taken. */
  readonly waitingBytes: number;
  /** True when nothing follows but what waits. */
  readonly hasEnded: boolean;
  /**
   * Begins to receive behind `position`; empty: where the configuration says. Resolves with the position where it begins, which is stored before
   * anything is taken. `wake` is called when there is something to take. An error of the system or of this program's own kind is tried again later.
   */
  open(position: string, wake: () => void): Promise<string>;
  /** Looks after it: called every now and then once it is open. */
  tend(): Promise<void>;
  /** Takes about `bytesMax` bytes of what waits, at least one line when there is one. */
  take(bytesMax: number): TakenLines;
  close(): Promise<void>;
}
