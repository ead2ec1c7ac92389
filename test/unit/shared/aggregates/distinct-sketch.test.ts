import { describe, expect, it } from "vitest";
import { DistinctSketch } from "../../../../shared/aggregates/distinct-sketch.ts";

function sketchOf(count: number, prefix = "user-"): DistinctSketch {
  const sketch = new DistinctSketch();
  for (let index = 0; index < count; index++) sketch.add(`${prefix}${index}`);
  return sketch;
}

describe("a sketch of distinct values", () => {
  it("is within four standard errors (3.3 %) at any size, and exact for none", () => {
    expect(new DistinctSketch().estimate()).toBe(0);
    for (const count of [1, 2, 10, 100, 1000, 5000, 20_000, 100_000, 300_000]) {
      const error = Math.abs(sketchOf(count).estimate() - count) / count;
      expect(error, `of ${count} values`).toBeLessThan(0.033);
    }
  });

  it("has a standard error of about 0.81 % over many sketches", () => {
    let squares = 0;
    const runs = 60;
    for (let run = 0; run < runs; run++) {
      const error = (sketchOf(10_000, `run-${run}-`).estimate() - 10_000) / 10_000;
      squares += error * error;
    }
    expect(Math.sqrt(squares / runs)).toBeLessThan(0.0081 * 1.4);
  });

  it("counts a repeated value once, here or in another sketch", () => {
    const sketch = sketchOf(500);
    const before = sketch.estimate();
    sketch.merge(sketchOf(500));
    for (let index = 0; index < 500; index++) sketch.add(`user-${index}`);
    expect(sketch.estimate()).toBe(before);
  });

  it("has the same registers whether it began with few values or many", () => {
    const merged = sketchOf(50);
    merged.merge(sketchOf(3000));
    expect(merged.registers()).toEqual(sketchOf(3000).registers());
    expect(merged.filledCount).toBe(merged.registers().length);
  });

  it("finds texts of any length and alphabet the same on every machine", () => {
    const sketch = new DistinctSketch();
    for (const text of ["", "a", "größe", "𝒳".repeat(3000)]) sketch.add(text);
    expect(sketch.registers()).toMatchInlineSnapshot(`
      [
        [
          1820,
          3,
        ],
        [
          6534,
          1,
        ],
        [
          8168,
          3,
        ],
        [
          15085,
          1,
        ],
      ]
    `);
  });
});
