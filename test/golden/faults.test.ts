/** Faults that were injected into a real system: how many the rules find, how fast, and what else they tell. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { labelsOf } from "../../aggregator/alerts/alert-record.ts";
import { type InhibitRule, inhibitorsOf, type OpenAlert } from "../../aggregator/alerts/inhibition.ts";
import { parseMatcher } from "../../aggregator/alerts/matchers.ts";
import { loadRules } from "../../aggregator/rules/load-rules.ts";
import {
  type RunWindow,
  type ThresholdFound,
  ThresholdRun,
} from "../../aggregator/rules/threshold-run.ts";
import { present } from "../../shared/assert.ts";

const LOGS = join(import.meta.dirname, "logs");
const RULES = join(import.meta.dirname, "../../config/rules");
const MINUTE_MS = 60_000;
/** A fault is found by an alert about its service from two minutes before its published time, which is that late, to five minutes behind it. */
const EARLY_MS = 2 * MINUTE_MS;
const LATE_MS = 5 * MINUTE_MS;
/** What fires within so long of the first is one message, as with `group_interval`. */
const GROUP_MS = 5 * MINUTE_MS;
const STREAM = "application-logs";

function rowsOf(file: string): string[][] {
  const bytes = readFileSync(join(LOGS, file));
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  const rows = text.trim().split("\n").slice(1);
  return rows.map((line) => line.split(","));
}

const requests: RunWindow[] = rowsOf("trainticket-requests-1m.csv.gz").map(
  ([service = "", start = "", ...numbers]) => {
    const [requestCount = 0, errorCount = 0, avgLatency = 0] = numbers.map(Number);
    const errorRate = errorCount / requestCount;
    const fields = { requestCount, errorCount, errorRate, avgLatency, responseTime: avgLatency };
    return { service, stream: STREAM, startMs: Date.parse(start), fields };
  },
);

const logLines = new Map(
  rowsOf("trainticket-log-lines-1m.csv.gz").map(([service, start, lines, errors]) => [
    `${service} ${start}`,
    { lines: Number(lines), errors: Number(errors) },
  ]),
);

/** The same with the lines that services logged, and measures that count requests and those that failed. */
const withLines: RunWindow[] = requests.map((window) => {
  const start = new Date(window.startMs).toISOString().replace(".000", "");
  const { lines = 0, errors = 0 } = logLines.get(`${window.service} ${start}`) ?? {};
  const [count, failed] = [window.fields["requestCount"], window.fields["errorCount"]].map(Number);
  const requestCount = present(count, "requests") + lines;
  const errorCount = present(failed, "failures") + errors;
  const measures = { requests_count: count, failed_count: failed };
  const numbers = { requestCount, errorCount, errorRate: errorCount / requestCount };
  return { ...window, fields: { ...window.fields, ...numbers, ...measures } };
});

const faults = rowsOf("trainticket-faults.csv").map(([time = "", kind = "", pod = ""]) => {
  return { timeMs: Date.parse(time), kind, service: pod.replace(/-[^-]+-[^-]+$/, "") };
});

/** While something fires for a service, what fires for those that call it notifies nobody; not between services that call each other. */
function inhibitRules(): InhibitRule[] {
  const calls = rowsOf("trainticket-calls.csv");
  const callersOf = (callee: string, known = new Set<string>()): Set<string> => {
    for (const [caller = "", called] of calls) {
      if (called !== callee || known.has(caller)) continue;
      callersOf(callee === caller ? "" : caller, known.add(caller));
    }
    return known;
  };
  return [...new Set(calls.map(([, callee = ""]) => callee))].map((callee) => ({
    sourceMatchers: [present(parseMatcher(`service=${callee}`), "source")],
    targetMatchers: [present(parseMatcher(`service=~${[...callersOf(callee)].join("|")}`), "target")],
    equal: [],
  }));
}

/** What rules of `config/rules` change, by time. */
function changesOf(names: readonly string[], windows: readonly RunWindow[]): ThresholdFound[] {
  const texts = names.map((name) => {
    return { file: name, text: readFileSync(join(RULES, `${name}.yaml`), "utf8") };
  });
  const thresholds = present(loadRules(texts).thresholds, "threshold rules");
  const untilMs = Math.max(...windows.map(({ startMs }) => startMs + MINUTE_MS));
  return thresholds
    .flatMap((rule) => new ThresholdRun(rule).run(windows, untilMs))
    .toSorted((a, b) => a.atMs - b.atMs);
}

