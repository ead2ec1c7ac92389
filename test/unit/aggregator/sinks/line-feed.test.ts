import { describe, expect, it } from "vitest";
import { LineRows } from "../../../../aggregator/process/line-rows.ts";
import { LineFeed } from "../../../../aggregator/sinks/line-feed.ts";
import { endMsOf } from "../../../../aggregator/sinks/sink.ts";
import type { KeyedLine } from "../../../../aggregator/state/line-row.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { TEN_MS } from "../collect/sample-agent.ts";
import { sampleLine } from "../state/sample-lines.ts";

const store = new MemoryStore();
const settings = { linesRetentionMs: 3_600_000, linesBytesMax: 1e9 };

async function come(lines: readonly KeyedLine[], watermarkMs?: number): Promise<void> {
  const rows = new LineRows(store, settings);
  for (const line of lines) rows.add(line, watermarkMs);
  rows.run(watermarkMs, () => false);
  await store.commit(rows.flush());
}

describe("the feed of raw lines", () => {
  it("brings each once, in the order in which they came, whatever their time, while it is there", async () => {
    const commits: (() => void)[] = [];
    const nextCommit = () => new Promise<void>((resolve) => commits.push(resolve));
    const feed = new LineFeed({ view: () => store, nextCommit });
    const { signal } = new AbortController();
    const waiting = feed.changed(0, signal);
    await come([sampleLine(2), sampleLine(1)]);
    for (const commit of commits.splice(0)) commit();
    await waiting;
    await come([sampleLine(2), sampleLine(9)]);
    const told = () =>
      feed.changes(0, 10).map(({ change, result }) => {
        const found = result(1);
        return [change, found && endMsOf(found)];
      });
    expect(told()).toEqual([
      [1, TEN_MS + 2000],
      [2, TEN_MS + 1000],
      [3, TEN_MS + 9000],
    ]);
    const [first] = feed.changes(2, 1);
    const result = first?.result(1);
    expect(JSON.parse(result?.json ?? "")).toMatchObject({ id: result?.id, line: "line 9" });
    expect(result && feed.newest(result)).toBe(result);
    await come([], TEN_MS + 3_600_000 + 5000);
    expect(told()).toEqual([[3, TEN_MS + 9000]]);
    expect(feed.newestChange()).toBe(3);
  });
});
