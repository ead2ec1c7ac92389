import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readAlerts } from "../../../../aggregator/state/read-alerts.ts";
import { restoredChange } from "../../../../aggregator/state/restored-row.ts";
import { TEN_MS } from "../collect/sample-agent.ts";
import { keysOf } from "./sample-deltas.ts";
import { PATTERN_RULE, THRESHOLD_RULE, Thresholds } from "./sample-thresholds.ts";

const SELF_FOLDER = join(import.meta.dirname, "../../../../config/rules/self");
/** The rules that ship for the program itself, by name. */
const SELF = new Map(
  readdirSync(SELF_FOLDER).map((file) => [
    file.replace(".yaml", ""),
    readFileSync(join(SELF_FOLDER, file), "utf8"),
  ]),
);

const RULE = THRESHOLD_RULE;

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
    const rules = new Thresholds([RULE, PATTERN_RULE]);
    await rules.take([rules.window(1, 20, 2), rules.window(1, 20, 2, "carts")], 2);
    expect(rules.told.toSorted()).toEqual(["2 carts firing r1", "2 orders firing r1"]);
    const restoredMs = TEN_MS + 120_000;
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
  it("fires late what never fired, once, and never takes back what did (WIN-02)", async () => {
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

describe("the rules over the program itself", () => {
  const well = {
    eventsPerSecond: 5_000,
    heapUsedRatio: 0.5,
    processingLatencyP95: 100,
    processingLatencyP99: 200,
  };

  it.each([
    ["processing-latency-p95", "warning", 60, { processingLatencyP95: 1_500 }],
    ["processing-latency-p99", "critical", 60, { processingLatencyP99: 6_000 }],
    ["low-throughput", "warning", 300, { eventsPerSecond: 999 }],
    ["heap-usage", "warning", 60, { heapUsedRatio: 0.9 }],
  ])("%s fires when it holds long enough, and resolves", async (name, severity, held, ill) => {
    const rules = new Thresholds([SELF.get(name) ?? ""]);
    const look = async (seconds: number, fields: object) => {
      await rules.clock(seconds / 60);
      const sample = { kind: "sample", key: "aggregator", widthMs: 10_000 } as const;
      await rules.operate({ ...sample, fields: { ...well, ...fields } });
    };
    await look(0, {});
    for (let second = 10; second <= held; second += 10) await look(second, ill);
    // The first one is about the ten seconds before it.
    expect(rules.newest).toMatchObject({ state: "firing", severity, service: "aggregator" });
    for (let second = held + 10; second <= held + 120; second += 10) await look(second, {});
    expect(rules.told.map((one) => one.split(" ")[2])).toEqual(["firing", "resolved"]);
  });
});

describe("a rule over silent agents", () => {
  it("fires for each when it fell silent, and resolves when it is back", async () => {
    const rules = new Thresholds([SELF.get("agent-silent") ?? ""]);
    const look = async (seconds: number, silent: Record<string, number>) => {
      await rules.clock(seconds / 60);
      await rules.operate({ kind: "agents", widthMs: 30_000, silent });
    };
    await look(60, { "web-1": 100, "web-2": 30 });
    expect(rules.told).toEqual([]);
    await look(90, { "web-1": 130, "web-2": 60 });
    rules.restart();
    await look(120, { "web-1": 160, "web-2": 0 });
    expect(rules.told).toEqual(["1.5 web-1 firing r1"]);
    expect(rules.newest).toMatchObject({
      message: "The agent web-1 has been silent for 130 seconds.",
      details: { link: "http://tailrace.example/v1/agents?agent=web-1" },
    });
    await look(150, { "web-1": 1 });
    expect(rules.told).toEqual(["1.5 web-1 firing r1", "2.5 web-1 resolved r2"]);
  });
});
