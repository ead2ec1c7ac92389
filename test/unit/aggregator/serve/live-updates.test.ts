import { describe, expect, it } from "vitest";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { LiveUpdates } from "../../../../aggregator/serve/live-updates.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { realTimers } from "../../../../shared/platform/timers.ts";
import { TEN } from "../collect/sample-agent.ts";
import { keyed } from "../process/sample-deltas.ts";

/** A store with a window of each of these services. */
async function storeOf(...services: readonly string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const stage = new StageTwo(store, WINDOW_DEFAULTS);
  for (const service of services) stage.merge(keyed(service, TEN));
  await store.commit(stage.flush().changes);
  return store;
}

/** The first that a reader gets who comes back with an id; nothing is committed meanwhile. */
async function firstTold(store: MemoryStore, lastEventId: string): Promise<string> {
  const live = new LiveUpdates({
    ...{ timers: { ...realTimers, sleep: async () => {} }, partitions: () => [0] },
    ...{ view: () => store, nextCommit: () => new Promise<void>(() => {}) },
  });
  const { stream } = live.answer("", "", lastEventId);
  for await (const piece of stream?.(new AbortController().signal) ?? []) return piece.toString();
  return "";
}

describe("GET /v1/stream", () => {
  it("goes on behind the id of the last event", async () => {
    const text = await firstTold(await storeOf("orders", "cart"), "0:1.0");
    expect(text).toContain("id: 0:2.0\nevent: window\n");
    expect(text.match(/event: window/g)).toHaveLength(1);
    expect(await firstTold(await storeOf("orders"), "0:1.0")).toBe(": still here\n\n");
  });

  it("begins anew where the state is older than the id, as after a restore", async () => {
    const text = await firstTold(await storeOf("orders"), "0:700.30");
    expect(text).toContain("id: 0:1.0\nevent: window\n");
  });
});
