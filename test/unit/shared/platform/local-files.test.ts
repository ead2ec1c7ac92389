import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { present } from "../../../../shared/assert.ts";
import { systemCode } from "../../../../shared/errors.ts";
import {
  isOnLocalDisk,
  letOthersGo,
  listPath,
  openLocal,
  statNow,
  statPath,
} from "../../../../shared/platform/local-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-local-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => systemCode(error),
  );
}

describe("files on disks of this machine", () => {
  it("read what is there, also in long reads, and fail as the system does", async () => {
    const path = join(folder, "a");
    await writeFile(path, "hello world");
    const file = present(await openLocal(path), "a regular file");
    const target = Buffer.alloc(3_000_000);
    expect(await file.read(target, 1, 5, 6)).toBe(5);
    expect(target.toString("latin1", 1, 6)).toBe("world");
    expect(await file.read(target, 0, target.length, 0)).toBe(11);
    expect(await file.read(target, 0, 5, 11)).toBe(0);
    expect(await file.stat()).toEqual(await statPath(path));
    expect(await codeOf(statPath(join(folder, "b")))).toBe("ENOENT");
    expect(await codeOf(listPath(path))).toBe("ENOTDIR");
    expect(await codeOf(openLocal(join(folder, "b")))).toBe("ENOENT");
  });

  it("are looked at without a wait once their folder is known, and are the same object while they do not change", async () => {
    const path = join(folder, "a");
    await writeFile(path, "a");
    await letOthersGo();
    const first = await statPath(path);
    // While others wait for long nothing is looked at without a wait.
    const now = () => statNow(path) ?? statPath(path);
    expect(await now()).toBe(first);
    await writeFile(path, "more");
    expect(await now()).toMatchObject({ inode: first.inode, bytes: 4 });
    await symlink(path, join(folder, "link"));
    expect(statNow(join(folder, "link"))).toBeUndefined();
    await rm(path);
    expect(await codeOf(Promise.resolve().then(now))).toBe("ENOENT");
  });

  it("are for reading only, and are not there any more once closed", async () => {
    const path = join(folder, "a");
    await writeFile(path, "kept");
    const file = present(await openLocal(path), "a regular file");
    expect(await codeOf(file.write(Buffer.from("x"), 0))).toBe("EBADF");
    expect(await codeOf(file.truncate(0))).toBe("EBADF");
    expect(await codeOf(file.sync())).toBe("EBADF");
    await file.close();
    await file.close();
    expect(await codeOf(file.read(Buffer.alloc(4), 0, 4, 0))).toBe("EBADF");
    expect(await codeOf(file.stat())).toBe("EBADF");
  });

  it("are regular ones: what may make its readers wait is left to a thread", async () => {
    expect(await openLocal("/dev/null")).toBeUndefined();
    expect(await openLocal(folder)).toBeUndefined();
    await symlink("/dev/null", join(folder, "link"));
    expect(await openLocal(join(folder, "link"))).toBeUndefined();
  });

  it("are none where a link or a mount point leads to another file system", async () => {
    await writeFile(join(folder, "a"), "");
    await symlink(join(folder, "a"), join(folder, "near"));
    await symlink("/sys/kernel/uevent_seqnum", join(folder, "far"));
    for (const [name, isLocal] of [
      ["a", true],
      ["near", true],
      ["far", false],
    ] as const) {
      const file = await openLocal(join(folder, name));
      await file?.close();
      expect(file !== undefined, name).toBe(isLocal);
    }
    expect(await statPath(join(folder, "near"))).toEqual(await statPath(join(folder, "a")));
    expect(await statPath(join(folder, "far"))).toEqual(
      await statPath("/sys/kernel/uevent_seqnum"),
    );
    expect(await isOnLocalDisk("/sys")).toBe(false);
    expect(await openLocal("/sys/kernel/uevent_seqnum")).toBeUndefined();
    expect(await statPath("/sys")).toMatchObject({ kind: "directory" });
  });

  it("are listed by name, and a folder that is not there is one of its parent's disk", async () => {
    expect(await codeOf(listPath(join(folder, "x")))).toBe("ENOENT");
    expect(await isOnLocalDisk(join(folder, "x", "y"))).toBe(await isOnLocalDisk(folder));
    expect(await listPath(folder)).toEqual([]);
    await writeFile(join(folder, "b"), "");
    await writeFile(join(folder, "a"), "");
    expect(await listPath(folder)).toEqual(["a", "b"]);
  });

  it("let timers have their turn while they are looked at without end", async () => {
    let isOver = false;
    setTimeout(() => {
      isOver = true;
    }, 1);
    while (!isOver) await letOthersGo();
    expect(isOver).toBe(true);
  });
});
