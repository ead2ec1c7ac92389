import { describe, expect, it } from "vitest";
import {
  COMMIT_BYTES_MAX,
  COMMIT_KEYS_MAX,
  checkCommit,
} from "../../../../aggregator/log/check-commit.ts";
import type { Commit } from "../../../../aggregator/log/log.ts";

const empty: Commit = { positions: [], changes: [], records: [] };
const atFive = () => 5;
const change = (key: string, bytes = 0) => ({ key, value: Buffer.alloc(bytes) });

describe("checking a commit", () => {
  it("lets pass what is just within the limits", () => {
    const changes = Array.from({ length: COMMIT_KEYS_MAX }, (_, index) => change(`k${index}`));
    checkCommit({ ...empty, changes }, atFive);
    checkCommit({ ...empty, changes: [change("k", COMMIT_BYTES_MAX - 1)] }, atFive);
    checkCommit({ ...empty, positions: [{ topic: "batches", position: 5 }] }, atFive);
    checkCommit({ ...empty, changes: [{ key: "a ~%2F", value: undefined }] }, atFive);
  });

  it.each([
    ["too many keys", { changes: Array.from({ length: 10_001 }, (_, i) => change(`k${i}`)) }],
    ["too many bytes in values", { changes: [change("k", COMMIT_BYTES_MAX)] }],
    [
      "too many bytes in records",
      { records: [{ topic: "keyed", partition: 0, payload: Buffer.alloc(COMMIT_BYTES_MAX + 1) }] },
    ],
    ["an empty key", { changes: [change("")] }],
    ["a key with a control character", { changes: [change("a\n")] }],
    ["a key beyond ASCII", { changes: [change("a\u{ff}")] }],
    ["a key of the log", { changes: [change("#log/id")] }],
    ["a position that goes back", { positions: [{ topic: "batches", position: 4 }] }],
  ] satisfies [string, Partial<Commit>][])("stops at %s", (_, part) => {
    expect(() => checkCommit({ ...empty, ...part }, atFive)).toThrow();
  });
});
