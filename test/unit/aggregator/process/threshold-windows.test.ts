import { describe, expect, it, vi } from "vitest";
import { keysOf } from "./sample-deltas.ts";
import { THRESHOLD_RULE as RULE, Thresholds } from "./sample-thresholds.ts";

describe("a threshold rule over roll-ups", () => {
  const WIDE = RULE.replace("labels:", "window: 5m\nmin_count: 50\nlabels:");

  it("looks at windows of their width when they are over, whatever the batching and the restarts", async () => {
    // 10 requests a minute: two of fifty fail from 10:05 on, four of fifty from 10:10 on.
    const errors = (minute: number) =>
      ([0, 2, 4, 4, 0][Math.floor(minute / 5)] ?? 0) * Number(minute % 5 === 1);
    const minutes = Array.from({ length: 25 }, (_, minute) => minute);
    const atOnce = new Thresholds([WIDE]);
    await atOnce.take(
      minutes.map((minute) => atOnce.window(minute, 10, errors(minute))),
      26,
    );
    const stepwise = new Thresholds([WIDE]);
    for (const minute of minutes) {
      await stepwise.take([stepwise.window(minute, 10, errors(minute))], minute + 1);
      stepwise.restart();
    }
    await stepwise.take([], 26);
    expect(stepwise.told).toEqual(atOnce.told);
    expect(atOnce.told).toEqual(["15 orders firing r1", "25 orders resolved r2"]);
    expect(keysOf(stepwise.store, "threshold-due")).toEqual([]);
  });

  it("tells the numbers of the whole window", async () => {
    const rules = new Thresholds([WIDE]);
    await rules.take([rules.window(0, 30, 0), rules.window(3, 30, 6)], 5);
    expect(rules.newest).toMatchObject({
      startsAt: "2026-11-20T10:00:00.000Z",
      timestamp: "2026-11-20T10:05:00.000Z",
      message: "orders 6/60",
      details: { window: { requestCount: 60, errorCount: 6 } },
    });
  });

  it("fires late when a corrected minute makes its window breach", async () => {
    const rules = new Thresholds([WIDE]);
    await rules.take([rules.window(0, 60, 0)], 6);
    await rules.take([rules.window(2, 60, 30)]);
    expect(rules.told).toEqual(["5 orders firing r1"]);
    expect(rules.newest.late).toBe(true);
  });

  it("looks at a window of which only a minute is known that came late", async () => {
    const rules = new Thresholds([WIDE]);
    await rules.take([rules.window(0, 60, 0, "carts"), rules.window(2, 60, 0, "carts")], 3);
    await rules.take([rules.window(1, 60, 30)], 4);
    expect(rules.told).toEqual([]);
    await rules.take([rules.window(4, 60, 0, "carts")], 5);
    expect(rules.told).toEqual(["5 orders firing r1"]);
    expect(keysOf(rules.store, "threshold-due")).toEqual([]);
  });

  it("fires late when a corrected window completes a breach of several before and behind it", async () => {
    const hours = WIDE.replace("window: 5m", "window: 1h\nfor: 4h");
    const rules = new Thresholds([hours]);
    const errors = [30, 0, 30, 30];
    await rules.take(
      errors.map((count, hour) => rules.window(60 * hour, 60, count)),
      240,
    );
    expect(rules.told).toEqual(["180 orders pending r1"]);
    await rules.take([rules.window(61, 60, 30)]);
    expect(rules.told).toEqual(["240 orders firing r1"]);
  });

  it("is over when nothing came for a window and some minutes", async () => {
    const rules = new Thresholds([WIDE]);
    await rules.take([rules.window(0, 60, 30)], 5);
    await rules.take([], 13);
    expect(rules.told).toEqual(["5 orders firing r1"]);
    await rules.take([], 15);
    expect(rules.told).toEqual(["5 orders firing r1", "14 orders resolved r2"]);
  });
});

describe("a threshold rule by dimensions", () => {
  const BY = RULE.replace("labels:", "by: [endpoint]\nlabels:").replace(
    "{{service}}",
    "{{endpoint}}",
  );

  it("looks at each of their values, over all other dimensions", async () => {
    const rules = new Thresholds([BY]);
    await rules.take(
      [
        ...[rules.endpoint(0, 10, 0, "/a"), rules.endpoint(0, 10, 1, "/a")],
        ...[rules.endpoint(0, 10, 2, "/b"), rules.endpoint(0, 10, 0, "/c"), rules.window(0, 5, 5)],
      ],
      1,
    );
    // Whole: 8 of 45. /a: 1 of 20 is not more than 5 %.
    expect(rules.told).toEqual(["1 orders/b firing r1"]);
    expect(rules.newest).toMatchObject({
      message: "/b 2/10",
      dimensions: { endpoint: "/b" },
      details: { window: { requestCount: 10, errorCount: 2 } },
    });
    await rules.take([rules.endpoint(1, 10, 0, "/b"), rules.endpoint(1, 10, 9, "/a")], 2);
    expect(rules.told).toEqual([
      "1 orders/b firing r1",
      "2 orders/a firing r1",
      "2 orders/b resolved r2",
    ]);
  });

  it("keeps apart what it knows of them, over restarts and corrections", async () => {
    const rules = new Thresholds([BY.replace("by:", "for: 2m\nby:")]);
    await rules.take([rules.endpoint(0, 10, 5, "/a"), rules.endpoint(0, 10, 0, "/b")], 1);
    rules.restart();
    await rules.take([rules.endpoint(1, 10, 5, "/a"), rules.endpoint(1, 10, 5, "/b")], 2);
    expect(rules.told).toEqual(["2 orders/a firing r2", "2 orders/b pending r1"]);
    await rules.take([rules.endpoint(0, 10, 9, "/b")]);
    expect(rules.told).toEqual(["2 orders/a firing r2", "2 orders/b firing r1"]);
  });

  it("reads the windows around a correction once, however many values breach", async () => {
    const rules = new Thresholds([BY.replace("by:", "for: 5m\nby:")]);
    const values = Array.from({ length: 20 }, (_, value) => `/${value}`);
    const minute = (at: number) => values.map((value) => rules.endpoint(at, 10, 5, value));
    for (const at of [0, 1, 2, 3]) await rules.take(minute(at), at + 1);
    const range = vi.spyOn(rules.store, "range");
    await rules.take([rules.endpoint(1, 10, 9, "/0")]);
    const minutes = range.mock.calls.map(([from]) => from).filter((from) => /^minute/.test(from));
    expect(minutes).toHaveLength(new Set(minutes).size);
  });

  it("may be silenced by their values", async () => {
    const rules = new Thresholds([BY]);
    const matchers = [{ name: "endpoint", value: "/b" }];
    const silence = { matchers, endsAt: "2026-11-21T10:00:00Z", createdBy: "ann", comment: "c" };
    await rules.operate({ kind: "silence", silence, newId: "s1" });
    await rules.take([rules.endpoint(0, 10, 5, "/a"), rules.endpoint(0, 10, 5, "/b")], 1);
    expect(rules.told).toEqual(["1 orders/a firing r1", "1 orders/b firing r1 quiet"]);
  });

  it("tells of a value that fell silent", async () => {
    const rules = new Thresholds([BY.replace(/condition: .*/, "missing: 5m")]);
    await rules.take([rules.endpoint(0, 10, 0, "/a"), rules.endpoint(0, 10, 0, "/b")], 1);
    await rules.take([rules.endpoint(5, 10, 0, "/a")], 7);
    expect(rules.told).toEqual(["6 orders/b firing r1"]);
  });
});
