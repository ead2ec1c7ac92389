import { beforeEach, describe, expect, it } from "vitest";
import { Breaker } from "../../../../aggregator/sinks/breaker.ts";
import { DeliveryWorld, Recorder, STORE } from "./delivery-world.ts";

let world: DeliveryWorld;
beforeEach(() => {
  world = new DeliveryWorld();
});

describe("a breaker", () => {
  it("waits for a drawn part of a range that doubles, up to its limit", () => {
    const breaker = new Breaker();
    const waits: number[] = [];
    for (let count = 0; count < 4; count++) {
      breaker.fail(1_000, 0.999_999, 0);
      waits.push(Math.round(breaker.waitMs(1_000)));
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000]);
    const lucky = new Breaker();
    lucky.fail(0, 0, 0);
    expect(lucky.waitMs(0)).toBe(0);
    expect(lucky.state(0)).toBe("closed");
  });

  it("opens after five failures in a row, then allows one try, and closes when that succeeds", () => {
    const breaker = new Breaker();
    for (let count = 0; count < 5; count++) breaker.fail(0, 0.5, 0);
    expect([breaker.state(0), breaker.state(11_249), breaker.state(11_250)]).toEqual([
      "open",
      "open",
      "half_open",
    ]);
    breaker.fail(12_000, 0, 0);
    expect([breaker.state(12_000), breaker.waitMs(12_000)]).toEqual(["open", 7_500]);
    breaker.succeed();
    expect([breaker.state(12_000), breaker.waitMs(12_000), breaker.failureCount]).toEqual([
      "closed",
      0,
      0,
    ]);
  });

  it("waits at least as long as the store asks for", () => {
    const breaker = new Breaker();
    breaker.fail(100, 0.5, 60_000);
    expect(breaker.waitMs(100)).toBe(60_000);
  });
});

describe("a sink that is down", () => {
  it("is left alone after five failures, tried with one result, and then gets everything", async () => {
    const recorder = new Recorder();
    let isDown = true;
    recorder.answer = async () => {
      if (isDown) throw new Error("away");
      return [];
    };
    const delivery = world.deliver(recorder.configured(STORE));
    for (let minute = 0; minute < 8; minute++) world.feed.touch("a", minute);
    while (delivery.status.breaker === "closed") await world.pass(100);
    expect(recorder.writes.map(({ length }) => length)).toEqual([3, 3, 3, 3, 3]);
    await world.pass(7_000);
    expect(delivery.status).toMatchObject({ breaker: "open", failure: "away" });
    expect(recorder.writes).toHaveLength(5);
    await world.pass(8_500);
    expect(recorder.seen.slice(5)).toEqual([["a/0:1"]]);
    isDown = false;
    await world.pass(16_000);
    expect(recorder.seen.slice(6)).toEqual([
      ["a/0:1"],
      ["a/1:1", "a/2:1", "a/3:1"],
      ["a/4:1", "a/5:1", "a/6:1"],
      ["a/7:1"],
    ]);
    expect(delivery.status).toMatchObject({ breaker: "closed", failure: undefined });
  });

  it("is not tried before the time that it asked for", async () => {
    const recorder = new Recorder();
    const times: number[] = [];
    recorder.answer = async (results) => {
      times.push(world.simulation.timeMs);
      if (times.length > 1) return [];
      const failures = results.map((_, index) => ({ index, reason: "429", isRetryable: true }));
      return { failures, retryAfterMs: 20_000 };
    };
    world.deliver(recorder.configured(STORE));
    for (let minute = 0; minute < 3; minute++) world.feed.touch("a", minute);
    await world.pass(60_000);
    expect(times).toHaveLength(2);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(20_000);
  });

  it("NET-04 holds up no other sink for an hour, and asks for no more than a batch at a time", async () => {
    let asked = 0;
    const changes = world.feed.changes.bind(world.feed);
    world.feed.changes = (after, limit) => {
      asked = Math.max(asked, limit);
      return changes(after, limit);
    };
    const [down, up] = [new Recorder(), new Recorder()];
    let isDown = true;
    down.answer = async () => {
      if (isDown) throw new Error("away");
      return [];
    };
    const delivery = world.deliver(down.configured({ ...STORE, name: "down" }));
    const other = world.deliver(up.configured({ ...STORE, name: "up" }));
    for (let minute = 0; minute < 60; minute++) {
      for (let second = 0; second < 60; second += 10) {
        world.feed.touch("a", minute);
        world.feed.touch("b", minute);
        await world.pass(10_000);
      }
      // Whatever came more than a flush interval ago has been written.
      expect(other.status.change).toBeGreaterThanOrEqual(world.feed.newestChange() - 2);
    }
    expect(delivery.status).toMatchObject({ change: 0, writtenCount: 0 });
    expect(asked).toBeLessThanOrEqual(3);
    // A window a minute and service, whose revisions in between were never kept for the sink.
    isDown = false;
    await world.pass(60_000);
    const [attempts, ids] = [down.seen.flat(), new Set<string>()];
    for (let minute = 0; minute < 60; minute++) ids.add(`a/${minute}:6`).add(`b/${minute}:6`);
    expect(delivery.status.change).toBe(world.feed.newestChange());
    expect(delivery.status.writtenCount).toBe(ids.size);
    expect(new Set(attempts.slice(-ids.size))).toEqual(ids);
  });
});
