import { describe, expect, test } from "vitest";
import { type ParserName, parsers } from "../../../../agent/parsers/registry.ts";
import { createLineCounter } from "../../../../agent/window/create-line-counter.ts";
import {
  type EventLines,
  eventLines,
  eventPlaces,
  lastEventFrom,
  leadingLinesTo,
} from "../../../../agent/window/event-lines.ts";
import type { CountContext } from "../../../../agent/window/line-counter.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type MultilineOptions,
} from "../../../../shared/events/event-options.ts";
import type { ParserDefinition } from "../../../../shared/events/parser.ts";

const nowMs = () => Date.UTC(2026, 10, 26);
const options = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", nowMs };

function linesOf(format: ParserName, multiline?: MultilineOptions): EventLines | undefined {
  const definition: ParserDefinition = parsers[format];
  const needed = { ...options, pattern: "(?<message>.*)", columns: ["time"] };
  return eventLines(definition, definition.compile(needed), multiline);
}

function eventsOf(text: string, lines: EventLines | undefined): string[] {
  const buffer = Buffer.from(text);
  if (lines === undefined) return [];
  const places = [...eventPlaces(buffer, 0, buffer.length, lines)];
  return places.map(({ from, to }) => buffer.toString("utf8", from, to));
}

/** What programs of each language write when something fails, behind a line of their logger. */
const TRACES: readonly (readonly [language: string, format: ParserName, events: string[]])[] = [
  [
    "Java",
    "log4j",
    [
      "2026-11-20 10:00:00,123 ERROR [main] c.e.Shop - order 17 failed\njava.lang.IllegalStateException: no stock: 3\n\tat com.example.Shop.buy(Shop.java:42)\n\tat com.example.Main.main(Main.java:7) ~[app.jar:1.0]\nCaused by: java.io.IOException: [disk] - full\n\t... 2 more",
      "2026-11-20 10:00:01,001 INFO  [main] c.e.Shop - next",
    ],
  ],
  [
    "java.util.logging",
    "log4j",
    [
      "Nov 20, 2026 10:00:00 AM com.example.Shop buy\nSEVERE: order 17 failed\njava.lang.IllegalStateException: no stock",
      "Nov 20, 2026 10:00:01 AM com.example.Shop buy\nINFO: next",
    ],
  ],
  [
    "Python",
    "python",
    [
      '2026-11-20 10:00:00,123 - shop - ERROR - order 17 failed\nTraceback (most recent call last):\n  File "shop.py", line 42, in buy\n    raise ValueError("no stock")\nValueError: no stock\n\nDuring handling of the above exception, another exception occurred:\n\nKeyError: \'x\'',
      "2026-11-20 10:00:01,001 - shop - INFO - next",
    ],
  ],
  [
    "Go",
    "text",
    [
      "2026/11/20 10:00:00 http: panic serving 127.0.0.1:1: boom\ngoroutine 7 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/local/go/src/net/http/server.go:1850 +0xbf\nmain.main()",
      "2026/11/20 10:00:01 next",
    ],
  ],
  [
    "Node",
    "text",
    [
      "2026-11-20T10:00:00.123Z ERROR order 17 failed\nError: no stock\n    at buy (/app/shop.js:42:9)\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {\n  code: 'E_STOCK'\n}",
      "2026-11-20T10:00:01.001Z INFO next",
    ],
  ],
  [
    "Ruby",
    "text",
    [
      "E, [2026-11-20T10:00:00.123456 #7] ERROR -- : no stock (RuntimeError)\nshop.rb:42:in `buy'\n\tfrom main.rb:7:in `<main>'",
      "I, [2026-11-20T10:00:01.001000 #7]  INFO -- : next",
    ],
  ],
  [
    ".NET",
    "text",
    [
      "2026-11-20 10:00:00.123 [ERR] order 17 failed\nSystem.InvalidOperationException: no stock\n   at Shop.Buy(Int32 id) in /src/Shop.cs:line 42\n   --- End of inner exception stack trace ---\n   at Program.Main()",
      "2026-11-20 10:00:01.001 [INF] next",
    ],
  ],
  [
    "PHP",
    "text",
    [
      "[20-Nov-2026 10:00:00 UTC] PHP Fatal error:  Uncaught Exception: no stock in /app/shop.php:42\nStack trace:\n#0 /app/index.php(7): buy(17)\n#1 {main}\n  thrown in /app/shop.php on line 42",
      "[20-Nov-2026 10:00:01 UTC] PHP Notice:  next",
    ],
  ],
  [
    "the slow-query log of MySQL",
    "mysql-slow",
    [
      "# Time: 2026-11-20T10:00:00.123456Z\n# User@Host: shop[shop] @ localhost []  Id:     7\n# Query_time: 2.500000  Lock_time: 0.000100 Rows_sent: 1  Rows_examined: 100000\nSET timestamp=1795168800;\nSELECT *\nFROM orders;",
      "# User@Host: shop[shop] @ localhost []  Id:     8\n# Query_time: 1.500000  Lock_time: 0.000100 Rows_sent: 1  Rows_examined: 100000\nSET timestamp=1795168800;\nSELECT 2;",
    ],
  ],
];

