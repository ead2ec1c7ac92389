import { expect, it } from "vitest";
import { Backoff } from "../../../../agent/ship/backoff.ts";

it("NET-05 waits anything below a limit that doubles from 250 ms to 10 s, and starts anew after a success", () => {
  const backoff = new Backoff();
  const limits = Array.from({ length: 8 }, () => backoff.fail(1));
  expect(limits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  expect(backoff.fail(0)).toBe(0);
  expect(backoff.fail(0.25)).toBe(2500);
  backoff.succeed();
  expect(backoff.fail(1)).toBe(250);
});
