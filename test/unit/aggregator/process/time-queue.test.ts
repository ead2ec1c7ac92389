import { describe, expect, it } from "vitest";
import { TimeQueue } from "../../../../aggregator/process/time-queue.ts";
import { timePart } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { Overlay } from "../../../../aggregator/state/overlay.ts";

const VALUE = Buffer.of(1);
const key = (timeMs: number, name = "a") => `timer/${timePart(timeMs)}/${name}`;

function queue() {
  const store = new MemoryStore();
  const overlay = new Overlay(store);
  const times = new TimeQueue(overlay, "timer/");
  const put = (timeMs: number, name?: string) => {
    overlay.set(key(timeMs, name), VALUE);
    times.note(timeMs);
  };
  const commit = () => store.commit(overlay.take());
  return { overlay, times, put, commit };
}

describe("a queue of times", () => {
  it("gives what is due in order, whether it is committed or not", async () => {
    const { times, put, commit } = queue();
    expect(times.isDue(1e15)).toBe(false);
    put(20, "b");
    put(-5);
    await commit();
    put(20, "a");
    put(30);
    expect(times.isDue(-6)).toBe(false);
    expect(times.isDue(-5)).toBe(true);
    expect(times.page(20, 10).map(([found]) => found)).toEqual([key(-5), key(20), key(20, "b")]);
    expect(times.page(20, 1)).toHaveLength(1);
  });

  it("forgets what was taken, and hears of what comes later", async () => {
    const { times, put, commit } = queue();
    put(10);
    await commit();
    times.take(key(10));
    expect(times.isDue(100)).toBe(false);
    put(50);
    expect(times.isDue(49)).toBe(false);
    expect(times.isDue(50)).toBe(true);
    await commit();
    expect(times.page(100, 10).map(([found]) => found)).toEqual([key(50)]);
  });

  it("finds out when the first one was deleted by somebody else", () => {
    const { overlay, times, put } = queue();
    put(10);
    put(20);
    expect(times.isDue(15)).toBe(true);
    overlay.set(key(10), undefined);
    expect(times.page(15, 10)).toEqual([]);
    expect(times.isDue(15)).toBe(false);
    expect(times.isDue(20)).toBe(true);
  });
});
