import { describe, expect, it } from "vitest";
import { type LocalLog, openLocalLog } from "../../aggregator/log/local-log.ts";
import type { LogRecord, Owner } from "../../aggregator/log/log.ts";
import { MemoryState, MemoryStore } from "../../aggregator/state/memory-store.ts";
import { TailraceError } from "../../shared/errors.ts";
import { textLogger } from "../../shared/log.ts";
import type { DiskFault } from "../../shared/platform/simulated/simulated-disk.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../shared/platform/simulated/simulation.ts";

const FOLDER = "/data/log";
const LIVES = 10;
const isLong = process.env["TAILRACE_LONG"] === "1";
const SEEDS = isLong ? 2_000 : 150;

/** What became of one append, as its caller knows. Killed processes leave it `open`. */
interface Append {
  readonly isSynced: boolean;
  outcome: "open" | "unknown" | "absent" | number;
}

/**
 * An embedded log whose process is killed, whose machine loses power and whose disk fails, again and again, while several callers
 * append and one reader commits what it reads: which record at which position.
 */
class Endurance {
  readonly simulation: Simulation;
  readonly host: SimulatedHost;
  readonly state = new MemoryState();
  readonly appends = new Map<string, Append>();
  readonly problems: string[] = [];
  openCount = 0;
  unknownCount = 0;
  private nextId = 0;
  private isOver = false;

  constructor(seed: number) {
    this.simulation = new Simulation(seed);
    this.host = new SimulatedHost(this.simulation, "host", new SimulatedNetwork(this.simulation));
  }

  async run(): Promise<void> {
    const { prng } = this.simulation;
    for (let life = 0; life < LIVES; life++) {
      const process = this.host.start(`life-${life}`);
      this.live(process).catch((error: unknown) => this.endOfLife(error));
      if (prng.chance(0.5)) this.planFault();
      await this.pass(prng.between(5, 200));
      this.host.disk.faults.clear();
      if (prng.chance(0.5)) this.host.crash();
      else process.kill();
    }
    this.isOver = true;
    await this.readTheRest();
    this.check();
  }

  private planFault(): void {
    const { prng } = this.simulation;
    const fault: DiskFault = {
      path: FOLDER,
      operations: [
        prng.pick(["write", "write", "sync", "sync", "open", "read", "remove"] as const),
      ],
      code: prng.pick(["ENOSPC", "EIO", "EDQUOT"] as const),
      share: prng.pick([0.05, 0.5, 1]),
    };
    this.simulation.schedule(prng.between(0, 100), "fault", () => {
      if (!this.isOver) this.host.disk.faults.add(fault);
    });
    // Otherwise it lasts until the process ends.
    if (prng.chance(0.5)) return;
    this.simulation.schedule(prng.between(0, 200), "fault over", () => {
      this.host.disk.faults.delete(fault);
    });
  }

  private async live(process: SimulatedProcess): Promise<void> {
    const log = await this.open(process);
    this.openCount++;
    const { prng } = this.simulation;
    const callerCount = prng.pick([1, 3, 8]);
    for (let caller = 0; caller < callerCount; caller++) void this.appendOnAndOn(process, log);
    // A reader that lags leaves records of several lives in the log.
    if (prng.chance(0.5)) await process.platform.timers.sleep(prng.between(0, 300));
    await this.readOnAndOn(log);
  }

  private open(process: SimulatedProcess): Promise<LocalLog> {
    const pause = () =>
      process.operate({
        label: "commit",
        latencyMs: this.simulation.prng.between(0.05, 1),
        effect: () => undefined,
      });
    return openLocalLog(process.platform, {
      directory: FOLDER,
      store: new MemoryStore(this.state, { beforeApply: pause, afterApply: pause }),
      logger: textLogger(
        () => undefined,
        () => 0,
        "error",
      ),
      bytesMax: 32_000,
      segmentBytesMax: 1_000,
      recentBytesMax: this.simulation.prng.pick([1, 2_000, 100_000]),
    });
  }

  private async appendOnAndOn(process: SimulatedProcess, log: LocalLog): Promise<void> {
    const { prng } = this.simulation;
    for (;;) {
      const id = `${this.nextId++}`;
      const append: Append = { isSynced: prng.chance(0.7), outcome: "open" };
      this.appends.set(id, append);
      const payload = Buffer.from(`${id} ${"x".repeat(prng.below(prng.chance(0.1) ? 900 : 60))}`);
      try {
        append.outcome = await log.append("batches", 0, payload, { sync: append.isSynced });
      } catch (error) {
        if (!(error instanceof TailraceError)) throw error;
        append.outcome = error.code === "LOG_UNKNOWN" ? "unknown" : "absent";
        if (error.code === "LOG_UNKNOWN") this.unknownCount++;
      }
      await process.platform.timers.sleep(prng.between(0.1, 4));
    }
  }

