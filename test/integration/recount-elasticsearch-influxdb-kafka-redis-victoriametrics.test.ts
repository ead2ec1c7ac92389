/**
 * Real logs through three agents and an aggregator into every store at once, each compared field by field with a recount of the lines and with what
 * the logs' publishers counted: after a quiet run, and after one in which the aggregator is killed again and again, every store is stopped
 * and started, and every batch arrives three times, in random order.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recount } from "../end-to-end/recount.ts";
import { type DeliveredRun, deliverRealLogs, type RunFaults } from "./delivered-run.ts";
import { csvRows, expectedWindows, REQUEST_LOGS, requestLines, writtenLine } from "./real-logs.ts";
import * as held from "./store-contents.ts";
import { type HeldWindow, heldWindow } from "./store-contents.ts";
import { Stores } from "./stores.ts";

const KILLS = process.env["TAILRACE_LONG"] === undefined ? 3 : 30;
const faulty: RunFaults = {
  kills: KILLS,
  stopped: ["elasticsearch", "kafka", "redis", "influxdb", "victoriametrics"],
  seed: Number(process.env["TAILRACE_SEED"] ?? "5"),
};

/** A sketch's quantile is within 1 % of the exact one. */
const QUANTILE_ERROR = 0.010_001;
const FAULTS_SHOWN = 5;

let stores: Stores;
beforeAll(async () => {
  stores = await Stores.start();
});
afterAll(() => stores.remove());

/** What of a window can be compared exactly: all but quantiles. */
function exact(window: HeldWindow, hasLevels: boolean): string {
  const { latency, levels = {}, ...rest } = heldWindow(window);
  const counts = hasLevels ? Object.entries(levels).toSorted() : undefined;
  return JSON.stringify({ ...rest, levels: counts, min: latency?.min, max: latency?.max });
}

/** What is wrong with the quantiles of a window. */
function quantileFaults({ latency }: HeldWindow, expected: HeldWindow): string[] {
  const wanted = expected.latency;
  if (wanted === null) return [];
  return (["p50", "p95", "p99"] as const).flatMap((name) => {
    const value = latency?.[name] ?? Number.NaN;
    const isClose = Math.abs(value - wanted[name]) <= wanted[name] * QUANTILE_ERROR;
    return isClose ? [] : [`${keyOf(expected)}: ${name} is ${value}, not ${wanted[name]}`];
  });
}

function keyOf({ stream, windowStart, service }: HeldWindow): string {
  return `${stream} ${windowStart} ${service}`;
}

/** Compares what a store holds with what it must hold. */
function check(
  given: readonly HeldWindow[],
  wanted: readonly HeldWindow[],
  options: { readonly hasLevels?: boolean; readonly hasQuantiles?: boolean } = {},
): void {
  const { hasLevels = true, hasQuantiles = true } = options;
  const found = new Map(given.map((window) => [keyOf(window), window]));
  const faults: string[] = [];
  for (const expected of wanted) {
    const window = found.get(keyOf(expected));
    const [is, must] = [window && exact(window, hasLevels), exact(expected, hasLevels)];
    if (is !== must) faults.push(`is ${is}, must be ${must}`);
    if (window !== undefined && hasQuantiles) faults.push(...quantileFaults(window, expected));
  }
  expect(faults.slice(0, FAULTS_SHOWN)).toEqual([]);
  expect(given).toHaveLength(wanted.length);
}

describe("the recount", () => {
  it.each([1, 5] as const)(
    "agrees with the publishers' counts in windows of %i minutes",
    (minutes) => {
      const rows = REQUEST_LOGS.flatMap(({ truth }) => csvRows(truth[minutes]));
      const counted = recount(requestLines().map(writtenLine), minutes);
      expect(counted).toHaveLength(rows.length);
      const byName = new Map(counted.map((each) => [`${each.service} ${each.windowStart}`, each]));
      for (const row of rows) {
        const start = (row["window_start"] ?? "").replace("Z", ".000Z");
        const window = byName.get(`${row["service"]} ${start}`);
        expect(window).toMatchObject({
          requestCount: Number(row["request_count"]),
          errorCount: Number(row["error_count"]),
          min: Number(row["min_ms"]),
          max: Number(row["max_ms"]),
        });
        // They round to microseconds.
        expect(window?.avgLatency).toBeCloseTo(Number(row["avg_latency_ms"]), 2);
      }
    },
  );
});

