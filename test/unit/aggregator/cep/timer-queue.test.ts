import { describe, expect, it } from "vitest";
import { TimerQueue } from "../../../../aggregator/cep/timer-queue.ts";

describe("a queue of timers", () => {
  it("gives moments by time, each once, up to a time", () => {
    const timers = new TimerQueue();
    for (const [ms, key] of [
      [5, "a"],
      [3, "b"],
      [5, "a"],
      [Infinity, "c"],
      [4, 5],
    ] as const) {
      timers.add(ms, key);
    }
    expect(timers.take(2)).toBeUndefined();
    expect([timers.take(9), timers.take(9), timers.take(9), timers.take(Infinity)]).toEqual([
      { ms: 3, key: "b" },
      { ms: 4, key: 5 },
      { ms: 5, key: "a" },
      undefined,
    ]);
    timers.add(5, "a");
    expect(timers.list()).toEqual([{ ms: 5, key: "a" }]);
  });

  it("keeps the places of equal moments when it is filled again from its list", () => {
    const timers = new TimerQueue();
    for (let index = 0; index < 40; index++) timers.add((index * 7) % 5, `k${index % 11}`);
    const again = new TimerQueue();
    for (const { ms, key } of timers.list()) again.add(ms, key);
    const all = (queue: TimerQueue) => Array.from({ length: 40 }, () => queue.take(9));
    expect(all(again)).toEqual(all(timers));
  });
});
