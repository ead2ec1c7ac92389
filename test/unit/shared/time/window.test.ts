import { describe, expect, test } from "vitest";
import {
  isoToMinute,
  minuteOf,
  minuteToIso,
  windowStartMinute,
} from "../../../../shared/time/window.ts";

describe("windows", () => {
  test("hold their first millisecond and not that of the next", () => {
    expect(minuteOf(59_999)).toBe(0);
    expect(minuteOf(60_000)).toBe(1);
    expect(minuteOf(-1)).toBe(-1);
  });

  test("are aligned to the epoch on both sides of it", () => {
    expect(windowStartMinute(7, 5)).toBe(5);
    expect(windowStartMinute(5, 5)).toBe(5);
    expect(windowStartMinute(-1, 5)).toBe(-5);
  });

  test("are written as a Date would write them", () => {
    const last = 8.64e15 / 60_000;
    const minutes = [
      0,
      1,
      -1,
      1_439,
      1_440,
      29_919_480,
      29_919_479,
      -1_440,
      -1_441,
      0,
      last,
      -last,
    ];
    for (const minute of [...minutes, 4.3e9, -1.2e9]) {
      expect(minuteToIso(minute)).toBe(new Date(minute * 60_000).toISOString());
    }
    for (const minute of [last + 1, -last - 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => minuteToIso(minute)).toThrow(RangeError);
    }
    expect(minuteToIso(0.5)).toBe("1970-01-01T00:00:30.000Z");
  });

  test("are written and read as ISO text", () => {
    expect(minuteToIso(0)).toBe("1970-01-01T00:00:00.000Z");
    expect(isoToMinute("2026-11-20T10:01:00.000Z")).toBe(minuteOf(Date.UTC(2026, 10, 20, 10, 1)));
    expect(isoToMinute("2026-11-20T10:01:30.000Z")).toBeUndefined();
    expect(isoToMinute("2026-11-20")).toBeUndefined();
    expect(isoToMinute("today")).toBeUndefined();
  });
});
