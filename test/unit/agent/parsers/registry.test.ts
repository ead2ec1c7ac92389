import { describe, expect, test } from "vitest";
import {
  FORMAT_NAMES,
  type FormatName,
  isFormatName,
  lineOptionFaults,
  PARSER_NAMES,
  parsers,
} from "../../../../agent/parsers/registry.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type LineOptions,
} from "../../../../shared/events/event-options.ts";

describe("the registry of parsers", () => {
  test("lists its names in alphabetical order", () => {
    expect([...PARSER_NAMES]).toEqual(Object.keys(parsers).toSorted());
    expect(FORMAT_NAMES).toContain("auto");
  });

  test("lets every parser of wrapped lines know the formats of plain ones", () => {
    const line = Buffer.from("2026-11-20T10:00:00Z stdout F <3>Nov 20 10:00:00 web app: x");
    const event = parsers.cri.compile({ ...EVENT_OPTIONS_DEFAULT, nowMs: () => 0 }).parse(line);
    expect(event).toMatchObject({ kind: "event", service: "app", level: "ERROR", message: "x" });
  });

  test("tells names from other text", () => {
    for (const name of FORMAT_NAMES) expect(isFormatName(name)).toBe(true);
    for (const name of ["", "JSON", "toString"]) expect(isFormatName(name)).toBe(false);
  });

  test("summarises each parser in one sentence", () => {
    for (const { summary } of Object.values(parsers)) expect(summary).toMatch(/^[A-Z].*\.$/);
  });
});

describe("lineOptionFaults", () => {
  const faults = (format: FormatName, options: LineOptions): string[] =>
    lineOptionFaults(format, { ...EVENT_OPTIONS_DEFAULT, ...options }).map(
      ({ option, fault }) => `${option}: ${fault}`,
    );

  test("asks for what a format needs, and refuses what it does not take", () => {
    expect(faults("csv", { columns: ["a"], delimiter: ";", timeFormats: ["epoch"] })).toEqual([]);
    expect(faults("csv", { pattern: "x" })).toEqual([
      "columns: expected columns, which the format needs",
      "pattern: expected nothing here: the format csv has no such option",
    ]);
    expect(faults("auto", { timeFormats: ["epoch"] })).toEqual([
      "timeFormats: expected nothing here: the format auto has no such option",
    ]);
  });

  test("lets each format check its own options", () => {
    expect(faults("regex", { pattern: "(" })).toEqual([
      expect.stringContaining("pattern: Invalid"),
    ]);
    expect(faults("grok", { pattern: "%{A:b}", patterns: { A: "x" } })).toEqual([]);
  });

  test("lets lines inside of others have their own options", () => {
    expect(faults("docker", { inner: "auto" })).toEqual([]);
    expect(faults("docker", { inner: "dissect", pattern: "%{message}" })).toEqual([]);
    expect(faults("docker", { inner: "dissect" })).toEqual([
      "pattern: expected pattern, which the format needs",
    ]);
    expect(faults("docker", { inner: "cri" })).toEqual([
      "inner: expected the format of a plain line, not cri",
    ]);
    expect(faults("json", { inner: "json" })).toEqual([
      "inner: expected nothing here: the format json has no such option",
    ]);
  });
});