/** The alerts that notify people: those that no other inhibits when they fire, of one moment and service one. */
function notified(changes: readonly ThresholdFound[], rules: readonly InhibitRule[]) {
  const open = new Map<string, OpenAlert>();
  const told = new Map<string, ThresholdFound>();
  for (const group of Map.groupBy(changes, ({ atMs }) => atMs).values()) {
    for (const { state, alert } of group) {
      if (state === "resolved") open.delete(alert.id);
      else open.set(alert.id, { id: alert.id, labels: labelsOf(alert.json) });
    }
    for (const one of group) {
      const fires = open.get(one.alert.id);
      if (one.state === "resolved" || fires === undefined) continue;
      if (inhibitorsOf(fires, open.values(), rules).length > 0) continue;
      told.set(`${one.atMs} ${one.service}`, one);
    }
  }
  return [...told.values()];
}

function isNear(atMs: number, timeMs: number): boolean {
  return atMs > timeMs - EARLY_MS && atMs <= timeMs + LATE_MS;
}

function faultOf({ service, atMs }: ThresholdFound): number {
  return faults.findIndex((one) => one.service === service && isNear(atMs, one.timeMs));
}

/** How good alerts are. */
function search(alerts: readonly ThresholdFound[]) {
  const delaysMs = new Map<number, number>();
  let [elsewhere, withoutFault] = [0, 0];
  for (const alert of alerts) {
    const index = faultOf(alert);
    const fault = faults[index];
    if (fault !== undefined) {
      if (!delaysMs.has(index)) delaysMs.set(index, alert.atMs - fault.timeMs);
    } else if (faults.some(({ timeMs }) => isNear(alert.atMs, timeMs))) {
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

/** Messages when all that fires within {@link GROUP_MS} is one, and how many of them name a service with a fault. */
function messages(alerts: readonly ThresholdFound[]) {
  const groups: { endMs: number; isRight: boolean }[] = [];
  for (const alert of alerts) {
    let group = groups.at(-1);
    if (group === undefined || alert.atMs > group.endMs) {
      group = { endMs: alert.atMs + GROUP_MS, isRight: false };
      groups.push(group);
    }
    if (faultOf(alert) >= 0) group.isRight = true;
  }
  return { messages: groups.length, right: groups.filter(({ isRight }) => isRight).length };
}

const alertsOf = (name: string) =>
  changesOf([name], requests).filter(({ state }) => state === "firing");

describe("28 faults injected into a shop for train tickets", () => {
  it("leave traces in 2,815 windows of 28 services", () => {
    expect([faults.length, requests.length]).toEqual([28, 2_815]);
  });

  it("are found by the rule that ships as the default", () => {
    expect(search(alertsOf("high-error-rate"))).toEqual({
      found: 14,
      medianDelaySeconds: 4,
      longestDelaySeconds: 94,
      alerts: 92,
      // Four services fail in every minute, faults or not.
      elsewhere: 75,
      withoutFault: 3,
    });
  });

  it("are found by the rule that knows what is usual", () => {
    expect(search(alertsOf("unusual-errors"))).toEqual({
      found: 15,
      medianDelaySeconds: 50,
      longestDelaySeconds: 94,
      alerts: 63,
      elsewhere: 48,
      withoutFault: 0,
    });
  });

  it("are found by the rules that also look at logs, and by whom services call", () => {
    const names = ["failures", "latency", "log-lines-missing"].map((name) => `call-chain/${name}`);
    const alerts = notified(changesOf(names, withLines), inhibitRules());
    expect(search(alerts)).toEqual({
      found: 18,
      medianDelaySeconds: 15,
      longestDelaySeconds: 94,
      alerts: 41,
      // Those whose cause shows nothing in its own requests and logs, so that nothing inhibits them.
      elsewhere: 23,
      withoutFault: 0,
    });
    expect(messages(alerts)).toEqual({ messages: 24, right: 17 });
  });
});
