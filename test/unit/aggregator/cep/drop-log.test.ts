import { describe, expect, it } from "vitest";
import { DropLog, OTHER_KEYS } from "../../../../aggregator/cep/drop-log.ts";

describe("a log of drops", () => {
  it("adds up by key and reason, and begins anew when it was taken", () => {
    const log = new DropLog();
    log.add("k1", "partials_max", 7);
    log.add("k1", "partials_max", 3);
    log.add("k1", "age_max", 5);
    log.add("k2", "partials_max", 9);
    expect(log.take()).toEqual([
      { key: "k1", reason: "partials_max", count: 2, fromMs: 3, toMs: 7 },
      { key: "k1", reason: "age_max", count: 1, fromMs: 5, toMs: 5 },
      { key: "k2", reason: "partials_max", count: 1, fromMs: 9, toMs: 9 },
    ]);
    expect(log.take()).toEqual([]);
  });

  it("tells a number from the text of it", () => {
    const log = new DropLog();
    log.add(1, "events_max", 0);
    log.add("1", "events_max", 0);
    log.add(null, "events_max", 0);
    expect(log.take().map(({ key }) => key)).toEqual([1, "1", null]);
  });

  it("folds keys beyond a thousand into one, without losing a count", () => {
    const log = new DropLog();
    for (let index = 0; index < 1500; index++) log.add(`k${index}`, "events_max", index);
    const drops = log.take();
    expect(drops).toHaveLength(1001);
    expect(drops.at(-1)).toEqual({
      key: OTHER_KEYS,
      reason: "events_max",
      count: 500,
      fromMs: 1000,
      toMs: 1499,
    });
  });
});
