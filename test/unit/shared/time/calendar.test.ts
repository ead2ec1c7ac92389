import { describe, expect, test } from "vitest";
import {
  digits,
  matchesLower,
  monthOf,
  wallMinuteMs,
  zoneNameOffsetMs,
  zoneOffsetMs,
} from "../../../../shared/time/calendar.ts";

describe("calendar", () => {
  test("reads digits, words and months from bytes", () => {
    const bytes = Buffer.from("2026 NOV");
    expect(digits(bytes, 0, 4)).toBe(2026);
    expect(digits(bytes, 2, 4)).toBeNaN();
    expect(matchesLower(bytes, 5, "nov")).toBe(true);
    expect(monthOf(bytes, 5)).toBe(11);
    expect(monthOf(bytes, 0)).toBeNaN();
  });

  test("knows which minutes there are", () => {
    expect(wallMinuteMs([2024, 2, 29], 23, 59)).toBe(Date.UTC(2024, 1, 29, 23, 59));
    for (const [date, hour, minute] of [
      [[2026, 2, 29], 0, 0],
      [[2026, 4, 31], 0, 0],
      [[2026, 13, 1], 0, 0],
      [[2026, 1, 0], 0, 0],
      [[2026, 1, 1], 24, 0],
      [[2026, 1, 1], 0, 60],
    ] as const) {
      expect(wallMinuteMs(date, hour, minute)).toBeNaN();
    }
  });

  test("reads zones as offsets and as abbreviations, but not those that mean several zones", () => {
    const offset = (text: string) => zoneOffsetMs(Buffer.from(text), 0, text.length) / 60_000;
    expect(["+01", "-0330", "+05:45"].map(offset)).toEqual([60, -210, 345]);
    expect(["+1", "+24:00", "+01:60", "+0100x"].map(offset)).toEqual([NaN, NaN, NaN, NaN]);
    const named = (name: string) => zoneNameOffsetMs(Buffer.from(name), 0, name.length) / 3_600_000;
    expect(["Z", "cest", "EST"].map(named)).toEqual([0, 2, -5]);
    expect(["CST", "IST", "BST", "CESTX", "ZONELESS"].map(named)).toEqual([
      NaN,
      NaN,
      NaN,
      NaN,
      NaN,
    ]);
  });
});
