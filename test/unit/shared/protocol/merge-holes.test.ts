import { describe, expect, it } from "vitest";
import { mergeHoles } from "../../../../shared/protocol/merge-holes.ts";

describe("merging holes", () => {
  it("gives one per stream that covers all of them, and the events that are not sent", () => {
    const holes = [
      { stream: "a", fromMs: 5, toMs: 9, count: 2 },
      { stream: "b", fromMs: 1, toMs: 1, count: 1 },
      { stream: "a", fromMs: 3, toMs: 6, count: 1 },
    ];
    const events = [
      { stream: "a", timeMs: 20 },
      { stream: "c", timeMs: -4 },
    ];
    expect(mergeHoles(holes, events)).toEqual([
      { stream: "a", fromMs: 3, toMs: 20, count: 4 },
      { stream: "b", fromMs: 1, toMs: 1, count: 1 },
      { stream: "c", fromMs: -4, toMs: -4, count: 1 },
    ]);
    expect(mergeHoles([], [])).toEqual([]);
  });
});
