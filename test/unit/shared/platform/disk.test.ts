import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemCode } from "../../../../shared/errors.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-disk-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => systemCode(error),
  );
}

describe("the disk of this machine", () => {
  it("reads back what it wrote, at any position", async () => {
    const file = await realDisk.open(join(folder, "a"), "create");
    await file.write(Buffer.from("hello world"), 0);
    await file.write(Buffer.from("W"), 6);
    await file.sync();
    const target = Buffer.alloc(8);
    expect(await file.read(target, 1, 5, 6)).toBe(5);
    expect(target.toString("latin1", 1, 6)).toBe("World");
    expect(await file.read(target, 0, 8, 11)).toBe(0);
    await file.truncate(5);
    expect((await file.stat()).bytes).toBe(5);
    await file.close();
  });

  it("keeps content when opened for writing again, and refuses to create what exists", async () => {
    const path = join(folder, "a");
    await writeFile(path, "kept");
    const file = await realDisk.open(path, "write");
    expect((await file.stat()).bytes).toBe(4);
    await file.close();
    expect(await codeOf(realDisk.open(path, "create"))).toBe("EEXIST");
    expect(await codeOf(realDisk.open(join(folder, "b"), "read"))).toBe("ENOENT");
  });

  it("keeps the inode over a rename and gives the same facts by path and by handle", async () => {
    const file = await realDisk.open(join(folder, "a"), "write");
    const before = await realDisk.stat(join(folder, "a"));
    await realDisk.rename(join(folder, "a"), join(folder, "b"));
    await realDisk.syncDirectory(folder);
    expect((await realDisk.stat(join(folder, "b"))).inode).toBe(before.inode);
    expect(await file.stat()).toEqual(await realDisk.stat(join(folder, "b")));
    await file.close();
    await realDisk.remove(join(folder, "b"));
    expect(await realDisk.list(folder)).toEqual([]);
  });

  it("finds files by a pattern, sorted, folders left out, links followed", async () => {
    await realDisk.makeDirectory(join(folder, "x", "deep.log"));
    await realDisk.makeDirectory(join(folder, "x"));
    for (const name of ["b.log", "a.log", "a.txt"]) await writeFile(join(folder, "x", name), "");
    await symlink("a.txt", join(folder, "x", "link.log"));
    await symlink("nowhere", join(folder, "x", "dangling.log"));
    const found = await realDisk.glob(join(folder, "*", "*.log"));
    const names = ["a.log", "b.log", "link.log"];
    expect(found).toEqual(names.map((name) => join(folder, "x", name)));
    expect(await realDisk.glob(join(folder, "none", "*.log"))).toEqual([]);
  });

  it("gives a lock to one holder at a time", async () => {
    const first = await realDisk.lock(join(folder, "lock"));
    expect(first).toBeDefined();
    expect(await realDisk.lock(join(folder, "lock"))).toBeUndefined();
    await first?.release();
    await first?.release();
    const second = await realDisk.lock(join(folder, "lock"));
    expect(second).toBeDefined();
    await second?.release();
  });

  it("tells of changes below a watched folder", async () => {
    await mkdir(join(folder, "w"));
    const writing = new AbortController();
    await new Promise<void>((resolve, reject) => {
      const watcher = realDisk.watch([join(folder, "w")], () => {
        writing.abort();
        watcher.close().then(resolve, reject);
      });
      // The watcher may still be starting: write until it tells.
      const write = async () => {
        for (let count = 0; !writing.signal.aborted; count++) {
          await writeFile(join(folder, "w", "f"), String(count));
        }
      };
      write().catch(reject);
    });
    expect(writing.signal.aborted).toBe(true);
  });
});
