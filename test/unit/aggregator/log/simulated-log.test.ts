import { beforeEach, describe, expect, it } from "vitest";
import type { Commit, Log, Owner } from "../../../../aggregator/log/log.ts";
import {
  calmLogFaults,
  type LogFaults,
  nastyLogFaults,
  SimulatedLog,
} from "../../../../aggregator/log/simulated-log.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";

const noSignal = new AbortController().signal;
const ignore = () => undefined;

let simulation: Simulation;
let host: SimulatedHost;
let log: SimulatedLog;
let world: SimulatedProcess;

function begin(seed: number, faults: Partial<LogFaults> = {}): void {
  simulation = new Simulation(seed);
  host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
  world = host.start("world");
  log = new SimulatedLog({
    partitionCounts: { batches: 2, keyed: 2 },
    world: world.platform,
    faults,
  });
}
beforeEach(() => begin(1));

function start(): { readonly process: SimulatedProcess; readonly client: Log } {
  const process = host.start("process");
  return { process, client: log.client(process.platform) };
}

/** Lets everything happen that can, and gives the outcome of `work`. */
async function outcomeOf<T>(work: Promise<T>): Promise<T | "pending"> {
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  work.then(
    (value) => {
      outcome = { value };
    },
    (error: unknown) => {
      outcome = { error };
    },
  );
  await simulation.run(simulation.timeMs + 60_000);
  if (outcome === undefined) return "pending";
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

async function sure<T>(work: Promise<T>): Promise<T> {
  const outcome = await outcomeOf(work);
  if (outcome === "pending") throw new Error("it never ended");
  return outcome;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    return (await outcomeOf(work)) === "pending" ? "pending" : "done";
  } catch (error) {
    if (error instanceof TailraceError) return error.code;
    throw error;
  }
}

const append = (client: Log, text: string) => client.append("batches", 0, Buffer.from(text));
const texts = (partition = 0) =>
  log.records("batches", partition).map((record) => String(record.payload));

function commitOf(position: number, value: string, keyed: readonly string[] = []): Commit {
  return {
    positions: [{ topic: "batches", position }],
    changes: [{ key: "key", value: Buffer.from(value) }],
    records: keyed.map((text, index) => ({
      topic: "keyed",
      partition: index % 2,
      payload: Buffer.from(text),
    })),
  };
}

describe("an append to the simulated log", () => {
  it("is certainly absent when the log cannot be reached", async () => {
    begin(1, { unavailable: 1 });
    expect(await codeOf(append(start().client, "a"))).toBe("LOG_UNAVAILABLE");
    expect(texts()).toEqual([]);
  });

  it("of unknown outcome is there at once, later behind newer ones, or never, but not twice", async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      begin(seed, { unknown: 1, lateMsMax: 10_000 });
      const { client } = start();
      let atOnce: string[] = [];
      const appending = append(client, "first").catch((error: unknown) => {
        expect(error).toMatchObject({ code: "LOG_UNKNOWN" });
        atOnce = texts();
        log.faults.unknown = 0;
        return append(client, "second");
      });
      await sure(appending);
      expect(texts().filter((text) => text === "first").length).toBeLessThanOrEqual(1);
      const when = atOnce.length === 1 ? "at once" : "later";
      seen.add(texts().includes("first") ? `${when}: ${texts().join(" ")}` : "never");
    }
    expect([...seen].sort()).toEqual(["at once: first second", "later: second first", "never"]);
  });

  it("arrives though its process was killed meanwhile, and is never answered", async () => {
    const counts = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      begin(seed, { latencyMsMax: 20 });
      const { process, client } = start();
      simulation.schedule(10, "kill", () => process.kill());
      const outcome = await outcomeOf(append(client, "a"));
      if (outcome === "pending") counts.add(texts().length);
      if (outcome !== "pending") expect(texts()).toEqual(["a"]);
    }
    expect([...counts]).toEqual([1]);
  });

  it("may leave a gap before it, and never takes a position twice", async () => {
    begin(3, { gap: 0.5 });
    const { client } = start();
    const positions: number[] = [];
    for (let index = 0; index < 30; index++) positions.push(await sure(append(client, "x")));
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    expect(positions.at(-1)).toBeGreaterThan(35);
  });
});

