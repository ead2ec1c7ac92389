import { beforeEach, describe, expect, it } from "vitest";
import {
  deadLetterKey,
  deadLetterPrefix,
  decodeDeadLetter,
} from "../../../../aggregator/sinks/cursor-row.ts";
import { Delivery, placeOf } from "../../../../aggregator/sinks/deliver.ts";
import type {
  ConfiguredSink,
  DeliveryKind,
  Result,
  Sink,
  WriteContext,
  WriteFailure,
  WriteReport,
} from "../../../../aggregator/sinks/sink.ts";
import { MemoryState, MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import type { Logger } from "../../../../shared/log.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";
import { MemoryFeed } from "./memory-feed.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

let simulation: Simulation;
let host: SimulatedHost;
let feed: MemoryFeed;
let state: MemoryState;

beforeEach(() => {
  simulation = new Simulation(1);
  host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
  feed = new MemoryFeed();
  state = new MemoryState();
});

/** What a sink got, and how it answers. */
class Recorder {
  readonly writes: Result[][] = [];
  readonly positions: (string | undefined)[] = [];
  answer: (
    results: readonly Result[],
    context: WriteContext,
  ) => Promise<readonly WriteFailure[] | WriteReport> = async () => [];
  inFlight = 0;
  inFlightMax = 0;

  configured(changes: Partial<ConfiguredSink> = {}): ConfiguredSink {
    return {
      name: "recorder",
      type: "recorder",
      delivery: "exactly_once",
      batchCount: 3,
      flushIntervalMs: 5_000,
      writeTimeoutMs: 1_000,
      deadLetterCountMax: 2,
      windowMinutes: 1,
      results: ["windows"],
      open: async ({ position }) => this.open(position, changes.delivery ?? "exactly_once"),
      ...changes,
    };
  }

  open(position: string | undefined, delivery: DeliveryKind = "exactly_once"): Sink {
    this.positions.push(position);
    let written = Number(position ?? "0");
    return {
      get position() {
        return delivery === "exactly_once" ? String(written) : undefined;
      },
      write: async (results, context) => {
        this.inFlight++;
        this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
        this.writes.push([...results]);
        try {
          const answer = await this.answer(results, context);
          written += results.length;
          return "failures" in answer ? answer : { failures: answer };
        } finally {
          this.inFlight--;
        }
      },
      close: async () => {},
    };
  }

  /** Revisions of the windows of each write, such as `a/0:1`. */
  get seen(): string[][] {
    return this.writes.map((write) => write.map(({ id, revision }) => `${id}:${revision}`));
  }
}

function deliver(sink: ConfiguredSink, store = new MemoryStore(state)): Delivery {
  const { platform } = host.start("aggregator");
  const parts = { sink, place: sink.name, feed, store, platform, logger: quiet };
  return new Delivery({ ...parts, results: "windows" });
}

/** Lets `ms` of virtual time go by. */
function pass(ms: number): Promise<void> {
  return simulation.run(simulation.timeMs + ms);
}

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
    deliver(recorder.configured());
    feed.touch("a", 0);
    feed.touch("b", 0);
    feed.touch("a", 0);
    await pass(4_900);
    expect(recorder.seen).toEqual([]);
    await pass(200);
    expect(recorder.seen).toEqual([["b/0:1", "a/0:2"]]);
  });

  it("writes as soon as a batch is full, batch after batch", async () => {
    const recorder = new Recorder();
    deliver(recorder.configured());
    for (let minute = 0; minute < 7; minute++) feed.touch("a", minute);
    await pass(1_000);
    expect(recorder.seen).toEqual([
      ["a/0:1", "a/1:1", "a/2:1"],
      ["a/3:1", "a/4:1", "a/5:1"],
    ]);
    await pass(5_000);
    expect(recorder.seen.at(-1)).toEqual(["a/6:1"]);
  });

  it("goes on behind its cursor in the next life, opened with the position kept there", async () => {
    const recorder = new Recorder();
    const first = deliver(recorder.configured());
    for (let minute = 0; minute < 3; minute++) feed.touch("a", minute);
    await pass(1_000);
    const closing = first.close(1_000);
    await pass(1_000);
    await closing;
    feed.touch("b", 0);
    deliver(recorder.configured());
    await pass(6_000);
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
    deliver(recorder.configured());
    for (let minute = 0; minute < 3; minute++) feed.touch("a", minute);
    await pass(60_000);
    const attempts = recorder.writes.length;
    expect(attempts).toBeGreaterThan(4);
    host.crash();
    failing = false;
    feed.touch("a", 1);
    deliver(recorder.configured());
    await pass(6_000);
    expect(recorder.seen.slice(attempts)).toEqual([["a/0:1", "a/2:1", "a/1:2"]]);
  });

  it("tries again what is worth it with what the store holds by then, one write at a time", async () => {
    const recorder = new Recorder();
    let failuresLeft = 3;
    recorder.answer = async () => {
      await host.start("wait").platform.timers.sleep(100);
      if (failuresLeft-- <= 0) return [];
      feed.touch("a", 0);
      return [{ index: 0, reason: "busy", isRetryable: true }];
    };
    const delivery = deliver(recorder.configured());
    feed.touch("a", 0);
    await pass(60_000);
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
    const delivery = deliver(recorder.configured());
    feed.touch("good", 0);
    feed.touch("bad", 0);
    feed.touch("bad", 1);
    await pass(1_000);
    feed.touch("bad", 2);
    await pass(6_000);
    expect(delivery.status).toMatchObject({ change: 4, writtenCount: 1, deadTotal: 3 });
    const store = new MemoryStore(state);
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
    deliver(recorder.configured());
    feed.touch("a", 0);
    await pass(7_000);
    expect(aborted).toBe(1);
  });

  it("delivers what waits when it closes, and gives up at the limit", async () => {
    const recorder = new Recorder();
    const delivery = deliver(recorder.configured());
    feed.touch("a", 0);
    await pass(100);
    let isClosed = false;
    const close = async () => {
      await delivery.close(1_000);
      isClosed = true;
    };
    const closing = close();
    await pass(100);
    await closing;
    expect(isClosed).toBe(true);
    expect(recorder.seen).toEqual([["a/0:1"]]);

    const stuck = new Recorder();
    stuck.answer = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("stopped")));
      });
    const other = deliver(stuck.configured({ name: "stuck", writeTimeoutMs: 100_000 }));
    await pass(100);
    const closingOther = other.close(1_000);
    await pass(1_100);
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
    deliver(configured);
    feed.touch("a", 0);
    await pass(20_000);
    expect(recorder.seen).toEqual([["a/0:1"]]);
  });

  it("passes windows whose retention ended while they waited", async () => {
    const recorder = new Recorder();
    const delivery = deliver(recorder.configured());
    feed.touch("a", 0);
    feed.drop("a", 0);
    await pass(10_000);
    expect(recorder.seen).toEqual([]);
    expect(delivery.status.change).toBe(1);
  });

  it("opens a sink again at the cursor when what it wrote could not be committed", async () => {
    const recorder = new Recorder();
    let failuresLeft = 0;
    const beforeApply = async () => {
      if (failuresLeft-- > 0) throw new Error("the disk is full");
    };
    deliver(recorder.configured(), new MemoryStore(state, { beforeApply }));
    await pass(100);
    failuresLeft = 1;
    feed.touch("a", 0);
    await pass(20_000);
    expect(recorder.seen).toEqual([["a/0:1"], ["a/0:1"]]);
    expect(recorder.positions).toEqual([undefined, "0"]);
  });

  it("closes in time though there is always more to deliver", async () => {
    const recorder = new Recorder();
    const delivery = deliver(recorder.configured());
    recorder.answer = async () => {
      await host.start("clock").platform.timers.sleep(300);
      feed.touch("a", 0);
      return [];
    };
    feed.touch("a", 0);
    await pass(100);
    let isClosed = false;
    void delivery.close(1_000).then(() => {
      isClosed = true;
    });
    await pass(1_500);
    expect(isClosed).toBe(true);
  });
});

