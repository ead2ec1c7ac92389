import { describe, expect, it } from "vitest";
import { Prng } from "../../../../../shared/platform/simulated/prng.ts";

describe("the reproducible randomness", () => {
  it("gives the same numbers for the same seed and others for a neighbour", () => {
    const numbers = (seed: number) => {
      const prng = new Prng(seed);
      return Array.from({ length: 8 }, () => prng.word());
    };
    expect(numbers(5)).toEqual(numbers(5));
    expect(numbers(5)).not.toEqual(numbers(6));
    expect(numbers(2 ** 40 + 5)).not.toEqual(numbers(5));
  });

  it("spreads evenly", () => {
    const prng = new Prng(3);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw++) {
      const at = prng.below(10);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
