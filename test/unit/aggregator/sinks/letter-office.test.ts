import { beforeEach, describe, expect, it } from "vitest";
import { DeliveryWorld, Recorder, STORE } from "./delivery-world.ts";

let world: DeliveryWorld;
beforeEach(() => {
  world = new DeliveryWorld();
});

describe("dead letters", () => {
  /** A sink that refuses services named `bad` while `isStrict`, with three letters. */
  async function withLetters() {
    const recorder = new Recorder();
    const switches = { isStrict: true };
    recorder.answer = async (results) =>
      results.flatMap(({ id }, index) =>
        switches.isStrict && id.startsWith("bad")
          ? [{ index, reason: "too long", isRetryable: false }]
          : [],
      );
    const delivery = world.deliver(recorder.configured({ ...STORE, deadLetterCountMax: 10 }));
    world.feed.touch("bad", 0);
    world.feed.touch("bad", 1);
    world.feed.touch("bad2", 0);
    await world.pass(1_000);
    return { recorder, switches, delivery };
  }

  /** Lets virtual time go by until `work` is done. */
  async function done<T>(work: Promise<T>): Promise<T> {
    await world.pass(10_000);
    return work;
  }

  it("are written again in the newest state of their windows, and are then gone", async () => {
    const { recorder, switches, delivery } = await withLetters();
    switches.isStrict = false;
    world.feed.touch("bad", 1);
    const before = recorder.writes.length;
    const report = await done(delivery.office.replay("all"));
    expect(report).toEqual({ replayed: 3, refused: 0, failure: undefined });
    expect(recorder.seen[before]).toEqual(["bad/0:1", "bad/1:2", "bad2/0:1"]);
    expect(delivery.status).toMatchObject({ deadCount: 0, deadTotal: 3 });
    expect(delivery.letters.list(-1, 10)).toEqual([]);
  });

  it("stay when they are refused again, and those that nobody named, too", async () => {
    const { delivery } = await withLetters();
    expect(await done(delivery.office.replay([1, 7]))).toMatchObject({ replayed: 0, refused: 1 });
    expect(delivery.letters.list(-1, 10).map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(delivery.status).toMatchObject({ deadCount: 3, deadTotal: 3 });
  });

  it("are not tried while the sink fails anyway", async () => {
    const { recorder, delivery } = await withLetters();
    recorder.answer = async () => {
      throw new Error("away");
    };
    world.feed.touch("a", 0);
    await world.pass(6_000);
    const before = recorder.writes.length;
    const replaying = delivery.office.replay("all");
    await world.pass(0);
    expect(await replaying).toEqual({ replayed: 0, refused: 0, failure: "away" });
    expect(recorder.writes.length).toBe(before);
  });

  it("can be dropped, and the next life knows of it", async () => {
    const { delivery } = await withLetters();
    expect(await done(delivery.office.drop([0, 2, 5]))).toBe(2);
    expect(delivery.letters.list(-1, 10).map(({ number }) => number)).toEqual([1]);
    await done(delivery.close(1_000));
    const next = world.deliver(new Recorder().configured());
    expect(next.status).toMatchObject({ deadCount: 1, deadTotal: 3 });
    expect(await done(next.office.drop("all"))).toBe(1);
    expect(next.status).toMatchObject({ deadCount: 0 });
  });

  it("never hold up a write: one waits for the other", async () => {
    const { recorder, switches, delivery } = await withLetters();
    switches.isStrict = false;
    recorder.answer = async () => {
      await world.host.start("slow").platform.timers.sleep(300);
      return [];
    };
    for (let minute = 0; minute < 9; minute++) world.feed.touch("a", minute);
    await done(delivery.office.replay("all"));
    expect(recorder.inFlightMax).toBe(1);
  });
});
