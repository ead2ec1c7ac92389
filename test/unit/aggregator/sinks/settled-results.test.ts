import { beforeEach, describe, expect, it } from "vitest";
import type { WriteFailure } from "../../../../aggregator/sinks/sink.ts";
import { DeliveryWorld, Recorder, STORE } from "./delivery-world.ts";

let world: DeliveryWorld;
beforeEach(() => {
  world = new DeliveryWorld();
});

describe("a sink that takes a part of a batch", () => {
  it("SNK-01 gets only the rest again, and the cursor passes when that is settled", async () => {
    const recorder = new Recorder();
    let isBusy = true;
    recorder.answer = async (results) =>
      results.flatMap(({ id }, index): WriteFailure[] => {
        if (id === "bad/0") return [{ index, reason: "too long", isRetryable: false }];
        return id === "b/0" && isBusy ? [{ index, reason: "busy", isRetryable: true }] : [];
      });
    const delivery = world.deliver(recorder.configured(STORE));
    for (const service of ["a", "b", "bad"]) world.feed.touch(service, 0);
    await world.pass(400);
    isBusy = false;
    expect(delivery.status).toMatchObject({ change: 0, deadTotal: 0 });
    await world.pass(10_000);
    const [first, ...later] = recorder.seen;
    expect(first).toEqual(["a/0:1", "b/0:1", "bad/0:1"]);
    expect(new Set(later.flat())).toEqual(new Set(["b/0:1"]));
    expect(delivery.status).toMatchObject({
      change: 3,
      deadTotal: 1,
      outcomes: { written: 2, dead: 1, retried: later.length },
    });
  });

  it("gets a result again that changed meanwhile", async () => {
    const recorder = new Recorder();
    let failuresLeft = 1;
    recorder.answer = async () =>
      failuresLeft-- > 0 ? [{ index: 1, reason: "busy", isRetryable: true }] : [];
    world.deliver(recorder.configured(STORE));
    world.feed.touch("a", 0);
    world.feed.touch("b", 0);
    world.feed.touch("c", 0);
    await world.pass(1);
    world.feed.touch("a", 0);
    await world.pass(10_000);
    expect(recorder.seen).toEqual([
      ["a/0:1", "b/0:1", "c/0:1"],
      ["b/0:1", "a/0:2"],
    ]);
  });

  it("gets all of it again where a position says what it took", async () => {
    const recorder = new Recorder();
    let failuresLeft = 1;
    recorder.answer = async () =>
      failuresLeft-- > 0 ? [{ index: 1, reason: "busy", isRetryable: true }] : [];
    world.deliver(recorder.configured({ delivery: "exactly_once" }));
    world.feed.touch("a", 0);
    world.feed.touch("b", 0);
    await world.pass(10_000);
    expect(recorder.seen).toEqual([
      ["a/0:1", "b/0:1"],
      ["a/0:1", "b/0:1"],
    ]);
    expect(recorder.positions).toEqual([undefined, "0"]);
  });
});

describe("a sink where the last write wins", () => {
  it("gets a batch once more when a write of which nothing is known can no longer arrive", async () => {
    const recorder = new Recorder();
    const times: number[] = [];
    recorder.answer = async () => {
      times.push(world.simulation.timeMs);
      if (times.length === 1) throw new Error("no answer");
      return [];
    };
    const delivery = world.deliver(
      recorder.configured({ delivery: "last_wins", writeTimeoutMs: 30_000 }),
    );
    for (let minute = 0; minute < 3; minute++) world.feed.touch("a", minute);
    await world.pass(100);
    world.feed.touch("a", 0);
    await world.pass(20_000);
    expect(delivery.status.change).toBe(0);
    await world.pass(40_000);
    const batch = ["a/1:1", "a/2:1", "a/0:2"];
    expect(recorder.seen).toEqual([["a/0:1", "a/1:1", "a/2:1"], batch, batch]);
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(30_000);
    expect(delivery.status.change).toBe(4);
  });

  it("gets nothing twice after an answer that says what was not taken", async () => {
    const recorder = new Recorder();
    let failuresLeft = 1;
    recorder.answer = async () =>
      failuresLeft-- > 0 ? [{ index: 0, reason: "503", isRetryable: true }] : [];
    world.deliver(recorder.configured({ delivery: "last_wins" }));
    world.feed.touch("a", 0);
    world.feed.touch("b", 0);
    await world.pass(60_000);
    expect(recorder.seen).toEqual([["a/0:1", "b/0:1"], ["a/0:1"]]);
  });
});
