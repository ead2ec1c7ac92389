import { describe, expect, test } from "vitest";
import { type FindValues, NamedValuesParser } from "../../../../agent/parsers/named-values.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";

/** `a=b,c=d`, or a reason. */
const find: FindValues = (line) =>
  line === "?"
    ? "unparsed"
    : new Map(line.split(",").map((pair) => [pair.replace(/=.*/, ""), pair.replace(/.*=/, "")]));
const parse = (line: string, options: Partial<EventOptions> = {}) =>
  new NamedValuesParser(find, { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", ...options }).parse(
    Buffer.from(line),
  );

describe("NamedValuesParser", () => {
  test("gives texts the meaning of their names, the first that is not empty", () => {
    const line =
      "timestamp=,time=2026-11-20T10:00:59Z,severity=err,service=web,msg=x,duration=2s,a=,b=c\r";
    expect(parse(line)).toEqual({
      kind: "event",
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59),
      service: "web",
      level: "ERROR",
      message: "x",
      durationUs: 2_000_000,
      durationOutOfRange: false,
      fields: { b: "c" },
    });
  });

  test("notes durations that are too long, and says why a line is none", () => {
    expect(parse("time=2026-11-20T10:00:59Z,duration=1e99")).toMatchObject({
      durationOutOfRange: true,
    });
    expect(parse("?")).toMatchObject({ reason: "unparsed" });
    expect(parse("a=b")).toMatchObject({ reason: "no_time" });
    expect(parse("time=x")).toMatchObject({ reason: "bad_time" });
    expect(parse("\t")).toMatchObject({ reason: "blank" });
  });

  test("takes names and units from the configuration, and needs no time that the caller has", () => {
    const options = { fields: { level: ["x"] }, durationUnit: "s", isTimeGiven: true } as const;
    expect(parse("x=warn,duration=1.5", options)).toMatchObject({
      level: "WARN",
      durationUs: 1_500_000,
    });
  });
});
