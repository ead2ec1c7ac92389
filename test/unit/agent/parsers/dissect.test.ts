import { describe, expect, test } from "vitest";
import { parser } from "../../../../agent/parsers/dissect.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";

const options = (pattern: string) => ({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", pattern });
const TIME = "2026-11-20T10:00:59Z";

function fields(pattern: string, line: string): unknown {
  const event = parser.compile(options(`%{time} ${pattern}`)).parse(Buffer.from(`${TIME} ${line}`));
  return event.kind === "event" ? event.fields : event.reason;
}

describe("the dissect parser", () => {
  test.each([
    ["[%{a}] %{b}", "[x y] z: w", { a: "x y", b: "z: w" }],
    ["%{a->} %{b}", "x    y", { a: "x", b: "y" }],
    ["%{a} %{b}", "x  y", { a: "x", b: " y" }],
    ["%{} %{?b} %{c}", "x y z", { c: "z" }],
    ["%{a} %{+a} %{b}", "x y z", { a: "x y", b: "z" }],
    ["%{+a/2} %{+a/1} %{b}", "x y z", { a: "y x", b: "z" }],
    ["%{*k}=%{&k} %{b}", "x=y z", { x: "y", b: "z" }],
    ["%{a}.", "x.", { a: "x" }],
    ["%{a}", "x\ny", { a: "x\ny" }],
    ["<%{a}", "x", "unparsed"],
    ["%{a};%{b}", "x", "unparsed"],
    ["%{a}.", "x.y", "unparsed"],
  ])("by %s reads %j as %j", (pattern, line, expected) => {
    expect(fields(pattern, line)).toEqual(expected);
  });

  test("joins a time from two parts", () => {
    const compiled = parser.compile(options("%{time} %{+time} %{level} %{message}"));
    expect(compiled.parse(Buffer.from("2026-11-20 10:00:59 ERROR x"))).toMatchObject({
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59),
      level: "ERROR",
      message: "x",
    });
  });

  test.each([
    ["plain", "it has no key, such as %{time}"],
    ["%{a}%{b}", "nothing stands between %{a} and %{b}"],
    ["%{+} x", "%{+} has no name"],
    ["%{a/b} x", "%{a/b} is no key"],
    ["%{*a}=%{b}", "*a and &a belong together: one of them is missing"],
  ])("says what is wrong with %s", (pattern, fault) => {
    expect(parser.check?.(options(pattern))).toEqual({ option: "pattern", fault });
  });
});
