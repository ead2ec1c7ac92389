import { renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GunzipFile, isGzipFault, UnpackedSizes } from "../../../../agent/source/gunzip-file.ts";
import type { FileStat, ReadableFile } from "../../../../shared/platform/disk.ts";
import { realGunzip } from "../../../../shared/platform/gunzip.ts";
import { simulatedGunzip } from "../../../../shared/platform/simulated/simulated-gunzip.ts";
import { folderOpener, lines, split } from "./log-folder.ts";

const STAT: FileStat = {
  device: "1",
  inode: "2",
  birthMs: undefined,
  modifiedMs: 3,
  bytes: 0,
  kind: "file",
};

/** A file in memory, and how many of its bytes were read. */
function memoryFile(content: Buffer): ReadableFile & { readBytes: number } {
  return {
    readBytes: 0,
    read(target, targetOffset, length, position) {
      const part = content.subarray(position, position + length);
      this.readBytes += part.length;
      target.set(part, targetOffset);
      return Promise.resolve(part.length);
    },
    stat: () => Promise.resolve({ ...STAT, bytes: content.length }),
    close: () => Promise.resolve(),
  };
}

async function readAt(file: ReadableFile, position: number, length: number): Promise<string> {
  const target = Buffer.alloc(length);
  return target.toString("latin1", 0, await file.read(target, 0, length, position));
}

describe.each([
  ["zlib's threads", realGunzip],
  ["the simulator", simulatedGunzip],
])("a packed file, unpacked by %s", (_name, gunzip) => {
  it("is read whole after the disk failed once", async () => {
    const whole = memoryFile(gzipSync("a line\n"));
    let isFailing = true;
    const failing: ReadableFile = {
      ...whole,
      read: (...how) => (isFailing ? Promise.reject(new Error("EIO")) : whole.read(...how)),
    };
    const file = new GunzipFile(failing, gunzip, new UnpackedSizes());
    await expect(readAt(file, 0, 10)).rejects.toThrow("EIO");
    isFailing = false;
    expect(await readAt(file, 0, 10)).toBe("a line\n");
    await file.close();
  });

  it("is read at any place in any order as what was packed, several members too", async () => {
    const text = Array.from({ length: 90_000 }, (_, index) => `line ${index}\n`).join("");
    const half = text.length >> 1;
    const packed = Buffer.concat([gzipSync(text.slice(0, half)), gzipSync(text.slice(half))]);
    const place = fc.tuple(fc.nat(text.length + 10), fc.nat(300_000));
    await fc.assert(
      fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 5 }), async (places) => {
        const file = new GunzipFile(memoryFile(packed), gunzip, new UnpackedSizes());
        for (const [position, length] of places) {
          const expected = text.slice(position, position + length);
          expect(await readAt(file, position, length)).toBe(expected);
        }
        expect((await file.stat()).bytes).toBe(text.length);
        await file.close();
      }),
      { numRuns: 25 },
    );
  });

  it("is refused while it is half written, and when it is damaged", async () => {
    const whole = gzipSync(lines("a", 0, 5_000));
    const damaged = Buffer.from(whole);
    damaged[whole.length - 6] = (damaged[whole.length - 6] ?? 0) ^ 1;
    for (const content of [whole.subarray(0, 900), damaged, Buffer.from("no gzip data at all")]) {
      const file = new GunzipFile(memoryFile(content), gunzip, new UnpackedSizes());
      const failure = await file.stat().catch((error: unknown) => error);
      expect(isGzipFault(failure)).toBe(true);
      await file.close();
    }
  });

  it("is unpacked once to learn its size, as long as it does not change", async () => {
    const sizes = new UnpackedSizes();
    for (const isFirst of [true, false]) {
      const packed = memoryFile(gzipSync("one\ntwo\n"));
      const file = new GunzipFile(packed, gunzip, sizes);
      expect((await file.stat()).bytes).toBe(8);
      expect(packed.readBytes > 0).toBe(isFirst);
      await file.close();
    }
  });
});

const { open } = folderOpener();

/** Patterns that find packed files, and that do not. */
const PATTERNS = ["*.log*", "*.log"];

