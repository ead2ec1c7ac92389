import {
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { describe, expect, it } from "vitest";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { folderOpener, lines, split } from "./log-folder.ts";

const { open, openWithRotated } = folderOpener();

describe("which file is which", () => {
  it("ROT-08 reads a file that was deleted while open, and a folder that was made again", async () => {
    const folder = open();
    await folder.restart({ paths: [`${folder.path}/*/x.log`] });
    mkdirSync(folder.file("d"));
    folder.append("d/x.log", lines("a", 0, 1_000));
    await folder.source.discover();
    await folder.source.read(1);
    rmSync(folder.file("d"), { recursive: true });
    mkdirSync(folder.file("d"));
    folder.append("d/x.log", lines("b", 0, 10));
    await folder.follow();
    expect(folder.counted.toSorted()).toEqual(
      split(lines("a", 0, 1_000) + lines("b", 0, 10)).toSorted(),
    );
    expect(folder.source.openFileCount).toBe(2);
    await folder.wait();
    expect(folder.source.openFileCount).toBe(1);
  });

  it("ROT-08 follows a symbolic link to another target and back", async () => {
    const folder = open();
    folder.append("one.txt", lines("one", 0, 10));
    folder.append("two.txt", lines("two", 0, 10));
    symlinkSync(folder.file("one.txt"), folder.file("x.log"));
    await folder.follow();
    unlinkSync(folder.file("x.log"));
    symlinkSync(folder.file("two.txt"), folder.file("x.log"));
    folder.append("one.txt", lines("one", 10, 5));
    await folder.follow();
    await folder.wait();
    unlinkSync(folder.file("x.log"));
    symlinkSync(folder.file("one.txt"), folder.file("x.log"));
    folder.append("one.txt", lines("one", 15, 5));
    await folder.follow();
    expect(folder.counted.toSorted()).toEqual(
      split(lines("one", 0, 20) + lines("two", 0, 10)).toSorted(),
    );
  });

  it("ROT-08 knows a file again when the number of its device changed", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 100));
    await folder.follow();
    for (const [number, checkpoint] of folder.stored) {
      folder.stored.set(number, { ...checkpoint, device: "987654321" });
    }
    folder.append("x.log", lines("a", 100, 100));
    await folder.restart();
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 200)));
  });

  it("ROT-09 reads a new file from its beginning when it got the inode of a deleted one", async () => {
    for (const isBirthKnown of [true, false]) {
      const folder = open();
      folder.append("x.log", lines("a", 0, 100));
      await folder.follow();
      const stored = folder.stored.get(1);
      await folder.source.close();
      unlinkSync(folder.file("x.log"));
      const text = isBirthKnown ? lines("a", 0, 150) : lines("b", 0, 150);
      folder.append("x.log", text);
      // Whether the file system gave the same inode or not, the checkpoint says so.
      const { inode } = await realDisk.stat(folder.file("x.log"));
      if (stored === undefined) throw new Error("nothing is stored");
      folder.stored.set(1, { ...stored, inode, birthMs: isBirthKnown ? 1 : undefined });
      await folder.restart();
      await folder.follow();
      expect(folder.counted).toEqual(split(lines("a", 0, 100) + text));
    }
  });

  it("ROT-10 reads two files that begin alike, or are alike, as two", async () => {
    const folder = await openWithRotated();
    const header = lines("header", 0, 200);
    folder.append("x.log", header + lines("x", 0, 10));
    folder.append("y.log", header + lines("y", 0, 10));
    folder.append("z1.log", header);
    folder.append("z2.log", header);
    await folder.follow();
    expect(folder.counted.length).toBe(4 * 200 + 20);
    await folder.restart();
    await folder.follow();
    expect(folder.counted.length).toBe(4 * 200 + 20);
  });

  it("ROT-10 reads equal content once when one name is the other's plus a rotation ending", async () => {
    const folder = await openWithRotated();
    folder.append("x.log", lines("a", 0, 200));
    folder.append("x.log-20261123", lines("a", 0, 150));
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 200)));
  });

  it("ROT-15 reads dated files that appear already filled, whatever start_at says", async () => {
    const folder = open({ startAt: "end" });
    folder.append("x-2026-11-22.log", lines("old", 0, 10));
    await folder.follow();
    folder.append("x-2026-11-23.log", lines("new", 0, 10));
    await folder.follow();
    folder.append("x-2026-11-22.log", lines("old", 10, 2));
    await folder.follow();
    expect(folder.counted.toSorted()).toEqual(
      split(lines("new", 0, 10) + lines("old", 10, 2)).toSorted(),
    );
  });

  it("ROT-16 knows a file that is renamed away and back, and one of two names", async () => {
    const folder = open();
    folder.append("a.log", lines("a", 0, 10));
    linkSync(folder.file("a.log"), folder.file("also-a.log"));
    await folder.follow();
    unlinkSync(folder.file("also-a.log"));
    renameSync(folder.file("a.log"), folder.file("b"));
    await folder.follow();
    await folder.wait();
    await folder.restart();
    renameSync(folder.file("b"), folder.file("a.log"));
    folder.append("a.log", lines("a", 10, 10));
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 20)));
  });

  it("ROT-16 reads a file that was moved in, and many files with few handles", async () => {
    const folder = open({ handleCountMax: 8 });
    const expected: string[] = [];
    for (let number = 0; number < 300; number++) {
      folder.append(`${number}.log`, lines(`f${number}`, 0, 3));
      expected.push(lines(`f${number}`, 0, 6));
    }
    await folder.follow();
    for (let number = 0; number < 300; number++) {
      folder.append(`${number}.log`, lines(`f${number}`, 3, 3));
    }
    folder.append("outside", lines("moved", 0, 5));
    renameSync(folder.file("outside"), folder.file("inside.log"));
    await folder.follow();
    expect(folder.source.openFileCount).toBeLessThanOrEqual(8);
    expected.push(lines("moved", 0, 5));
    expect(folder.counted.toSorted()).toEqual(split(expected.join("")).toSorted());
  });

  it("ROT-16 gets along when the machine runs out of descriptors", async () => {
    let openCount = 0;
    const disk: Disk = {
      ...realDisk,
      open: async (path, mode) => {
        if (openCount >= 10)
          throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
        const file = await realDisk.open(path, mode);
        openCount++;
        return {
          read: (...read) => file.read(...read),
          write: (...write) => file.write(...write),
          sync: () => file.sync(),
          truncate: (bytes) => file.truncate(bytes),
          stat: () => file.stat(),
          close: async () => {
            openCount--;
            await file.close();
          },
        };
      },
    };
    const folder = open({ disk });
    for (let number = 0; number < 50; number++) folder.append(`${number}.log`, `${number}\n`);
    await folder.follow();
    await folder.follow();
    expect(folder.counted.length).toBe(50);
    expect(folder.complaints).toEqual([]);
  });

  it("follows several files of one inode to their copies, as a recovery may leave them", async () => {
    const folder = await openWithRotated();
    for (const [generation, copy] of [
      ["a", "x.log.2"],
      ["b", "x.log.1"],
    ] as const) {
      folder.append("x.log", lines(generation, 0, 100));
      await folder.follow();
      folder.copyTruncate("x.log", copy);
      await folder.tick();
    }
    folder.append("x.log", lines("c", 0, 100));
    await folder.follow();
    const { inode } = await realDisk.stat(folder.file("x.log"));
    for (const [number, stored] of folder.stored) {
      folder.stored.set(number, { ...stored, path: folder.file("x.log"), inode });
    }
    folder.append("x.log", lines("c", 100, 5));
    await folder.restart();
    await folder.follow();
    expect(folder.counted).toEqual(
      split(lines("a", 0, 100) + lines("b", 0, 100) + lines("c", 0, 105)),
    );
  });
});

