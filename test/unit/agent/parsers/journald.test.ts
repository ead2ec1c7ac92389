import { describe, expect, test } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import type { EventOptions } from "../../../../shared/events/event-options.ts";

const options: EventOptions = { fields: {}, durationUnit: "ms", timezone: "UTC", nowMs: () => 0 };
const parser = parsers.journald.compile(options);
const parse = (entry: unknown) => parser.parse(Buffer.from(JSON.stringify(entry)));
const basis = { __CURSOR: "s=1", __REALTIME_TIMESTAMP: "1795168859123456" };

describe("entries of the journal", () => {
  test("name their service by identifier, unit or command", () => {
    const named = { SYSLOG_IDENTIFIER: "a", _SYSTEMD_UNIT: "b.service", _COMM: "c" };
    expect(parse({ ...basis, ...named })).toMatchObject({ service: "a" });
    expect(parse({ ...basis, ...named, SYSLOG_IDENTIFIER: "" })).toMatchObject({ service: "b" });
    expect(parse({ ...basis, _COMM: "c" })).toMatchObject({ service: "c" });
    expect(parse(basis)).toMatchObject({ kind: "event", service: undefined });
  });

  test("have the level of their priority, or of their message where that says nothing", () => {
    const levels = [..."01234567"].map((PRIORITY) => parse({ ...basis, PRIORITY, MESSAGE: "x" }));
    expect(levels).toMatchObject(
      ["FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG"].map((level) => ({
        level,
      })),
    );
    const MESSAGE = '{"level":"error","message":"x","duration":3}';
    expect(parse({ ...basis, MESSAGE, PRIORITY: "6" })).toMatchObject({
      ...{ level: "ERROR", message: "x", durationUs: 3000 },
    });
    expect(parse({ ...basis, MESSAGE, PRIORITY: "2" })).toMatchObject({ level: "FATAL" });
  });

  test("are no events without a time, and nothing else is one", () => {
    expect(parse({ __CURSOR: "s=1" })).toEqual({ kind: "rejection", reason: "no_time" });
    expect(parse({ ...basis, __REALTIME_TIMESTAMP: "x" })).toMatchObject({ reason: "bad_time" });
    expect(parse({ time: 1 })).toMatchObject({ reason: "unparsed" });
    expect(parse([1])).toMatchObject({ reason: "unparsed" });
    expect(parser.parse(Buffer.from("{"))).toMatchObject({ reason: "not_json" });
    expect(parser.parse(Buffer.from(" \r"))).toMatchObject({ reason: "blank" });
  });

  test("hold their message in a format that is configured", () => {
    const logfmt = parsers.journald.compile({ ...options, inner: "logfmt" });
    const line = JSON.stringify({ ...basis, MESSAGE: "level=warn msg=hi" });
    expect(logfmt.parse(Buffer.from(line))).toMatchObject({ level: "WARN", message: "hi" });
  });
});
