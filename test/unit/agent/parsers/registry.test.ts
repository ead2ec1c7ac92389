import { describe, expect, test } from "vitest";
import { EVENT_OPTIONS_DEFAULT } from "../../../../agent/parsers/event-options.ts";
import {
  FORMAT_NAMES,
  isFormatName,
  PARSER_NAMES,
  parsers,
} from "../../../../agent/parsers/registry.ts";

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
