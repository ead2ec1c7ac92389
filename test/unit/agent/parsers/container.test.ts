import { describe, expect, test } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";

const parse = (line: string) =>
  parsers.cri.compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "+01:00" }).parse(Buffer.from(line));
const HEAD = "2026-11-20T10:00:59.5Z stdout F ";

describe("a parser of container lines", () => {
  test("takes the time of the envelope and everything else of the line inside", () => {
    expect(
      parse(
        `${HEAD}{"level":"warn","msg":"x","service":"a","duration":2,"time":"2020-01-01T00:00:00Z","b":1}`,
      ),
    ).toEqual({
      kind: "event",
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59, 500),
      service: "a",
      level: "WARN",
      message: "x",
      durationUs: 2000,
      durationOutOfRange: false,
      fields: { stream: "stdout", b: 1 },
    });
  });

  test("counts a line that no format knows as INFO", () => {
    expect(parse(`${HEAD}just x=1 words`)).toMatchObject({
      service: undefined,
      level: "INFO",
      message: "just x=1 words",
      fields: { stream: "stdout" },
    });
  });

  test("forgets what the line before was", () => {
    const parser = parsers.cri.compile(EVENT_OPTIONS_DEFAULT);
    parser.parse(Buffer.from(`${HEAD}{"level":"fatal","service":"a","duration":2}`));
    expect(parser.parse(Buffer.from(`${HEAD}words`))).toMatchObject({
      service: undefined,
      level: "INFO",
      durationUs: undefined,
    });
  });

  test("refuses what is no envelope, and filters what is blank inside", () => {
    expect(parse("words")).toEqual({ kind: "rejection", reason: "unparsed" });
    expect(parse("soon stdout F words")).toEqual({ kind: "rejection", reason: "bad_time" });
    expect(parse(`${HEAD} \r`)).toEqual({ kind: "rejection", reason: "blank" });
    expect(parse("\t")).toEqual({ kind: "rejection", reason: "blank" });
  });
});
