import { expect, it } from "vitest";
import { killTest } from "./kill-test.ts";

it("OFF-01 loses and doubles no line of a log in the middle of which the agent is killed", {
  timeout: 300_000,
}, async () => {
  const result = await killTest(40_000, 1);
  expect(result.countedAtKill).toBeGreaterThan(0);
  expect(result.countedAtKill).toBeLessThan(result.lineCount);
  expect([result.lostCount, result.doubledCount], result.stderr).toEqual([0, 0]);
  expect(result.actual).toEqual(result.expected);
});
