import { beforeEach, describe, expect, it } from "vitest";
import { systemCode } from "../../../../../shared/errors.ts";
import type { Disk } from "../../../../../shared/platform/disk.ts";
import { SimulatedHost } from "../../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../../shared/platform/simulated/simulation.ts";

let simulation: Simulation;
let host: SimulatedHost;
let disk: Disk;

function begin(seed: number): void {
  simulation = new Simulation(seed);
  host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
  disk = host.start("program").platform.disk;
}
beforeEach(() => begin(1));

/** Runs `work` on virtual time and resolves with its result. */
async function on<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  await simulation.run();
  return work;
}

async function writeFile(path: string, text: string, isSynced: boolean): Promise<void> {
  const file = await disk.open(path, "write");
  await file.write(Buffer.from(text), 0);
  if (isSynced) await file.sync();
  await file.close();
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return on(
    work.then(
      () => undefined,
      (error: unknown) => systemCode(error),
    ),
  );
}

describe("the simulated disk", () => {
  it("behaves like a file system while nothing fails", async () => {
    await on(disk.makeDirectory("/a/b"));
    await on(writeFile("/a/b/one", "hello", false));
    const before = await on(disk.stat("/a/b/one"));
    await on(disk.rename("/a/b/one", "/a/two"));
    const after = await on(disk.stat("/a/two"));
    expect(after.inode).toBe(before.inode);
    expect(after.bytes).toBe(5);
    expect(await on(disk.list("/a"))).toEqual(["b", "two"]);
    const file = await on(disk.open("/a/two", "read"));
    const target = Buffer.alloc(3);
    expect(await on(file.read(target, 1, 2, 3))).toBe(2);
    expect(target.toString("latin1")).toBe("\0lo");
    expect(await codeOf(file.write(Buffer.from("x"), 0))).toBe("EBADF");
    await on(disk.remove("/a/two"));
    expect(await on(file.read(target, 0, 3, 0))).toBe(3);
    await on(file.close());
    expect(await codeOf(file.stat())).toBe("EBADF");
    expect(await codeOf(disk.open("/a/two", "read"))).toBe("ENOENT");
    await on(writeFile("/a/three", "", false));
    expect(await codeOf(disk.open("/a/three", "create"))).toBe("EEXIST");
    expect(await codeOf(disk.open("/none/three", "create"))).toBe("ENOENT");
  });

  it("forgets names that were not synced when the power is cut, and keeps the others", async () => {
    let forgotten = 0;
    for (let seed = 0; seed < 30; seed++) {
      begin(seed);
      await on(disk.makeDirectory("/d"));
      await on(disk.syncDirectory("/"));
      await on(writeFile("/d/synced", "s", true));
      await on(disk.syncDirectory("/d"));
      await on(writeFile("/d/named", "n", true));
      host.crash();
      expect(host.disk.contentOf("/d/synced")?.toString()).toBe("s");
      if (host.disk.contentOf("/d/named") === undefined) forgotten++;
      else expect(host.disk.contentOf("/d/named")?.toString()).toBe("n");
    }
    expect(forgotten).toBeGreaterThan(5);
    expect(forgotten).toBeLessThan(25);
  });

  it("keeps everything written when only the process dies", async () => {
    const process = host.start("other");
    const work = process.platform.disk.open("/f", "create").then((file) => {
      return file.write(Buffer.from("text"), 0);
    });
    await on(work);
    process.kill();
    expect(host.disk.contentOf("/f")?.toString()).toBe("text");
  });

  it("loses a rename as a whole, never half", async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      begin(seed);
      await on(writeFile("/new", "2", true));
      await on(writeFile("/old", "1", true));
      await on(disk.syncDirectory("/"));
      await on(disk.rename("/new", "/old"));
      host.crash();
      outcomes.add(`${host.disk.contentOf("/new")} ${host.disk.contentOf("/old")}`);
    }
    expect([...outcomes].sort()).toEqual(["2 1", "undefined 2"]);
  });

  it("fails as told, a full disk perhaps after half a write", async () => {
    host.disk.bytesMax = 10;
    expect(await codeOf(writeFile("/f", "12345678", true))).toBeUndefined();
    expect(await codeOf(writeFile("/g", "12345678", true))).toBe("ENOSPC");
    host.disk.bytesMax = 100;
    const fault = { path: "/", operations: ["sync"], code: "EIO", share: 1 } as const;
    host.disk.faults.add(fault);
    expect(await codeOf(writeFile("/h", "1", true))).toBe("EIO");
    expect(await codeOf(disk.syncDirectory("/"))).toBe("EIO");
    host.disk.faults.delete(fault);
    expect(await codeOf(writeFile("/h", "1", true))).toBeUndefined();
  });

  it("drops a lock when its holder dies", async () => {
    const first = host.start("first");
    expect(await on(first.platform.disk.lock("/lock"))).toBeDefined();
    expect(await on(disk.lock("/lock"))).toBeUndefined();
    first.kill();
    const lock = await on(disk.lock("/lock"));
    await on(lock?.release() ?? Promise.resolve());
    expect(await on(host.start("third").platform.disk.lock("/lock"))).toBeDefined();
  });

  it("hands inode numbers of removed files out again", async () => {
    let reused = 0;
    for (let seed = 0; seed < 20; seed++) {
      begin(seed);
      host.disk.append("/log", Buffer.from("a"));
      const before = await on(disk.stat("/log"));
      host.disk.remove("/log");
      host.disk.append("/log", Buffer.from("b"));
      if ((await on(disk.stat("/log"))).inode === before.inode) reused++;
    }
    expect(reused).toBeGreaterThan(5);
    expect(reused).toBeLessThan(20);
  });

  it("finds what others write by pattern and tells of it", async () => {
    let told = 0;
    disk.watch(["/logs"], () => told++);
    for (let round = 0; round < 10; round++) {
      host.disk.append("/logs/app.log", Buffer.from("line\n"));
      host.disk.append("/elsewhere/app.log", Buffer.from("line\n"));
      await simulation.run();
    }
    expect(told).toBeGreaterThan(3);
    expect(host.disk.lengthOf("/logs/app.log")).toBe(50);
    expect(host.disk.lengthOf("/logs/other.log")).toBe(0);
    host.disk.rename("/logs/app.log", "/logs/app.log.1");
    host.disk.append("/logs/.hidden.log", Buffer.from("x"));
    expect(await on(disk.glob("/logs/*.log*"))).toEqual(["/logs/app.log.1"]);
    expect(await on(disk.glob("/**/*.log"))).toEqual(["/elsewhere/app.log"]);
  });

  it("goes back to a snapshot, and carries it to another disk", async () => {
    await on(disk.makeDirectory("/data"));
    await on(writeFile("/data/f", "old", true));
    const inode = (await on(disk.stat("/data/f"))).inode;
    const snapshot = host.disk.snapshot("/data");
    if (snapshot === undefined) throw new Error("there is no snapshot");
    await on(writeFile("/data/f", "new!", true));
    await on(writeFile("/data/g", "g", true));
    host.disk.restore("/data", snapshot, true);
    expect(host.disk.contentOf("/data/f")?.toString()).toBe("old");
    expect(host.disk.contentOf("/data/g")).toBeUndefined();
    expect((await on(disk.stat("/data/f"))).inode).toBe(inode);
    const other = new SimulatedHost(simulation, "other", host.network);
    other.disk.restore("/copy", snapshot, false);
    other.crash();
    expect(other.disk.contentOf("/copy/f")?.toString()).toBe("old");
  });
});
