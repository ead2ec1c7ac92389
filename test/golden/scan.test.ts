import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runScan } from "../../agent/commands/scan.ts";
import type { WindowJson } from "../../shared/aggregates/window-json.ts";
import { testIo } from "../unit/agent/commands/test-io.ts";

const folder = new URL("./logs/", import.meta.url);
const path = (name: string) => new URL(name, folder).pathname;

/** The rows of a CSV file without quotes. */
function csv(name: string): Record<string, string>[] {
  const [head = "", ...rows] = readFileSync(path(name), "utf8").trim().split(/\r?\n/);
  const names = head.split(",");
  return rows.map((row) =>
    Object.fromEntries(row.split(",").map((cell, column) => [names[column] ?? "", cell])),
  );
}

async function scan(name: string, windowMinutes: number) {
  const io = testIo();
  const exitCode = await runScan(
    {
      paths: [path(name)],
      format: "auto",
      timezone: "UTC",
      durationUnit: "ms",
      windowMinutes,
      output: "ndjson",
    },
    io,
  );
  expect(exitCode).toBe(0);
  const windows: WindowJson[] = io.output().trim().split("\n").map((line) => JSON.parse(line));
  return { windows, stderr: io.errors() };
}

const startOf = (window: WindowJson) => window.windowStart.replace(".000Z", "Z");

describe.each([1, 5])("scan of real requests in windows of %i minutes", (windowMinutes) => {
  test("equals the independent truth, row for row and field for field", async () => {
    const { windows } = await scan("boutique-requests.ndjson.gz", windowMinutes);
    const truth = csv(`boutique-requests-${windowMinutes}m.csv`);
    const byKey = new Map(windows.map((window) => [`${window.service} ${startOf(window)}`, window]));
    expect(windows.length).toBe(truth.length);
    for (const row of truth) {
      const window = byKey.get(`${row["service"]} ${row["window_start"]}`);
      const number = (name: string) => Number(row[name]);
      expect(window).toMatchObject({
        windowEnd: row["window_end"]?.replace("Z", ".000Z"),
        requestCount: number("request_count"),
        errorCount: number("error_count"),
        latency: { min: number("min_ms"), max: number("max_ms") },
      });
      // The truth is rounded to three decimals.
      expect(Math.abs((window?.avgLatency ?? 0) - number("avg_latency_ms"))).toBeLessThan(0.00051);
      for (const quantile of ["p50", "p95", "p99"] as const) {
        const exact = number(`${quantile}_ms`);
        const found = window?.latency?.[quantile] ?? Number.NaN;
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.01 + 1e-9);
      }
    }
  });

  test("prints rows in the order of start and service", async () => {
    const { windows } = await scan("boutique-requests.ndjson.gz", windowMinutes);
    const keys = windows.map((window) => `${window.windowStart} ${window.service}`);
    expect(keys).toEqual(keys.toSorted());
  });
});

describe("scan of a real access log", () => {
  test("equals the independent truth, and names the one broken line", async () => {
    const { windows, stderr } = await scan("apache-combined.log.gz", 60);
    const truth = csv("apache-combined-1h.csv");
    expect(windows.length).toBe(truth.length);
    expect(windows.map(startOf)).toEqual(truth.map((row) => row["window_start"]));
    windows.forEach((window, index) => {
      const row = truth[index] ?? {};
      const number = (name: string) => Number(row[name]);
      expect({
        requests: window.requestCount,
        info: window.levels.INFO ?? 0,
        warn: window.levels.WARN ?? 0,
        errors: window.errorCount,
      }).toEqual({
        requests: number("requests"),
        info: number("2xx") + number("3xx"),
        warn: number("4xx"),
        errors: number("5xx"),
      });
      expect(window.avgLatency).toBeNull();
    });
    expect(stderr).toContain("1 of 10000 lines rejected: 1 unparsed (line 8899)");
    expect(stderr).toContain("read as access-log, which fits 100 of the first 100 events");
  });
});
