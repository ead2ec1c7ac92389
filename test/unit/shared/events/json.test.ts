import { describe, expect, test } from "vitest";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";
import { parser } from "../../../../shared/events/json.ts";
import type { ParsedEvent } from "../../../../shared/events/parser.ts";

const TIME = '"timestamp":"2026-11-20T10:00:59.500Z"';
const TIME_MS = Date.UTC(2026, 10, 20, 10, 0, 59, 500);

function parse(line: string | Buffer, options: Partial<EventOptions> = {}) {
  return parser
    .compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", ...options })
    .parse(Buffer.from(line));
}

function event(line: string | Buffer, options: Partial<EventOptions> = {}): ParsedEvent {
  const parsed = parse(line, options);
  if (parsed.kind !== "event") throw new Error(`rejected: ${parsed.reason}`);
  return parsed;
}

const reason = (line: string | Buffer) => {
  const parsed = parse(line);
  return parsed.kind === "event" ? "event" : parsed.reason;
};

describe("the JSON parser", () => {
  test("reads an event with all its fields", () => {
    expect(
      event(
        `{${TIME},"service":"orders","level":"error","message":"no stock","duration":12.4,"order":7,"tags":["a"]}`,
      ),
    ).toEqual({
      kind: "event",
      timeMs: TIME_MS,
      service: "orders",
      level: "ERROR",
      message: "no stock",
      durationUs: 12_400,
      durationOutOfRange: false,
      fields: { order: 7, tags: ["a"] },
    });
  });

  test("takes the first name that is present, and null is not present", () => {
    const parsed = event(
      `{"ts":"2000-01-01T00:00:00Z",${TIME},"severity":"WARN","level":null,"service.name":"a","duration_ms":3}`,
    );
    expect(parsed.timeMs).toBe(TIME_MS);
    expect(parsed.level).toBe("WARN");
    expect(parsed.service).toBe("a");
    expect(parsed.durationUs).toBe(3000);
    expect(parsed.fields).toEqual({ ts: "2000-01-01T00:00:00Z", level: null });
  });

  test("takes the last of a key that is written twice, also when one is escaped", () => {
    expect(event(`{"service":"a",${TIME},"service":"b"}`).service).toBe("b");
    expect(event(`{"service":"a",${TIME},"serv\\u0069ce":"c"}`).service).toBe("c");
  });

  test("ignores the same names further down", () => {
    const parsed = event(`{"ctx":{"service":"inner","level":"FATAL","duration":9},${TIME}}`);
    expect([parsed.service, parsed.level, parsed.durationUs]).toEqual([
      undefined,
      "INFO",
      undefined,
    ]);
  });

  test("has a service only where it is text that is not empty", () => {
    for (const value of ['""', "7", "null", "{}", '["a"]', "true"]) {
      expect(event(`{${TIME},"service":${value}}`).service).toBeUndefined();
    }
    expect(event(`{${TIME},"service":" "}`).service).toBe(" ");
    expect(event(`{${TIME},"service":"\\ud800"}`).service).toBe("\ufffd");
  });

  test("calls a missing level INFO and an unknown one OTHER", () => {
    expect(event(`{${TIME}}`).level).toBe("INFO");
    for (const value of ['""', '"LOUD"', "true", "{}", '["INFO"]', "35"]) {
      expect(event(`{${TIME},"level":${value}}`).level).toBe("OTHER");
    }
    expect(event(`{${TIME},"level":50}`).level).toBe("ERROR");
  });

  test("counts only numbers as durations", () => {
    for (const value of ['"12.7"', "true", "null", "{}", "[1]", "-1"]) {
      const parsed = event(`{${TIME},"duration":${value}}`);
      expect([parsed.durationUs, parsed.durationOutOfRange]).toEqual([undefined, false]);
    }
    for (const value of ["1073741824", "1e400"]) {
      const parsed = event(`{${TIME},"duration":${value}}`);
      expect([parsed.durationUs, parsed.durationOutOfRange]).toEqual([undefined, true]);
    }
    expect(event(`{${TIME},"duration":1.5}`, { durationUnit: "s" }).durationUs).toBe(1_500_000);
  });

  test("takes times as numbers and as text of digits", () => {
    for (const time of ["1763632859.5", "1763632859500", '"1763632859500"', "1763632859500000"]) {
      expect(event(`{"time":${time}}`).timeMs).toBe(1763632859500);
    }
  });

  test("says why a line is no event", () => {
    expect(reason("{}")).toBe("no_time");
    expect(reason('{"timestamp":null}')).toBe("no_time");
    for (const value of ['"x"', '""', "{}", "[]", "true", "12", '"2026-02-30T10:00:00Z"']) {
      expect([value, reason(`{"timestamp":${value}}`)]).toEqual([value, "bad_time"]);
    }
    for (const line of [
      "[]",
      "null",
      "1",
      '"a"',
      "{",
      `{${TIME},}`,
      `{${TIME}} x`,
      "\ufeff{}",
      "\0",
    ]) {
      expect([line, reason(line)]).toEqual([line, "not_json"]);
    }
    for (const line of ["", " ", "\t\r", "\r", " \v\f "])
      expect([line, reason(line)]).toEqual([line, "blank"]);
  });

  test("is not misled by names of the language", () => {
    expect(reason('{"__proto__":{"timestamp":"2026-11-20T10:00:59Z"}}')).toBe("no_time");
    const parsed = event(`{${TIME},"__proto__":{"a":1},"constructor":2}`);
    expect(Object.keys(parsed.fields)).toEqual(["__proto__", "constructor"]);
    expect(
      event(`{${TIME}}`, { fields: { service: ["constructor", "toString"] } }).service,
    ).toBeUndefined();
  });

  test("reads invalid UTF-8 as the replacement character and ignores a carriage return at the end", () => {
    const line = Buffer.concat([
      Buffer.from(`{${TIME},"service":"a`),
      Buffer.from([0xff, 0xc3]),
      Buffer.from('b"}\r'),
    ]);
    expect(event(line).service).toBe("a\ufffd\ufffdb");
  });

  test("shows a message that is no text as JSON", () => {
    expect(event(`{${TIME},"message":{"a":[1]}}`).message).toBe('{"a":[1]}');
    expect(event(`{${TIME},"msg":"m"}`).message).toBe("m");
  });

  test("reads a line of ten megabytes and a very deep one", () => {
    expect(event(`{"message":"${'long \\" '.repeat(1_500_000)}",${TIME}}`).timeMs).toBe(TIME_MS);
    const depth = 200_000;
    expect(event(`{${TIME},"x":${"[".repeat(depth)}${"]".repeat(depth)}}`).timeMs).toBe(TIME_MS);
  });

  test("understands other names when configured", () => {
    const fields = { time: ["when"], service: ["app"], duration: ["took"] };
    const parsed = event('{"when":"2026-11-20T10:00:59Z","app":"x","took":2,"service":"y"}', {
      fields,
    });
    expect([parsed.service, parsed.durationUs, parsed.fields]).toEqual([
      "x",
      2000,
      { service: "y" },
    ]);
  });
});