/** A store that itself refuses old revisions. */
const STORE = { delivery: "idempotent" } as const;

describe("a sink that takes a part of a batch", () => {
  it("gets only the rest again, and the cursor passes when that is settled", async () => {
    const recorder = new Recorder();
    let isBusy = true;
    recorder.answer = async (results) =>
      results.flatMap(({ id }, index): WriteFailure[] => {
        if (id === "bad/0") return [{ index, reason: "too long", isRetryable: false }];
        return id === "b/0" && isBusy ? [{ index, reason: "busy", isRetryable: true }] : [];
      });
    const delivery = deliver(recorder.configured(STORE));
    for (const service of ["a", "b", "bad"]) feed.touch(service, 0);
    await pass(400);
    isBusy = false;
    expect(delivery.status).toMatchObject({ change: 0, deadTotal: 0 });
    await pass(10_000);
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
    deliver(recorder.configured(STORE));
    feed.touch("a", 0);
    feed.touch("b", 0);
    feed.touch("c", 0);
    await pass(1);
    feed.touch("a", 0);
    await pass(10_000);
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
    deliver(recorder.configured({ delivery: "exactly_once" }));
    feed.touch("a", 0);
    feed.touch("b", 0);
    await pass(10_000);
    expect(recorder.seen).toEqual([
      ["a/0:1", "b/0:1"],
      ["a/0:1", "b/0:1"],
    ]);
    expect(recorder.positions).toEqual([undefined, "0"]);
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
    const delivery = deliver(recorder.configured(STORE));
    for (let minute = 0; minute < 8; minute++) feed.touch("a", minute);
    while (delivery.status.breaker === "closed") await pass(100);
    expect(recorder.writes.map(({ length }) => length)).toEqual([3, 3, 3, 3, 3]);
    await pass(7_000);
    expect(delivery.status).toMatchObject({ breaker: "open", failure: "away" });
    expect(recorder.writes).toHaveLength(5);
    await pass(8_500);
    expect(recorder.seen.slice(5)).toEqual([["a/0:1"]]);
    isDown = false;
    await pass(16_000);
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
      times.push(simulation.timeMs);
      if (times.length > 1) return [];
      const failures = results.map((_, index) => ({ index, reason: "429", isRetryable: true }));
      return { failures, retryAfterMs: 20_000 };
    };
    deliver(recorder.configured(STORE));
    for (let minute = 0; minute < 3; minute++) feed.touch("a", minute);
    await pass(60_000);
    expect(times).toHaveLength(2);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(20_000);
  });

  it("NET-04 holds up no other sink for an hour, and asks for no more than a batch at a time", async () => {
    let asked = 0;
    const changes = feed.changes.bind(feed);
    feed.changes = (after, limit) => {
      asked = Math.max(asked, limit);
      return changes(after, limit);
    };
    const [down, up] = [new Recorder(), new Recorder()];
    let isDown = true;
    down.answer = async () => {
      if (isDown) throw new Error("away");
      return [];
    };
    const delivery = deliver(down.configured({ ...STORE, name: "down" }));
    const other = deliver(up.configured({ ...STORE, name: "up" }));
    for (let minute = 0; minute < 60; minute++) {
      for (let second = 0; second < 60; second += 10) {
        feed.touch("a", minute);
        feed.touch("b", minute);
        await pass(10_000);
      }
      // Whatever came more than a flush interval ago has been written.
      expect(other.status.change).toBeGreaterThanOrEqual(feed.newestChange() - 2);
    }
    expect(delivery.status).toMatchObject({ change: 0, writtenCount: 0 });
    expect(asked).toBeLessThanOrEqual(3);
    // A window a minute and service, whose revisions in between were never kept for the sink.
    isDown = false;
    await pass(60_000);
    const [attempts, ids] = [down.seen.flat(), new Set<string>()];
    for (let minute = 0; minute < 60; minute++) ids.add(`a/${minute}:6`).add(`b/${minute}:6`);
    expect(delivery.status.change).toBe(feed.newestChange());
    expect(delivery.status.writtenCount).toBe(ids.size);
    expect(new Set(attempts.slice(-ids.size))).toEqual(ids);
  });
});

