import { describe, expect, test } from "vitest";
import { LineBuffer } from "../../../../agent/scan/line-buffer.ts";
import { lastEventFrom } from "../../../../agent/window/event-lines.ts";

/** What a line buffer handed over: text of lines, `-text` for an unterminated one, a number for the bytes of one too long. */
function cut(pieces: readonly (string | Buffer)[], lineBytesMax = 1000): (string | number)[] {
  const found: (string | number)[] = [];
  const buffer = new LineBuffer(
    {
      lines: (bytes, from, to) =>
        found.push(...(bytes.toString("utf8", from, to).match(/[^\n]*\n/g) ?? [])),
      unterminated: (line) => found.push(`-${line.toString()}`),
      tooLong: (bytes) => found.push(bytes),
    },
    lineBytesMax,
  );
  for (const piece of pieces) buffer.push(Buffer.from(piece));
  buffer.end();
  return found;
}

describe("LineBuffer", () => {
  test("holds the last event until the next one begins, wherever the pieces end", () => {
    const text = "a\n 1\n 2\nb\nc\n 3\n 4";
    const expected = ["a\n 1\n 2\n", "b\n", "c\n 3\n", "- 4"];
    for (let length = 1; length <= text.length; length++) {
      const found: string[] = [];
      const buffer = new LineBuffer(
        {
          eventBytesMax: 100,
          pendingFrom: (bytes, from, to) =>
            lastEventFrom(bytes, from, to, (line, at) => line[at] !== 0x20),
          lines: (bytes, from, to) => {
            found.push(...(bytes.toString("utf8", from, to).match(/\w\n( .*\n)*/g) ?? []));
          },
          unterminated: (line) => found.push(`-${line.toString()}`),
          tooLong: () => undefined,
        },
        1000,
      );
      for (const piece of text.match(new RegExp(`[^]{1,${length}}`, "g")) ?? []) {
        buffer.push(Buffer.from(piece));
      }
      buffer.end();
      expect(found).toEqual(expected);
    }
  });

  test("hands over what it holds of an event before it drops a line that is too long", () => {
    const found: (string | number)[] = [];
    const buffer = new LineBuffer(
      {
        eventBytesMax: 100,
        pendingFrom: (_, from) => from,
        lines: (bytes, from, to) => found.push(bytes.toString("utf8", from, to)),
        unterminated: (line) => found.push(`-${line.toString()}`),
        tooLong: (bytes) => found.push(bytes),
      },
      10,
    );
    for (const piece of ["a\n", "123456", "789012", "3\n", "b\n"]) {
      buffer.push(Buffer.from(piece));
    }
    buffer.end();
    expect(found).toEqual(["a\n", 14, "b\n"]);
  });

  test("cuts bytes into lines wherever the pieces end", () => {
    const text = "one\n\ntwo\r\nthree";
    const expected = ["one\n", "\n", "two\r\n", "-three"];
    for (let length = 1; length <= text.length; length++) {
      const pieces = text.match(new RegExp(`[^]{1,${length}}`, "g")) ?? [];
      expect(cut(pieces)).toEqual(expected);
    }
  });

  test("hands over nothing of an empty input, and no last line after a line feed", () => {
    expect(cut([])).toEqual([]);
    expect(cut(["a\n"])).toEqual(["a\n"]);
  });

  test("reports a line above the limit once, with its bytes, wherever the pieces end", () => {
    const text = `ab\n${"x".repeat(11)}\n${"y".repeat(10)}\ncd`;
    const expected = ["ab\n", 12, `${"y".repeat(10)}\n`, "-cd"];
    for (let length = 1; length <= text.length; length++) {
      const pieces = text.match(new RegExp(`[^]{1,${length}}`, "g")) ?? [];
      expect(cut(pieces, 10)).toEqual(expected);
    }
  });

  test("reports a last line above the limit", () => {
    expect(cut(["a\n", "x".repeat(11)], 10)).toEqual(["a\n", 11]);
  });

  test("holds a line of many pieces, up to the limit", () => {
    const megabyte = Buffer.alloc(1 << 20, "z");
    const lines = cut([megabyte, megabyte, megabyte, "\n", "a\n"], 4 << 20);
    expect(lines.map((line) => String(line).length)).toEqual([(3 << 20) + 1, 2]);
    expect(cut([megabyte, megabyte, megabyte, "\n", "a\n"], 2 << 20)).toEqual([
      (3 << 20) + 1,
      "a\n",
    ]);
  });
});
