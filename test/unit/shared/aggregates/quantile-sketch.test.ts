import { CubicallyInterpolatedMapping } from "@datadog/sketches-js/dist/ddsketch/mapping/index.js";
import { describe, expect, test } from "vitest";
import {
  BUCKET_INDEX_MAX,
  bucketIndex,
  bucketValue,
  nearestRank,
  QuantileSketch,
  RELATIVE_ACCURACY,
  SKETCH_VALUE_LIMIT,
} from "../../../../shared/aggregates/quantile-sketch.ts";

const mapping = new CubicallyInterpolatedMapping(RELATIVE_ACCURACY);

/** The smallest integer of a bucket according to the oracle. */
function oracleFirstInteger(index: number): number {
  let low = 1;
  let high = SKETCH_VALUE_LIMIT;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (mapping.key(middle) >= index) high = middle;
    else low = middle + 1;
  }
  return low;
}

describe("bucketIndex", () => {
  test("agrees with the oracle at both sides of every bucket's bound", () => {
    const wrong: number[] = [];
    for (let index = 0; index <= BUCKET_INDEX_MAX; index++) {
      const first = oracleFirstInteger(index);
      for (const value of [first - 2, first - 1, first, first + 1, first + 2]) {
        if (value < 1 || value >= SKETCH_VALUE_LIMIT) continue;
        if (bucketIndex(value) !== mapping.key(value)) wrong.push(value);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("agrees with the oracle on small values and around powers of two", () => {
    const wrong: number[] = [];
    for (let value = 1; value <= 100_000; value++) {
      if (bucketIndex(value) !== mapping.key(value)) wrong.push(value);
    }
    for (let power = 1; power < 40; power++) {
      for (let near = -3; near <= 3; near++) {
        const value = 2 ** power + near;
        if (value >= 1 && bucketIndex(value) !== mapping.key(value)) wrong.push(value);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("spans 0 to the stated maximum", () => {
    expect(bucketIndex(1)).toBe(0);
    expect(bucketIndex(SKETCH_VALUE_LIMIT - 1)).toBe(BUCKET_INDEX_MAX);
  });
});

describe("bucketValue", () => {
  test("is within 1 % of the first and last integer of every bucket that holds one", () => {
    const wrong: number[] = [];
    for (let index = 0; index <= BUCKET_INDEX_MAX; index++) {
      const first = oracleFirstInteger(index);
      const last = oracleFirstInteger(index + 1) - 1;
      if (last < first) continue;
      const value = bucketValue(index);
      const isClose =
        Math.abs(value - first) <= RELATIVE_ACCURACY * first &&
        Math.abs(value - last) <= RELATIVE_ACCURACY * last;
      if (!isClose) wrong.push(index);
    }
    expect(wrong).toEqual([]);
  });

  test("is exact for small values", () => {
    for (let value = 1; value <= 40; value++) expect(bucketValue(bucketIndex(value))).toBe(value);
  });
});

describe("nearestRank", () => {
  test("is the smallest rank that is at least q times the count", () => {
    expect(nearestRank(0.5, 4)).toBe(2);
    expect(nearestRank(0.5, 5)).toBe(3);
    expect(nearestRank(0.99, 100)).toBe(99);
    expect(nearestRank(0.99, 101)).toBe(100);
    expect(nearestRank(0.07, 100)).toBe(7);
    expect(nearestRank(0, 10)).toBe(1);
    expect(nearestRank(1, 10)).toBe(10);
  });
});

describe("QuantileSketch", () => {
  test("has no quantiles while empty", () => {
    expect(new QuantileSketch().quantile(0.5)).toBeUndefined();
  });

  test("keeps zero apart", () => {
    const sketch = new QuantileSketch();
    for (const value of [0, 0, 0, 10]) sketch.add(value);
    expect(sketch.zeroCount).toBe(3);
    expect(sketch.quantile(0.75)).toBe(0);
    expect(sketch.quantile(0.76)).toBe(10);
  });

  test("grows in both directions without empty ends", () => {
    const sketch = new QuantileSketch();
    for (const value of [1000, 1_000_000, 1]) sketch.add(value);
    expect(sketch.first).toBe(0);
    expect(sketch.bins[0]).toBe(1);
    expect(sketch.bins.at(-1)).toBe(1);
    expect(sketch.bins.length).toBe(bucketIndex(1_000_000) + 1);
    expect(sketch.count).toBe(3);
  });

  test("merges into an empty sketch without sharing its bins", () => {
    const source = new QuantileSketch();
    source.add(5);
    const target = new QuantileSketch();
    target.merge(source);
    target.add(5);
    expect(source.bins).toEqual([1]);
    expect(target.bins).toEqual([2]);
  });
});
