import { describe, expect, test } from "vitest";
import { LineBuffer } from "../../../../agent/scan/line-buffer.ts";
import { firstLineOf, readRange } from "../../../../agent/scan/read-range.ts";
import type { ReadableFile } from "../../../../shared/platform/disk.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { temporaryFile } from "../commands/test-io.ts";

/** What a range has: text of lines, `-text` for an unterminated one, a number for the bytes of one too long. */
async function linesOf(file: ReadableFile, from: number, to: number, lineBytesMax = 1000) {
  const found: (string | number)[] = [];
  const lines = new LineBuffer(
    {
      lines: (bytes, start, end) =>
        found.push(...(bytes.toString("latin1", start, end).match(/[^\n]*\n/g) ?? [])),
      unterminated: (line) => found.push(`-${line.toString("latin1")}`),
      tooLong: (bytes) => found.push(bytes),
    },
    lineBytesMax,
  );
  const first = await firstLineOf(file, { from, to }, lines.room());
  if (first === undefined) return found;
  let bytesRead = 0;
  const onRead = async (bytes: number) => {
    bytesRead += bytes;
  };
  const { signal } = new AbortController();
  await readRange({ file, first, to, lines, onRead, signal });
  const length = found.reduce<number>((sum, line) => sum + bytesOf(line), 0);
  expect(bytesRead).toBe(length);
  return found;
}

function bytesOf(line: string | number): number {
  return typeof line === "number" ? line : line.replace(/^-/, "").length;
}

describe("ranges", () => {
  test.each([
    "a\n\nbb\r\nccc\n\n\ndddd",
    "\n\n\n",
    "no line feed",
    "first\nlast\n",
    `${"x".repeat(30)}\nshort\n${"y".repeat(40)}\nend`,
  ])("share no line and miss none, wherever they are cut: %j", async (text) => {
    const file = await realDisk.open(temporaryFile("a.log", text), "read");
    const whole = await linesOf(file, 0, Number.POSITIVE_INFINITY, 20);
    expect(whole.length).toBeGreaterThan(0);
    for (let length = 1; length <= text.length + 1; length++) {
      const found: (string | number)[] = [];
      for (let from = 0; from < text.length; from += length) {
        const isLast = from + length >= text.length;
        const to = isLast ? Number.POSITIVE_INFINITY : from + length;
        found.push(...(await linesOf(file, from, to, 20)));
      }
      expect(found, `ranges of ${length}`).toEqual(whole);
    }
    await file.close();
  });

  test("read a line that reaches far over their end, however it is delivered", async () => {
    const long = "z".repeat(100_000);
    const text = `one\n${long}\ntwo\n`;
    const file = await realDisk.open(temporaryFile("a.log", text), "read");
    const slow: ReadableFile = {
      ...{ stat: () => file.stat(), close: () => file.close() },
      read: (target, offset, length, position) =>
        file.read(target, offset, Math.min(length, 777), position),
    };
    for (const source of [file, slow]) {
      expect(await linesOf(source, 0, 10, 1_000_000)).toEqual(["one\n", `${long}\n`]);
      expect(await linesOf(source, 10, 50_000)).toEqual([]);
      expect(await linesOf(source, 50_000, Number.POSITIVE_INFINITY)).toEqual(["two\n"]);
    }
    await file.close();
  });

  test("end where a file ends that became shorter", async () => {
    const file = await realDisk.open(temporaryFile("a.log", "a\nb\nrest"), "read");
    expect(await linesOf(file, 2, 100)).toEqual(["b\n", "-rest"]);
    expect(await linesOf(file, 100, 200)).toEqual([]);
    await file.close();
  });

  test("stop when they are told to", async () => {
    const file = await realDisk.open(temporaryFile("a.log", "a\nb\n"), "read");
    let ends = 0;
    const lines = new LineBuffer(
      { lines: () => undefined, unterminated: () => ends++, tooLong: () => undefined },
      1000,
    );
    const stopping = new AbortController();
    const onRead = async () => stopping.abort();
    const { signal } = stopping;
    await readRange({ file, first: 0, to: 3, lines, onRead, signal });
    expect(ends).toBe(0);
    await file.close();
  });
});
