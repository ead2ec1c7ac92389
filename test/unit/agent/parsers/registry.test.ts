import { describe, expect, test } from "vitest";
import {
  FORMAT_NAMES,
  isFormatName,
  PARSER_NAMES,
  parsers,
} from "../../../../agent/parsers/registry.ts";

describe("the registry of parsers", () => {
  test("is in alphabetical order and lists its names", () => {
    expect(Object.keys(parsers)).toEqual(Object.keys(parsers).toSorted());
    expect([...PARSER_NAMES]).toEqual(Object.keys(parsers));
    expect(FORMAT_NAMES).toContain("auto");
  });

  test("tells names from other text", () => {
    for (const name of FORMAT_NAMES) expect(isFormatName(name)).toBe(true);
    for (const name of ["", "JSON", "toString"]) expect(isFormatName(name)).toBe(false);
  });

  test("summarises each parser in one sentence", () => {
    for (const { summary } of Object.values(parsers)) expect(summary).toMatch(/^[A-Z].*\.$/);
  });
});
