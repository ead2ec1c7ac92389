import { beforeEach, describe, expect, it } from "vitest";
import {
  deadLetterKey,
  deadLetterPrefix,
  decodeDeadLetter,
} from "../../../../aggregator/sinks/cursor-row.ts";
import { placeOf } from "../../../../aggregator/sinks/deliver.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { DeliveryWorld, Recorder, STORE } from "./delivery-world.ts";

let world: DeliveryWorld;
beforeEach(() => {
  world = new DeliveryWorld();
});

describe("the place of a cursor", () => {
  it("is the sink's name for windows, and another for every kind and partition", () => {
    const places = [undefined, 0, 1].flatMap((partition) => [
      placeOf("out", "windows", partition),
      placeOf("out", "alerts", partition),
    ]);
    expect(places[0]).toBe("out");
    expect(new Set(places).size).toBe(places.length);
  });
});

describe("delivery", () => {
  it("writes the newest revision of each changed window once the first has waited", async () => {
    const recorder = new Recorder();
    world.deliver(recorder.configured());
    world.feed.touch("a", 0);
    world.feed.touch("b", 0);
    world.feed.touch("a", 0);
    await world.pass(4_900);
    expect(recorder.seen).toEqual([]);
    await world.pass(200);
    expect(recorder.seen).toEqual([["b/0:1", "a/0:2"]]);
  });

  it("writes as soon as a batch is full, batch after batch", async () => {
    const recorder = new Recorder();
    world.deliver(recorder.configured());
    for (let minute = 0; minute < 7; minute++) world.feed.touch("a", minute);
    await world.pass(1_000);
    expect(recorder.seen).toEqual([
      ["a/0:1", "a/1:1", "a/2:1"],
      ["a/3:1", "a/4:1", "a/5:1"],
    ]);
    await world.pass(5_000);
    expect(recorder.seen.at(-1)).toEqual(["a/6:1"]);
  });

  it("goes on behind its cursor in the next life, opened with the position kept there", async () => {
    const recorder = new Recorder();
    const first = world.deliver(recorder.configured());
    for (let minute = 0; minute < 3; minute++) world.feed.touch("a", minute);
    await world.pass(1_000);
    const closing = first.close(1_000);
    await world.pass(1_000);
    await closing;
    world.feed.touch("b", 0);
    world.deliver(recorder.configured());
    await world.pass(6_000);
    expect(recorder.seen).toEqual([["a/0:1", "a/1:1", "a/2:1"], ["b/0:1"]]);
    expect(recorder.positions).toEqual([undefined, "3"]);
  });

  it("writes again what a crash caught between write and commit, and never passes what failed", async () => {
    const recorder = new Recorder();
    let failing = true;
    recorder.answer = async () => {
      if (failing) throw new Error("away");
      return [];
    };
    world.deliver(recorder.configured());
    for (let minute = 0; minute < 3; minute++) world.feed.touch("a", minute);
    await world.pass(60_000);
    const attempts = recorder.writes.length;
    expect(attempts).toBeGreaterThan(4);
    world.host.crash();
    failing = false;
    world.feed.touch("a", 1);
    world.deliver(recorder.configured());
    await world.pass(6_000);
    expect(recorder.seen.slice(attempts)).toEqual([["a/0:1", "a/2:1", "a/1:2"]]);
  });

  it("tries again what is worth it with what the store holds by then, one write at a time", async () => {
    const recorder = new Recorder();
    let failuresLeft = 3;
    recorder.answer = async () => {
      await world.host.start("wait").platform.timers.sleep(100);
      if (failuresLeft-- <= 0) return [];
      world.feed.touch("a", 0);
      return [{ index: 0, reason: "busy", isRetryable: true }];
    };
    const delivery = world.deliver(recorder.configured());
    world.feed.touch("a", 0);
    await world.pass(60_000);
    expect(recorder.seen).toEqual([["a/0:1"], ["a/0:2"], ["a/0:3"], ["a/0:4"]]);
    expect(recorder.inFlightMax).toBe(1);
    expect(delivery.status).toMatchObject({ failedWriteCount: 3, failure: undefined });
  });

  it("keeps refused windows as dead letters before it passes them, the newest so many", async () => {
    const recorder = new Recorder();
    recorder.answer = async (results) =>
      results.flatMap(({ id }, index) =>
        id.startsWith("bad") ? [{ index, reason: "too long", isRetryable: false }] : [],
      );
    const delivery = world.deliver(recorder.configured());
    world.feed.touch("good", 0);
    world.feed.touch("bad", 0);
    world.feed.touch("bad", 1);
    await world.pass(1_000);
    world.feed.touch("bad", 2);
    await world.pass(6_000);
    expect(delivery.status).toMatchObject({ change: 4, writtenCount: 1, deadTotal: 3 });
    const store = new MemoryStore(world.state);
    const prefix = deadLetterPrefix("recorder");
    const rows = [...store.range(prefix, `${prefix}~`)];
    expect(rows.map(([key]) => key)).toEqual([
      deadLetterKey("recorder", 1),
      deadLetterKey("recorder", 2),
    ]);
    const letters = rows.map(([key, row]) => decodeDeadLetter(row, key));
    expect(letters.map(({ reason, result }) => [reason, result.id])).toEqual([
      ["too long", "bad/1"],
      ["too long", "bad/2"],
    ]);
  });

  it("gives a write that takes too long the signal to stop", async () => {
    const recorder = new Recorder();
    let aborted = 0;
    recorder.answer = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          aborted++;
          reject(new Error("stopped"));
        });
      });
    world.deliver(recorder.configured());
    world.feed.touch("a", 0);
    await world.pass(7_000);
    expect(aborted).toBe(1);
  });

  it("delivers what waits when it closes, and gives up at the limit", async () => {
    const recorder = new Recorder();
    const delivery = world.deliver(recorder.configured());
    world.feed.touch("a", 0);
    await world.pass(100);
    let isClosed = false;
    const close = async () => {
      await delivery.close(1_000);
      isClosed = true;
    };
    const closing = close();
    await world.pass(100);
    await closing;
    expect(isClosed).toBe(true);
    expect(recorder.seen).toEqual([["a/0:1"]]);

    const stuck = new Recorder();
    stuck.answer = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("stopped")));
      });
    const other = world.deliver(stuck.configured({ name: "stuck", writeTimeoutMs: 100_000 }));
    await world.pass(100);
    const closingOther = other.close(1_000);
    await world.pass(1_100);
    await closingOther;
    expect(stuck.inFlight).toBe(0);
  });

  it("opens again, with backoff, a sink that cannot be opened", async () => {
    const recorder = new Recorder();
    let failuresLeft = 2;
    const configured = recorder.configured({
      open: async ({ position }) => {
        if (failuresLeft-- > 0) throw new Error("no such folder");
        return recorder.open(position);
      },
    });
    world.deliver(configured);
    world.feed.touch("a", 0);
    await world.pass(20_000);
    expect(recorder.seen).toEqual([["a/0:1"]]);
  });

  it("passes windows whose retention ended while they waited", async () => {
    const recorder = new Recorder();
    const delivery = world.deliver(recorder.configured());
    world.feed.touch("a", 0);
    world.feed.drop("a", 0);
    await world.pass(10_000);
    expect(recorder.seen).toEqual([]);
    expect(delivery.status.change).toBe(1);
  });

  it("opens a sink again at the cursor when what it wrote could not be committed", async () => {
    const recorder = new Recorder();
    let failuresLeft = 0;
    const beforeApply = async () => {
      if (failuresLeft-- > 0) throw new Error("the disk is full");
    };
    world.deliver(recorder.configured(), new MemoryStore(world.state, { beforeApply }));
    await world.pass(100);
    failuresLeft = 1;
    world.feed.touch("a", 0);
    await world.pass(20_000);
    expect(recorder.seen).toEqual([["a/0:1"], ["a/0:1"]]);
    expect(recorder.positions).toEqual([undefined, "0"]);
  });

  it("closes in time though there is always more to deliver", async () => {
    const recorder = new Recorder();
    const delivery = world.deliver(recorder.configured());
    recorder.answer = async () => {
      await world.host.start("clock").platform.timers.sleep(300);
      world.feed.touch("a", 0);
      return [];
    };
    world.feed.touch("a", 0);
    await world.pass(100);
    let isClosed = false;
    void delivery.close(1_000).then(() => {
      isClosed = true;
    });
    await world.pass(1_500);
    expect(isClosed).toBe(true);
  });
});