describe("a sink whose store was replaced", () => {
  it("SNK-05 gets again what it may have lost, in its newest state", async () => {
    const recorder = new Recorder();
    const delivery = deliver(recorder.configured(STORE));
    for (let minute = 0; minute < 10; minute++) {
      feed.touch("a", minute);
      await pass(20_000);
    }
    feed.touch("b", 0);
    const before = recorder.writes.length;
    recorder.answer = async () => {
      const isFirst = recorder.writes.length === before + 1;
      return { failures: [], ...(isFirst ? { lostMs: 65_000 } : {}) };
    };
    await pass(60_000);
    // What began the replacement is not lost: the new store took it.
    const again = ["a/7:1", "a/8:1", "a/9:1"];
    expect(recorder.seen.slice(before)).toEqual([["b/0:1"], again]);
    expect(delivery.status.change).toBe(feed.newestChange());
  });
});

describe("a sink where the last write wins", () => {
  it("gets a batch once more when a write of which nothing is known can no longer arrive", async () => {
    const recorder = new Recorder();
    const times: number[] = [];
    recorder.answer = async () => {
      times.push(simulation.timeMs);
      if (times.length === 1) throw new Error("no answer");
      return [];
    };
    const delivery = deliver(
      recorder.configured({ delivery: "last_wins", writeTimeoutMs: 30_000 }),
    );
    for (let minute = 0; minute < 3; minute++) feed.touch("a", minute);
    await pass(100);
    feed.touch("a", 0);
    await pass(20_000);
    expect(delivery.status.change).toBe(0);
    await pass(40_000);
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
    deliver(recorder.configured({ delivery: "last_wins" }));
    feed.touch("a", 0);
    feed.touch("b", 0);
    await pass(60_000);
    expect(recorder.seen).toEqual([["a/0:1", "b/0:1"], ["a/0:1"]]);
  });
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
    const delivery = deliver(recorder.configured({ ...STORE, deadLetterCountMax: 10 }));
    feed.touch("bad", 0);
    feed.touch("bad", 1);
    feed.touch("bad2", 0);
    await pass(1_000);
    return { recorder, switches, delivery };
  }

  /** Lets virtual time go by until `work` is done. */
  async function done<T>(work: Promise<T>): Promise<T> {
    await pass(10_000);
    return work;
  }

  it("are written again in the newest state of their windows, and are then gone", async () => {
    const { recorder, switches, delivery } = await withLetters();
    switches.isStrict = false;
    feed.touch("bad", 1);
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
    feed.touch("a", 0);
    await pass(6_000);
    const before = recorder.writes.length;
    const replaying = delivery.office.replay("all");
    await pass(0);
    expect(await replaying).toEqual({ replayed: 0, refused: 0, failure: "away" });
    expect(recorder.writes.length).toBe(before);
  });

  it("can be dropped, and the next life knows of it", async () => {
    const { delivery } = await withLetters();
    expect(await done(delivery.office.drop([0, 2, 5]))).toBe(2);
    expect(delivery.letters.list(-1, 10).map(({ number }) => number)).toEqual([1]);
    await done(delivery.close(1_000));
    const next = deliver(new Recorder().configured());
    expect(next.status).toMatchObject({ deadCount: 1, deadTotal: 3 });
    expect(await done(next.office.drop("all"))).toBe(1);
    expect(next.status).toMatchObject({ deadCount: 0 });
  });

  it("never hold up a write: one waits for the other", async () => {
    const { recorder, switches, delivery } = await withLetters();
    switches.isStrict = false;
    recorder.answer = async () => {
      await host.start("slow").platform.timers.sleep(300);
      return [];
    };
    for (let minute = 0; minute < 9; minute++) feed.touch("a", minute);
    await done(delivery.office.replay("all"));
    expect(recorder.inFlightMax).toBe(1);
  });
});

