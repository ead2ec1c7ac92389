import { describe, expect, test } from "vitest";
import { LineTally } from "../../../../agent/window/line-tally.ts";

describe("LineTally", () => {
  test("sums lines and bytes by kind and reason, and starts anew after a take", () => {
    const tally = new LineTally();
    tally.aggregated(2, 20);
    tally.add("rejected", "not_json", 1, 5);
    tally.add("rejected", "not_json", 1, 6);
    tally.add("noted", "clock_ahead", 1, 10);
    tally.addEntries([
      { kind: "aggregated", reason: "", lines: 1, bytes: 1 },
      { kind: "filtered", reason: "blank", lines: 3, bytes: 3 },
    ]);
    expect(tally.take()).toEqual([
      { kind: "aggregated", reason: "", lines: 3, bytes: 21 },
      { kind: "rejected", reason: "not_json", lines: 2, bytes: 11 },
      { kind: "noted", reason: "clock_ahead", lines: 1, bytes: 10 },
      { kind: "filtered", reason: "blank", lines: 3, bytes: 3 },
    ]);
    expect(tally.take()).toEqual([]);
  });
});
