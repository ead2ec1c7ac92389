import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findLineFeed, splitLines } from "../../../../agent/source/split-lines.ts";

describe("splitLines", () => {
  it("makes one run of all whole lines, and leaves the rest", () => {
    expect(splitLines(Buffer.from("--a\nbb\n\nrest"), 2, 12, 100)).toEqual({
      runs: [{ isTooLong: false, from: 2, to: 8 }],
      restFrom: 8,
    });
    expect(splitLines(Buffer.from("rest"), 1, 4, 100)).toEqual({ runs: [], restFrom: 1 });
  });

  it("makes a run of its own of each line that is too long", () => {
    expect(splitLines(Buffer.from("a\nbbbb\nccc\ndddd\ne\n"), 0, 18, 3).runs).toEqual([
      { isTooLong: false, from: 0, to: 2 },
      { isTooLong: true, from: 2, to: 7 },
      { isTooLong: false, from: 7, to: 11 },
      { isTooLong: true, from: 11, to: 16 },
      { isTooLong: false, from: 16, to: 18 },
    ]);
  });

  it("agrees with a split line by line", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "\n", "b"), maxLength: 60 });
    fc.assert(
      fc.property(
        text,
        fc.nat(5),
        fc.nat(5),
        fc.integer({ min: 1, max: 8 }),
        (all, a, b, limit) => {
          const buffer = Buffer.from(all);
          const from = Math.min(a, buffer.length);
          const to = Math.max(from, buffer.length - b);
          const expected: { isTooLong: boolean; from: number; to: number }[] = [];
          let at = from;
          for (;;) {
            const lineFeed = findLineFeed(buffer, at, to);
            if (lineFeed < 0) break;
            const isTooLong = lineFeed - at > limit;
            const last = expected.at(-1);
            if (last !== undefined && !last.isTooLong && !isTooLong) last.to = lineFeed + 1;
            else expected.push({ isTooLong, from: at, to: lineFeed + 1 });
            at = lineFeed + 1;
          }
          expect(splitLines(buffer, from, to, limit)).toEqual({ runs: expected, restFrom: at });
        },
      ),
    );
  });
});
