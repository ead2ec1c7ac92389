import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createLineCounter } from "../../agent/window/create-line-counter.ts";
import { LEVELS } from "../../shared/aggregates/aggregate.ts";
import { minuteToIso } from "../../shared/time/window.ts";

const folder = new URL("./logs/", import.meta.url);
const bytesOf = (name: string) => gunzipSync(readFileSync(new URL(name, folder)));

/** The rows of a CSV file without quotes. */
function csv(name: string): Record<string, string>[] {
  const text = readFileSync(new URL(name, folder), "utf8");
  const [head = "", ...rows] = text.trim().split(/\r?\n/);
  const names = head.split(",");
  return rows.map((row) =>
    Object.fromEntries(row.split(",").map((cell, column) => [names[column] ?? "", cell])),
  );
}

/** What `auto` makes of files that are one log. */
function count(names: readonly string[]) {
  const formats = new Set<string>();
  const counter = createLineCounter({
    format: "auto",
    fields: {},
    durationUnit: "ms",
    timezone: "UTC",
    nowMs: () => Date.UTC(2018, 0, 1),
    onFormat: (choice) => formats.add(choice.format),
  });
  names.forEach((name, file) => {
    const bytes = bytesOf(name);
    const context = { service: "", eventTimeLimitMs: Number.POSITIVE_INFINITY, file };
    const end = bytes.lastIndexOf(0x0a) + 1;
    counter.count(bytes, 0, end, context);
    counter.countUnterminated(bytes.subarray(end), context);
  });
  const { deltas, entries } = counter.take();
  const lines = (kind: string) =>
    entries.filter((entry) => entry.kind === kind).reduce((sum, entry) => sum + entry.lines, 0);
  const levels = new Map<string, number>();
  for (const { minute, service, aggregate } of deltas) {
    aggregate.levels.forEach((events, level) => {
      const key = `${minuteToIso(minute).slice(0, 16)} ${service} ${LEVELS[level]}`;
      if (events > 0) levels.set(key, (levels.get(key) ?? 0) + events);
    });
  }
  return {
    formats: [...formats],
    levels,
    events: lines("aggregated"),
    rejected: lines("rejected"),
    joined: lines("filtered"),
  };
}

describe("a rotated log of Kafka", () => {
  const files = csv("kafka/files.csv").filter(({ file }) => /controller|server/.test(file ?? ""));

  test.each(files)("$file has the events and continuation lines that there are", (row) => {
    const found = count([`kafka/${row["file"]?.slice("kafka0/".length)}.gz`]);
    expect(found).toMatchObject({
      formats: ["log4j"],
      events: Number(row["events"]),
      joined: Number(row["continuation_lines"]),
      rejected: 0,
    });
  });

  test.each(["controller", "server"])("%s counts by minute and level as the truth does", (log) => {
    const names = readdirSync(new URL("kafka/", folder)).filter((name) => name.startsWith(log));
    const { levels } = count(names.map((name) => `kafka/${name}`));
    const truth = csv("kafka/levels-1m.csv").filter((row) => row["log"] === log);
    expect(levels.size).toBe(truth.length);
    for (const { minute, level, events } of truth) {
      expect([minute, level, levels.get(`${minute?.slice(0, 16)}  ${level}`)]).toEqual([
        minute,
        level,
        Number(events),
      ]);
    }
  });
});

test("a system's log counts by hour and program as the truth does", () => {
  const { formats, levels, rejected } = count(["syslog-auth.log.gz"]);
  expect([formats, rejected]).toEqual([["syslog"], 0]);
  const hours = new Map<string, number>();
  for (const [key, events] of levels) {
    const [minute = "", program = ""] = key.split(" ");
    const hour = `${minute.slice(5, 13)} ${program}`;
    hours.set(hour, (hours.get(hour) ?? 0) + events);
  }
  const truth = csv("syslog-auth-1h.csv");
  expect(hours.size).toBe(truth.length);
  for (const { month_day_hour: hour, program, lines } of truth) {
    expect([hour, program, hours.get(`${hour} ${program}`)]).toEqual([
      hour,
      program,
      Number(lines),
    ]);
  }
});

describe("the log of a pod", () => {
  const pods = readdirSync(new URL("pods/", folder)).filter((name) => name.endsWith(".gz"));

  test.each(pods)("%s counts by minute and level as the truth does", (name) => {
    const service = name.replace(/-[0-9a-f]{8,10}-[0-9a-z]{5}_.*/, "");
    const { formats, levels, rejected } = count([`pods/${name}`]);
    expect([formats, rejected]).toEqual([["docker"], 0]);
    const truth = csv("pods/levels-1m.csv").filter((row) => row["service"] === service);
    expect(truth.length).toBeGreaterThan(0);
    for (const row of truth) {
      const minute = row["minute"]?.slice(0, 16);
      const events = (level: string) => levels.get(`${minute}  ${level}`) ?? 0;
      // A line without a level is INFO here; the truth counts it apart.
      expect([minute, events("DEBUG"), events("INFO"), events("WARN"), events("ERROR")]).toEqual([
        minute,
        Number(row["debug"]),
        Number(row["info"]) + Number(row["unparsable"]),
        Number(row["warn"]),
        Number(row["error"]),
      ]);
    }
  });
});
