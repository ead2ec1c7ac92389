import { describe, expect, test } from "vitest";
import { csvValues, parser } from "../../../../agent/parsers/csv.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type LineOptions,
} from "../../../../shared/events/event-options.ts";

describe("csvValues", () => {
  test.each([
    ["a,b", ["a", "b"]],
    ["", [""]],
    [",", ["", ""]],
    ["a,,", ["a", "", ""]],
    ['"a,b",c', ["a,b", "c"]],
    ['"a ""b"" c"', ['a "b" c']],
    ['""', [""]],
    ['"""",x', ['"', "x"]],
    ['"a\nb",c', ["a\nb", "c"]],
    ['a"b,c', ['a"b', "c"]],
  ])("reads %j", (line, values) => {
    expect(csvValues(line, ",")).toEqual(values);
  });

  test.each(['"a', '"a""', '"a"b', '"', 'a,"b'])("refuses %j", (line) => {
    expect(csvValues(line, ",")).toBeUndefined();
  });
});

describe("the csv parser", () => {
  const parse = (line: string, options: LineOptions = {}) =>
    parser
      .compile({
        ...EVENT_OPTIONS_DEFAULT,
        timezone: "UTC",
        columns: ["time", "level", "msg", "duration", "user"],
        ...options,
      })
      .parse(Buffer.from(line));

  test("names values by their columns; a missing one is no field, one too many is", () => {
    expect(parse("2026-11-20 10:00:59,error,x,1.5,,more")).toEqual({
      kind: "event",
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59),
      service: undefined,
      level: "ERROR",
      message: "x",
      durationUs: 1500,
      durationOutOfRange: false,
      fields: { column_6: "more" },
    });
    expect(parse("2026-11-20 10:00:59")).toMatchObject({ level: "INFO", message: undefined });
  });

  test("takes another delimiter and configured times", () => {
    const options = { delimiter: "\t", timeFormats: ["dd.MM.yyyy HH:mm"] };
    expect(parse("20.11.2026 10:00\twarn\ta,b", options)).toMatchObject({
      timeMs: Date.UTC(2026, 10, 20, 10),
      level: "WARN",
      message: "a,b",
    });
  });

  test("filters the header and refuses what is none", () => {
    expect(parse("time,level,msg,duration,user\r")).toMatchObject({ reason: "header" });
    expect(parse('2026-11-20 10:00:59,"x')).toMatchObject({ reason: "unparsed" });
    expect(parse(",error,x")).toMatchObject({ reason: "no_time" });
    expect(parse("soon,error,x")).toMatchObject({ reason: "bad_time" });
    expect(parse(" ")).toMatchObject({ reason: "blank" });
  });
});
