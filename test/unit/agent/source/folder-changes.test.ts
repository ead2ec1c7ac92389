import { beforeEach, describe, expect, it } from "vitest";
import { FolderChanges } from "../../../../agent/source/folder-changes.ts";
import type { FileStat } from "../../../../shared/platform/disk.ts";

const clock = { now: () => nowMs, monotonic: () => nowMs };
let nowMs: number;
let folders: Map<string, Partial<FileStat>>;
let changes: FolderChanges;
let statCount: number;

const disk = {
  async stat(path: string): Promise<FileStat> {
    statCount++;
    const found = folders.get(path);
    if (found === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
    const folder = { device: "1", inode: "7", birthMs: 0, modifiedMs: 0, bytes: 4096 };
    return { ...folder, kind: "directory", ...found };
  },
};

beforeEach(async () => {
  nowMs = 0;
  statCount = 0;
  folders = new Map([
    ["/logs", { modifiedMs: 5 }],
    ["/old", { modifiedMs: 6 }],
  ]);
  changes = new FolderChanges(disk, clock);
  await changes.note(folders.keys());
});

async function next(): Promise<boolean> {
  nowMs += 100;
  return changes.haveHappened();
}

describe("changes of folders", () => {
  it("tells of a folder whose time of change is another one, until it is noted", async () => {
    expect(await next()).toBe(false);
    folders.set("/old", { modifiedMs: 7 });
    expect(await next()).toBe(true);
    expect(await next()).toBe(true);
    await changes.note(folders.keys());
    await next();
    expect(await next()).toBe(false);
  });

  it("asks for a second look, because two changes within a tick show as one", async () => {
    folders.set("/logs", { modifiedMs: 8 });
    expect(await next()).toBe(true);
    await changes.note(folders.keys());
    expect(await next()).toBe(true);
    await changes.note(folders.keys());
    expect(await next()).toBe(false);
  });

  it("tells that a folder went, came, or was replaced by another one", async () => {
    folders.delete("/logs");
    expect(await next()).toBe(true);
    await changes.note(["/logs"]);
    folders.set("/logs", { modifiedMs: 5 });
    expect(await next()).toBe(true);
    await changes.note(["/logs"]);
    await next();
    folders.set("/logs", { modifiedMs: 5, inode: "8" });
    expect(await next()).toBe(true);
  });

  it("checks many folders more rarely than few", async () => {
    const names = Array.from({ length: 150 }, (_, index) => `/f${index}`);
    folders = new Map(names.map((name) => [name, {}]));
    await changes.note(names);
    statCount = 0;
    await next();
    expect(statCount).toBe(0);
    await next();
    expect(statCount).toBe(150);
  });
});
