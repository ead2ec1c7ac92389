import { beforeEach, describe, expect, it } from "vitest";
import { SimulatedHost } from "../../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../../../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../../../../shared/platform/simulated/simulation.ts";

let simulation: Simulation;
let host: SimulatedHost;
let process: SimulatedProcess;

function begin(seed: number): void {
  simulation = new Simulation(seed);
  host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
  process = host.start("program");
}
beforeEach(() => begin(1));

describe("a simulated process", () => {
  it("does nothing more after its death, whatever it was waiting for", async () => {
    const seen: string[] = [];
    const note = (what: string) => () => seen.push(what);
    const abort = new AbortController();
    const { timers, disk, network } = process.platform;
    void timers.sleep(100).then(note("woke"));
    void timers.sleep(100, abort.signal).then(note("was woken"));
    void disk.open("/f", "write").then(note("opened"));
    const call = { url: "http://nobody:1/", method: "GET", timeoutMs: 10 };
    network.call(call).then(note("answered"), note("failed"));
    process.kill();
    abort.abort();
    void timers.sleep(1).then(note("slept"));
    void disk.list("/").then(note("listed"));
    network.call(call).then(note("answered later"), note("failed later"));
    await simulation.run();
    expect(seen).toEqual([]);
  });

  it("sleeps by virtual time and wakes at once when told", async () => {
    const seen: string[] = [];
    const abort = new AbortController();
    void process.platform.timers.sleep(5_000).then(() => seen.push(`a ${simulation.timeMs}`));
    void process.platform.timers
      .sleep(9_000, abort.signal)
      .then(() => seen.push(`b ${simulation.timeMs}`));
    simulation.schedule(70, "abort", () => abort.abort());
    await simulation.run();
    expect(seen).toEqual(["b 70", "a 5000"]);
  });

  it("dies at the planned operation, before or after it took effect", async () => {
    const outcomes = new Set<string>();
    for (const isAfterEffect of [true, false]) {
      for (let seed = 0; seed < 10; seed++) {
        begin(seed);
        const dying = process;
        dying.planKill(2, isAfterEffect, () => dying.kill());
        let reached = "none";
        const work = async () => {
          await dying.platform.disk.makeDirectory("/a");
          reached = "first";
          await dying.platform.disk.makeDirectory("/b");
          reached = "second";
        };
        work().catch(() => undefined);
        await simulation.run();
        expect(dying.isAlive).toBe(false);
        outcomes.add(`${isAfterEffect} ${reached} ${host.disk.snapshot("/b") !== undefined}`);
      }
    }
    expect([...outcomes].sort()).toEqual(["false first false", "true first true"]);
  });

  it("may or may not have done what was under way when it was killed", async () => {
    const outcomes = new Set<boolean>();
    for (let seed = 0; seed < 20; seed++) {
      begin(seed);
      void process.platform.disk.makeDirectory("/a");
      process.kill();
      await simulation.run();
      outcomes.add(host.disk.snapshot("/a") !== undefined);
    }
    expect(outcomes.size).toBe(2);
  });

  it("tells the time of its host, which may be wrong", () => {
    const before = process.platform.clock.now();
    host.clockSkewMs = 86_400_000;
    expect(process.platform.clock.now() - before).toBe(86_400_000);
    expect(process.platform.clock.monotonic()).toBe(0);
  });
});
