import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { type Disk, realDisk } from "../../../../shared/platform/disk.ts";
import { type FollowOptions, LogFolder, lines, split } from "./log-folder.ts";

const folders: LogFolder[] = [];

function open(options: FollowOptions = {}): LogFolder {
  const folder = new LogFolder(options);
  folders.push(folder);
  return folder;
}

/** In a folder whose pattern finds rotated files too. */
async function openWithRotated(): Promise<LogFolder> {
  const folder = open();
  await folder.restart({ paths: [folder.file("*.log*")] });
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await folder.close();
});

describe("rotation and identity", () => {
  it("ROT-01 reads a renamed file to its end, also what is written after the new one was opened", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 5_000));
    await folder.source.discover();
    await folder.source.read(1);
    renameSync(folder.file("x.log"), folder.file("elsewhere"));
    folder.append("x.log", lines("b", 0, 10));
    await folder.source.discover();
    folder.append("elsewhere", lines("a", 5_000, 10));
    await folder.follow();
    expect(folder.counted.toSorted()).toEqual(
      split(lines("a", 0, 5_010) + lines("b", 0, 10)).toSorted(),
    );
    expect(folder.ledgerBytes).toBe(lines("a", 0, 5_010).length + lines("b", 0, 10).length);
  });

  it.each([2, 3])("ROT-02 reads all of %i rotations while it is behind", async (count) => {
    for (const isMatched of [true, false]) {
      const folder = isMatched ? await openWithRotated() : open();
      folder.append("x.log", lines("g0", 0, 3_000));
      await folder.source.discover();
      await folder.source.read(1);
      const expected = [lines("g0", 0, 3_000)];
      for (let generation = 1; generation <= count; generation++) {
        for (let number = generation - 1; number >= 1; number--) {
          renameSync(folder.file(`x.log.${number}`), folder.file(`x.log.${number + 1}`));
        }
        renameSync(folder.file("x.log"), folder.file("x.log.1"));
        await folder.tick();
        folder.append("x.log", lines(`g${generation}`, 0, 500));
        expected.push(lines(`g${generation}`, 0, 500));
      }
      await folder.follow();
      expect(folder.counted.toSorted()).toEqual(split(expected.join("")).toSorted());
      expect(folder.ledgerBytes).toBe(expected.join("").length);
    }
  });

  it.each([1, 3])(
    "ROT-03 reads %i generations that rotated while it was stopped, in order",
    async (count) => {
      for (const isMatched of [true, false]) {
        const folder = isMatched ? await openWithRotated() : open();
        folder.append("x.log", lines("g0", 0, 1_000));
        await folder.source.discover();
        await folder.source.read(1);
        folder.store();
        const expected = [lines("g0", 0, 1_000)];
        for (let generation = 1; generation <= count; generation++) {
          for (let number = generation - 1; number >= 1; number--) {
            renameSync(folder.file(`x.log.${number}`), folder.file(`x.log.${number + 1}`));
          }
          renameSync(folder.file("x.log"), folder.file("x.log.1"));
          await folder.tick();
          folder.append("x.log", lines(`g${generation}`, 0, 100));
          expected.push(lines(`g${generation}`, 0, 100));
        }
        await folder.restart();
        await folder.follow();
        expect(folder.counted).toEqual(split(expected.join("")));
      }
    },
  );

  it("ROT-04 goes on in the copy of a truncated file, inside and outside the pattern", async () => {
    for (const isMatched of [true, false]) {
      const folder = isMatched ? await openWithRotated() : open();
      folder.append("x.log", lines("a", 0, 1_000));
      await folder.source.discover();
      await folder.source.read(1);
      folder.append("x.log", lines("a", 1_000, 50));
      folder.copyTruncate("x.log", "x.log.1");
      folder.append("x.log", lines("b", 0, 20));
      await folder.follow();
      await folder.restart();
      await folder.follow();
      const expected = lines("a", 0, 1_050) + lines("b", 0, 20);
      expect(folder.counted.toSorted()).toEqual(split(expected).toSorted());
      expect(folder.ledgerBytes).toBe(expected.length);
    }
  });

  it("ROT-04 does not read a copy while its original is still there", async () => {
    const folder = await openWithRotated();
    folder.append("x.log", lines("a", 0, 100));
    await folder.follow();
    writeFileSync(folder.file("x.log.1"), lines("a", 0, 60));
    await folder.follow();
    writeFileSync(folder.file("x.log.1"), lines("a", 0, 100));
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 100)));
    truncateSync(folder.file("x.log"), 0);
    await folder.follow();
    await folder.restart();
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 100)));
  });

  it("ROT-04 ledgers the bytes that were destroyed unread when there is no copy", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 1_000));
    await folder.source.discover();
    await folder.source.read(1);
    const before = folder.source.checkpoints()[0]?.offset ?? 0;
    truncateSync(folder.file("x.log"), 0);
    await folder.follow();
    const size = lines("a", 0, 1_000).length;
    expect(folder.total("lost", "truncated_unread")).toEqual([0, size - before]);
    expect(folder.ledgerBytes).toBe(size);
  });

  it("ROT-05 notices a file that was truncated and grew past the offset before the next look", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 100));
    await folder.follow();
    writeFileSync(folder.file("x.log"), lines("b", 0, 500));
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 100) + lines("b", 0, 500)));
    expect(folder.stored.get(1)).toMatchObject({ generation: 1, from: 0 });
  });

  it("ROT-05 tells of both generations in one cut", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 10));
    await folder.follow();
    folder.append("x.log", lines("a", 10, 10));
    await folder.source.discover();
    await folder.readAll();
    writeFileSync(folder.file("x.log"), lines("b", 0, 1));
    await folder.source.discover();
    await folder.readAll();
    const cut = folder.source.cut();
    const first = lines("a", 0, 10).length;
    const both = lines("a", 0, 20).length;
    expect(cut.checkpoints).toMatchObject([
      { file: 1, generation: 0, from: first, offset: both },
      { file: 1, generation: 1, from: 0, offset: lines("b", 0, 1).length },
    ]);
  });

  it("ROT-06 notices a file that was truncated while it was stopped, with and without a copy", async () => {
    for (const hasCopy of [true, false]) {
      for (const size of [10, 500]) {
        const folder = await openWithRotated();
        folder.append("x.log", lines("a", 0, 100));
        await folder.follow();
        folder.append("x.log", lines("a", 100, 10));
        if (hasCopy) folder.copyTruncate("x.log", "x.log.1");
        else truncateSync(folder.file("x.log"), 0);
        folder.append("x.log", lines("b", 0, size));
        await folder.restart();
        await folder.follow();
        const expected = lines("a", 0, hasCopy ? 110 : 100) + lines("b", 0, size);
        expect(folder.counted.toSorted()).toEqual(split(expected).toSorted());
      }
    }
  });

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

  it("ROT-11 waits for the end of a line, and counts it without one when the file is gone and at rest", async () => {
    const folder = open();
    folder.append("empty.log", "");
    folder.append("short.log", "one\ntw");
    folder.append("never.log", "no end");
    await folder.follow();
    await folder.wait();
    expect(folder.counted).toEqual(["one"]);
    renameSync(folder.file("short.log"), folder.file("short.log.1"));
    await folder.follow();
    expect(folder.counted).toEqual(["one"]);
    await folder.wait();
    expect(folder.counted).toEqual(["one", "tw"]);
    const stored = [...folder.stored.values()].find((found) => found.path.endsWith("short.log.1"));
    expect(stored).toMatchObject({ offset: 6, unterminated: true });
    await folder.restart();
    folder.append("short.log.1", "o and more");
    await folder.follow();
    folder.append("short.log.1", "\nthree\n");
    await folder.follow();
    folder.append("short.log.1", "four\n");
    await folder.follow();
    expect(folder.counted).toEqual(["one", "tw", "three", "four"]);
    expect(folder.total("filtered", "continuation")).toEqual([0, "o and more\n".length]);
    expect(folder.ledgerBytes).toBe("one\ntwo and more\nthree\nfour\n".length);
  });

  it("ROT-11 counts last lines without an end in a one-shot run, then has ended", async () => {
    const folder = open({ once: true });
    folder.append("x.log", "one\ntwo");
    folder.append("y.log", "");
    expect(folder.source.ended).toBe(false);
    await folder.follow();
    expect(folder.counted).toEqual(["one", "two"]);
    expect(folder.source.ended).toBe(true);
    expect(folder.source.cut().report.state).toBe("ended");
  });

  it("ROT-11 does not search the same bytes again while a line grows slowly", async () => {
    let bytesRead = 0;
    const disk: Disk = {
      ...realDisk,
      open: async (path, mode) => {
        const file = await realDisk.open(path, mode);
        return {
          read: async (target, targetOffset, length, position) => {
            const count = await file.read(target, targetOffset, length, position);
            bytesRead += count;
            return count;
          },
          write: (bytes, position) => file.write(bytes, position),
          sync: () => file.sync(),
          truncate: (bytes) => file.truncate(bytes),
          stat: () => file.stat(),
          close: () => file.close(),
        };
      },
    };
    const folder = open({ disk });
    for (let part = 0; part < 100; part++) {
      folder.append("x.log", "y".repeat(1_000));
      await folder.follow();
    }
    folder.append("x.log", "\nnext\n");
    await folder.follow();
    expect(folder.counted).toEqual(["y".repeat(100_000), "next"]);
    expect(bytesRead).toBeLessThan(4 * 100_000);
  });

  it("ROT-12 reads what a writer goes on writing to the renamed file", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 10));
    await folder.follow();
    const writer = openSync(folder.file("x.log"), "a");
    renameSync(folder.file("x.log"), folder.file("old"));
    folder.append("x.log", lines("b", 0, 5));
    for (let part = 1; part < 5; part++) {
      writeSync(writer, lines("a", part * 10, 9));
      folder.nowMs += 9_000;
      await folder.follow();
      writeSync(writer, lines("a", part * 10 + 9, 1));
    }
    closeSync(writer);
    await folder.wait();
    await folder.wait();
    expect(folder.counted.toSorted()).toEqual(
      split(lines("a", 0, 50) + lines("b", 0, 5)).toSorted(),
    );
  });

  it("ROT-13 takes a hole of NUL bytes after a truncation for bytes", async () => {
    const folder = open();
    const text = lines("a", 0, 100);
    const writer = openSync(folder.file("x.log"), "w");
    writeSync(writer, text, 0);
    await folder.follow();
    truncateSync(folder.file("x.log"), 0);
    writeSync(writer, "after\nmore\n", text.length);
    closeSync(writer);
    await folder.follow();
    expect(folder.counted).toEqual([...split(text), `${"\0".repeat(text.length)}after`, "more"]);
    expect(folder.ledgerBytes).toBe(2 * text.length + "after\nmore\n".length);
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

  it("ROT-17 rejects a line over the limit once, with all its bytes, in bounded memory and over a restart", async () => {
    const folder = open({ lineBytesMax: 1_000 });
    folder.append("x.log", `short\n${"x".repeat(1_000)}\n${"y".repeat(50_000)}`);
    await folder.follow();
    expect(folder.counted).toEqual(["short", "x".repeat(1_000)]);
    await folder.restart();
    await folder.follow();
    folder.append("x.log", `${"y".repeat(50_000)}\nafter\n${"z".repeat(1_001)}\nlast\n`);
    await folder.follow();
    expect(folder.counted).toEqual(["short", "x".repeat(1_000), "after", "last"]);
    expect(folder.total("rejected", "too_long")).toEqual([2, 100_001 + 1_002]);
    expect(folder.ledgerBytes).toBe(6 + 1_001 + 100_001 + 6 + 1_002 + 5);
  });

  it("ROT-17 leaves invalid UTF-8, CRLF and a byte order mark to the counter, byte for byte", async () => {
    const folder = open();
    const text = Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x0d, 0x0a, 0xff, 0xfe, 0x00, 0x0a]);
    folder.append("x.log", text);
    await folder.follow();
    expect(folder.counted).toEqual(["\xef\xbb\xbfa\r", "\xff\xfe\0"]);
    expect(folder.sink.contexts.map((context) => context.fileStart)).toEqual([true]);
  });
});