describe("an owner in the simulated log", () => {
  it("that stalled finds out at its commit that another took over, and sees what it knew until then", async () => {
    begin(1, { lostNoticeMsMax: 1_000_000 });
    let isLost = false;
    const old = await sure(
      start().client.own("group", 0, () => {
        isLost = true;
      }),
    );
    await sure(old.commit(commitOf(1, "old")));
    const next = await sure(start().client.own("group", 0, ignore));
    await sure(next.commit(commitOf(2, "new")));
    expect(String(old.state.get("key"))).toBe("old");
    expect(old.position("batches")).toBe(1);
    expect(await codeOf(old.commit(commitOf(9, "late")))).toBe("LOG_FENCED");
    expect(isLost).toBe(false);
    expect(String(log.state("group", 0).get("key"))).toBe("new");
    await simulation.run(simulation.timeMs + 2_000_000);
    expect(isLost).toBe(true);
  });

  it("whose commit has an unknown outcome is one no longer, and the next sees it decided", async () => {
    const decisions = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      begin(seed, { unknown: 1, lateMsMax: 5_000 });
      const { client } = start();
      const owner = await sure(client.own("group", 0, ignore));
      const next = owner.commit(commitOf(1, "first", ["keyed"])).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "LOG_UNKNOWN" });
        log.faults.unknown = 0;
        return client.own("group", 0, ignore);
      });
      const second = await sure(next);
      if (second === undefined) throw new Error("the commit should not have been answered");
      expect(await codeOf(owner.commit(commitOf(2, "second")))).toBe("LOG_FENCED");
      const committed = second.position("batches") === 1;
      expect(second.state.get("key") !== undefined).toBe(committed);
      expect(log.records("keyed", 0)).toHaveLength(committed ? 1 : 0);
      decisions.add(committed ? "committed" : "not");
    }
    expect([...decisions].sort()).toEqual(["committed", "not"]);
  });

  it("that cannot reach the log does not know whether its commit counts, but it does not", async () => {
    const owner = await sure(start().client.own("group", 0, ignore));
    log.faults.unavailable = 1;
    expect(await codeOf(owner.commit(commitOf(1, "a")))).toBe("LOG_UNKNOWN");
    expect(log.state("group", 0).get("key")).toBeUndefined();
  });

  it("commits state, position and records to several partitions as one", async () => {
    const owner = await sure(start().client.own("group", 1, ignore));
    await sure(owner.commit(commitOf(3, "value", ["a", "b", "c"])));
    const keyed = (partition: number) =>
      log.records("keyed", partition).map((record) => String(record.payload));
    expect([keyed(0), keyed(1)]).toEqual([["a", "c"], ["b"]]);
    expect(owner.position("batches")).toBe(3);
    expect(log.state("group", 0).get("key")).toBeUndefined();
    const reader = await sure(start().client.own("reader", 1, ignore));
    const [record] = await sure(reader.read("keyed", 0, 100, noSignal));
    expect(String(record?.payload)).toBe("b");
  });

  it("of a killed process is never told anything", async () => {
    const { process, client } = start();
    let isLost = false;
    await sure(
      client.own("group", 0, () => {
        isLost = true;
      }),
    );
    process.kill();
    await sure(start().client.own("group", 0, ignore));
    await simulation.run(simulation.timeMs + 100_000);
    expect(isLost).toBe(false);
  });
});

