import { describe, expect, it } from "vitest";
import { findAlert, readAlerts } from "../../../../aggregator/state/read-alerts.ts";
import { keysOf } from "./sample-deltas.ts";
import { PATTERN_RULE, THRESHOLD_RULE, Thresholds } from "./sample-thresholds.ts";

describe("an operation", () => {
  it("acknowledges an alert, which still resolves", async () => {
    const rules = new Thresholds([THRESHOLD_RULE]);
    await rules.take([rules.window(0, 20, 2)], 1);
    const { id } = rules.newest;
    rules.restart();
    await rules.clock(1.5);
    await rules.operate({ kind: "acknowledge", alert: id, comment: "on it" });
    await rules.operate({ kind: "acknowledge", alert: id, comment: "me too" });
    rules.restart();
    await rules.take([rules.window(1, 20, 0)], 2);
    expect(rules.told).toEqual([
      "1 orders firing r1",
      "1.5 orders acknowledged r2",
      "2 orders resolved r3",
    ]);
    expect(rules.newest.acknowledged).toMatchObject({ by: "ann", comment: "on it" });
    expect(findAlert(rules.store, id)?.state).toBe("resolved");
    expect(keysOf(rules.store, "audit")).toHaveLength(2);
  });

  it("silences what fits, until its end by the log's clock", async () => {
    const rules = new Thresholds([THRESHOLD_RULE]);
    const matchers = [{ name: "service", value: "ord.*", isRegex: true }];
    const silence = { matchers, endsAt: "2026-11-20T10:05:00Z", createdBy: "ann", comment: "c" };
    await rules.operate({ kind: "silence", silence, newId: "s1" });
    await rules.take([rules.window(0, 20, 2), rules.window(0, 20, 2, "other")], 1);
    expect(rules.told).toEqual(["1 orders firing r1 quiet", "1 other firing r1"]);
    rules.restart();
    await rules.clock(5);
    expect(rules.told.at(-1)).toBe("5 orders firing r2");
    expect(rules.newest.suppressed).toBeUndefined();
  });

  it("silences what fires already, and ends that when it is expired", async () => {
    const rules = new Thresholds([THRESHOLD_RULE]);
    await rules.take([rules.window(0, 20, 2)], 1);
    const matchers = [{ name: "team", value: "shop" }];
    const silence = { matchers, endsAt: "2026-11-21T10:00:00Z", createdBy: "ann", comment: "c" };
    await rules.operate({ kind: "silence", silence, newId: "s1" });
    expect(rules.newest.suppressed).toEqual({ silencedBy: ["s1"], inhibitedBy: [] });
    await rules.operate({ kind: "expire", silence: "s1" });
    expect(rules.told.map((one) => one.replace(/^\S+ /, ""))).toEqual([
      "orders firing r1",
      "orders firing r2 quiet",
      "orders firing r3",
    ]);
  });
});

describe("a match of a pattern", () => {
  it("notifies nobody while a silence fits, and is told all the same", async () => {
    const rules = new Thresholds([PATTERN_RULE]);
    const matchers = [{ name: "alertname", value: "slow-twice" }];
    const silence = { matchers, endsAt: "2026-11-20T10:05:00Z", createdBy: "ann", comment: "c" };
    await rules.operate({ kind: "silence", silence, newId: "s1" });
    await rules.take([rules.window(0, 20, 5), rules.window(1, 20, 5)], 2);
    await rules.clock(5);
    await rules.take([rules.window(2, 20, 5), rules.window(3, 20, 5)], 4);
    const told = readAlerts(rules.store, 0, 10).map(({ alert }) => alert);
    expect(told.map(({ isSuppressed }) => isSuppressed)).toEqual([true, false]);
    expect(JSON.parse(told[0]?.json ?? "").suppressed.silencedBy).toEqual(["s1"]);
  });
});

describe("inhibition", () => {
  it("does not read all that fires again for every alert", async () => {
    const matcher = (name: string, value: string) => ({
      ...{ name, value, isRegex: false, isEqual: true },
    });
    const rules = new Thresholds(
      [THRESHOLD_RULE],
      [
        {
          sourceMatchers: [matcher("service", "database")],
          targetMatchers: [matcher("team", "shop")],
          equal: [],
        },
      ],
    );
    const services = Array.from({ length: 50 }, (_, index) => `service-${index}`);
    await rules.take([rules.window(0, 20, 2, "database")], 1);
    await rules.take(
      services.map((service) => rules.window(1, 20, 2, service)),
      2,
    );
    const { store } = rules;
    let readCount = 0;
    const get = store.get.bind(store);
    store.get = (key) => {
      if (key.startsWith("alert/")) readCount++;
      return get(key);
    };
    await rules.take(
      services.map((service) => rules.window(2, 20, 2, `other-${service}`)),
      3,
    );
    expect(rules.told.filter((one) => one.endsWith("firing r1 quiet"))).toHaveLength(100);
    expect(readCount).toBeLessThan(10 * services.length);
  });

  it("keeps the consequence quiet while the cause fires", async () => {
    const matcher = (name: string, value: string) => ({
      name,
      value,
      isRegex: false,
      isEqual: true,
    });
    const rules = new Thresholds(
      [THRESHOLD_RULE],
      [
        {
          sourceMatchers: [matcher("service", "database")],
          targetMatchers: [matcher("service", "orders")],
          equal: ["team"],
        },
      ],
    );
    await rules.take([rules.window(0, 20, 2, "database"), rules.window(1, 20, 2)], 2);
    await rules.take([rules.window(1, 20, 0, "database"), rules.window(2, 20, 2)], 3);
    await rules.take([rules.window(3, 20, 2), rules.window(3, 20, 0, "database")], 4);
    expect(rules.told).toEqual(expect.arrayContaining(["2 orders firing r1 quiet"]));
    expect(rules.told.at(-1)).toMatch(/orders firing r2$/);
  });
});