describe("ROT-07 a rotated file is packed", () => {
  it.each(PATTERNS)("while it is being read: it is read to its end, once (%s)", async (pattern) => {
    const folder = open();
    await folder.restart({ paths: [folder.file(pattern)] });
    folder.append("x.log", lines("a", 0, 3_000));
    await folder.source.discover();
    await folder.source.read(1);
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    await folder.tick();
    folder.append("x.log", lines("b", 0, 10));
    folder.gzip("x.log.1");
    await folder.follow();
    await folder.wait();
    await folder.wait();
    expect(folder.counted.toSorted()).toEqual(
      split(lines("a", 0, 3_000) + lines("b", 0, 10)).toSorted(),
    );
    expect(folder.total("lost", "truncated_unread")).toEqual([0, 0]);
    expect([...folder.stored.values()].filter((file) => file.complete)).toHaveLength(1);
  });

  it.each(PATTERNS)(
    "while the agent is away: it goes on where it was left (%s)",
    async (pattern) => {
      const folder = open();
      await folder.restart({ paths: [folder.file(pattern)] });
      folder.append("x.log", lines("a", 0, 50));
      await folder.follow();
      folder.append("x.log", `${lines("a", 50, 2_000)}cut short`);
      renameSync(folder.file("x.log"), folder.file("x.log.1"));
      folder.gzip("x.log.1");
      await folder.tick();
      folder.append("x.log", lines("b", 0, 10));
      await folder.restart();
      await folder.follow();
      await folder.wait();
      expect(folder.counted.toSorted()).toEqual(
        [...split(lines("a", 0, 2_050) + lines("b", 0, 10)), "cut short"].toSorted(),
      );
      await folder.restart();
      await folder.follow();
      expect(folder.counted).toHaveLength(2_061);
    },
  );

  it.each(PATTERNS)(
    "three generations while the agent is away: all are read, once (%s)",
    async (pattern) => {
      const folder = open();
      await folder.restart({ paths: [folder.file(pattern)] });
      folder.append("x.log", lines("g0", 0, 40));
      await folder.follow();
      folder.append("x.log", lines("g0", 40, 40));
      let expected = lines("g0", 0, 80);
      for (const name of ["g1", "g2", "g3"]) {
        for (const number of [2, 1]) {
          const packed = folder.file(`x.log.${number}.gz`);
          try {
            renameSync(packed, folder.file(`x.log.${number + 1}.gz`));
          } catch (error) {
            expect(error).toMatchObject({ code: "ENOENT" });
          }
        }
        renameSync(folder.file("x.log"), folder.file("x.log.1"));
        folder.gzip("x.log.1");
        await folder.tick();
        folder.append("x.log", lines(name, 0, 30));
        expected += lines(name, 0, 30);
        await folder.tick();
      }
      for (let round = 0; round < 3; round++) {
        await folder.restart();
        await folder.follow();
        await folder.wait();
      }
      expect(folder.counted.toSorted()).toEqual(split(expected).toSorted());
    },
  );

  it("a copy that is still beside what it was packed into is read once", async () => {
    const folder = open();
    await folder.restart({ paths: [folder.file("*.log*")] });
    folder.append("x.log", lines("a", 0, 200));
    await folder.follow();
    await folder.tick();
    folder.append("x.log", lines("a", 200, 100));
    folder.copyTruncate("x.log", "x.log.1");
    await folder.tick();
    writeFileSync(folder.file("x.log.1.gz"), gzipSync(lines("a", 0, 300)));
    folder.append("x.log", lines("b", 0, 10));
    await folder.follow();
    rmSync(folder.file("x.log.1"));
    await folder.follow();
    await folder.wait();
    await folder.restart();
    await folder.follow();
    const expected = lines("a", 0, 300) + lines("b", 0, 10);
    expect(folder.counted.toSorted()).toEqual(split(expected).toSorted());
    expect(folder.ledgerBytes).toBe(expected.length);
  });

  it("a half-written one waits, and is read when it is whole", async () => {
    const folder = open();
    await folder.restart({ paths: [folder.file("*.log*")] });
    folder.append("x.log", lines("a", 0, 2_000));
    await folder.follow();
    folder.append("x.log", lines("a", 2_000, 2_000));
    const packed = gzipSync(lines("a", 0, 4_000));
    rmSync(folder.file("x.log"));
    await folder.restart();
    writeFileSync(folder.file("x.log.1.gz"), packed.subarray(0, packed.length >> 1));
    await folder.follow();
    await folder.wait();
    expect(folder.counted).toHaveLength(2_000);
    folder.append("x.log.1.gz", packed.subarray(packed.length >> 1));
    await folder.wait();
    await folder.wait();
    expect(folder.counted.toSorted()).toEqual(split(lines("a", 0, 4_000)).toSorted());
    expect(folder.complaints).toEqual([]);
  });

  it("a damaged one holds nothing up for long", async () => {
    const folder = open();
    folder.append("x.log", lines("a", 0, 100));
    await folder.follow();
    const packed = gzipSync(lines("a", 0, 100));
    writeFileSync(folder.file("x.log.1.gz"), packed.subarray(0, packed.length - 3));
    truncateSync(folder.file("x.log"));
    await folder.tick();
    folder.append("x.log", lines("b", 0, 10));
    for (let round = 0; round < 8; round++) await folder.wait();
    expect(folder.counted.slice(100)).toEqual(split(lines("b", 0, 10)));
  });

  it("packed files from before the first start are read from the beginning, or not at all", async () => {
    for (const startAt of ["beginning", "end"] as const) {
      const folder = open();
      await folder.restart({ paths: [folder.file("*.log*")], startAt });
      folder.append("x.log.1", lines("old", 0, 20));
      folder.gzip("x.log.1");
      folder.append("x.log", lines("a", 0, 5));
      await folder.follow();
      await folder.restart({ paths: [folder.file("*.log*")], startAt: "beginning" });
      await folder.follow();
      expect(folder.counted).toHaveLength(startAt === "end" ? 0 : 25);
    }
  });
});