/** A store that itself refuses old revisions. */

describe("a replay from a moment on", () => {
  it("writes what is over after it again, then goes on, also in the next life", async () => {
    const recorder = new Recorder();
    const delivery = world.deliver(recorder.configured({ ...STORE, batchCount: 2 }));
    for (let minute = 0; minute < 5; minute++) world.feed.touch("a", minute);
    await world.pass(6_000);
    const before = recorder.writes.length;
    const fromMs = Date.parse("2026-11-20T10:03:00Z");
    const asked = delivery.replayFrom(fromMs);
    await world.pass(0);
    await asked;
    const closing = delivery.close(0);
    await world.pass(10);
    await closing;
    const next = world.deliver(recorder.configured({ ...STORE, batchCount: 2 }));
    world.feed.touch("a", 0);
    await world.pass(30_000);
    const again = recorder.seen.slice(before).flat();
    expect(new Set(again)).toEqual(new Set(["a/3:1", "a/4:1", "a/0:2"]));
    expect(again.at(-1)).toBe("a/0:2");
    expect(next.status.change).toBe(6);
  });

  it("begins at once, though nothing has changed", async () => {
    const recorder = new Recorder();
    const delivery = world.deliver(recorder.configured(STORE));
    world.feed.touch("a", 0);
    await world.pass(60_000);
    const asked = delivery.replayFrom(0);
    await world.pass(10);
    await asked;
    expect(recorder.seen).toEqual([["a/0:1"], ["a/0:1"]]);
  });
});
