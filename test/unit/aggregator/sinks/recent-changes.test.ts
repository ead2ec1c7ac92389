import { beforeEach, describe, expect, it } from "vitest";
import { DeliveryWorld, Recorder, STORE } from "./delivery-world.ts";

let world: DeliveryWorld;
beforeEach(() => {
  world = new DeliveryWorld();
});

describe("a sink whose store was replaced", () => {
  it("SNK-05 gets again what it may have lost, in its newest state", async () => {
    const recorder = new Recorder();
    const delivery = world.deliver(recorder.configured(STORE));
    for (let minute = 0; minute < 10; minute++) {
      world.feed.touch("a", minute);
      await world.pass(20_000);
    }
    world.feed.touch("b", 0);
    const before = recorder.writes.length;
    recorder.answer = async () => {
      const isFirst = recorder.writes.length === before + 1;
      return { failures: [], ...(isFirst ? { lostMs: 65_000 } : {}) };
    };
    await world.pass(60_000);
    // What began the replacement is not lost: the new store took it.
    const again = ["a/7:1", "a/8:1", "a/9:1"];
    expect(recorder.seen.slice(before)).toEqual([["b/0:1"], again]);
    expect(delivery.status.change).toBe(world.feed.newestChange());
  });
});
