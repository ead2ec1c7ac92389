/** Faults that were injected into a real system: how many the rules find, how fast, and what else they tell. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { loadRules } from "../../aggregator/rules/load-rules.ts";
import { type RunWindow, ThresholdRun } from "../../aggregator/rules/threshold-run.ts";
import { present } from "../../shared/assert.ts";

const LOGS = join(import.meta.dirname, "logs");
const RULES = join(import.meta.dirname, "../../config/rules");
const MINUTE_MS = 60_000;
/** A fault is found by an alert about its service from two minutes before its published time, which is that late, to five minutes behind it. */
const EARLY_MS = 2 * MINUTE_MS;
const LATE_MS = 5 * MINUTE_MS;
const STREAM = "application-logs";

const windows: RunWindow[] = gunzipSync(
  readFileSync(join(LOGS, "trainticket-requests-1m.csv.gz")),
)
  .toString()
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [service = "", start = "", ...numbers] = line.split(",");
    const [requestCount = 0, errorCount = 0, avgLatency = 0] = numbers.map(Number);
    const errorRate = errorCount / requestCount;
    const fields = { requestCount, errorCount, errorRate, avgLatency, responseTime: avgLatency };
    return { service, stream: STREAM, startMs: Date.parse(start), fields };
  });

const faults = readFileSync(join(LOGS, "trainticket-faults.csv"), "utf8")
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [time = "", kind = "", pod = ""] = line.split(",");
    return { timeMs: Date.parse(time), kind, service: pod.replace(/-[^-]+-[^-]+$/, "") };
  });

/** What a rule of `config/rules` finds. */
function search(name: string) {
  const text = readFileSync(join(RULES, `${name}.yaml`), "utf8");
  const { thresholds } = loadRules([{ file: name, text }]);
  const rule = present(thresholds?.[0], "a threshold rule");
  const untilMs = Math.max(...windows.map(({ startMs }) => startMs + MINUTE_MS));
  const alerts = new ThresholdRun(rule)
    .run(windows, untilMs)
    .filter(({ state }) => state === "firing");
  const isNear = (atMs: number, timeMs: number) =>
    atMs > timeMs - EARLY_MS && atMs <= timeMs + LATE_MS;
  const delaysMs = new Map<number, number>();
  let [elsewhere, withoutFault] = [0, 0];
  for (const { service, atMs } of alerts) {
    const index = faults.findIndex((one) => one.service === service && isNear(atMs, one.timeMs));
    const fault = faults[index];
    if (fault !== undefined) {
      if (!delaysMs.has(index)) delaysMs.set(index, atMs - fault.timeMs);
    } else if (faults.some(({ timeMs }) => isNear(atMs, timeMs))) {
      elsewhere++;
    } else {
      withoutFault++;
    }
  }
  const delays = [...delaysMs.values()].toSorted((a, b) => a - b);
  return {
    found: delaysMs.size,
    medianDelaySeconds: Math.round((delays[Math.floor((delays.length - 1) / 2)] ?? 0) / 1_000),
    longestDelaySeconds: Math.round((delays.at(-1) ?? 0) / 1_000),
    alerts: alerts.length,
    elsewhere,
    withoutFault,
  };
}

describe("28 faults injected into a shop for train tickets", () => {
  it("leave traces in 2,815 windows of 28 services", () => {
    expect([faults.length, windows.length]).toEqual([28, 2_815]);
  });

  it("are found by the rule that ships as the default", () => {
    expect(search("high-error-rate")).toEqual({
      found: 13,
      medianDelaySeconds: 4,
      longestDelaySeconds: 94,
      alerts: 116,
      // Four services fail in every minute, faults or not.
      elsewhere: 101,
      withoutFault: 2,
    });
  });

  it("are found by the rule that knows what is usual", () => {
    // Nine faults leave no trace in the requests of their service: no error, nothing slow.
    expect(search("unusual-errors")).toEqual({
      found: 15,
      medianDelaySeconds: 50,
      longestDelaySeconds: 94,
      alerts: 63,
      elsewhere: 48,
      withoutFault: 0,
    });
  });
});