describe.each([
  ["after a quiet run", "quiet", undefined],
  [
    `after ${KILLS} kills, with stores stopped and batches repeated (NET-03, NET-04, WIN-05)`,
    "faulty",
    faulty,
  ],
] as const)("%s", (_name, run, faults) => {
  const expected = expectedWindows(1);
  let delivered: DeliveredRun;
  beforeAll(
    async () => {
      delivered = await deliverRealLogs(stores, run, faults);
    },
    60_000 + 10_000 * KILLS + 120_000,
  );
  afterAll(() => delivered?.remove());

  it("every line is in the ledger once, and the windows are what was written", () => {
    const entries = delivered.agents.flatMap(({ ledger }: any) => ledger);
    const counted = entries.filter(({ kind }: any) => kind === "aggregated");
    const total = counted.reduce((sum: number, { lines }: any) => sum + lines, 0);
    expect(total).toBe(delivered.lineCount);
    expect(entries.filter(({ kind }: any) => !["aggregated", "noted"].includes(kind))).toEqual([]);
    check(delivered.windows, expected);
    if (faults === undefined) return;
    expect(delivered.repeatedCount).toBeGreaterThanOrEqual(2 * delivered.batchCount);
  });

  it("nothing is among the dead letters, though the stores were away", () => {
    expect(delivered.sinks.every(({ deadLetters }: any) => deadLetters === 0)).toBe(true);
  });

  it("Elasticsearch holds it", async () => {
    check(await held.inElasticsearch(stores, run), expected);
  });

  it("Redis holds it, in windows of five minutes", async () => {
    check(await held.inRedis(stores, run), expectedWindows(5));
  });

  it("Kafka holds it, no older revision behind a newer one", async () => {
    check(await held.inKafka(stores, run), expected);
  });

  it("InfluxDB holds it", async () => {
    check(await held.inInfluxdb(stores, run), expected, { hasLevels: false });
  });

  it("the file holds it, each revision once", async () => {
    check(await held.inFile(delivered.folder), expected);
  });

  it("the archive holds it, also what came last before the aggregator stopped", async () => {
    check(await held.inArchive(delivered.folder), expected, { hasQuantiles: false });
  });

  it("a store of Prometheus' remote write holds it where a window was final once, and every revision where it was corrected", async () => {
    const samples = await held.inVictoriametrics(stores, run);
    let finalCount = 0;
    for (const window of delivered.windows) {
      const { stream, service, windowStart, state } = window;
      const of = (name: string) =>
        samples.get(`${stream} ${service} ${windowStart} service_metrics_${name}`) ?? [];
      const wanted: Record<string, number> = {
        requests: window.requestCount,
        errors: window.errorCount,
        error_ratio: window.errorRate,
      };
      if (window.avgLatency !== null && window.latency !== null) {
        wanted["latency_average_seconds"] = window.avgLatency / 1_000;
        for (const [quantile, name] of [
          ["0", "min"],
          ["0.5", "p50"],
          ["0.95", "p95"],
          ["0.99", "p99"],
          ["1", "max"],
        ] as const) {
          wanted[`latency_seconds ${quantile}`] = window.latency[name] / 1_000;
        }
      }
      if (state === "final") finalCount++;
      for (const [name, value] of Object.entries(wanted)) {
        const found = of(name);
        // The store keeps decimals with a few digits less than a double has.
        const isValue = (sample: number) => Math.abs(sample - value) <= 1e-10 * Math.max(1, value);
        expect(found.some(isValue), `${name} of ${service} at ${windowStart}`).toBe(true);
        if (state === "final") expect(found.every(isValue)).toBe(true);
      }
      // What was final before it was corrected had seen fewer lines.
      expect(Math.max(...of("requests"))).toBe(window.requestCount);
    }
    expect(finalCount).toBeGreaterThan(0);
  });
});
