import { describe, expect, it } from "vitest";
import {
  checkProgress,
  type PartitionProgress,
  STALL_MS,
} from "../../../../aggregator/monitor/progress.ts";

const batches: PartitionProgress = {
  topic: "batches",
  partition: 0,
  isOwned: true,
  lagMs: 0,
  lastProgressMs: 1_000,
};

function isOk(progress: PartitionProgress, nowMs: number): boolean {
  return checkProgress([progress], nowMs).every((check) => check.isOk);
}

describe("progress", () => {
  it("is green while ticks are applied", () => {
    expect(isOk(batches, 1_000 + STALL_MS)).toBe(true);
  });

  it("SYS-03 is red when nothing is applied any more, since ticks never stop", () => {
    expect(checkProgress([batches], 1_001 + STALL_MS)).toEqual([
      { name: "batches 0", isOk: false, detail: "owned, but nothing applied for 10 s" },
    ]);
  });

  it("is red while a partition is not owned", () => {
    expect(isOk({ ...batches, isOwned: false }, 1_000)).toBe(false);
  });

  it("takes a partition of stage 2 that has nothing to read for healthy, and one that lags for stuck", () => {
    const keyed: PartitionProgress = { ...batches, topic: "keyed" };
    expect(isOk(keyed, 1_000_000)).toBe(true);
    expect(isOk({ ...keyed, lagMs: 5 }, 1_000_000)).toBe(false);
  });
});
