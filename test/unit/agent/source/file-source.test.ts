import { closeSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { folderOpener, lines, split } from "./log-folder.ts";

const { open, openWithRotated } = folderOpener();

describe("rotation and identity", () => {
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

  it("OFF-03 counts every line once while the clock jumps back and forth, and takes no jump for time that passed", async () => {
    const folder = open();
    const DAY_MS = 86_400_000;
    folder.append("x.log", `${lines("a", 0, 5)}unfinished`);
    for (const [index, skewMs] of [-DAY_MS, DAY_MS, -3_600_000, 40 * 365 * DAY_MS].entries()) {
      folder.skewMs = skewMs;
      await folder.follow();
      await folder.restart();
      folder.append("y.log", lines("b", index * 5, 5));
      await folder.follow();
    }
    expect(folder.counted).toEqual(split(lines("a", 0, 5) + lines("b", 0, 20)));
    renameSync(folder.file("x.log"), folder.file("old"));
    await folder.follow();
    folder.skewMs = 0;
    await folder.follow();
    expect(folder.counted).not.toContain("unfinished");
    await folder.wait();
    expect(folder.counted).toContain("unfinished");
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

describe("a deleted file that no handle leads to any more", () => {
  it("is lost as far as it was known and not read, once, when it is forgotten", async () => {
    const folder = open({ handleCountMax: 1 });
    const text = lines("a", 0, 5000);
    folder.append("x.log", text);
    await folder.source.discover();
    await folder.source.read(1);
    folder.append("y.log", lines("b", 0, 1));
    await folder.source.discover();
    unlinkSync(folder.file("x.log"));
    await folder.follow();
    const { offset = 0 } = folder.stored.get(1) ?? {};
    expect(offset).toBeLessThan(text.length);
    expect(folder.total("lost", "truncated_unread")).toEqual([0, 0]);
    folder.nowMs += 3_700_000;
    await folder.follow();
    await folder.follow();
    expect(folder.total("lost", "truncated_unread")).toEqual([0, text.length - offset]);
    expect(folder.ledgerBytes).toBe(text.length + lines("b", 0, 1).length);
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
  });

  it("tells that a file came, went or was renamed, and nothing of what is written", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 1));
    await folder.source.discover();
    folder.nowMs += 100;
    folder.append("x.log", lines("a", 1, 2));
    expect(await folder.source.hasMoved()).toBe(false);
    folder.nowMs += 100;
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    expect(await folder.source.hasMoved()).toBe(true);
  });
});
