import { describe, expect, test } from "vitest";
import { durationTextUs } from "../../../../agent/parsers/duration-text.ts";
import { DURATION_NONE, DURATION_OUT_OF_RANGE } from "../../../../shared/events/event-fields.ts";
import type { DurationUnit } from "../../../../shared/events/event-options.ts";

function us(text: string, unit: DurationUnit = "ms"): number {
  const bytes = Buffer.from(`x${text}y`);
  return durationTextUs(bytes, 1, bytes.length - 1, unit);
}

describe("durationTextUs", () => {
  test("takes a bare number in the unit of the source", () => {
    expect(us("12.4")).toBe(12_400);
    expect(us("1e3")).toBe(1_000_000);
    expect(us("2", "s")).toBe(2_000_000);
    expect(us("1500", "ns")).toBe(2);
  });

  test("takes the text's own unit before that of the source", () => {
    const cases: readonly (readonly [string, number])[] = [
      ["1.5s", 1_500_000],
      ["3ms", 3000],
      ["7us", 7],
      ["7µs", 7],
      ["7μs", 7],
      ["1499ns", 1],
      ["1m30s", 90_000_000],
      ["1h", 3_600_000_000],
      ["1m0.5s", 60_500_000],
    ];
    for (const [text, expected] of cases) expect([text, us(text, "us")]).toEqual([text, expected]);
  });

  test("is none for anything else", () => {
    for (const text of [
      "",
      "fast",
      "ms",
      "-5",
      "-5ms",
      "5 ms",
      "5d",
      "5msx",
      "1.2.3",
      "0x10",
      "NaN",
    ]) {
      expect([text, us(text)]).toEqual([text, DURATION_NONE]);
    }
  });

  test("is out of range from 2^30 ms on", () => {
    expect(us("1073741824")).toBe(DURATION_OUT_OF_RANGE);
    expect(us("1073741.824s")).toBe(DURATION_OUT_OF_RANGE);
    expect(us("299h")).toBe(DURATION_OUT_OF_RANGE);
  });
});
