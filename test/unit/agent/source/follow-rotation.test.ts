import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { folderOpener, lines, split } from "./log-folder.ts";

const { open, openWithRotated } = folderOpener();

/** The real disk; `hook` is called before each read of a file. */
function beforeReads(path: string, hook: () => void): Disk {
  return {
    ...realDisk,
    open: async (opened, mode) => {
      const file = await realDisk.open(opened, mode);
      if (opened !== path) return file;
      return {
        read: (...how) => {
          hook();
          return file.read(...how);
        },
        write: (bytes, position) => file.write(bytes, position),
        sync: () => file.sync(),
        truncate: (bytes) => file.truncate(bytes),
        stat: () => file.stat(),
        close: () => file.close(),
      };
    },
  };
}

describe("rotation", () => {
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

  it.each(["*.log*", "*.log"])(
    "ROT-07 goes on in what the copy of a truncated file is packed into, when both are there (%s)",
    async (pattern) => {
      const folder = open();
      await folder.restart({ paths: [folder.file(pattern)] });
      folder.append("x.log", lines("a", 0, 100));
      await folder.follow();
      folder.append("x.log", lines("a", 100, 20));
      folder.copyTruncate("x.log", "x.log.1");
      folder.append("x.log.1.gz", gzipSync(readFileSync(folder.file("x.log.1"))));
      await folder.source.discover();
      rmSync(folder.file("x.log.1"));
      await folder.follow();
      await folder.follow();
      expect(folder.counted).toEqual(split(lines("a", 0, 120)));
      expect(folder.ledgerBytes).toBe(lines("a", 0, 120).length);
    },
  );

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

  it("ROT-04 ledgers what was seen while nothing could be read, and was destroyed then", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 100));
    await folder.follow();
    // The spool is full: looks go on.
    for (const from of [100, 150]) {
      await folder.tick();
      folder.append("x.log", lines("a", from, 50));
      await folder.source.discover();
      await folder.source.discover();
    }
    truncateSync(folder.file("x.log"), 0);
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 100)));
    expect(folder.total("lost", "truncated_unread")).toEqual([0, lines("a", 100, 100).length]);
    expect(folder.ledgerBytes).toBe(lines("a", 0, 200).length);
  });

  it.each(["*.log*", "*.log"])(
    "ROT-04 reads all generations that go on like the few bytes that were read (%s)",
    async (pattern) => {
      const folder = open();
      await folder.restart({ paths: [folder.file(pattern)] });
      folder.append("x.log", "the same ");
      await folder.follow();
      folder.append("x.log", lines("a", 0, 5));
      folder.copyTruncate("x.log", "x.log.2");
      await folder.tick();
      folder.append("x.log", `the same ${lines("b", 0, 50)}`);
      folder.copyTruncate("x.log", "x.log.1");
      await folder.tick();
      folder.append("x.log", lines("c", 0, 3));
      await folder.restart();
      await folder.follow();
      await folder.follow();
      const expected = `the same ${lines("a", 0, 5)}the same ${lines("b", 0, 50)}${lines("c", 0, 3)}`;
      expect(folder.counted.toSorted()).toEqual(split(expected).toSorted());
    },
  );

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

  it.each([1, 2, 3])(
    "ROT-04 believes no look that saw two contents: copied and truncated before read %i of the first look",
    async (count) => {
      const folder = await openWithRotated();
      folder.append("x.log", lines("a", 0, 100));
      await folder.follow();
      folder.append("x.log", lines("a", 100, 10));
      let left = count;
      const disk = beforeReads(folder.file("x.log"), () => {
        if (--left !== 0) return;
        folder.copyTruncate("x.log", "x.log.1");
        folder.append("x.log", lines("b", 0, 7));
      });
      await folder.restart({ paths: [folder.file("*.log*")], disk });
      await folder.follow();
      await folder.wait();
      await folder.wait();
      expect(left).toBeLessThanOrEqual(0);
      const expected = lines("a", 0, 110) + lines("b", 0, 7);
      expect(folder.counted.toSorted()).toEqual(split(expected).toSorted());
      expect(folder.ledger.filter(({ kind }) => kind === "lost")).toEqual([]);
    },
  );

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
});

