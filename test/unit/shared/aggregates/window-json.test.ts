import { describe, expect, test } from "vitest";
import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { windowJson } from "../../../../shared/aggregates/window-json.ts";
import { isoToMinute } from "../../../../shared/time/window.ts";

const minute = isoToMinute("2026-11-20T10:00:00.000Z") ?? 0;
const key = { stream: "application-logs", service: "orders", minute, windowMinutes: 1 };

describe("windowJson", () => {
  test("has the documented keys in the documented order, latencies in milliseconds", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.ERROR, 1);
    aggregate.add(LEVEL_INDEX.INFO, 20);
    aggregate.add(LEVEL_INDEX.INFO, 40);
    aggregate.add(LEVEL_INDEX.INFO, -1);
    expect(JSON.stringify(windowJson({ ...key, aggregate }))).toBe(
      '{"stream":"application-logs","service":"orders","windowStart":"2026-11-20T10:00:00.000Z",' +
        '"windowEnd":"2026-11-20T10:01:00.000Z","requestCount":4,"errorCount":1,"errorRate":0.25,' +
        `"avgLatency":${0.061 / 3},` +
        '"latency":{"min":0.001,"p50":0.02,"p95":0.04,"p99":0.04,"max":0.04},' +
        '"levels":{"INFO":3,"ERROR":1},"dimensions":{}}',
    );
  });

  test("has null latencies when no event had a duration", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.FATAL, -1);
    const json = windowJson({ ...key, aggregate });
    expect(json.avgLatency).toBeNull();
    expect(json.latency).toBeNull();
    expect(json.errorRate).toBe(1);
  });

  test("ends with state, revision and folded where there are any", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.INFO, -1);
    aggregate.folded = true;
    const progress = { state: "corrected" as const, revision: 7 };
    const json = windowJson({ ...key, aggregate, progress });
    expect(Object.keys(json).slice(-3)).toEqual(["state", "revision", "folded"]);
    expect(json).toMatchObject({ state: "corrected", revision: 7, folded: true });
  });

  test("spans several minutes when the window does", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.INFO, -1);
    const json = windowJson({ ...key, windowMinutes: 5, aggregate });
    expect(json.windowEnd).toBe("2026-11-20T10:05:00.000Z");
  });
});