describe("logs that are rotated faster than they are looked at", () => {
  it("ROT-02 finds a generation that came and went while the one before was under a rotated name", async () => {
    const folder = open();
    folder.append("x.log", "one\n");
    await folder.follow();
    await folder.tick();
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    await folder.follow();
    folder.append("x.log", "two\n");
    renameSync(folder.file("x.log.1"), folder.file("x.log.2"));
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    await folder.follow();
    expect(folder.counted).toEqual(["one", "two"]);
  });

  it("ROT-02 does not let files that are renamed while they are looked at wait for each other", async () => {
    let renames = 0;
    const disk: Disk = {
      ...realDisk,
      open: (path, mode) => {
        if (path === folder.file("x.log") && renames > 0) {
          for (let number = 8; number >= 1; number--) {
            const from = folder.file(`x.log.${number}`);
            if (existsSync(from)) renameSync(from, folder.file(`x.log.${number + 1}`));
          }
          renameSync(path, folder.file("x.log.1"));
          folder.append("x.log", `then ${renames--}\n`);
        }
        return realDisk.open(path, mode);
      },
    };
    const folder = open({ disk });
    folder.append("x.log", "first\n");
    await folder.follow();
    await folder.tick();
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    folder.append("x.log", "second\n");
    renames = 3;
    for (let look = 0; look < 6; look++) {
      await folder.tick();
      await folder.follow();
    }
    expect(folder.counted.toSorted()).toEqual(["first", "second", "then 1", "then 2", "then 3"]);
  });

  it("ledgers a file that was seen, could never be read and is gone", async () => {
    const disk: Disk = {
      ...realDisk,
      open: (path, mode) =>
        path.endsWith("bad.log")
          ? Promise.reject(Object.assign(new Error("denied"), { code: "EACCES" }))
          : realDisk.open(path, mode),
    };
    const folder = open({ disk });
    folder.append("bad.log", "lost line\n");
    await folder.follow();
    rmSync(folder.file("bad.log"));
    await folder.follow();
    expect(folder.total("lost", "gone_unread")).toEqual([0, 0]);
    await folder.wait();
    await folder.wait();
    expect(folder.total("lost", "gone_unread")).toEqual([0, "lost line\n".length]);
    expect(folder.complaints.at(-1)).toBe("a file that could not be read is gone");
    expect(folder.source.unreadableCount).toBe(0);
  });

  it("ROT-04 loses nothing by a copy that is packed between the look and the reading", async () => {
    let isPacking = false;
    const disk: Disk = {
      ...realDisk,
      open: async (path, mode) => {
        if (isPacking && path === folder.file("x.log.1")) {
          isPacking = false;
          folder.gzip("x.log.1");
        }
        return realDisk.open(path, mode);
      },
    };
    const folder = open({ disk });
    await folder.restart({ disk, paths: [folder.file("*.log*")] });
    folder.append("x.log", lines("a", 0, 100));
    await folder.follow();
    await folder.tick();
    folder.copyTruncate("x.log", "x.log.1");
    isPacking = true;
    await folder.follow();
    folder.append("x.log", lines("b", 0, 10));
    await folder.follow();
    await folder.wait();
    await folder.wait();
    expect(isPacking).toBe(false);
    expect(folder.counted).toEqual(split(lines("a", 0, 100) + lines("b", 0, 10)));
    expect(folder.total("lost", "gone_unread")).toEqual([0, 0]);
    expect(folder.complaints).toEqual([]);
    expect(folder.source.unreadableCount).toBe(0);
  });
});
