import { describe, expect, test } from "vitest";
import { parser } from "../../../../agent/parsers/syslog.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";

const OPTIONS: EventOptions = {
  ...EVENT_OPTIONS_DEFAULT,
  timezone: "UTC",
  nowMs: () => Date.UTC(2026, 10, 25),
};

function parse(line: string, options: Partial<EventOptions> = {}) {
  return parser.compile({ ...OPTIONS, ...options }).parse(Buffer.from(line));
}

describe("the syslog parser", () => {
  test("reads RFC 5424, structured data too", () => {
    const line =
      '<165>1 2003-10-11T22:14:15.003Z web.example evntslog 12 ID47 [a@1 b="c"] \ufeffAn entry';
    expect(parse(line)).toEqual({
      kind: "event",
      timeMs: Date.UTC(2003, 9, 11, 22, 14, 15, 3),
      service: "evntslog",
      level: "INFO",
      message: "An entry",
      durationUs: undefined,
      durationOutOfRange: false,
      fields: {
        priority: 165,
        facility: 20,
        severity: 5,
        version: 1,
        hostname: "web.example",
        appname: "evntslog",
        procid: "12",
        msgid: "ID47",
        structured_data: { "a@1": { b: "c" } },
      },
    });
  });

  test("reads facility and severity by name before a program", () => {
    const time = "Nov 20 10:00:59";
    expect(parse(`${time} web daemon.err app[12]: x`)).toMatchObject({
      service: "app",
      level: "ERROR",
      message: "x",
      fields: { hostname: "web", priority: 27, facility: 3, severity: 3, procid: "12" },
    });
    expect(parse(`${time} web local7.panic app: x`)).toMatchObject({ level: "FATAL" });
    expect(parse(`${time} web kern.warn kernel: x`)).toMatchObject({
      level: "WARN",
      fields: { facility: 0, severity: 4 },
    });
    // The number says it, or the words are a text.
    const plain = { service: undefined, level: "INFO" };
    expect(parse(`<30>${time} web daemon.err app: x`)).toMatchObject(plain);
    for (const text of ["daemon.err x", "daemon. app: x", "x.err app: x", "daemon.err.x app: y"]) {
      expect(parse(`${time} web ${text}`)).toMatchObject({ ...plain, message: text });
    }
  });

  test("reads RFC 3164 with and without priority, host and process", () => {
    const time = "Nov 20 10:00:59";
    expect(parse(`<11>${time} web app[12]: x`)).toMatchObject({ service: "app", level: "ERROR" });
    expect(parse(`${time} web app[12]: x`)).toMatchObject({
      level: "INFO",
      message: "x",
      fields: { hostname: "web", appname: "app", procid: "12" },
    });
    expect(parse(`${time} web app[12] x`)).toMatchObject({ service: "app", message: "x" });
    expect(parse(`${time} app: x`)).toMatchObject({ service: "app", fields: { appname: "app" } });
    expect(parse(`${time} web Some message: here`)).toMatchObject({
      service: undefined,
      message: "Some message: here",
      fields: { hostname: "web" },
    });
    expect(parse(`${time} web sudo:   root : TTY`)).toMatchObject({ message: "root : TTY" });
    expect(parse(`${time} fe80::1 %ASA-6-302014: x`)).toMatchObject({
      message: "%ASA-6-302014: x",
    });
    expect(parse(`${time} web app[12]: `)).toMatchObject({ service: "app", message: undefined });
  });

  test("reads the time that rsyslog writes to files, where a program must follow", () => {
    expect(parse("2026-11-20T10:00:59.123456+01:00 web app[12]: x")).toMatchObject({
      timeMs: Date.UTC(2026, 10, 20, 9, 0, 59, 123),
      service: "app",
    });
    expect(parse("2026-11-20T10:00:59Z web just words")).toMatchObject({ reason: "unparsed" });
    expect(parse("2026-11-20 10:00:59 web app: x")).toMatchObject({ reason: "unparsed" });
  });

  test("keeps the lines of a joined event in its message", () => {
    expect(parse("Nov 20 10:00:59 web app: x\n\tat y")).toMatchObject({ message: "x\n\tat y" });
  });

  test.each([
    ["", "blank"],
    ["\tat x", "unparsed"],
    ["<192>1 2026-11-20T10:00:59Z - - - - -", "unparsed"],
    ["<01>1 2026-11-20T10:00:59Z - - - - -", "unparsed"],
    ["<>Nov 20 10:00:59 web app: x", "unparsed"],
    ["<1>0 2026-11-20T10:00:59Z - - - - -", "unparsed"],
    ["<1>1 2026-11-20T10:00:59 - - - -", "unparsed"],
    ["<1>1 2026-11-20T10:00:59Z - - - - [a", "unparsed"],
    ["<1>1 - - - - - -", "no_time"],
    ["<34>use the BFG!", "no_time"],
    ["<34>Nov 31 10:00:59 web app: x", "no_time"],
    ["Nov 20 10:00:59", "unparsed"],
  ])("refuses %s as %s", (line, reason) => {
    expect(parse(line)).toEqual({ kind: "rejection", reason });
  });

  test("needs a clock to know the year", () => {
    const options = { nowMs: undefined };
    expect(parse("Nov 20 10:00:59 web app: x", options)).toMatchObject({ reason: "unparsed" });
  });

  test("takes the service from a field when configured, and needs no time that the caller has", () => {
    const options = { fields: { service: ["hostname"] }, isTimeGiven: true };
    expect(parse("<1>1 - web app - - - x", options)).toMatchObject({
      service: "web",
      message: "x",
    });
  });
});
