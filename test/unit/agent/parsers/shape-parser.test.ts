import { describe, expect, test } from "vitest";
import { defineShapeParser, type ShapeFormat } from "../../../../agent/parsers/shape-parser.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";

const UTC: EventOptions = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" };

function parse(
  shapes: readonly string[],
  line: string,
  more: Partial<EventOptions & ShapeFormat> = {},
) {
  const format = { summary: "A test.", shapes, ...(more.levels ? { levels: more.levels } : {}) };
  return defineShapeParser(format)
    .compile({ ...UTC, ...more })
    .parse(Buffer.from(line));
}

const TIME = "{time:yyyy-MM-dd HH:mm:ss}";

describe("a parser of shapes", () => {
  test("reads time, level, service, duration, message and fields", () => {
    const shapes = [
      `${TIME} {level} {service:word} [{thread}] took {duration:number:s}s: {message}`,
    ];
    const line = "2026-11-20 10:00:59   warn web [ a b ] took 1.5s: slow\nat x\r";
    expect(parse(shapes, line)).toEqual({
      kind: "event",
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59),
      service: "web",
      level: "WARN",
      message: "slow\nat x",
      durationUs: 1_500_000,
      durationOutOfRange: false,
      fields: { thread: "a b" },
    });
  });

  test.each([
    ["[main] app.Cart ERROR no stock", "ERROR"],
    ["pool-1 - [warn] slow", "WARN"],
    ["app.Cart error: no stock", "ERROR"],
    ["local.CRITICAL: no stock", "FATAL"],
    ['id=7 level="DEBUG" x', "DEBUG"],
    ["{} <Error> no stock", "ERROR"],
    ["\u001b[2m7\u001b[0m \u001b[31mERROR\u001b[0m no stock", "ERROR"],
    ["no error at all", undefined],
    ["ERRORS=5 TERROR", undefined],
    ["it went wrong.ERROR", undefined],
    ["a b c d e f g h i ERROR", undefined],
    ["x\nERROR", undefined],
  ])("finds a level near by in %j", (text, level) => {
    const event = parse([`${TIME} {level:near}{message}`], `2026-11-20 10:00:59 ${text}`);
    const found = level === undefined ? { kind: "rejection" } : { level, message: text };
    expect(event).toMatchObject(found);
  });

  test("reads lines that begin with a colour as if they had none", () => {
    const line = "\u001b[2m2026-11-20 10:00:59\u001b[0m \u001b[33m WARN\u001b[0m slow\u001b";
    expect(parse([`${TIME} {level:upper} {message}`], line)).toMatchObject({
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59),
      level: "WARN",
      message: "slow\u001b",
    });
  });

  test("tries alternatives in their order, and lines up with none", () => {
    const shapes = [`${TIME} {level:upper} {message}`, `${TIME} {message}`];
    expect(parse(shapes, "2026-11-20 10:00:59 ERROR x")).toMatchObject({
      level: "ERROR",
      message: "x",
    });
    expect(parse(shapes, "2026-11-20 10:00:59 error x")).toMatchObject({
      level: "INFO",
      message: "error x",
    });
    expect(parse(shapes, "\tat x")).toEqual({ kind: "rejection", reason: "unparsed" });
    expect(parse(shapes, " \t\r")).toEqual({ kind: "rejection", reason: "blank" });
    expect(parse([`${TIME} x`], "2026-11-20 10:00:59 xy")).toEqual({
      kind: "rejection",
      reason: "unparsed",
    });
  });

  test("takes no value from an alternative that failed", () => {
    const shapes = [`${TIME} {a:word} {service:word} end`, `${TIME} {message}`];
    expect(parse(shapes, "2026-11-20 10:00:59 b c d")).toMatchObject({
      service: undefined,
      message: "b c d",
      fields: {},
    });
  });

  test("knows levels as words, letters, marks and statuses", () => {
    const level = (shape: string, text: string, levels = {}) => {
      const event = parse([`${TIME} ${shape} {message}`], `2026-11-20 10:00:59 ${text} x`, {
        levels,
      });
      return event.kind === "event" ? event.level : event.reason;
    };
    expect(level("{level}", "Critical")).toBe("FATAL");
    expect(level("{level}", "trace8", { TRACE8: "TRACE" })).toBe("TRACE");
    expect(level("{level}", "I")).toBe("unparsed");
    expect(level("{level}", "30")).toBe("unparsed");
    expect(level("{level:letter}", "E")).toBe("ERROR");
    expect(level("{level:letter}", "Q")).toBe("unparsed");
    expect(level("{level:mark}", "#", { "#": "WARN" })).toBe("WARN");
    expect(level("{level:mark}", "W")).toBe("unparsed");
    expect(level("{status}", "503")).toBe("ERROR");
    expect(level("{status}", "50")).toBe("unparsed");
  });

  test("lets the configuration take meanings from other fields", () => {
    const shapes = [`${TIME} {level} {logger:word} {kind:word} {message}`];
    const line = "2026-11-20 10:00:59 INFO shop.Cart fatal x";
    const fields = { service: ["none", "logger"], level: ["kind"] };
    expect(parse(shapes, line, { fields })).toMatchObject({
      service: "shop.Cart",
      level: "FATAL",
      fields: { logger: "shop.Cart", kind: "fatal" },
    });
  });

  test("needs a time, unless the caller has it", () => {
    const shapes = ["{clock} {level} {message}"];
    expect(parse(shapes, "10:00:59.123 ERROR x")).toEqual({ kind: "rejection", reason: "no_time" });
    expect(parse(shapes, "10:00:59.123 ERROR x", { isTimeGiven: true })).toMatchObject({
      level: "ERROR",
    });
    expect(parse(shapes, "10:00:5 ERROR x", { isTimeGiven: true })).toMatchObject({
      reason: "unparsed",
    });
  });

  test("finds lines behind the names that tools write before them", () => {
    expect(parse([`${TIME} {message}`], "web-1  | 2026-11-20 10:00:59 x")).toMatchObject({
      message: "x",
    });
  });
});
