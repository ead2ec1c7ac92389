import { describe, expect, it } from "vitest";
import { SimulatedLog } from "../../../../aggregator/log/simulated-log.ts";
import { OwnerLoop } from "../../../../aggregator/process/owner-loop.ts";
import type { Session } from "../../../../aggregator/process/session.ts";
import { AssertionError } from "../../../../shared/assert.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";

/** A loop over a log, whose session does what `applied` says with each record's text. */
class World {
  readonly simulation = new Simulation(1);
  readonly log: SimulatedLog;
  readonly applied: string[] = [];
  readonly warnings: string[] = [];
  readonly fatal: unknown[] = [];
  sessionCount = 0;
  private readonly process;
  private readonly onApply: (text: string, sessionNumber: number) => void;

  constructor(onApply: (text: string, sessionNumber: number) => void = () => undefined) {
    this.onApply = onApply;
    const network = new SimulatedNetwork(this.simulation);
    this.process = new SimulatedHost(this.simulation, "host", network).start("process");
    const partitionCounts = { batches: 1, keyed: 0 };
    this.log = new SimulatedLog({ partitionCounts, world: this.process.platform });
  }

  start(housekeepingCount = 0): OwnerLoop {
    const { clock, timers } = this.process.platform;
    let housekeepingLeft = housekeepingCount;
    return new OwnerLoop({
      log: this.log.client({ timers }),
      clock,
      timers,
      logger: {
        error: (message) => this.warnings.push(message),
        warn: (message) => this.warnings.push(message),
        info: () => undefined,
        debug: () => undefined,
      },
      topic: "batches",
      group: "g",
      partition: 0,
      intervalMs: 0,
      open: (owner): Session => {
        const number = ++this.sessionCount;
        return {
          apply: async (records) => {
            const [record] = records;
            const text = record?.payload.toString() ?? "";
            this.onApply(text, number);
            const next = (record?.position ?? 0) + 1;
            const positions = [{ topic: "batches", position: next }] as const;
            await owner.commit({ positions, changes: [], records: [] });
            this.applied.push(text);
            return { next, results: [], isCommitted: true };
          },
          get hasHousekeeping() {
            return housekeepingLeft > 0;
          },
          housekeep: async () => {
            housekeepingLeft--;
            this.applied.push("housekeeping");
          },
        };
      },
      onOwned: () => undefined,
      onApplied: () => undefined,
      onFatal: (error) => this.fatal.push(error),
    });
  }

  append(...texts: readonly string[]): void {
    for (const text of texts) this.log.insert("batches", 0, Buffer.from(text));
  }

  pass(ms: number): Promise<void> {
    return this.simulation.run(this.simulation.timeMs + ms);
  }
}

describe("the loop of an owner", () => {
  it("gives a session every record once, in order, however few it takes at a time", async () => {
    const world = new World();
    world.append("a", "b", "c");
    const loop = world.start();
    await world.pass(100);
    world.append("d");
    await world.pass(100);
    expect(world.applied).toEqual(["a", "b", "c", "d"]);
    expect(loop.progress).toMatchObject({ isOwned: true, position: 4, lagMs: 0 });
  });

  it("owns again after an operating error and goes on after the last commit", async () => {
    const world = new World((text, sessionNumber) => {
      if (text === "b" && sessionNumber < 3) throw new TailraceError("LOG_UNKNOWN", "Not known.");
    });
    world.append("a", "b", "c");
    world.start();
    await world.pass(3000);
    expect(world.applied).toEqual(["a", "b", "c"]);
    expect(world.sessionCount).toBe(3);
    expect(world.warnings).toHaveLength(2);
    expect(world.fatal).toEqual([]);
  });

  it("waits longer after each failure, at most 10 s, and reports no progress meanwhile", async () => {
    const world = new World(() => {
      throw new TailraceError("STORE_FAILED", "The disk is full.");
    });
    world.append("a");
    const loop = world.start();
    await world.pass(60_000);
    expect(world.sessionCount).toBeGreaterThan(6);
    expect(world.sessionCount).toBeLessThan(14);
    expect(loop.progress).toMatchObject({ position: 0, lastProgressMs: 0 });
  });

  it.each([
    new AssertionError("impossible"),
    new TailraceError("FORMAT_UNKNOWN", "A newer version wrote this."),
    new TailraceError("LOG_CORRUPT", "Bad bytes."),
  ])("gives up for good on $message", async (error) => {
    const world = new World(() => {
      throw error;
    });
    world.append("a");
    const loop = world.start();
    await world.pass(60_000);
    expect(world.sessionCount).toBe(1);
    expect(world.fatal).toEqual([error]);
    expect(loop.progress.isOwned).toBe(false);
    await loop.close();
  });

  it("lets another owner take over and takes over again, nothing lost or doubled", async () => {
    const world = new World();
    world.append("a");
    world.start();
    await world.pass(100);
    const other = world.start();
    await world.pass(100);
    world.append("b");
    await world.pass(5000);
    world.append("c");
    await world.pass(5000);
    expect(world.applied).toEqual(["a", "b", "c"]);
    expect(world.sessionCount).toBeGreaterThan(2);
    await Promise.all([other.close(), world.pass(20_000)]);
  });

  it("keeps house when there is nothing to read, and reads in between", async () => {
    const world = new World();
    world.start(500);
    await world.pass(100);
    world.append("a");
    await world.pass(10_000);
    expect(world.applied.filter((text) => text === "housekeeping")).toHaveLength(500);
    expect(world.applied.indexOf("a")).toBeGreaterThan(5);
    expect(world.applied.indexOf("a")).toBeLessThan(200);
  });

  it("gives space back though no record comes any more, as when the log is full", async () => {
    const world = new World();
    world.append("a");
    world.start();
    await world.pass(5_000);
    world.append("b", "c");
    await world.pass(60_000);
    expect(world.applied).toEqual(["a", "b", "c"]);
    expect(world.log.records("batches", 0)).toEqual([]);
  });
});
