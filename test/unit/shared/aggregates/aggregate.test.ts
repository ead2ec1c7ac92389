import { describe, expect, test } from "vitest";
import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";

describe("Aggregate", () => {
  test("counts levels, and errors as ERROR plus FATAL", () => {
    const aggregate = new Aggregate();
    for (const level of ["INFO", "ERROR", "FATAL", "WARN", "OTHER"] as const) {
      aggregate.add(LEVEL_INDEX[level], -1);
    }
    expect(aggregate.requestCount).toBe(5);
    expect(aggregate.errorCount).toBe(2);
    expect(aggregate.levels).toEqual([0, 0, 1, 1, 1, 1, 1]);
  });

  test("keeps the sum of durations exact beyond 2^53", () => {
    const aggregate = new Aggregate();
    const longest = 2 ** 40 - 1;
    for (let count = 0; count < 10_000; count++) aggregate.add(LEVEL_INDEX.INFO, longest);
    aggregate.add(LEVEL_INDEX.INFO, 1);
    const sum = (BigInt(aggregate.durationSumHigh) << 32n) + BigInt(aggregate.durationSumLow);
    expect(sum).toBe(BigInt(longest) * 10_000n + 1n);
    expect(aggregate.durationSum).toBe(Number(sum));
  });

  test("has exact extremes, and an event without duration changes none of them", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.INFO, -1);
    expect(aggregate.durationCount).toBe(0);
    expect(aggregate.durationQuantile(0.5)).toBeUndefined();
    for (const duration of [70_001, 0, 123]) aggregate.add(LEVEL_INDEX.INFO, duration);
    aggregate.add(LEVEL_INDEX.INFO, -1);
    expect(aggregate.durationMin).toBe(0);
    expect(aggregate.durationMax).toBe(70_001);
    expect(aggregate.durationCount).toBe(3);
  });

  test("clamps quantiles to the exact extremes", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.INFO, 1_000_007);
    for (const q of [0, 0.5, 0.99, 1]) expect(aggregate.durationQuantile(q)).toBe(1_000_007);
  });

  test("stays folded once something folded was merged into it", () => {
    const folded = new Aggregate();
    folded.folded = true;
    const aggregate = new Aggregate();
    aggregate.merge(folded);
    aggregate.merge(new Aggregate());
    expect(aggregate.folded).toBe(true);
  });
});
