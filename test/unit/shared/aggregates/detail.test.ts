import { describe, expect, it } from "vitest";
import {
  Detail,
  EXEMPLARS_MAX,
  MEASURES_MAX,
  SUM_VALUE_LIMIT,
  sumParts,
} from "../../../../shared/aggregates/detail.ts";

function sumOf(values: readonly number[]): number {
  const state = new Detail().measure("m", "sum");
  for (const value of values) {
    const parts = sumParts(value);
    if (parts !== undefined) state?.addSum(parts.low, parts.high);
  }
  return state?.value ?? Number.NaN;
}

describe("a measure", () => {
  it("sums in millionths, exactly, of either sign", () => {
    expect(sumOf([0.1, 0.2, -0.3])).toBe(0);
    expect(sumOf([-1.5, -2.25])).toBe(-3.75);
    expect(sumOf(Array.from({ length: 1000 }, () => 0.001))).toBe(1);
    expect(sumOf([1e12, 1e-6, -1e12])).toBe(1e-6);
  });

  it("does not count what is no number or too large", () => {
    for (const value of [Number.NaN, Infinity, -Infinity, SUM_VALUE_LIMIT, -SUM_VALUE_LIMIT]) {
      expect(sumParts(value)).toBeUndefined();
    }
    expect(sumParts(SUM_VALUE_LIMIT - 1)).toBeDefined();
  });

  it("beyond the greatest number of a window is left out, the least names stay, and the window says so", () => {
    const names = Array.from({ length: MEASURES_MAX + 2 }, (_, index) => `m${100 + index}`);
    const detail = new Detail();
    for (const name of names.toReversed()) detail.measure(name, "count");
    expect(detail.measures.map(({ name }) => name)).toEqual(names.slice(0, MEASURES_MAX));
    expect(detail.isFolded).toBe(true);
  });
});

describe("sample lines", () => {
  it("are those with the smallest ids, each once", () => {
    const detail = new Detail();
    const ids = ["c", "a", "e", "a", "b", "d"];
    for (const id of ids) detail.addExemplar({ id, timeMs: 0, level: 4, line: id });
    expect(detail.exemplars.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(detail.exemplars).toHaveLength(EXEMPLARS_MAX);
    expect(detail.wantsExemplar("bb")).toBe(true);
    expect(detail.wantsExemplar("cc")).toBe(false);
  });
});
