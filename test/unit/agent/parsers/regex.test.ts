import { describe, expect, test } from "vitest";
import { PATTERN_LINE_LENGTH_MAX, parser } from "../../../../agent/parsers/regex.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";

const options = (pattern: string) => ({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", pattern });
const parse = (pattern: string, line: string) =>
  parser.compile(options(pattern)).parse(Buffer.from(line));

describe("the regex parser", () => {
  const pattern = "^(?<time>\\S+) (?P<level>\\w+)(?: \\[(?<thread>\\w+)\\])? (?<message>.*)$";

  test("takes named groups, also as Python and Go write them, over several lines", () => {
    expect(parse(pattern, "2026-11-20T10:00:59 warn [main] x\n at y\r")).toMatchObject({
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59),
      level: "WARN",
      message: "x\n at y",
      fields: { thread: "main" },
    });
    expect(parse(pattern, "2026-11-20T10:00:59 warn x")).toMatchObject({
      message: "x",
      fields: {},
    });
  });

  test("rejects what does not fit, and lines that are too long to be tried", () => {
    expect(parse(pattern, "x")).toMatchObject({ reason: "unparsed" });
    const long = `2026-11-20T10:00:59 warn ${"x".repeat(PATTERN_LINE_LENGTH_MAX)}`;
    expect(parse(pattern, long)).toMatchObject({ reason: "too_long" });
  });

  test("says what is wrong with an expression", () => {
    expect(parser.check?.(options(pattern))).toBeUndefined();
    expect(parser.check?.(options("(?<time>"))?.fault).toContain("Unterminated group");
    expect(parser.check?.(options("(.*)"))?.fault).toBe(
      "it has no named group, such as (?<time>…)",
    );
  });
});
