import { describe, expect, it } from "vitest";
import { EventHoles } from "../../../../aggregator/process/event-holes.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { Overlay } from "../../../../aggregator/state/overlay.ts";
import { keysOf } from "./sample-deltas.ts";

const hole = (fromMs: number, toMs: number, stream = "s") => ({ stream, fromMs, toMs, count: 1 });

describe("gaps", () => {
  it("touch what overlaps them, ends included, of the same stream and tenant", () => {
    const store = new MemoryStore();
    const holes = new EventHoles(store, new Overlay(store));
    holes.add("t", hole(10, 20), 1);
    const touch = (fromMs: number, toMs: number) => holes.touch("t", "s", fromMs, toMs);
    expect([touch(0, 9), touch(0, 10), touch(12, 13), touch(20, 30), touch(21, 30)]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(holes.touch("other", "s", 0, 30)).toBe(false);
    expect(holes.touch("t", "other", 0, 30)).toBe(false);
  });

  it("are there after a restart until they are forgotten", async () => {
    const store = new MemoryStore();
    const overlay = new Overlay(store);
    const before = new EventHoles(store, overlay);
    before.add("t", hole(10, 20), 1);
    before.add("t", hole(30, 40), 2);
    await store.commit(overlay.take());
    const after = new EventHoles(store, overlay);
    after.forgetBefore(21);
    expect(after.touch("t", "s", 15, 15)).toBe(false);
    expect(after.touch("t", "s", 35, 35)).toBe(true);
    await store.commit(overlay.take());
    expect(keysOf(store, "hole")).toHaveLength(1);
  });

  it("are bounded: the oldest of the most crowded stream grow together, and none is lost", async () => {
    const store = new MemoryStore();
    const overlay = new Overlay(store);
    const holes = new EventHoles(store, overlay);
    holes.add("t", hole(0, 0, "quiet"), 1);
    for (let index = 0; index < 1_500; index++) {
      holes.add("t", hole(index * 10, index * 10 + 1), index + 2);
    }
    await store.commit(overlay.take());
    expect(keysOf(store, "hole")).toHaveLength(1_000);
    const reopened = new EventHoles(store, overlay);
    for (let index = 0; index < 1_500; index++) {
      expect(reopened.touch("t", "s", index * 10, index * 10 + 1)).toBe(true);
    }
    expect(reopened.touch("t", "quiet", 0, 0)).toBe(true);
    expect(reopened.touch("t", "s", 14_985, 14_989)).toBe(false);
  });
});