describe("ROT-07 rotated files in another folder that the patterns find (`olddir`)", () => {
  const ways = ["renamed", "copied"].flatMap((way) =>
    ["packed", "plain"].flatMap((form) =>
      ["logs/old", "archive"].flatMap((old) =>
        ["in reach", "away"].map((agent) => [way, form, old, agent] as const),
      ),
    ),
  );

  it.each(ways)("%s, %s, in %s, the agent %s: each line once", async (way, form, old, agent) => {
    const folder = open();
    for (const name of ["logs", "logs/old", "archive"]) mkdirSync(folder.file(name));
    const paths = ["logs/*.log*", `${old}/*.log*`].map((pattern) => folder.file(pattern));
    await folder.restart({ paths });
    folder.append("logs/x.log", lines("a", 0, 200));
    await folder.follow();
    let expected = lines("a", 0, 250);
    let text = lines("a", 200, 50);
    for (const name of ["b", "c"]) {
      if (agent === "away") await folder.source.close();
      folder.append("logs/x.log", text);
      await folder.tick();
      for (const ending of ["", ".gz"]) {
        if (existsSync(folder.file(`${old}/x.log.1${ending}`))) {
          renameSync(
            folder.file(`${old}/x.log.1${ending}`),
            folder.file(`${old}/x.log.2${ending}`),
          );
        }
      }
      if (way === "copied") folder.copyTruncate("logs/x.log", `${old}/x.log.1`);
      else renameSync(folder.file("logs/x.log"), folder.file(`${old}/x.log.1`));
      if (form === "packed") folder.gzip(`${old}/x.log.1`);
      // What is copied elsewhere has to be long, or else it may be another log's.
      text = lines(name, 0, way === "copied" && old === "archive" ? 200 : 20);
      folder.append("logs/x.log", text);
      expected += text;
      if (agent === "away") await folder.restart();
      await folder.follow();
      text = "";
    }
    for (let round = 0; round < 3; round++) await folder.wait();
    await folder.restart();
    await folder.follow();
    expect(folder.counted.toSorted()).toEqual(split(expected).toSorted());
    expect(folder.ledgerBytes).toBe(expected.length);
  });

  it.each(["logs/old", "archive"])(
    "a copy that is just being made, in %s, is none",
    async (old) => {
      const folder = open();
      for (const name of ["logs", "logs/old", "archive"]) mkdirSync(folder.file(name));
      const paths = ["logs/*.log*", `${old}/*.log*`].map((pattern) => folder.file(pattern));
      await folder.restart({ paths });
      const text = lines("a", 0, 200);
      folder.append("logs/x.log", text);
      await folder.follow();
      folder.append(`${old}/x.log.1`, "");
      await folder.follow();
      await folder.tick();
      folder.append(`${old}/x.log.1`, text);
      await folder.follow();
      truncateSync(folder.file("logs/x.log"), 0);
      folder.append("logs/x.log", lines("b", 0, 10));
      await folder.follow();
      expect(folder.counted).toEqual(split(text + lines("b", 0, 10)));
      expect(folder.total("lost", "truncated_unread")).toEqual([0, 0]);
    },
  );

  it("a copy that came after the look began is looked for again", async () => {
    const folder = open();
    for (const name of ["logs", "logs/old"]) mkdirSync(folder.file(name));
    const paths = ["logs/*.log*", "logs/old/*.log*"].map((pattern) => folder.file(pattern));
    await folder.restart({ paths });
    const text = lines("a", 0, 200);
    folder.append("logs/x.log", text);
    await folder.follow();
    folder.append("logs/x.log", lines("a", 200, 50));
    const log = folder.file("logs/x.log");
    let isRotated = false;
    const disk = beforeReads(log, () => {
      if (isRotated) return;
      isRotated = true;
      folder.copyTruncate("logs/x.log", "logs/old/x.log.1");
      folder.append("logs/x.log", lines("b", 0, 10));
    });
    await folder.restart({ paths, disk });
    for (let look = 0; look < 4; look++) await folder.follow();
    const expected = split(lines("a", 0, 250) + lines("b", 0, 10));
    expect(folder.counted.toSorted()).toEqual(expected.toSorted());
    expect(folder.total("lost", "truncated_unread")).toEqual([0, 0]);
  });

  it("a file that is empty at first, beside another log's of its name, is that log's", async () => {
    const folder = open();
    for (const name of ["one", "two"]) mkdirSync(folder.file(name));
    await folder.restart({ paths: [folder.file("*/*.log*")] });
    folder.append("one/x.log", lines("a", 0, 10));
    folder.append("two/x.log.1", "");
    await folder.follow();
    await folder.tick();
    folder.append("two/x.log.1", lines("b", 0, 10));
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("a", 0, 10) + lines("b", 0, 10)));
  });

  it("a folder of equal names and short files that are alike is another log's", async () => {
    const folder = open();
    for (const name of ["one", "two"]) mkdirSync(folder.file(name));
    await folder.restart({ paths: [folder.file("*/*.log*")] });
    folder.append("one/x.log", lines("banner", 0, 1));
    await folder.tick();
    folder.append("two/x.log.1", lines("banner", 0, 1));
    await folder.follow();
    expect(folder.counted).toEqual(split(lines("banner", 0, 1).repeat(2)));
  });
});
