import { describe, expect, test } from "vitest";
import {
  identityOf,
  isWorthSplitting,
  planParts,
  type ScanInput,
  threadCount,
} from "../../../../agent/scan/scan-plan.ts";

const GIB = 2 ** 30;

function file(bytes: number, changes: Partial<ScanInput> = {}): ScanInput {
  return { path: "/a.log", kind: "file", bytes, identity: identityOf("1", "2"), ...changes };
}

describe("the count of threads", () => {
  test("grows with the bytes, up to the processors and four", () => {
    const counts = [0, GIB / 2, GIB, 100 * GIB].map((bytes) => [
      threadCount([file(bytes)], undefined, 2),
      threadCount([file(bytes)], undefined, 64),
    ]);
    expect(counts).toEqual([
      [1, 1],
      [1, 1],
      [2, 2],
      [2, 4],
    ]);
    const many = Array.from({ length: 16 }, () => file(GIB / 16));
    expect(threadCount(many, undefined, 2)).toBe(2);
  });

  test("is what was asked for, but one where something can be read only once", () => {
    expect(threadCount([file(1)], 7, 2)).toBe(7);
    expect(threadCount([file(GIB)], 1, 2)).toBe(1);
    expect(threadCount([file(GIB), file(0, { kind: "stream" })], 7, 2)).toBe(1);
  });
});

test("only a file of several ranges is worth splitting", () => {
  expect(isWorthSplitting(file(11), 10)).toBe(true);
  expect(isWorthSplitting(file(10), 10)).toBe(false);
  expect(isWorthSplitting(file(11, { kind: "stream" }), 10)).toBe(false);
  expect(isWorthSplitting(file(GIB))).toBe(true);
});

describe("the parts", () => {
  test("of a file that can be split cover it without a gap, and take what is appended meanwhile", () => {
    const parts = planParts([file(25, { splitFormat: "json" })], "auto", 10);
    expect(parts).toEqual(
      [
        [0, 10],
        [10, 20],
        [20, Number.POSITIVE_INFINITY],
      ].map(([from, to]) => ({
        input: 0,
        path: "/a.log",
        format: "json",
        range: { from, to, identity: "1 2" },
      })),
    );
  });

  test("of other inputs are the inputs, read by the format that was asked for", () => {
    const inputs = [file(25), file(3, { path: "/b.log" }), file(11, { splitFormat: "logfmt" })];
    const parts = planParts(inputs, "auto", 10);
    expect(
      parts.map(({ input, path, format, range }) => [input, path, format, range?.from]),
    ).toEqual([
      [0, "/a.log", "auto", undefined],
      [1, "/b.log", "auto", undefined],
      [2, "/a.log", "logfmt", 0],
      [2, "/a.log", "logfmt", 10],
    ]);
  });
});