describe("offsets", () => {
  it("OFF-01 counts again what was counted after the last stored cut, and nothing else", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 100));
    await folder.follow();
    folder.append("x.log", lines("a", 100, 100));
    await folder.source.discover();
    await folder.readAll();
    await folder.restart();
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 200)));
  });

  it("tells in every changed checkpoint where the cut's reading began", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 10));
    await folder.follow();
    const first = lines("a", 0, 10).length;
    expect(folder.stored.get(1)).toMatchObject({ from: 0, offset: first });
    folder.append("x.log", lines("a", 10, 10));
    await folder.follow();
    expect(folder.stored.get(1)).toMatchObject({ from: first, offset: lines("a", 0, 20).length });
    expect(folder.source.cut().checkpoints).toEqual([]);
    expect(folder.source.checkpoints()).toMatchObject([{ from: lines("a", 0, 20).length }]);
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

  it("begins at the end of a file without taking what is below for read", async () => {
    const folder = open({ startAt: "end" });
    folder.append("x.log", "old\nhalf");
    await folder.follow();
    expect(folder.stored.get(1)).toMatchObject({ from: 8, offset: 8, unterminated: true });
    folder.append("x.log", " a line\nnew\n");
    await folder.follow();
    expect(folder.counted).toEqual(["new"]);
    expect(folder.total("filtered", "continuation")).toEqual([0, " a line\n".length]);
  });

  it("reads held ranges again, once, whatever their ends", async () => {
    const folder = open({ lineBytesMax: 500 });
    const text = `${lines("a", 0, 10)}${"l".repeat(9_000)}\n${lines("a", 10, 500)}`;
    folder.append("x.log", text);
    await folder.follow();
    const before = folder.counted.length;
    const first = lines("a", 0, 10).length;
    const long = first + 9_001;
    folder.hold(1, [
      { from: 9, to: 27 },
      { from: first, to: long + lines("a", 10, 490).length },
      { from: text.length - 5, to: text.length - 1 },
    ]);
    await folder.restart({ lineBytesMax: 500 });
    folder.append("x.log", "new\n");
    await folder.source.discover();
    folder.store();
    expect(folder.total("held")).toEqual([0, 18 + 9_001 + lines("a", 10, 490).length + 4]);
    await folder.readAll();
    folder.store();
    expect(folder.counted.slice(before)).toEqual([
      ...split(lines("a", 1, 2)),
      ...split(lines("a", 10, 490)),
      "new",
    ]);
    expect(folder.total("rejected", "too_long")).toEqual([2, 2 * 9_001]);
    expect(folder.total("filtered", "continuation")).toEqual([0, 4]);
    expect(folder.total("held")).toEqual([0, 0]);
    expect(folder.stored.get(1)?.held).toEqual([]);
  });

  it("counts the rest of a held range that ends where a line was counted without its end", async () => {
    const folder = open();
    folder.append("x.log", "one\ntwo");
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    await folder.restart({ paths: [folder.file("*")], once: true });
    await folder.follow();
    folder.hold(1, [{ from: 0, to: 7 }]);
    await folder.restart();
    folder.append("x.log.1", " and more\n");
    await folder.follow();
    expect(folder.counted).toEqual(["one", "two", "one", "two"]);
    expect(folder.total("filtered", "continuation")).toEqual([0, " and more\n".length]);
  });

  it("ledgers held bytes that are gone", async () => {
    for (const isTruncated of [true, false]) {
      const folder = open();
      folder.append("x.log", lines("a", 0, 100));
      await folder.follow();
      folder.hold(1, [{ from: 9, to: 90 }]);
      if (isTruncated) writeFileSync(folder.file("x.log"), lines("b", 0, 1));
      else unlinkSync(folder.file("x.log"));
      await folder.restart();
      await folder.follow();
      await folder.wait();
      await folder.wait();
      expect(folder.total("lost", "lost_by_aggregator")).toEqual([0, 81]);
      expect(folder.total("held")).toEqual([0, 0]);
    }
  });

  it("forgets a deleted file after an hour, and says so once", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 3));
    await folder.follow();
    unlinkSync(folder.file("x.log"));
    await folder.follow();
    await folder.wait();
    folder.nowMs += 3_700_000;
    await folder.follow();
    expect(folder.stored.get(1)).toMatchObject({ removed: true });
    expect(folder.source.checkpoints()).toEqual([]);
    await folder.follow();
    expect(folder.source.cut().checkpoints).toEqual([]);
  });
});

