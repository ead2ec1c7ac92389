import { describe, expect, test } from "vitest";
import {
  DURATION_NONE,
  DURATION_OUT_OF_RANGE,
  durationUs,
  fieldNames,
  levelAt,
  levelOfNumber,
  levelOfStatus,
  levelOfText,
  SERVICE_LENGTH_MAX,
  serviceName,
} from "../../../../shared/events/event-fields.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";

describe("levels", () => {
  test("are known by their names in any case", () => {
    const names = {
      TRACE: ["trace", "V", "Verbose", "FINE"],
      DEBUG: ["Debug", "d"],
      INFO: ["info", "Notice", "INFORMATION", "i"],
      WARN: ["warn", "Warning", "w"],
      ERROR: ["error", "SEVERE", "err", "E"],
      FATAL: ["fatal", "Critical", "crit", "ALERT", "emerg", "panic", "F"],
      OTHER: ["", " ", "INFO ", "LOUD", "emergency", "ınfo", "ſevere", "-1", "07", "99", "3.5"],
    };
    for (const [level, texts] of Object.entries(names)) {
      for (const text of texts) expect([text, levelAt(levelOfText(text))]).toEqual([text, level]);
    }
  });

  test("are known by the numbers of pino, bunyan, syslog and OpenTelemetry, also as text", () => {
    const numbers = {
      TRACE: [10],
      DEBUG: [20, 7, 8],
      INFO: [30, 6, 5, 9, 11, 12],
      WARN: [40, 4, 13, 16],
      ERROR: [50, 3, 17, 18, 19],
      FATAL: [60, 0, 1, 2, 21, 24],
      OTHER: [25, 35, 70, 100, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY],
    };
    for (const [level, values] of Object.entries(numbers)) {
      for (const value of values) {
        expect([value, levelAt(levelOfNumber(value))]).toEqual([value, level]);
        expect([value, levelAt(levelOfText(String(value)))]).toEqual([value, level]);
      }
    }
  });

  test("follow from an HTTP status", () => {
    expect(
      [200, 304, 399, 400, 499, 500, 599].map((status) => levelAt(levelOfStatus(status))),
    ).toEqual(["INFO", "INFO", "INFO", "WARN", "WARN", "ERROR", "ERROR"]);
  });
});

describe("durationUs", () => {
  test("is the nearest microsecond, halves up", () => {
    expect(durationUs(12.4, "ms")).toBe(12_400);
    expect(durationUs(0.0004, "ms")).toBe(0);
    expect(durationUs(0.0005, "ms")).toBe(1);
    expect(durationUs(1.5, "s")).toBe(1_500_000);
    expect(durationUs(7, "us")).toBe(7);
    expect(durationUs(1500, "ns")).toBe(2);
    expect(durationUs(-0, "ms")).toBe(0);
  });

  test("is none for what is no duration", () => {
    expect(durationUs(-0.001, "ms")).toBe(DURATION_NONE);
    expect(durationUs(Number.NaN, "ms")).toBe(DURATION_NONE);
  });

  test("is out of range from 2^30 ms on, in every unit", () => {
    expect(durationUs(2 ** 30, "ms")).toBe(DURATION_OUT_OF_RANGE);
    expect(durationUs(2 ** 30 - 1, "ms")).toBe((2 ** 30 - 1) * 1000);
    expect(durationUs(2 ** 30 / 1000, "s")).toBe(DURATION_OUT_OF_RANGE);
    expect(durationUs(2 ** 30 * 1000, "us")).toBe(DURATION_OUT_OF_RANGE);
    expect(durationUs(2 ** 30 * 1e6, "ns")).toBe(DURATION_OUT_OF_RANGE);
    expect(durationUs(Number.POSITIVE_INFINITY, "ms")).toBe(DURATION_OUT_OF_RANGE);
  });
});

describe("serviceName", () => {
  test("is well-formed and not endless", () => {
    expect(serviceName("größe")).toBe("größe");
    expect(serviceName("a\ud800b")).toBe("a\ufffdb");
    expect(serviceName("x".repeat(SERVICE_LENGTH_MAX + 1)).length).toBe(SERVICE_LENGTH_MAX);
    expect(serviceName(`${"x".repeat(SERVICE_LENGTH_MAX - 1)}🚀`).isWellFormed()).toBe(true);
  });
});

describe("fieldNames", () => {
  test("replaces only what is configured", () => {
    const names = fieldNames({ ...EVENT_OPTIONS_DEFAULT, fields: { time: ["when"] } });
    expect(names.time).toEqual(["when"]);
    expect(names.level).toEqual(["level", "severity", "lvl"]);
  });
});
