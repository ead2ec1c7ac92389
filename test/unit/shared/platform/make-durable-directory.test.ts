import { describe, expect, it } from "vitest";
import { makeDurableDirectory } from "../../../../shared/platform/make-durable-directory.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";

describe("a durable directory", () => {
  it("is still there after a power cut, with all parents and what was synced in it", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const simulation = new Simulation(seed);
      const host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
      const { disk } = host.start("program").platform;
      let isDone = false;
      const work = async () => {
        await makeDurableDirectory(disk, "/new/data/log");
        await makeDurableDirectory(disk, "/new/data/log");
        const file = await disk.open("/new/data/log/file", "create");
        await file.write(Buffer.from("content"), 0);
        await file.sync();
        await disk.syncDirectory("/new/data/log");
        isDone = true;
      };
      const working = work();
      await simulation.run();
      await working;
      expect(isDone).toBe(true);
      host.crash();
      expect(String(host.disk.contentOf("/new/data/log/file")), `seed ${seed}`).toBe("content");
    }
  });

  it("fails as the disk does", async () => {
    const simulation = new Simulation(1);
    const host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
    host.disk.append("/file", Buffer.from("not a folder"));
    const { disk } = host.start("program").platform;
    const outcome = makeDurableDirectory(disk, "/file/below").then(
      () => "made",
      () => "failed",
    );
    await simulation.run();
    expect(await outcome).toBe("failed");
  });
});