describe("a backup of the simulated log", () => {
  it("brings back records, state and positions, and fences all owners", async () => {
    const { client } = start();
    const owner = await sure(client.own("group", 0, ignore));
    await sure(append(client, "a"));
    await sure(owner.commit(commitOf(1, "old")));
    const backup = log.takeBackup();
    await sure(append(client, "b"));
    await sure(owner.commit(commitOf(2, "new", ["x"])));
    await sure(
      client.own("later group", 0, ignore).then((later) => later.commit(commitOf(1, "x"))),
    );
    log.restore(backup);
    expect(await codeOf(owner.commit(commitOf(3, "newer")))).toBe("LOG_FENCED");
    const again = await sure(client.own("group", 0, ignore));
    expect([again.position("batches"), String(again.state.get("key"))]).toEqual([1, "old"]);
    expect(texts()).toEqual(["a"]);
    expect(log.records("keyed", 0)).toEqual([]);
    expect(log.state("later group", 0).get("key")).toBeUndefined();
    await sure(again.commit(commitOf(4, "after")));
    log.restore(backup);
    expect(String(log.state("group", 0).get("key"))).toBe("old");
  });

  it("is not spoilt by a commit that was under way", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      begin(seed, { unknown: 1, lateMsMax: 1_000 });
      const backup = log.takeBackup();
      const owner = await sure(start().client.own("group", 0, ignore));
      const committing = owner.commit(commitOf(1, "lost")).catch(() => log.restore(backup));
      await sure(committing);
      expect(log.state("group", 0).get("key")).toBeUndefined();
    }
  });
});

/** A process that counts the records of one partition into its state, and lives with everything that the log does. */
async function countOnAndOn(process: SimulatedProcess, name: string): Promise<void> {
  const client = log.client(process.platform);
  for (;;) {
    try {
      const owner = await client.own("counter", 0, ignore);
      for (;;) await countSome(owner, name);
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      await process.platform.timers.sleep(100);
    }
  }
}

async function countSome(owner: Owner, name: string): Promise<void> {
  const records = await owner.read("batches", owner.position("batches"), 50, noSignal);
  const changes = records.map(({ payload }) => {
    const key = String(payload);
    return { key, value: Buffer.from(`${owner.state.get(key) ?? ""}${name}`) };
  });
  const position = (records.at(-1)?.position ?? 0) + 1;
  await owner.commit({ positions: [{ topic: "batches", position }], changes, records: [] });
}

describe("the simulated log at its nastiest", () => {
  async function run(seed: number): Promise<{ readonly trace: string; readonly acked: number }> {
    begin(seed, nastyLogFaults);
    const acked: string[] = [];
    const absent: string[] = [];
    const client = log.client(world.platform);
    void (async () => {
      for (let index = 0; index < 150; index++) {
        const text = `record-${index}`;
        await append(client, text).then(
          () => acked.push(text),
          (error: unknown) => {
            if (error instanceof TailraceError && error.code === "LOG_UNAVAILABLE")
              absent.push(text);
          },
        );
        await world.platform.timers.sleep(20);
      }
    })();
    const names = ["a", "b", "c", "d"];
    for (const [index, name] of names.entries()) {
      const process = host.start(name);
      simulation.schedule(index * 1_500, "start", () => void countOnAndOn(process, name));
      if (index < 3) simulation.schedule(index * 1_500 + 2_500, "kill", () => process.kill());
    }
    await simulation.run(12_000);
    Object.assign(log.faults, calmLogFaults);
    await simulation.run(30_000);
    const counted = [...log.state("counter", 0).range("", "~")];
    for (const [key, by] of counted) expect(by.length, `${key} by ${by}`).toBe(1);
    const keys = counted.map(([key]) => key);
    expect(keys).toEqual(expect.arrayContaining(acked));
    expect(keys.filter((key) => absent.includes(key))).toEqual([]);
    expect(acked.length + absent.length).toBeLessThan(150);
    return { trace: counted.map(([key, by]) => `${key}=${by}`).join(), acked: acked.length };
  }

  it("still lets owners that come, stall and die count every record once", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { acked } = await run(seed);
      expect(acked).toBeGreaterThan(100);
    }
  });

  it("does the same again for the same seed", async () => {
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
  });
});
