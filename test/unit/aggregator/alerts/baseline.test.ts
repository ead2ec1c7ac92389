import { describe, expect, it } from "vitest";
import {
  baselineFields,
  baselineRanges,
  baselineSpan,
} from "../../../../aggregator/alerts/baseline.ts";

const HOUR_MS = 3_600_000;
const trailing = { historyMs: 2 * HOUR_MS, isSameHour: false, windowsMin: 3 };
const daily = { historyMs: 72 * HOUR_MS, isSameHour: true, windowsMin: 3 };

describe("the history of a minute", () => {
  it("ends where its ten minutes begin", () => {
    expect(baselineSpan(trailing, 1_009)).toBe(1_000);
    expect(baselineRanges(trailing, 1_009)).toEqual([{ from: 880, to: 1_000 }]);
  });

  it("is the same hour of the days before", () => {
    const day = 1_440;
    expect(baselineRanges(daily, 10 * day + 125)).toEqual([
      { from: 9 * day + 120, to: 9 * day + 180 },
      { from: 8 * day + 120, to: 8 * day + 180 },
      { from: 7 * day + 120, to: 7 * day + 180 },
    ]);
  });
});

describe("what is usual", () => {
  const windows = (...rates: readonly (number | null)[]) =>
    rates.map((errorRate) => ({ errorRate }));

  it("is the median, and its spread that of the distances from it", () => {
    const fields = baselineFields(["errorRate"], windows(1, 2, 3, 4, 100, null), trailing);
    expect(fields).toEqual({ errorRateUsual: 3, errorRateSpread: 1.4826 });
  });

  it("is unknown with too little history", () => {
    const unknown = { errorRateUsual: null, errorRateSpread: null };
    expect(baselineFields(["errorRate"], windows(1, 2, null), trailing)).toEqual(unknown);
  });
});
