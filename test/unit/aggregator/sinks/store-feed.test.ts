import { beforeEach, describe, expect, it } from "vitest";
import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { StoreFeed } from "../../../../aggregator/sinks/store-feed.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { keyed } from "../process/sample-deltas.ts";

let store: MemoryStore;
let stage: StageTwo;
let feed: StoreFeed;

beforeEach(() => {
  store = new MemoryStore();
  stage = new StageTwo(store, WINDOW_DEFAULTS);
  feed = new StoreFeed({ view: () => store, nextCommit: async () => {} });
});

async function emit(deltas: readonly KeyedDelta[], watermarkMs: number): Promise<void> {
  for (const delta of deltas) stage.merge(delta);
  stage.observe(0, { watermarkMs, idle: false, selection: undefined });
  do {
    stage.housekeep();
    await store.commit(stage.flush().changes);
    stage.settle();
  } while (stage.hasHousekeeping);
}

/** What a sink of a width gets after a change: `minute state revision requests`. */
function told(after: number, windowMinutes: number): string[] {
  return feed.changes(after, 1_000).flatMap((change) => {
    const result = change.result(windowMinutes);
    if (result === undefined) return [];
    const { windowStart, state, revision, requestCount } = JSON.parse(result.json);
    return [`${Date.parse(windowStart) / 60_000 - TEN} ${state} ${revision} ${requestCount}`];
  });
}

describe("the feed of sinks", () => {
  it("tells roll-ups to sinks of their width, as soon as a minute changes and when they are final", async () => {
    await emit([keyed("a", TEN), keyed("a", TEN + 1)], TEN_MS + 180_000);
    expect(told(0, 1)).toEqual(["0 final 1 1", "1 final 1 1"]);
    expect(told(0, 5)).toEqual(["0 provisional 2 2", "0 provisional 2 2"]);
    const seen = feed.newestChange();
    await emit([], TEN_MS + 300_000);
    expect(told(seen, 1)).toEqual([]);
    expect(told(seen, 5)).toEqual(["0 final 2 2"]);
    expect(told(seen, 60)).toEqual([]);
  });

  it("tells a correction in every width, with a revision that rises", async () => {
    await emit([keyed("a", TEN)], TEN_MS + 3_600_000);
    const seen = feed.newestChange();
    await emit([keyed("a", TEN)], TEN_MS + 3_600_000);
    expect(told(seen, 1)).toEqual(["0 corrected 2 2"]);
    for (const width of [5, 60]) {
      expect(new Set(told(seen, width))).toEqual(new Set(["0 corrected 2 2"]));
    }
    expect(new Set(told(seen, 1440))).toEqual(new Set(["-600 provisional 2 2"]));
  });
});
