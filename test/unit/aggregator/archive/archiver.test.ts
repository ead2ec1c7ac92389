import { describe, expect, it } from "vitest";
import { ARCHIVE_DEFAULTS } from "../../../../aggregator/process/archive-queue.ts";
import { readArchiveRow } from "../../../../aggregator/state/archive-rows.ts";
import { ArchiveWorld } from "./archive-world.ts";
import { deltaItem, eventItem, sampleItems } from "./sample-items.ts";

const settings = { ...ARCHIVE_DEFAULTS, intervalMs: 10_000 };
const DAY_MINUTES = 1_440;

describe("an archiver", () => {
  it("writes what is queued once its block is closed, and lets its rows be deleted", async () => {
    const world = new ArchiveWorld(1, settings);
    await world.commit(sampleItems());
    await world.pass(5_000);
    expect(world.paths()).toEqual([]);
    await world.drain();
    expect(world.archivedRows()).toEqual(ArchiveWorld.rowsOf(sampleItems()));
    expect(world.paths()).toHaveLength(5);
    expect(readArchiveRow(world.store)).toMatchObject({ waitingBytes: 0, firstBlock: 1 });
    expect(world.archiver.counters).toMatchObject({ files: 5, failures: 0 });
  });

  it("SNK-06 tries again while the disk does not work; nothing is lost meanwhile", async () => {
    const world = new ArchiveWorld(2, settings);
    const fault = {
      path: "/archive",
      operations: ["write", "sync", "rename"],
      code: "EIO",
      share: 1,
    } as const;
    world.host.disk.faults.add(fault);
    await world.commit(sampleItems());
    await world.pass(10_000);
    await world.commit([]);
    await world.pass(60_000);
    expect(world.archiver.counters.failures).toBeGreaterThan(2);
    expect(world.waitingItems()).toBe(sampleItems().length);
    world.host.disk.faults.delete(fault);
    await world.pass(60_000);
    await world.drain();
    expect(world.archivedRows()).toEqual(ArchiveWorld.rowsOf(sampleItems()));
  });

  it("has stage 2 close what is open before it stops, and writes it", async () => {
    const world = new ArchiveWorld(5, settings);
    await world.commit(sampleItems());
    await world.pass(100);
    const closing = world.archiver.close(5_000);
    // Stage 2 commits now and then.
    for (let round = 0; round < 20; round++) {
      await world.commit([]);
      await world.pass(100);
    }
    await closing;
    expect(world.archivedRows()).toEqual(ArchiveWorld.rowsOf(sampleItems()));
    expect(readArchiveRow(world.store)).toMatchObject({ waitingBytes: 0, firstBlock: 1 });
    expect(world.simulation.timeMs).toBeLessThan(settings.intervalMs);
  });

  it("SNK-06 stops in time when the disk is full; the next life writes it", async () => {
    const world = new ArchiveWorld(6, settings);
    const fault = { path: "/archive", operations: ["write"], code: "ENOSPC", share: 1 } as const;
    world.host.disk.faults.add(fault);
    await world.commit(sampleItems());
    let isClosed = false;
    const closing = world.archiver.close(5_000).then(() => {
      isClosed = true;
    });
    for (let round = 0; round < 40; round++) {
      await world.commit([]);
      await world.pass(100);
      expect(isClosed).toBe(false);
    }
    await world.pass(5_000);
    await closing;
    world.host.disk.faults.delete(fault);
    world.restart(false);
    await world.pass(100);
    await world.drain();
    expect(world.archivedRows()).toEqual(ArchiveWorld.rowsOf(sampleItems()));
  });

  it("removes what a crash left half written", async () => {
    const world = new ArchiveWorld(3, settings);
    world.host.disk.append(
      "/archive/events/day=2026-11-20/stream=s/p0-0-1.parquet.tmp",
      Buffer.of(1),
    );
    await world.pass(5_000);
    expect(world.paths()).toEqual([]);
  });

  it("deletes the oldest days when there is too much, and counts what it deletes", async () => {
    const world = new ArchiveWorld(4, settings, 3 * 4_096);
    for (let day = 0; day < 5; day++) {
      await world.commit([deltaItem("a", day * DAY_MINUTES)]);
      await world.pass(10_000);
      await world.commit([]);
      await world.pass(5_000);
    }
    expect(world.paths().map((path) => path.split("/")[3])).toEqual([
      "day=1970-01-03",
      "day=1970-01-04",
      "day=1970-01-05",
    ]);
    expect(world.archiver.counters).toMatchObject({ deletedFiles: 2, deletedBytes: 2 * 4_096 });
  });
});

describe("a crash at any operation of the disk", () => {
  const items = [...sampleItems(), eventItem(9, 90_000)];

  /** Kills at the `count`th operation; false when there were fewer. */
  async function crashAt(count: number, isAfter: boolean, isPowerCut: boolean): Promise<boolean> {
    const world = new ArchiveWorld(count, { ...settings, blockBytesMax: 1 });
    await world.pass(100);
    const blocks = [items.slice(0, 4), items.slice(4)];
    for (const block of blocks) await world.commit(block);
    let isKilled = false;
    world.process.planKill(count, isAfter, () => {
      isKilled = true;
      world.restart(isPowerCut);
      expect(world.tornFiles(...blocks), `operation ${count}`).toEqual([]);
    });
    await world.pass(5_000);
    await world.drain();
    // What is no longer queued must be durable.
    world.restart(true);
    expect(world.archivedRows(), `operation ${count}`).toEqual(ArchiveWorld.rowsOf(items));
    expect(world.paths().every((path) => path.endsWith(".parquet"))).toBe(true);
    return isKilled;
  }

  it("leaves each row in one file, once", { timeout: 60_000 }, async () => {
    for (const isAfter of [false, true]) {
      for (const isPowerCut of [false, true]) {
        let count = 1;
        while (await crashAt(count, isAfter, isPowerCut)) count++;
        expect(count).toBeGreaterThan(60);
      }
    }
  });
});
