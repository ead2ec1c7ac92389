import { describe, expect, test } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import { createLineCounter } from "../../../../agent/window/create-line-counter.ts";
import { eventLines, eventPlaces } from "../../../../agent/window/event-lines.ts";
import type { EventOptions, MultilineOptions } from "../../../../shared/events/event-options.ts";
import type { ParserDefinition } from "../../../../shared/events/parser.ts";

const options: EventOptions = { fields: {}, durationUnit: "ms", timezone: "UTC", nowMs: () => 0 };
const TIME = "2026-11-20T10:00:00.123456789Z";

/** Lines of CRI: `P `, `F ` or `E ` (a whole line of stderr) before each text. */
function cri(texts: readonly string[]): string {
  const line = (text: string) =>
    `${TIME} ${text[0] === "E" ? "stderr" : "stdout"} ${text[0] === "P" ? "P" : "F"} ${text.slice(2)}\n`;
  return texts.map(line).join("");
}

function docker(texts: readonly string[]): string {
  const line = (text: string) => {
    const log = text.slice(2) + (text[0] === "P" ? "" : "\n");
    return `${JSON.stringify({ log, stream: text[0] === "E" ? "stderr" : "stdout", time: TIME })}\n`;
  };
  return texts.map(line).join("");
}

const WRITERS = { cri, docker } as const;

/** The messages of the events, and whether their last piece is missing. */
function eventsOf(
  format: keyof typeof WRITERS,
  texts: readonly string[],
  multiline?: MultilineOptions,
): string[] {
  const definition: ParserDefinition = parsers[format];
  const parser = definition.compile(options);
  const lines = eventLines(definition, parser, multiline);
  const buffer = Buffer.from(WRITERS[format](texts));
  if (lines === undefined) return [];
  return [...eventPlaces(buffer, 0, buffer.length, lines)].map(({ from, to }) => {
    const event = parser.parse(buffer.subarray(from, to));
    if (event.kind === "rejection") return `rejected: ${event.reason}`;
    return `${event.level} ${event.message}${event.fields["partial"] === true ? " …" : ""}`;
  });
}

describe.each(["cri", "docker"] as const)("lines of containers as %s writes them", (format) => {
  test("are whole again where the runtime cut them", () => {
    const texts = ["P one ", "P two ", 'F "three"', "F next", "P open"];
    expect(eventsOf(format, texts)).toEqual(['INFO one two "three"', "INFO next", "INFO open …"]);
    expect(eventsOf(format, ['P {"level":"error",', 'F "msg":"x"}'])).toEqual(["ERROR x"]);
    expect(eventsOf(format, texts, { mode: "off" })).toHaveLength(3);
  });

  test("count once also where the other stream wrote between the pieces", () => {
    const counter = createLineCounter({ ...options, format });
    const bytes = Buffer.from(WRITERS[format](["P one ", "E other", "F two", "F next"]));
    counter.count(bytes, 0, bytes.length, { service: "s", eventTimeLimitMs: Infinity });
    const { deltas, entries } = counter.take();
    expect(deltas[0]?.aggregate.requestCount).toBe(3);
    expect(entries.map(({ kind, reason, lines }) => `${kind} ${reason} ${lines}`)).toEqual([
      "aggregated  3",
      "filtered joined 1",
    ]);
    expect(entries.reduce((sum, entry) => sum + entry.bytes, 0)).toBe(bytes.length);
  });

  test.each([
    [
      "Java",
      [
        "F 10:00:00.000 ERROR shop.Cart - failed",
        "F java.lang.IllegalStateException: no stock",
        "F \tat shop.Cart.buy(Cart.java:42)",
        "F Caused by: java.io.IOException: disk",
        "F \t... 2 more",
      ],
    ],
    [
      "Python",
      [
        "E ERROR:root:failed",
        "E Traceback (most recent call last):",
        'E   File "shop.py", line 42, in buy',
        'E     raise ValueError("no stock")',
        "E ValueError: no stock",
      ],
    ],
    [
      "Go",
      [
        "E panic: boom",
        "E ",
        "E goroutine 1 [running]:",
        "E main.buy(...)",
        "E \t/app/main.go:5",
        "E main.main()",
        "E \t/app/main.go:9 +0x1d",
        "E exit status 2",
      ],
    ],
    [
      "Node",
      [
        "E Error: no stock",
        "E     at buy (/app/shop.js:42:9)",
        "E     at main (/app/main.js:1:1) {",
        "E   code: 'E_STOCK'",
        "E }",
      ],
    ],
    ["Ruby", ["E shop.rb:42:in `buy': no stock (RuntimeError)", "E \tfrom main.rb:7:in `<main>'"]],
    [
      ".NET",
      [
        "E Unhandled exception. System.InvalidOperationException: no stock",
        "E    at Shop.Buy(Int32 id) in /src/Shop.cs:line 42",
        "E    --- End of inner exception stack trace ---",
      ],
    ],
    [
      "PHP",
      [
        "E PHP Fatal error:  Uncaught Exception: no stock in /app/shop.php:42",
        "E Stack trace:",
        "E #0 /app/index.php(7): buy(17)",
        "E #1 {main}",
        "E   thrown in /app/shop.php on line 42",
      ],
    ],
  ])("with a trace of %s are one event", (_, trace) => {
    const stream = trace[0]?.slice(0, 2) ?? "";
    const events = eventsOf(format, ["F before", `${stream}before`, ...trace, `${stream}after`]);
    expect(events).toHaveLength(4);
    expect(events[2]?.split("\n")).toHaveLength(trace.length);
    expect(events[3]).toBe("INFO after");
  });

  test("are events of their own when they only look alike", () => {
    const texts = [
      "F Error: connection refused",
      "F ValueError: x",
      "F main(1)",
      "F }",
      "F 1 at a",
    ];
    expect(eventsOf(format, texts)).toHaveLength(5);
  });

  test("are told by a pattern of what stands inside", () => {
    const texts = ["F BEGIN a", "F b", "F BEGIN c", "F d"];
    expect(eventsOf(format, texts, { start: "^BEGIN" })).toEqual([
      "INFO BEGIN a\nb",
      "INFO BEGIN c\nd",
    ]);
  });
});
