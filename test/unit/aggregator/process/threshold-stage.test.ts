import { describe, expect, it } from "vitest";
import type { InhibitRule } from "../../../../aggregator/alerts/inhibition.ts";
import type { AnyOperation } from "../../../../aggregator/alerts/operation.ts";
import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { RuleSet } from "../../../../aggregator/rules/rule-set.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { findAlert, readAlerts } from "../../../../aggregator/state/read-alerts.ts";
import { restoredChange } from "../../../../aggregator/state/restored-row.ts";
import { LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { keyed, keysOf } from "./sample-deltas.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const RULE = `
name: errors
summary: Too many requests fail.
condition: "errorRate > 0.05 || avgLatency > 1000"
labels: { team: shop }
alert: { type: HIGH_ERROR_RATE, severity: critical, message: "{{service}} {{errorCount}}/{{requestCount}}" }
`;

const PATTERN = `
name: slow-twice
summary: Many requests failed in two minutes, one after the other.
stream: service-metrics
key: service
within: 5m
skip: skipPastLastEvent
stages:
  - { name: bad, where: "errorRate > 0.05", times: { min: 2, max: 2 } }
alert: { type: SLOW_TWICE, severity: info, message: "{{key}}" }
`;

/** Stage 2 of one partition, with threshold rules, over a store. */
class Thresholds {
  readonly store = new MemoryStore();
  private readonly inhibitRules: readonly InhibitRule[];
  private rules: RuleSet;
  private stage: StageTwo;
  private clockMs = TEN_MS;
  private operationCount = 0;

  constructor(texts: readonly string[], inhibitRules: readonly InhibitRule[] = []) {
    this.inhibitRules = inhibitRules;
    this.rules = rulesOf(texts);
    this.stage = this.open();
  }

  /** Requests of a service in a minute after ten, of which some fail. */
  window(
    minute: number,
    requests: number,
    errors: number,
    service = "orders",
    agent = "web-1",
  ): KeyedDelta {
    const delta = keyed(service, TEN + minute, requests - errors, agent);
    for (let count = 0; count < errors; count++) delta.aggregate.add(LEVEL_INDEX.ERROR, -1);
    delta.contributors.add(agent, errors, errors);
    return delta;
  }

  /** Takes windows, and says that all up to `minute` are over. */
  async take(deltas: readonly KeyedDelta[], minute?: number): Promise<this> {
    this.stage.observeClock(this.clockMs);
    for (const delta of deltas) this.stage.merge(delta);
    if (minute !== undefined) this.see(minute);
    await this.keepHouse();
    return this;
  }

  async clock(minutes: number): Promise<void> {
    this.clockMs = TEN_MS + minutes * MINUTE_MS;
    await this.take([]);
  }

  async operate(
    operation: Record<string, unknown> & { kind: AnyOperation["kind"] },
  ): Promise<void> {
    const operationId = `op-${++this.operationCount}`;
    this.stage.observeClock(this.clockMs);
    const json = JSON.stringify({ by: "ann", operationId, ...operation });
    this.stage.operate({ kind: "operation", tenant: "", json });
    await this.keepHouse();
  }

  use(...texts: readonly string[]): void {
    this.rules = rulesOf(texts);
    this.stage.use(this.rules);
  }

  restart(): void {
    this.stage = this.open();
  }

  /** Every revision, as `MINUTE SERVICE STATE rREVISION`. */
  get told(): string[] {
    return readAlerts(this.store, 0, 1_000).map(({ alert }) => {
      const { service, updatedAt } = JSON.parse(alert.json);
      const quiet = alert.isSuppressed ? " quiet" : "";
      const minute = (Date.parse(updatedAt) - TEN_MS) / MINUTE_MS;
      return `${minute} ${service} ${alert.state} r${alert.revision}${quiet}`;
    });
  }

  get newest() {
    const { alert } = readAlerts(this.store, 0, 1_000).at(-1) ?? {};
    return alert === undefined ? undefined : JSON.parse(alert.json);
  }

  private see(minute: number): void {
    const watermarkMs = TEN_MS + minute * MINUTE_MS - 1;
    this.stage.observe(0, { watermarkMs, idle: false, selection: undefined });
  }

  private open(): StageTwo {
    const alerts = { inhibitRules: this.inhibitRules, externalUrl: "http://tailrace.example" };
    const settings = { ...WINDOW_DEFAULTS, windowsRetentionMs: DAY_MS, alerts };
    return new StageTwo(this.store, settings, this.rules);
  }

  private async keepHouse(): Promise<void> {
    do {
      this.stage.housekeep();
      await this.store.commit(this.stage.flush().changes);
      this.stage.settle();
    } while (this.stage.hasHousekeeping);
  }
}

function rulesOf(texts: readonly string[]): RuleSet {
  const { rules, thresholds, faults } = loadRules(
    texts.map((text, index) => ({ file: `${index}.yaml`, text })),
  );
  if (rules === undefined) throw new Error(JSON.stringify(faults));
  return new RuleSet(rules, { revision: "", selectors: [] }, thresholds);
}

describe("a threshold rule", () => {
  it("fires once when a window is final, and resolves once", async () => {
    const rules = new Thresholds([RULE]);
    await rules.take([rules.window(0, 20, 0), rules.window(1, 20, 2)]);
    expect(rules.told).toEqual([]);
    await rules.take([], 1);
    expect(rules.told).toEqual([]);
    await rules.take([rules.window(2, 20, 3)], 3);
    expect(rules.told).toEqual(["2 orders firing r1"]);
    await rules.take([rules.window(3, 20, 0)], 4);
    await rules.take([rules.window(4, 20, 0)], 5);
    expect(rules.told).toEqual(["2 orders firing r1", "4 orders resolved r2"]);
  });

  it("gives revisions above all that stores may have when its state was restored", async () => {
    const rules = new Thresholds([RULE, PATTERN]);
    await rules.take([rules.window(1, 20, 2), rules.window(1, 20, 2, "carts")], 2);
    expect(rules.told.toSorted()).toEqual(["2 carts firing r1", "2 orders firing r1"]);
    const restoredMs = TEN_MS + 2 * MINUTE_MS;
    await rules.store.commit([restoredChange(restoredMs)]);
    rules.restart();
    const base = restoredMs / 10;
    await rules.operate({ kind: "acknowledge", alert: rules.newest.id, comment: "" });
    expect(rules.newest).toMatchObject({ state: "acknowledged", revision: base });
    await rules.take([rules.window(2, 20, 0), rules.window(2, 20, 0, "carts")], 3);
    expect(rules.newest).toMatchObject({ state: "resolved", revision: base + 1 });
    await rules.take([rules.window(3, 20, 5, "users"), rules.window(4, 20, 5, "users")], 5);
    const first = readAlerts(rules.store, 0, 1_000).slice(-2);
    expect(first.map(({ alert }) => [alert.rule, alert.revision])).toEqual([
      ["errors", base],
      ["slow-twice", base],
    ]);
  });

  it("tells what broke: numbers and limits, since when, which hosts, where to look", async () => {
    const rules = new Thresholds([RULE]);
    await rules.take([rules.window(1, 15, 3), rules.window(1, 5, 1, "orders", "web-2")], 2);
    const alert = rules.newest;
    expect(alert).toMatchObject({
      alertType: "HIGH_ERROR_RATE",
      service: "orders",
      message: "orders 4/20",
      severity: "critical",
      state: "firing",
      labels: { team: "shop" },
      details: {
        rule: "errors",
        values: [
          { name: "errorRate", value: 0.2, operator: ">", limit: 0.05, holds: true },
          {
            name: "avgLatency",
            value: expect.anything(),
            operator: ">",
            limit: 1000,
            holds: false,
          },
        ],
        window: { requestCount: 20, errorCount: 4 },
        contributors: [
          { agent: "web-1", requestCount: 15, errorCount: 3, share: 0.75 },
          { agent: "web-2", requestCount: 5, errorCount: 1, share: 0.25 },
        ],
      },
    });
    expect(alert.details.link).toMatch(
      /^http:\/\/tailrace\.example\/v1\/windows\?.*service=orders/,
    );
  });

  it("says the same whatever the batching, and after a restart in every state", async () => {
    const text = RULE.replace("labels:", "for: 2m\nresolve: { for: 2m }\nlabels:");
    const errors = [0, 2, 3, 0, 0, 0, 4];
    const atOnce = new Thresholds([text]);
    await atOnce.take(
      errors.map((count, minute) => atOnce.window(minute, 20, count)),
      7,
    );
    const stepwise = new Thresholds([text]);
    for (const [minute, count] of errors.entries()) {
      await stepwise.take([stepwise.window(minute, 20, count)]);
      stepwise.restart();
      await stepwise.take([], minute + 1);
      stepwise.restart();
    }
    expect(stepwise.told).toEqual(atOnce.told);
    expect(atOnce.told).toEqual([
      "3 orders firing r2",
      "5 orders resolved r3",
      "7 orders pending r1",
    ]);
  });

  it("leaves nothing of what was pending and came to nothing", async () => {
    const rules = new Thresholds([RULE.replace("labels:", "for: 2m\nlabels:")]);
    await rules.take([rules.window(0, 20, 2)], 1);
    expect(rules.told).toEqual(["1 orders pending r1"]);
    await rules.take([rules.window(1, 20, 0)], 2);
    expect(rules.told).toEqual([]);
    expect(
      ["alert", "alert-id", "alert-time", "threshold"].map((kind) => keysOf(rules.store, kind)),
    ).toEqual([[], [], [], []]);
  });

  it("ends what fires after silence, by the watermark alone", async () => {
    const rules = new Thresholds([RULE]);
    await rules.take([rules.window(0, 20, 2), rules.window(6, 20, 0, "other")], 5);
    expect(rules.told).toEqual(["1 orders firing r1"]);
    await rules.take([], 7);
    expect(rules.told).toEqual(["1 orders firing r1", "6 orders resolved r2"]);
    expect(rules.newest.resolveReason).toBe("silence");
  });

  it("fires before a window is final when it is told to", async () => {
    const text = RULE.replace("labels:", "evaluate: provisional\nmin_count: 10\nlabels:");
    const rules = new Thresholds([text]);
    await rules.take([rules.window(0, 5, 5)]);
    expect(rules.told).toEqual([]);
    await rules.take([rules.window(0, 5, 0)]);
    expect(rules.told).toEqual(["1 orders firing r1"]);
    await rules.take([rules.window(1, 20, 0)], 2);
    expect(rules.told).toEqual(["1 orders firing r1", "2 orders resolved r2"]);
  });

  it("leaves windows with few requests alone", async () => {
    const rules = new Thresholds([RULE.replace("labels:", "min_count: 10\nlabels:")]);
    await rules.take([rules.window(0, 9, 9), rules.window(1, 10, 9), rules.window(2, 1, 0)], 3);
    expect(rules.told).toEqual(["2 orders firing r1"]);
  });

  it("tells of a service that fell silent, and when it is back", async () => {
    const rules = new Thresholds([RULE.replace(/condition: .*/, "missing: 10m")]);
    await rules.take([rules.window(0, 1, 0), rules.window(0, 1, 0, "other")], 1);
    await rules.take([rules.window(9, 1, 0, "other")], 10);
    expect(rules.told).toEqual([]);
    await rules.take([rules.window(11, 1, 0, "other")], 12);
    expect(rules.told).toEqual(["11 orders firing r1"]);
    await rules.take([rules.window(20, 1, 0), rules.window(20, 1, 0, "other")], 21);
    expect(rules.told).toEqual(["11 orders firing r1", "21 orders resolved r2"]);
  });

  it("keeps what fires however long, and its end as long as if it had fired then", async () => {
    const day = 1_440;
    for (const hasRestarts of [false, true]) {
      const rules = new Thresholds([RULE.replace("labels:", "stale_after: 10d\nlabels:")]);
      for (const [at, errors] of [2, 2, 2, 2, 0].entries()) {
        if (errors === 0) expect(rules.told).toEqual(["1 orders firing r1"]);
        if (hasRestarts) rules.restart();
        await rules.take([rules.window(at * day, 20, errors)], at * day + 1);
        if (hasRestarts) rules.restart();
        await rules.take([], at * day + 2);
      }
      expect(rules.told.at(-1)).toBe("5761 orders resolved r2");
      await rules.take([rules.window(4.5 * day, 20, 0)], 4.9 * day);
      expect(rules.told).toEqual(["5761 orders resolved r2"]);
      await rules.take([rules.window(6 * day, 20, 0)], 6 * day + 1);
      expect(rules.told).toEqual([]);
      const kinds = ["alert", "alert-id", "alert-time", "alert-kept", "alert-open"];
      expect(kinds.flatMap((kind) => keysOf(rules.store, kind))).toEqual([]);
    }
  });

  it("gives revisions above all that were given before its state was restored", async () => {
    const rules = new Thresholds([RULE]);
    await rules.take([rules.window(0, 20, 2)], 1);
    await rules.store.commit([restoredChange(TEN_MS)]);
    rules.restart();
    await rules.take([rules.window(1, 20, 0), rules.window(1, 20, 2, "other")], 2);
    const base = TEN_MS / 10;
    expect(rules.told).toEqual([
      "1 orders firing r1",
      `2 orders resolved r${base}`,
      `2 other firing r${base}`,
    ]);
  });

  it("whose file is gone resolves what it fired", async () => {
    const rules = new Thresholds([RULE]);
    await rules.take([rules.window(0, 20, 2)], 1);
    rules.use();
    await rules.take([]);
    expect(rules.told).toEqual(["1 orders firing r1", "1 orders resolved r2"]);
    expect(rules.newest.resolveReason).toBe("rule removed");
    expect(keysOf(rules.store, "threshold")).toEqual([]);
  });

  it("knows what is usual from all windows before, also when one was looked at early", async () => {
    const baseline =
      "baseline: { history: 10m, same_hour: false, min_windows: 10 }\ncondition: errorRate > errorRateUsual + 0.1";
    const usual = RULE.replace(/condition: .*/, baseline);
    const early = RULE.replace("name: errors", "name: early").replace(
      /condition: .*/,
      "condition: requestCount > 1000\nevaluate: provisional\nmin_count: 2",
    );
    const rules = new Thresholds([usual, early]);
    const minutes = Array.from({ length: 9 }, (_, minute) => rules.window(minute, 20, 0));
    await rules.take(minutes, 9);
    await rules.take([rules.window(9, 20, 0), rules.window(10, 20, 10)]);
    await rules.take([], 11);
    expect(rules.told).toEqual(["11 orders firing r1"]);
  });

  it("asks anew what is usual when its file changes", async () => {
    const usual = (windowsMin: number) => {
      const settings = `{ history: 10m, same_hour: false, min_windows: ${windowsMin} }`;
      const changed = `baseline: ${settings}\ncondition: errorRate > errorRateUsual + 0.1`;
      return RULE.replace(/condition: .*/, changed);
    };
    const rules = new Thresholds([usual(100)]);
    const minutes = Array.from({ length: 10 }, (_, minute) => rules.window(minute, 20, 0));
    await rules.take([...minutes, rules.window(10, 20, 10)], 11);
    rules.use(usual(10));
    await rules.take([rules.window(11, 20, 10)], 12);
    expect(rules.told).toEqual(["12 orders firing r1"]);
  });

  it("has a name that fits into keys, by which it resolves what it fired", () => {
    const named = (length: number) => RULE.replace("name: errors", `name: ${"e".repeat(length)}`);
    expect(() => new Thresholds([named(60)])).not.toThrow();
    expect(() => new Thresholds([named(61)])).toThrow("60 characters");
  });
});

describe("a correction", () => {
  it("fires late what never fired, once, and never takes back what did", async () => {
    const rules = new Thresholds([RULE]);
    await rules.take([rules.window(0, 20, 0), rules.window(1, 20, 0)], 2);
    await rules.take([rules.window(0, 20, 10)]);
    expect(rules.told).toEqual(["1 orders firing r1"]);
    expect(rules.newest.late).toBe(true);
    await rules.take([rules.window(2, 20, 0)], 3);
    await rules.take([rules.window(0, 20, 10)]);
    await rules.take([rules.window(0, 9_000, 0)]);
    expect(rules.told).toEqual(["1 orders firing r1", "3 orders resolved r2"]);
  });

  it("counts what went before and behind it for `for`", async () => {
    const rules = new Thresholds([RULE.replace("labels:", "for: 3m\nlabels:")]);
    const errors = [2, 0, 2, 0];
    await rules.take(
      errors.map((count, minute) => rules.window(minute, 20, count)),
      4,
    );
    await rules.take([rules.window(1, 20, 20)]);
    expect(rules.told).toEqual(["3 orders firing r1"]);
    expect(rules.newest.startsAt).toBe("2026-11-20T10:00:00.000Z");
  });
});

describe("an operation", () => {
  it("acknowledges an alert, which still resolves", async () => {
    const rules = new Thresholds([RULE]);
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
    const rules = new Thresholds([RULE]);
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
    const rules = new Thresholds([RULE]);
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
    const rules = new Thresholds([PATTERN]);
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

describe("a rule over the program itself", () => {
  it("takes what it sees of itself as any other number", async () => {
    const rules = new Thresholds([
      RULE.replace(
        /condition: .*/,
        'stream: tailrace\ncondition: "heapUsedRatio > 0.85"\nfor: 20s',
      ),
    ]);
    const look = async (seconds: number, heapUsedRatio: number) => {
      await rules.clock(seconds / 60);
      const fields = { heapUsedRatio, processingLatencyP95: null };
      await rules.operate({ kind: "sample", key: "aggregator", widthMs: 10_000, fields });
    };
    await look(10, 0.5);
    await look(20, 0.9);
    await look(30, 0.9);
    await look(60, 0.5);
    expect(rules.told).toEqual(["0.5 aggregator firing r2", "1 aggregator resolved r3"]);
  });
});

describe("inhibition", () => {
  it("does not read all that fires again for every alert", async () => {
    const matcher = (name: string, value: string) => ({
      ...{ name, value, isRegex: false, isEqual: true },
    });
    const rules = new Thresholds(
      [RULE],
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
      [RULE],
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
