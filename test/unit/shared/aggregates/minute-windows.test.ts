import { describe, expect, test } from "vitest";
import { LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { MinuteWindows, SERVICE_OTHER } from "../../../../shared/aggregates/minute-windows.ts";

const { INFO } = LEVEL_INDEX;

/** What was taken, in short. */
function taken(windows: MinuteWindows) {
  return windows.take("logs").map(({ stream, service, minute, aggregate }) => ({
    key: `${stream} ${service} ${minute}`,
    requests: aggregate.requestCount,
    isFolded: aggregate.folded,
  }));
}

describe("MinuteWindows", () => {
  test("keeps one aggregate per service and minute, in whatever order they come", () => {
    const windows = new MinuteWindows(10);
    for (const [service, minute] of [
      ["a", 1],
      ["b", 1],
      ["a", 2],
      ["a", 1],
      ["b", 1],
    ] as const) {
      windows.at(service, minute).add(INFO, -1);
    }
    expect(windows.size).toBe(3);
    expect(taken(windows)).toEqual([
      { key: "logs a 1", requests: 2, isFolded: false },
      { key: "logs a 2", requests: 1, isFolded: false },
      { key: "logs b 1", requests: 2, isFolded: false },
    ]);
  });

  test("starts anew after a take", () => {
    const windows = new MinuteWindows(10);
    windows.at("a", 1).add(INFO, -1);
    const [first] = windows.take("logs");
    windows.at("a", 1).add(INFO, -1);
    expect(windows.size).toBe(1);
    expect(taken(windows)).toEqual([{ key: "logs a 1", requests: 1, isFolded: false }]);
    expect(first?.aggregate.requestCount).toBe(1);
    expect(windows.take("logs")).toEqual([]);
  });

  test("folds services beyond the limit into one, and says so", () => {
    const windows = new MinuteWindows(2);
    for (const service of ["a", "b", "c", "d", "a", "c"]) windows.at(service, 1).add(INFO, -1);
    expect(taken(windows)).toEqual([
      { key: "logs a 1", requests: 2, isFolded: false },
      { key: "logs b 1", requests: 1, isFolded: false },
      { key: `logs ${SERVICE_OTHER} 1`, requests: 3, isFolded: true },
    ]);
  });

  test("merges what is folded with a service that has its very name", () => {
    const windows = new MinuteWindows(1);
    windows.at(SERVICE_OTHER, 1).add(INFO, -1);
    windows.at(SERVICE_OTHER, 2).add(INFO, -1);
    windows.at("b", 1).add(INFO, -1);
    const found = taken(windows).toSorted((one, two) => (one.key < two.key ? -1 : 1));
    expect(found.map(({ key, requests }) => [key, requests])).toEqual([
      [`logs ${SERVICE_OTHER} 1`, 2],
      [`logs ${SERVICE_OTHER} 2`, 1],
    ]);
    expect(found[0]?.isFolded).toBe(true);
  });
});
