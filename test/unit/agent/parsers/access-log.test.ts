import { describe, expect, test } from "vitest";
import { parser } from "../../../../agent/parsers/access-log.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";
import type { ParsedEvent } from "../../../../shared/events/parser.ts";

const HEAD = "10.0.0.1 - - [20/Nov/2026:10:00:59 +0100]";
const TIME_MS = Date.UTC(2026, 10, 20, 9, 0, 59);
const COMMON = `${HEAD} "GET /a?b=1 HTTP/1.1" 200 123`;
const COMBINED = `${COMMON} "http://r.example/" "curl/8"`;

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

describe("the access log parser", () => {
  test("reads a combined line", () => {
    expect(event(COMBINED)).toEqual({
      kind: "event",
      timeMs: TIME_MS,
      service: undefined,
      level: "INFO",
      message: "GET /a?b=1 HTTP/1.1",
      durationUs: undefined,
      durationOutOfRange: false,
      fields: {
        client: "10.0.0.1",
        method: "GET",
        path: "/a?b=1",
        protocol: "HTTP/1.1",
        status: 200,
        bytes: 123,
        referrer: "http://r.example/",
        agent: "curl/8",
      },
    });
  });

  test("reads a common line, with a carriage return too", () => {
    expect(event(`${COMMON}\r`).fields["bytes"]).toBe(123);
    expect(event(`${HEAD} "GET / HTTP/1.0" 304 -`).fields["bytes"]).toBeUndefined();
  });

  test("keeps a referrer without an agent", () => {
    const { fields } = event(`${COMMON} "http://r.example/" 0.123`);
    expect(fields).toMatchObject({ referrer: "http://r.example/", more: "0.123" });
    expect(fields).not.toHaveProperty("agent");
  });

  test("takes the level from the status", () => {
    const levels = [200, 302, 404, 499, 500, 503].map(
      (status) => event(`${HEAD} "GET / HTTP/1.1" ${status} 1`).level,
    );
    expect(levels).toEqual(["INFO", "INFO", "WARN", "WARN", "ERROR", "ERROR"]);
    expect(event(`${HEAD} "GET / HTTP/1.1" - 1`).level).toBe("INFO");
  });

  test("takes a number at the end as the request time", () => {
    expect(event(`${COMBINED} 0.123`).durationUs).toBe(123_000);
    expect(event(`${COMMON} 1.500`).durationUs).toBe(1_500_000);
    expect(event(`${COMBINED} "10.1.1.1" 0.004`).durationUs).toBe(4000);
    expect(event(`${COMBINED} 42`).durationUs).toBe(42_000);
    expect(event(`${COMBINED} 42`, { durationUnit: "us" }).durationUs).toBe(42);
    expect(event(`${COMBINED} 0.123`, { durationUnit: "us" }).durationUs).toBe(0);
    expect(event(`${COMBINED} 5 "router@file" "http://10.0.0.9" 17ms`).durationUs).toBe(17_000);
    for (const tail of ["", " -", ' "-"', " 10.0.0.1", " abc"]) {
      expect([tail, event(COMBINED + tail).durationUs]).toEqual([tail, undefined]);
    }
  });

  test("finds the end of a request that holds quotes and brackets", () => {
    expect(event(`${HEAD} "GET /\\"x\\" HTTP/1.1" 200 1 "-" "a"`).fields["path"]).toBe('/\\"x\\"');
    expect(event(`${HEAD} "GET /"x" HTTP/1.1" 200 1 "-" "a"`).fields["path"]).toBe('/"x"');
    expect(event(`${HEAD} "GET /a[ ]b HTTP/1.1" 200 1`).fields["path"]).toBe("/a[ ]b");
    expect(event(`${HEAD} "GET /end\\" 404 1`).level).toBe("WARN");
    expect(event(`${HEAD} "\\x16\\x03 \\x01" 400 1`).fields).toMatchObject({
      path: "\\x16\\x03 \\x01",
    });
    expect(event(`${HEAD} "-" 408 -`).fields["path"]).toBeUndefined();
  });

  test("takes a virtual host, a list of addresses and a user's name with a space in front", () => {
    expect(event(`shop.example:443 ${COMMON}`).fields).toMatchObject({
      vhost: "shop.example:443",
      client: "10.0.0.1",
    });
    expect(event(`10.9.9.9, ${COMMON}`).fields["client"]).toBe("10.9.9.9");
    expect(event(COMMON.replace("- -", "- John Doe")).fields["user"]).toBe("John Doe");
    expect(event(`shop.example ${COMMON}`, { fields: { service: ["vhost"] } }).service).toBe(
      "shop.example",
    );
    expect(event(COMMON, { fields: { service: ["vhost"] } }).service).toBeUndefined();
  });

  test("says why a line is no event", () => {
    expect(reason(COMMON.replace("Nov", "Nox"))).toBe("bad_time");
    expect(reason(COMMON.replace("20/", "31/"))).toBe("bad_time");
    for (const line of [
      "hello",
      HEAD,
      `${HEAD} "GET / HTTP/1.1"`,
      `${HEAD} "GET / HTTP/1.1" 20 1`,
      `${HEAD} "GET / HTTP/1.1" 200`,
      `${HEAD} "GET / HTTP/1.1" 200 x`,
      `${COMMON} "-" "open`,
      `${COMMON} "open`,
      '{"a":1}',
      "[20/Nov/2026:10:00:59 +0100]",
    ]) {
      expect([line, reason(line)]).toEqual([line, "unparsed"]);
    }
    expect(reason("  ")).toBe("blank");
  });
});
