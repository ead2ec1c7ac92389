import { describe, expect, test } from "vitest";
import { compileGrok, parser } from "../../../../agent/parsers/grok.ts";
import { GROK_PATTERNS } from "../../../../agent/parsers/grok-patterns.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type LineOptions,
} from "../../../../shared/events/event-options.ts";

const parse = (line: string, options: LineOptions) =>
  parser
    .compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", ...options })
    .parse(Buffer.from(line));

describe("the grok parser", () => {
  test("takes fields by the names of patterns", () => {
    const pattern =
      "%{TIMESTAMP_ISO8601:timestamp} %{LOGLEVEL:level} \\[%{NOTSPACE:[log][logger]}\\] (?<first>\\w+) %{INT:count:int} %{GREEDYDATA:message}";
    expect(parse("2026-11-20T10:00:59,5Z WARN [shop.Cart] took 12 ms", { pattern })).toMatchObject({
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59, 500),
      level: "WARN",
      message: "ms",
      fields: { "log.logger": "shop.Cart", first: "took", count: "12" },
    });
  });

  test("knows patterns of the configuration, and lets them win", () => {
    const options = {
      pattern: "%{DATESTAMP_EVENTLOG:time} %{ORDER:order} %{WORD:word}",
      patterns: { ORDER: "%{WORD}-\\d+", WORD: "[a-z]+" },
    };
    expect(parse("20261120100059 abc-12 x", options)).toMatchObject({
      fields: { order: "abc-12", word: "x" },
    });
    expect(parse("20261120100059 ABC-12 x", options)).toMatchObject({ reason: "unparsed" });
  });

  test("of two patterns that give a field takes the one that took part", () => {
    const pattern = "%{NUMBER:time} (?:%{IPV4:host}|%{HOSTNAME:host})";
    expect(parse("1763632859 web.example", { pattern })).toMatchObject({
      fields: { host: "web.example" },
    });
  });

  test("has a library whose every pattern is an expression", () => {
    for (const name of Object.keys(GROK_PATTERNS)) {
      expect(typeof compileGrok(`%{${name}:x}`), name).toBe("object");
    }
  });

  test.each([
    ["%{NOPE:x}", {}, "it names the unknown pattern NOPE"],
    ["%{constructor:x}", {}, "it names the unknown pattern constructor"],
    ["%{A:x}", { A: "%{B}", B: "%{A}" }, "its patterns name each other in a circle"],
    ["%{WORD}", {}, "it names no field, such as %{TIMESTAMP_ISO8601:time}"],
    ["(%{WORD:x}", {}, /Unterminated group/],
  ])("says what is wrong with %s", (pattern, patterns, fault) => {
    expect(compileGrok(pattern, patterns)).toEqual(
      typeof fault === "string" ? fault : expect.stringMatching(fault),
    );
  });
});
