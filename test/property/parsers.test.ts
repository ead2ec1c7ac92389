import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PARSER_NAMES, type ParserName, parsers } from "../../agent/parsers/registry.ts";
import { createLineCounter } from "../../agent/window/create-line-counter.ts";
import type { Counted } from "../../agent/window/line-counter.ts";
import { LEVELS } from "../../shared/aggregates/aggregate.ts";
import { EVENT_OPTIONS_DEFAULT, type LineOptions } from "../../shared/events/event-options.ts";
import { emptyMeasure } from "../../shared/events/parser.ts";

const OPTIONS = {
  ...EVENT_OPTIONS_DEFAULT,
  timezone: "UTC",
  nowMs: () => Date.UTC(2026, 10, 25),
};

/** What the formats need that have no lines of their own. */
const NEEDED: Readonly<Record<string, LineOptions>> = {
  csv: { columns: ["time", "level", "message", "duration"], delimiter: " " },
  dissect: { pattern: "%{time->} %{level} %{message}" },
  grok: { pattern: "%{TIMESTAMP_ISO8601:time} +%{NOTSPACE:level}? *%{GREEDYDATA:message}" },
  regex: { pattern: "(?<time>\\S+) *(?<level>\\w*) *(?<message>.*)" },
};

/** Pieces that lines of all formats are made of, good and bad. */
const PIECES = [
  '{"timestamp":"2026-11-20T10:00:59.123Z"',
  ',"service":"a"',
  ',"level":"ERROR"',
  ',"duration":12.5',
  ',"duration":1e400',
  "}",
  "time=2026-11-20T10:00:59Z",
  ' service="a\\"b" ',
  " level=warn ",
  " duration=1.5s ",
  '10.0.0.1 - - [20/Nov/2026:10:00:59 +0000] "GET / HTTP/1.1" 200 5',
  ' "-" "agent"',
  " 0.123",
  "[",
  "]",
  '"',
  "\\",
  "=",
  " ",
  "\r",
  "\t",
  "é",
  "\ufeff",
  "\0",
  "{",
  "1669200000",
  "Nov 20 10:00:59",
  "11-20 10:00:59.123",
  "[Fri Nov 20 10:00:59.123 2026]",
  "2026-11-20 10:00:59,123",
  "[2026-11-20T10:00:59]",
  " ERROR ",
  "[error]",
  " [main] ",
  " shop.Cart: ",
  " - ",
  "<11>",
  "1 2026-11-20T10:00:59Z - a - - -",
  " host app[12]: ",
  '[a b="c\\]"]',
  "2026-11-20T10:00:59Z stdout F ",
  '{"log":"level=warn msg=x\\n","stream":"stderr","time":"2026-11-20T10:00:59Z"}',
  "E1120 10:00:59.000000 1 a.go:1] ",
  "12:M 20 Nov 10:00:59.123 # ",
  "web-1  | ",
  "x\n",
];

const line = fc
  .oneof(
    fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
    fc
      .array(fc.constantFrom(...PIECES), { maxLength: 8 })
      .map((list) => Buffer.from(list.join(""))),
    fc
      .tuple(fc.array(fc.constantFrom(...PIECES), { maxLength: 8 }), fc.nat(), fc.nat({ max: 255 }))
      .map(([list, at, byte]) => {
        const bytes = Buffer.from(list.join(""));
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        return bytes;
      }),
  )
  .map((bytes) => Buffer.from(bytes));
/** A line as files hold it. */
const fileLine = line.map((bytes) =>
  Buffer.from(bytes.map((byte) => (byte === 0x0a ? 0x0b : byte))),
);

/** What was counted, as a value: the order of windows and entries means nothing. */
function state({ deltas, entries, eventTimeMaxMs }: Counted): unknown {
  const windows = deltas.map(({ service, minute, aggregate }) => {
    const { levels, durationMin, durationMax, durationSum, sketch } = aggregate;
    return JSON.stringify([service, minute, levels, durationMin, durationMax, durationSum, sketch]);
  });
  return [
    windows.toSorted(),
    entries.map((entry) => JSON.stringify(entry)).toSorted(),
    eventTimeMaxMs,
  ];
}

/** Counters of these take tens of milliseconds to set up: for each format that may stand inside, each layout of a time. */
const SLOW_TO_SET_UP: readonly ParserName[] = [
  ...(["cri", "docker", "haproxy", "log4j", "postgres", "text"] as const),
];

describe.each(PARSER_NAMES)("the %s parser", (name) => {
  const options = { ...OPTIONS, ...NEEDED[name] };
  const parser = parsers[name].compile(options);

  test("never throws, and measures what it parses, wherever the line stands", () => {
    const measure = emptyMeasure();
    fc.assert(
      fc.property(line, fc.nat({ max: 3 }), (bytes, before) => {
        const parsed = parser.parse(bytes);
        const buffer = Buffer.concat([Buffer.alloc(before, '"'), bytes, Buffer.from('"]}')]);
        const reason = parser.measure(buffer, before, before + bytes.length, measure);
        if (parsed.kind === "rejection") {
          expect(reason).toBe(parsed.reason);
          return;
        }
        expect(reason).toBeUndefined();
        expect({ ...measure, level: LEVELS[measure.level] }).toEqual({
          timeMs: parsed.timeMs,
          service: parsed.service ?? "",
          level: parsed.level,
          durationUs: parsed.durationUs ?? -1,
          durationOutOfRange: parsed.durationOutOfRange,
        });
        expect(Number.isInteger(parsed.timeMs)).toBe(true);
        expect(JSON.parse(JSON.stringify(parsed.fields))).toBeTypeOf("object");
      }),
      { numRuns: 2000 },
    );
  });

  test("counts the same however the lines are dealt out to calls and counters", () => {
    const context = {
      service: "default",
      eventTimeLimitMs: Date.UTC(2026, 10, 20, 10, 0, 59, 100),
    };
    fc.assert(
      fc.property(fc.array(fileLine, { maxLength: 30 }), fc.nat({ max: 30 }), (lines, cut) => {
        const text = (list: readonly Buffer[]) =>
          Buffer.concat(list.flatMap((item) => [item, Buffer.from("\n")]));
        const whole = createLineCounter({ ...options, format: name });
        const parts = createLineCounter({ ...options, format: name });
        const all = text(lines);
        whole.count(all, 0, all.length, context);
        const later = text(lines.slice(cut));
        parts.count(later, 0, later.length, context);
        for (const item of lines.slice(0, cut).toReversed()) {
          const bytes = text([item]);
          parts.count(bytes, 0, bytes.length, context);
        }
        const counted = whole.take();
        expect(whole.lineCount).toBe(lines.length);
        const balance = counted.entries.filter(({ kind }) => kind !== "noted");
        expect(balance.reduce((sum, entry) => sum + entry.lines, 0)).toBe(lines.length);
        expect(balance.reduce((sum, entry) => sum + entry.bytes, 0)).toBe(all.length);
        expect(state(counted)).toEqual(state(parts.take()));
      }),
      { numRuns: SLOW_TO_SET_UP.includes(name) ? 80 : 300 },
    );
  });
});