describe("faults", () => {
  it("warns once of a file that cannot be read, goes on with the others, and reads it when it can", async () => {
    let isBroken = true;
    const disk: Disk = {
      ...realDisk,
      open: (path, mode) => {
        if (isBroken && path.endsWith("bad.log")) {
          return Promise.reject(Object.assign(new Error("denied"), { code: "EACCES" }));
        }
        return realDisk.open(path, mode);
      },
    };
    const folder = open({ disk, once: true });
    folder.append("bad.log", "bad\n");
    folder.append("good.log", "good\n");
    await folder.follow();
    await folder.follow();
    expect(folder.counted).toEqual(["good"]);
    expect(folder.complaints).toEqual(["cannot read file; will try again"]);
    isBroken = false;
    await folder.wait();
    expect(folder.counted).toEqual(["good", "bad"]);
    expect(folder.source.ended).toBe(true);
  });

  it("tries again after a read error, without losing its place", async () => {
    let isBroken = false;
    const disk: Disk = {
      ...realDisk,
      open: async (path, mode) => {
        const file = await realDisk.open(path, mode);
        return {
          read: async (...read) => {
            if (isBroken) throw Object.assign(new Error("i/o error"), { code: "EIO" });
            return file.read(...read);
          },
          write: (...write) => file.write(...write),
          sync: () => file.sync(),
          truncate: (bytes) => file.truncate(bytes),
          stat: () => file.stat(),
          close: () => file.close(),
        };
      },
    };
    const folder = open({ disk });
    folder.append("x.log", lines("a", 0, 2_000));
    await folder.source.discover();
    await folder.source.read(1);
    isBroken = true;
    await folder.readAll();
    await folder.wait();
    expect(folder.complaints).toEqual(["cannot read file; will try again"]);
    isBroken = false;
    folder.nowMs += 60_000;
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 2_000)));
  });

  it("leaves out what is excluded and what is compressed", async () => {
    const folder = open();
    await folder.restart({ paths: [folder.file("*")], exclude: [folder.file("debug*")] });
    folder.append("x.log", "one\n");
    folder.append("x.log.1.gz", "two\n");
    folder.append("debug.log", "three\n");
    await folder.follow();
    expect(folder.counted).toEqual(["one"]);
  });
});

