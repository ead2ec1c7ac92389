import { assert } from "../../shared/assert.ts";
import type { Commit, Topic } from "./log.ts";

/** Most bytes of keys, values and payloads that one commit may carry. */
export const COMMIT_BYTES_MAX = 4 * 1024 * 1024;

/** Most keys that one commit may change. */
export const COMMIT_KEYS_MAX = 10_000;

/** Keys that begin with this belong to the log itself. `encodeURIComponent` never leaves a `#`, so no name can make such a key. */
export const RESERVED_KEY_PREFIX = "#";

/** Stops the program when a commit breaks the contract of the log: limits, form of the keys, positions that go back. */
export function checkCommit(commit: Commit, position: (topic: Topic) => number): void {
  assert(commit.changes.length <= COMMIT_KEYS_MAX, "a commit changes at most 10,000 keys");
  let bytes = 0;
  for (const { key, value } of commit.changes) {
    assert(/^[\x20-\x7e]+$/.test(key), "a key of the state is printable ASCII");
    assert(!key.startsWith(RESERVED_KEY_PREFIX), "keys that begin with # belong to the log");
    bytes += key.length + (value?.length ?? 0);
  }
  for (const record of commit.records) bytes += record.payload.length;
  assert(bytes <= COMMIT_BYTES_MAX, "a commit carries at most 4 MiB");
  for (const target of commit.positions) {
    assert(target.position >= position(target.topic), "a committed position never goes back");
  }
}
