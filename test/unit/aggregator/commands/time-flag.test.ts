import { expect, it } from "vitest";
import { timeFlag } from "../../../../aggregator/commands/time-flag.ts";

const NOW_MS = Date.UTC(2026, 10, 20, 10);

it.each([
  ["2026-11-20T09:00:00Z", "2026-11-20T09:00:00.000Z"],
  ["2026-11-20T09:00+01:00", "2026-11-20T08:00:00.000Z"],
  ["2026-11-20", "2026-11-20T00:00:00.000Z"],
  ["1h", "2026-11-20T09:00:00.000Z"],
  ["1.5d", "2026-11-18T22:00:00.000Z"],
])("%s is %s", (text, expected) => {
  expect(new Date(timeFlag("--from", text, NOW_MS) ?? 0).toISOString()).toBe(expected);
});

it.each(["yesterday", "2026-13-01", "10:00", "2026-11-20T09:00:00", "9999999999d"])(
  "%s is none",
  (text) => {
    expect(() => timeFlag("--from", text, NOW_MS)).toThrow(`--from ${text} is no time`);
  },
);

it("that is not given is undefined", () => {
  expect(timeFlag("--to", undefined, NOW_MS)).toBeUndefined();
});
