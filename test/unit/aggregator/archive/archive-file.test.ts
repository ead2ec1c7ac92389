import { describe, expect, it } from "vitest";
import {
  type ArchiveFile,
  dayOf,
  filesToDelete,
  listArchive,
  listTemporary,
} from "../../../../aggregator/archive/archive-file.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";

const DAY_MS = 86_400_000;

function file(day: number, name: string, bytes = 100): ArchiveFile {
  return { path: `/a/events/day=x/stream=s/${name}`, table: "events", dayMs: day * DAY_MS, bytes };
}

const names = (files: readonly ArchiveFile[]) => files.map(({ path }) => path.split("/").at(-1));

describe("the day of a time", () => {
  it("is that of UTC, and sorts as a date where its text would not", () => {
    expect(dayOf(-1)).toBe("1969-12-31");
    expect(dayOf(Date.UTC(2026, 10, 25, 23, 59))).toBe("2026-11-25");
    for (const timeMs of [-6e16, -7e13, 0, 3e14, 6e16]) {
      expect(Date.parse(dayOf(timeMs))).toBeLessThanOrEqual(timeMs < 0 ? 0 : timeMs);
    }
    expect(Date.parse(dayOf(6e16))).toBe(8.64e15);
  });
});

describe("files that must go", () => {
  const files = [file(0, "a"), file(0, "b"), file(1, "c"), file(2, "d")];

  it("are none while there is room and nothing is old", () => {
    expect(filesToDelete(files, { bytesMax: 400, retentionMs: DAY_MS }, undefined)).toEqual([]);
    expect(filesToDelete(files, { bytesMax: 400, retentionMs: DAY_MS }, 2 * DAY_MS - 1)).toEqual(
      [],
    );
  });

  it("are those of days that ended longer ago than the retention", () => {
    const limits = { bytesMax: 400, retentionMs: DAY_MS };
    expect(names(filesToDelete(files, limits, 2 * DAY_MS))).toEqual(["a", "b"]);
    expect(names(filesToDelete(files, limits, 3 * DAY_MS))).toEqual(["a", "b", "c"]);
  });

  it("are the oldest days' first when there is too much, and no more than needed", () => {
    const limits = { bytesMax: 250, retentionMs: 9 * DAY_MS };
    expect(names(filesToDelete(files, limits, 3 * DAY_MS))).toEqual(["a", "b"]);
    expect(names(filesToDelete(files, { ...limits, bytesMax: 399 }, 0))).toEqual(["a"]);
  });
});

describe("an archive's folder", () => {
  it("is listed by day and position; other files in it are left alone", async () => {
    const simulation = new Simulation(1);
    const host = new SimulatedHost(simulation, "host1", new SimulatedNetwork(simulation));
    const { disk } = host.start("archiver").platform;
    const content = Buffer.alloc(5_000);
    for (const path of [
      "/a/events/day=2026-11-25/stream=s/p0-2-3.parquet",
      "/a/deltas/day=2026-11-25/stream=s/p0-0-1.parquet",
      "/a/events/day=2026-11-24/stream=s/p0-4-5.parquet",
      "/a/events/day=2026-11-24/stream=s/p0-6-7.parquet.tmp",
      "/a/events/day=never/stream=s/p0-8-9.parquet",
      "/a/README",
    ]) {
      host.disk.append(path, content);
    }
    const listing = Promise.all([
      listArchive(disk, "/a"),
      listTemporary(disk, "/a"),
      listArchive(disk, "/b"),
    ]);
    await simulation.run(60_000);
    const [files, temporary, none] = await listing;
    expect(files.map(({ path, table, bytes }) => [path, table, bytes])).toEqual([
      ["/a/events/day=2026-11-24/stream=s/p0-4-5.parquet", "events", 5_000],
      ["/a/deltas/day=2026-11-25/stream=s/p0-0-1.parquet", "deltas", 5_000],
      ["/a/events/day=2026-11-25/stream=s/p0-2-3.parquet", "events", 5_000],
    ]);
    expect(temporary).toEqual(["/a/events/day=2026-11-24/stream=s/p0-6-7.parquet.tmp"]);
    expect(none).toEqual([]);
  });
});