describe("turns and reports", () => {
  it("reads logs in turns, and within one log the older generation first", async () => {
    const folder = await openWithRotated();
    folder.append("x.log.1", lines("x1", 0, 1_000));
    await folder.tick();
    folder.append("x.log", lines("x0", 0, 1_000));
    folder.append("y.log", lines("y0", 0, 1_000));
    await folder.source.discover();
    await folder.source.read(8_192);
    folder.store();
    const count = (name: string) => folder.counted.filter((line) => line.startsWith(name)).length;
    expect(count("x1")).toBeGreaterThan(100);
    expect(count("y0")).toBeGreaterThan(100);
    expect(count("x0")).toBe(0);
    await folder.follow();
    expect([count("x1"), count("y0"), count("x0")]).toEqual([1_000, 1_000, 1_000]);
  });

  it("is live while lines come, and idle when none came for long", async () => {
    const folder = open();
    folder.append("x.log", "one\n");
    await folder.source.discover();
    await folder.readAll();
    expect(folder.source.cut().report).toEqual({
      source: "app",
      state: "live",
      eventTimeMaxMs: undefined,
    });
    folder.nowMs += 31_000;
    expect(folder.source.cut().report.state).toBe("idle");
  });

  it("tells how much is left to read", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 1_000));
    await folder.source.discover();
    expect(folder.source.backlogBytes).toBe(lines("a", 0, 1_000).length);
    await folder.readAll();
    expect(folder.source.backlogBytes).toBe(0);
    expect(folder.source.folders).toEqual([folder.path]);
  });
});
