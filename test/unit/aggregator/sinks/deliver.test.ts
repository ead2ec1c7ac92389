import { beforeEach, describe, expect, it } from "vitest";
import {
  deadLetterKey,
  deadLetterPrefix,
  decodeDeadLetter,
} from "../../../../aggregator/sinks/cursor-row.ts";
import { Delivery, placeOf } from "../../../../aggregator/sinks/deliver.ts";
import type {
  ConfiguredSink,
  Result,
  Sink,
  WriteContext,
  WriteFailure,
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
  answer: (results: readonly Result[], context: WriteContext) => Promise<readonly WriteFailure[]> =
    async () => [];
  inFlight = 0;
  inFlightMax = 0;

  configured(changes: Partial<ConfiguredSink> = {}): ConfiguredSink {
    return {
      name: "recorder",
      type: "recorder",
      delivery: "idempotent",
      batchCount: 3,
      flushIntervalMs: 5_000,
      writeTimeoutMs: 1_000,
      deadLetterCountMax: 2,
      windowMinutes: 1,
      results: ["windows"],
      open: async ({ position }) => this.open(position),
      ...changes,
    };
  }

  open(position: string | undefined): Sink {
    this.positions.push(position);
    let written = Number(position ?? "0");
    return {
      get position() {
        return String(written);
      },
      write: async (results, context) => {
        this.inFlight++;
        this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
        this.writes.push([...results]);
        try {
          const failures = await this.answer(results, context);
          written += results.length;
          return { failures };
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
