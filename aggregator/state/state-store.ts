import type { StateChange, StateView } from "../log/log.ts";

/**
 * The embedded store: an ordered map from printable ASCII keys to bytes, on one machine. Reads see the last commit.
 * A commit is atomic and durable when it resolves; commits are made one after the other. Fails with STORE_FAILED; then nothing of it is seen.
 */
export interface StateStore extends StateView {
  commit(changes: readonly StateChange[]): Promise<void>;
  close(): Promise<void>;
}
