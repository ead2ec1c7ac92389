import { describe, expect, it } from "vitest";
import { SimulatedHost } from "../../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../../shared/platform/simulated/simulation.ts";

/** A little world with files, calls and sleeping loops. */
async function runWorld(seed: number): Promise<{ hash: string; events: number }> {
  const simulation = new Simulation(seed);
  const network = new SimulatedNetwork(simulation);
  network.faults = { ...network.faults, requestLost: 0.2, duplicated: 0.3, delayMsMax: 50 };
  const server = new SimulatedHost(simulation, "server", network).start("server");
  const client = new SimulatedHost(simulation, "client", network).start("client");
  const serve = async () => {
    const file = await server.platform.disk.open("/count", "write");
    let position = 0;
    await server.platform.network.listen(
      { host: "", port: 1, bodyBytesMax: 100, requestTimeoutMs: 1_000, connectionCountMax: 9 },
      async (request) => {
        await file.write(request.body, position++);
        return { status: 200, headers: {}, body: Buffer.alloc(0) };
      },
    );
  };
  const ask = async () => {
    for (let count = 0; count < 20; count++) {
      await client.platform.timers.sleep(client.platform.random.float() * 100);
      const body = client.platform.random.bytes(1);
      const call = { url: "http://server:1/", method: "POST", body, timeoutMs: 200 };
      await client.platform.network.call(call).catch(() => undefined);
    }
  };
  const work = Promise.all([serve(), ask()]);
  await simulation.run();
  await work;
  return { hash: simulation.trace.hash, events: simulation.eventCount };
}

describe("a simulation", () => {
  it("gives the same trace for the same seed and another for another", async () => {
    const first = await runWorld(7);
    expect(await runWorld(7)).toEqual(first);
    expect((await runWorld(8)).hash).not.toBe(first.hash);
    expect(first.events).toBeGreaterThan(60);
  });

  it("carries events out by time, those of one moment in the order of their making", async () => {
    const simulation = new Simulation(1);
    const seen: string[] = [];
    for (const [delay, name] of [
      [30, "c"],
      [10, "a"],
      [30, "d"],
      [20, "b"],
    ] as const) {
      simulation.schedule(delay, name, () => seen.push(`${name}@${simulation.timeMs}`));
    }
    await simulation.run();
    expect(seen).toEqual(["a@10", "b@20", "c@30", "d@30"]);
  });

  it("lets promises go as far as they can before the next event", async () => {
    const simulation = new Simulation(1);
    const seen: string[] = [];
    simulation.schedule(1, "first", () => {
      const chain = async () => {
        for (let hop = 0; hop < 50; hop++) await Promise.resolve();
        seen.push("chain");
      };
      void chain().then(() => seen.push("after"));
    });
    simulation.schedule(1, "second", () => seen.push("second"));
    await simulation.run();
    expect(seen).toEqual(["chain", "after", "second"]);
  });

  it("stops at the time it was told and goes on from there", async () => {
    const simulation = new Simulation(1);
    const seen: number[] = [];
    simulation.schedule(100, "one", () => seen.push(1));
    await simulation.run(60);
    expect([simulation.timeMs, seen.length]).toEqual([60, 0]);
    simulation.schedule(10, "two", () => seen.push(2));
    await simulation.run();
    expect([simulation.timeMs, ...seen]).toEqual([100, 2, 1]);
  });

  it("does not carry out a cancelled event, and fails with what an event throws", async () => {
    const simulation = new Simulation(1);
    let ran = false;
    const event = simulation.schedule(1, "never", () => {
      ran = true;
    });
    simulation.cancel(event);
    simulation.schedule(2, "bad", () => {
      throw new Error("broken");
    });
    await expect(simulation.run()).rejects.toThrow("broken");
    expect(ran).toBe(false);
  });
});