  private async readOnAndOn(log: LocalLog): Promise<void> {
    const owner = await log.own("reader", 0, () => this.problems.push("an only owner was fenced"));
    for (;;) {
      const records = await owner.read("batches", owner.position("batches"), 300, noSignal);
      await commitRecords(owner, records);
      await log.trim("batches", 0, owner.position("batches"));
    }
  }

  private endOfLife(error: unknown): void {
    const code = error instanceof TailraceError ? error.code : String(error);
    // Reading and opening may fail while the disk does; the process then waits to be killed.
    const isExpected = ["DISK_FAILED", "LOG_UNAVAILABLE", "LOG_UNKNOWN"].includes(code);
    const isDisk = error instanceof Error && "code" in error && error.code === "EIO";
    if (isExpected || isDisk || /ENOSPC|EDQUOT|EIO/.test(String(error))) return;
    this.problems.push(`the process ended: ${error instanceof Error ? error.stack : code}`);
  }

  private pass(ms: number): Promise<void> {
    return this.simulation.run(this.simulation.timeMs + ms);
  }

  private async readTheRest(): Promise<void> {
    const process = this.host.start("last");
    let isDone = false;
    const work = (async () => {
      const log = await this.open(process);
      const owner = await log.own("reader", 0, () => undefined);
      const step = async () => {
        const from = owner.position("batches");
        await commitRecords(owner, await owner.read("batches", from, 5_000, noSignal));
        await log.trim("batches", 0, owner.position("batches"));
      };
      // A full log takes nothing before its reader made room.
      while (log.bytes > 16_000) await step();
      const last = await log.append("batches", 0, Buffer.from("marker"));
      while (owner.position("batches") <= last) await step();
      await log.close();
      isDone = true;
    })();
    work.catch((error: unknown) => this.problems.push(`the last life failed: ${error}`));
    await this.pass(10_000);
    if (!isDone) this.problems.push("the last life did not read everything");
  }

  private check(): void {
    const found = new Map<string, number[]>();
    for (const [key, value] of this.state.rows.range("p/", "p0")) {
      const id = String(value);
      found.set(id, [...(found.get(id) ?? []), Number(key.slice(2))]);
    }
    for (const [id, { outcome, isSynced }] of this.appends) {
      const positions = found.get(id) ?? [];
      const where = `${id} (${outcome}) is at ${positions.join(", ")}`;
      if (positions.length > 1) this.problems.push(`twice: ${where}`);
      if (outcome === "absent" && positions.length > 0) this.problems.push(`not absent: ${where}`);
      if (typeof outcome !== "number") continue;
      if (isSynced && positions.length === 0) this.problems.push(`lost: ${where}`);
      if (positions.length > 0 && positions[0] !== outcome) this.problems.push(`moved: ${where}`);
    }
  }
}

const noSignal = new AbortController().signal;

async function commitRecords(owner: Owner, records: readonly LogRecord[]): Promise<void> {
  const last = records.at(-1);
  if (last === undefined) return;
  await owner.commit({
    positions: [{ topic: "batches", position: last.position + 1 }],
    changes: records.map(({ position, payload }) => ({
      key: `p/${String(position).padStart(15, "0")}`,
      value: Buffer.from(String(payload).split(" ")[0] ?? ""),
    })),
    records: [],
  });
}

describe("the embedded log", () => {
  it("neither loses nor doubles nor moves a record, whatever happens to process, machine and disk", async () => {
    let ackedCount = 0;
    let openCount = 0;
    let unknownCount = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const endurance = new Endurance(seed);
      await endurance.run();
      expect(endurance.problems, `seed ${seed}`).toEqual([]);
      openCount += endurance.openCount;
      unknownCount += endurance.unknownCount;
      for (const { outcome } of endurance.appends.values()) {
        if (typeof outcome === "number") ackedCount++;
      }
    }
    // The runs must have met what they are about.
    expect(ackedCount).toBeGreaterThan(10_000);
    expect(openCount).toBeGreaterThan(600);
    expect(unknownCount).toBeGreaterThan(20);
  }, 600_000);
});