describe("lines that belong together", () => {
  test.each(TRACES)("%s: a trace belongs to the event before it", (_, format, events) => {
    const text = `${events.join("\n")}\n`;
    expect(eventsOf(text, linesOf(format))).toEqual(events);
  });

  test.each(TRACES)("%s: windows count events, the ledger every line", (_, format, events) => {
    const counter = createLineCounter({ ...options, format });
    const text = Buffer.from(`${events.join("\n")}\n`);
    const context: CountContext = { service: "shop", eventTimeLimitMs: Number.POSITIVE_INFINITY };
    counter.count(text, 0, text.length, { ...context, fileStart: true });
    const { deltas, entries } = counter.take();
    const requests = deltas.reduce((sum, { aggregate }) => sum + aggregate.requestCount, 0);
    expect(requests).toBe(events.length);
    const total = (key: "lines" | "bytes") => entries.reduce((sum, entry) => sum + entry[key], 0);
    expect([total("lines"), total("bytes")]).toEqual([
      text.toString().split("\n").length - 1,
      text.length,
    ]);
    const aggregated = entries.find(({ kind }) => kind === "aggregated");
    expect(aggregated?.lines).toBe(events.length);
    expect(entries.filter(({ kind }) => kind === "rejected")).toEqual([]);
  });

  test("the level of java.util.logging, which stands in the second line, counts", () => {
    const counter = createLineCounter({ ...options, format: "log4j" });
    const text = Buffer.from(`${TRACES[1]?.[2].join("\n") ?? ""}\n`);
    counter.count(text, 0, text.length, { service: "shop", eventTimeLimitMs: Infinity });
    const [delta] = counter.take().deltas;
    expect(delta?.aggregate).toMatchObject({ requestCount: 2, errorCount: 1 });
  });

  test("formats whose lines are whole join nothing", () => {
    for (const format of ["json", "access-log", "syslog", "logfmt", "csv", "regex"] as const) {
      expect(linesOf(format), format).toBeUndefined();
    }
    expect(linesOf("log4j", { mode: "off" })).toBeUndefined();
  });

  test("patterns say what begins an event, or what goes on with one", () => {
    const text = "{\n  1\n}\n{\n  2\n}\n";
    expect(eventsOf(text, linesOf("json", { start: "^\\{" }))).toEqual(["{\n  1\n}", "{\n  2\n}"]);
    expect(eventsOf("a\n b\nc\n", linesOf("json", { continuation: "^\\s" }))).toEqual([
      "a\n b",
      "c",
    ]);
    expect(eventsOf("a\r\nb\r\n", linesOf("json", { start: "^a$" }))).toEqual(["a\r\nb\r"]);
  });

  test("of an event beyond the limit only whole lines within it are looked at", () => {
    const lines = linesOf("json", { start: "^a", bytesMax: 5 });
    expect(eventsOf("a1\nb2\nc3\na4\n", lines)).toEqual(["a1\nb2", "a4"]);
    expect(eventsOf("a123456\nb\n", lines)).toEqual(["a123456"]);
  });

  test("the last event begins at the last line that begins one", () => {
    const buffer = Buffer.from("a\n b\nc\n d\n\n");
    const begins = (bytes: Buffer, from: number, to: number) => to > from && bytes[from] !== 0x20;
    expect(lastEventFrom(buffer, 0, buffer.length, begins)).toBe(5);
    expect(lastEventFrom(buffer, 0, 5, begins)).toBe(0);
    expect(lastEventFrom(buffer, 2, 5, begins)).toBe(5);
    expect(leadingLinesTo(buffer, 2, buffer.length, begins)).toBe(5);
    expect(leadingLinesTo(buffer, 7, buffer.length, begins)).toBe(buffer.length);
  });

  test("pretty-printed JSON counts by a pattern", () => {
    const counter = createLineCounter({ ...options, format: "json", multiline: { start: "^\\{" } });
    const text = Buffer.from(
      '{\n  "time": "2026-11-20T10:00:00Z",\n  "level": "error"\n}\n'.repeat(3),
    );
    counter.count(text, 0, text.length, { service: "shop", eventTimeLimitMs: Infinity });
    expect(counter.take().deltas[0]?.aggregate).toMatchObject({ requestCount: 3, errorCount: 3 });
  });

  test("lines before the first event of a log are rejected, later ones belong to the event before", () => {
    const counter = createLineCounter({ ...options, format: "log4j" });
    const text = Buffer.from("banner\n\n2026-11-20 10:00:00,123 ERROR [main] c.e.S - x\n\tat y\n");
    const context: CountContext = { service: "shop", eventTimeLimitMs: Infinity, file: 1 };
    counter.count(text, 0, text.length, { ...context, fileStart: true });
    counter.count(Buffer.from("\tat z\n"), 0, 6, context);
    expect(counter.take().entries).toEqual([
      { kind: "aggregated", reason: "", lines: 1, bytes: 47 },
      { kind: "rejected", reason: "unparsed", lines: 1, bytes: 7 },
      { kind: "filtered", reason: "blank", lines: 1, bytes: 1 },
      { kind: "filtered", reason: "joined", lines: 2, bytes: 12 },
    ]);
    const other = Buffer.from("of another format\n".repeat(70_000));
    counter.count(other, 0, other.length, context);
    expect(
      counter
        .take()
        .entries.map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(["filtered", "rejected"]);
  });
});
