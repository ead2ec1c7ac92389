import { describe, expect, test } from "vitest";
import { parser } from "../../../../agent/parsers/logfmt.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";
import type { ParsedEvent } from "../../../../shared/events/parser.ts";

const TIME = "time=2026-11-20T10:00:59.5Z";
const TIME_MS = Date.UTC(2026, 10, 20, 10, 0, 59, 500);

function parse(line: string, options: Partial<EventOptions> = {}) {
  return parser
    .compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", ...options })
    .parse(Buffer.from(line));
}

function event(line: string, options: Partial<EventOptions> = {}): ParsedEvent {
  const parsed = parse(line, options);
  if (parsed.kind !== "event") throw new Error(`rejected: ${parsed.reason}`);
  return parsed;
}

const reason = (line: string) => {
  const parsed = parse(line);
  return parsed.kind === "event" ? "event" : parsed.reason;
};

describe("the logfmt parser", () => {
  test("reads an event with all its fields", () => {
    expect(
      event(`${TIME} level=warn service=orders msg="no \\"stock\\"" duration=12.4 order=7 flag`),
    ).toEqual({
      kind: "event",
      timeMs: TIME_MS,
      service: "orders",
      level: "WARN",
      message: 'no "stock"',
      durationUs: 12_400,
      durationOutOfRange: false,
      fields: { order: "7", flag: true },
    });
  });

  test("takes the first name that is present and the last of a name that is written twice", () => {
    const parsed = event(`ts=2000-01-01T00:00:00Z ${TIME} service.name=b service=a service=c`);
    expect(parsed.timeMs).toBe(TIME_MS);
    expect(parsed.service).toBe("c");
    expect(parsed.fields).toEqual({ ts: "2000-01-01T00:00:00Z", "service.name": "b" });
  });

  test("reads quoted values of every meaning, escapes too", () => {
    const parsed = event(
      'time="2026-11-20 10:00:59,5" level="\\u0065rror" service="a \\u00e9" duration="3"',
    );
    expect([parsed.timeMs, parsed.level, parsed.service, parsed.durationUs]).toEqual([
      TIME_MS,
      "ERROR",
      "a é",
      3000,
    ]);
    expect(event('time="2026-11-20T10:00:59.5\\u005a"').timeMs).toBe(TIME_MS);
    expect(event(`${TIME} a="x\\qy"`).fields).toEqual({ a: "xqy" });
  });

  test("keeps `=` and quotes within values that are not quoted", () => {
    expect(event(`${TIME} path=/a?b=c&d="e" q=a=b`).fields).toEqual({
      path: '/a?b=c&d="e"',
      q: "a=b",
    });
  });

  test("takes durations with a unit of their own", () => {
    expect(event(`${TIME} duration=1.5s`).durationUs).toBe(1_500_000);
    expect(event(`${TIME} duration=250µs`).durationUs).toBe(250);
    expect(event(`${TIME} duration=3`, { durationUnit: "s" }).durationUs).toBe(3_000_000);
    expect(event(`${TIME} duration=fast`).durationUs).toBeUndefined();
    expect(event(`${TIME} duration=400h`).durationOutOfRange).toBe(true);
  });

  test("has no service where it is empty, and OTHER for an empty level", () => {
    const parsed = event(`${TIME} service= level=`);
    expect([parsed.service, parsed.level]).toEqual([undefined, "OTHER"]);
    expect(event(`${TIME} level`).level).toBe("INFO");
  });

  test("says why a line is no event", () => {
    expect(reason("level=info msg=hello")).toBe("no_time");
    expect(reason("time=today")).toBe("bad_time");
    expect(reason("time=")).toBe("bad_time");
    for (const line of [
      "hello world",
      '{"a":"b"}',
      '"quoted"',
      "=x",
      'a="open',
      'a="b"c',
      'a="b\\"',
    ]) {
      expect([line, reason(line)]).toEqual([line, "unparsed"]);
    }
    expect(reason("")).toBe("blank");
    expect(reason(" \t\r")).toBe("blank");
  });

  test("keeps nothing of the line before", () => {
    const compiled = parser.compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" });
    compiled.parse(Buffer.from(`${TIME} service=a level=error duration=4`));
    const second = compiled.parse(Buffer.from(TIME));
    expect(second).toMatchObject({
      kind: "event",
      service: undefined,
      level: "INFO",
      durationUs: undefined,
    });
    expect(compiled.parse(Buffer.from("level=error"))).toEqual({
      kind: "rejection",
      reason: "no_time",
    });
  });
});
