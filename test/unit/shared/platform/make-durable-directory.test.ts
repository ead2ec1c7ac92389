import { describe, expect, it } from "vitest";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { makeDurableDirectory } from "../../../../shared/platform/make-durable-directory.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";

/** The operations of a disk that making a folder needs, to be changed one by one. */
function pickDisk(disk: Disk): Disk {
  return {
    open: (path, mode) => disk.open(path, mode),
    stat: (path) => disk.stat(path),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    lock: (path) => disk.lock(path),
    usage: (path) => disk.usage(path),
    glob: (pattern) => disk.glob(pattern),
    watch: (directories, onChange) => disk.watch(directories, onChange),
  };
}

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

  it("is durable also when a process that died before had only just made it", async () => {
    for (let operation = 1; operation <= 6; operation++) {
      const simulation = new Simulation(operation);
      const host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
      host.disk.append("/data/unrelated", Buffer.from("-"));
      const first = host.start("program");
      first.planKill(operation, true, () => undefined);
      void makeDurableDirectory(first.platform.disk, "/data/a/b").catch(() => undefined);
      await simulation.run();
      if (first.isAlive) first.kill();
      const made = makeDurableDirectory(host.start("program").platform.disk, "/data/a/b");
      await simulation.run();
      await made;
      host.crash();
      expect(host.disk.files.find("/data/a/b")?.kind, `operation ${operation}`).toBe("directory");
    }
  });

  it("does without the sync of a folder that was there and is not its own", async () => {
    const simulation = new Simulation(1);
    const host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
    host.disk.append("/var/lib/other", Buffer.from("-"));
    const { disk } = host.start("program").platform;
    const refusing = (code: string) => ({
      ...pickDisk(disk),
      syncDirectory: (path: string) =>
        path === "/var"
          ? Promise.reject(Object.assign(new Error(code), { code }))
          : disk.syncDirectory(path),
    });
    const outcomes: string[] = [];
    for (const code of ["EACCES", "EIO"]) {
      const made = makeDurableDirectory(refusing(code), `/var/lib/${code}`);
      void made.then(
        () => outcomes.push("made"),
        () => outcomes.push("failed"),
      );
      await simulation.run();
    }
    expect(outcomes).toEqual(["made", "failed"]);
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
