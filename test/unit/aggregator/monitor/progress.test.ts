import { describe, expect, it } from "vitest";
import { Progress, STALL_MS } from "../../../../aggregator/monitor/progress.ts";

function begin() {
  let nowMs = 0;
  const progress = new Progress({ now: () => 0, monotonic: () => nowMs });
  progress.watch("partition 0");
  return {
    progress,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("progress", () => {
  it("is red before the first commit, and green after it", () => {
    const { progress } = begin();
    progress.fail("partition 0", "another process owns it");
    expect(progress.report()).toEqual([
      {
        name: "partition 0",
        isOk: false,
        detail: "not started since 0 s: another process owns it",
      },
    ]);
    progress.advance("partition 0");
    expect(progress.report()).toEqual([{ name: "partition 0", isOk: true, detail: "" }]);
  });

  it("turns red when commits stop, says why, and recovers with the next one", () => {
    const { progress, pass } = begin();
    progress.advance("partition 0");
    pass(STALL_MS);
    expect(progress.report()[0]?.isOk).toBe(true);
    pass(1);
    progress.fail("partition 0", "disk full");
    expect(progress.report()[0]).toMatchObject({
      isOk: false,
      detail: "nothing committed for 10 s: disk full",
    });
    progress.advance("partition 0");
    expect(progress.report()[0]).toMatchObject({ isOk: true, detail: "" });
  });

  it("is red while it drains", () => {
    const { progress } = begin();
    progress.advance("partition 0");
    progress.stop();
    expect(progress.report().some(({ isOk }) => !isOk)).toBe(true);
  });
});
