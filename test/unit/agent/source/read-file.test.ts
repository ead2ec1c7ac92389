import {
  closeSync,
  openSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { describe, expect, it } from "vitest";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { folderOpener, lines, split } from "./log-folder.ts";

const { open } = folderOpener();

describe("reading lines", () => {
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
});