describe("a replay from a moment on", () => {
  it("writes what is over after it again, then goes on, also in the next life", async () => {
    const recorder = new Recorder();
    const delivery = deliver(recorder.configured({ ...STORE, batchCount: 2 }));
    for (let minute = 0; minute < 5; minute++) feed.touch("a", minute);
    await pass(6_000);
    const before = recorder.writes.length;
    const fromMs = Date.parse("2026-11-20T10:03:00Z");
    const asked = delivery.replayFrom(fromMs);
    await pass(0);
    await asked;
    const closing = delivery.close(0);
    await pass(10);
    await closing;
    const next = deliver(recorder.configured({ ...STORE, batchCount: 2 }));
    feed.touch("a", 0);
    await pass(30_000);
    const again = recorder.seen.slice(before).flat();
    expect(new Set(again)).toEqual(new Set(["a/3:1", "a/4:1", "a/0:2"]));
    expect(again.at(-1)).toBe("a/0:2");
    expect(next.status.change).toBe(6);
  });

  it("begins at once, though nothing has changed", async () => {
    const recorder = new Recorder();
    const delivery = deliver(recorder.configured(STORE));
    feed.touch("a", 0);
    await pass(60_000);
    const asked = delivery.replayFrom(0);
    await pass(10);
    await asked;
    expect(recorder.seen).toEqual([["a/0:1"], ["a/0:1"]]);
  });
});
