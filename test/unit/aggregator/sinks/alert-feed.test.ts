import { describe, expect, it } from "vitest";
import { AlertRows } from "../../../../aggregator/process/alert-rows.ts";
import { AlertFeed } from "../../../../aggregator/sinks/alert-feed.ts";
import { isAlert } from "../../../../aggregator/sinks/sink.ts";
import { PATTERNS_KEY } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { Overlay } from "../../../../aggregator/state/overlay.ts";
import { decodePatternsRow, encodePatternsRow } from "../../../../aggregator/state/rule-rows.ts";

const store = new MemoryStore();
const overlay = new Overlay(store);
const row = decodePatternsRow(undefined);
const rows = new AlertRows(overlay, row);

async function raise(...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const parts = { rule: "fraud", alertType: "FRAUD", severity: "info", timestampMs: 5 };
    const standing = { state: "firing", revision: 1, isSuppressed: false } as const;
    rows.append("", { id, ...parts, json: `"${id}"` }, standing);
  }
  overlay.set(PATTERNS_KEY, encodePatternsRow(row));
  await store.commit(overlay.take());
}

describe("the feed of alerts", () => {
  it("brings each once, in the order in which they were raised, whatever their time", async () => {
    const commits: (() => void)[] = [];
    const nextCommit = () => new Promise<void>((resolve) => commits.push(resolve));
    const feed = new AlertFeed({ view: () => store, nextCommit });
    expect(feed.newestChange()).toBe(0);
    const signal = new AbortController().signal;
    const waiting = feed.changed(0, signal);
    await raise("c", "a", "b");
    for (const commit of commits.splice(0)) commit();
    await waiting;
    expect(feed.newestChange()).toBe(3);
    const told = feed.changes(1, 10).map((one) => [one.change, one.result(1)?.id]);
    expect(told).toEqual([
      [2, "a"],
      [3, "b"],
    ]);
    expect(feed.changes(0, 2)).toHaveLength(2);
    const [first] = feed.changes(0, 1).map((one) => one.result(5));
    expect(first).toMatchObject({ id: "c", rule: "fraud", revision: 1, json: '"c"' });
    expect(first !== undefined && isAlert(first)).toBe(true);
  });

  it("has nothing to tell while there is no state", () => {
    const feed = new AlertFeed({ view: () => undefined, nextCommit: () => Promise.resolve() });
    expect([feed.changes(0, 10), feed.newestChange(), feed.watermarkMs()]).toEqual([
      [],
      0,
      undefined,
    ]);
  });
});
