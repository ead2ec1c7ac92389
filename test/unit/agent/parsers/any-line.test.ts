import { describe, expect, test } from "vitest";
import { AnyLineParser } from "../../../../agent/parsers/any-line.ts";
import { parsers } from "../../../../agent/parsers/registry.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { emptyMeasure } from "../../../../shared/events/parser.ts";

describe("AnyLineParser", () => {
  const parser = new AnyLineParser([parsers.json, parsers.logfmt], EVENT_OPTIONS_DEFAULT);
  const both = (text: string): unknown[] => {
    const line = Buffer.from(text);
    const parsed = parser.parse(line);
    const reason = parser.measure(line, 0, line.length, emptyMeasure());
    return [parsed.kind === "event" ? parsed.message : parsed.reason, reason];
  };

  test("reads each line by the first format that knows it", () => {
    expect(both('{"time":"2026-11-20T10:00:59Z","msg":"a"}')).toEqual(["a", undefined]);
    expect(both("time=2026-11-20T10:00:59Z msg=b")).toEqual(["b", undefined]);
  });

  test("refuses what none knows", () => {
    expect(both("words")).toEqual(["unparsed", "unparsed"]);
    expect(both(" ")).toEqual(["blank", "blank"]);
  });
});
