import { describe, expect, test } from "vitest";
import type { FormatChoice } from "../../../../agent/parsers/auto.ts";
import { createLineCounter } from "../../../../agent/window/create-line-counter.ts";
import type { CountContext, LineCounter } from "../../../../agent/window/line-counter.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";

const context: CountContext = { service: "default", eventTimeLimitMs: Number.POSITIVE_INFINITY };
const JSON_LINE = '{"time":"2026-11-20T10:00:00Z","service":"a"}\n';
const LOGFMT_LINE = "time=2026-11-20T10:00:00Z service=a\n";

function autoCounter(choices: [number | undefined, FormatChoice][] = []): LineCounter {
  return createLineCounter({
    ...EVENT_OPTIONS_DEFAULT,
    timezone: "UTC",
    format: "auto",
    onFormat: (choice, file) => choices.push([file, choice]),
  });
}

function count(counter: LineCounter, text: string, changes: Partial<CountContext> = {}): void {
  const bytes = Buffer.from(text);
  counter.count(bytes, 0, bytes.length, { ...context, ...changes });
}

describe("AutoLineCounter", () => {
  test("decides for each file by itself and merges their windows", () => {
    const choices: [number | undefined, FormatChoice][] = [];
    const counter = autoCounter(choices);
    count(counter, JSON_LINE.repeat(3), { file: 1 });
    count(counter, LOGFMT_LINE.repeat(2), { file: 2 });
    expect(choices.map(([file, { format, lines }]) => [file, format, lines])).toEqual([
      [1, "json", 3],
      [2, "logfmt", 2],
    ]);
    expect(counter.lineCount).toBe(5);
    const { deltas, entries } = counter.take();
    expect(deltas.map(({ service, aggregate }) => [service, aggregate.requestCount])).toEqual([
      ["a", 5],
    ]);
    const bytes = JSON_LINE.length * 3 + LOGFMT_LINE.length * 2;
    expect(entries).toEqual([{ kind: "aggregated", reason: "", lines: 5, bytes }]);
  });

  test("does not change its mind for bad lines, and tells when the choice stands", () => {
    const choices: [number | undefined, FormatChoice][] = [];
    const counter = autoCounter(choices);
    count(counter, LOGFMT_LINE + JSON_LINE.repeat(120));
    count(counter, LOGFMT_LINE.repeat(500));
    count(counter, JSON_LINE);
    const { entries } = counter.take();
    expect(entries.map(({ kind, reason, lines }) => [kind, reason, lines])).toEqual([
      ["aggregated", "", 121],
      ["rejected", "not_json", 501],
    ]);
    expect(choices.map(([, choice]) => choice)).toEqual([
      { format: "json", lines: 99, sampled: 100, isFinal: true },
    ]);
  });

  test("waits for an event before it decides", () => {
    const counter = autoCounter();
    count(counter, "Starting up\n\nport=80\n");
    count(counter, JSON_LINE);
    const { entries } = counter.take();
    expect(entries.find(({ kind }) => kind === "aggregated")?.lines).toBe(1);
    expect(entries.find(({ kind }) => kind === "filtered")?.lines).toBe(1);
    expect(counter.lineCount).toBe(4);
  });

  test("rejects what no format knows as unparsed", () => {
    const counter = autoCounter();
    count(counter, "some words\nmore words\n \n");
    expect(counter.take().entries.map(({ reason, lines }) => [reason, lines])).toEqual([
      ["unparsed", 2],
      ["blank", 1],
    ]);
  });

  test("sees past a byte order mark at the start of a file", () => {
    const counter = autoCounter();
    count(counter, `\ufeff${JSON_LINE}`, { fileStart: true, file: 1 });
    expect(counter.take().entries).toMatchObject([{ kind: "aggregated", lines: 1 }]);
  });

  test("counts an unterminated line", () => {
    const counter = autoCounter();
    counter.countUnterminated(Buffer.from(JSON_LINE.trimEnd()), context);
    counter.countUnterminated(Buffer.alloc(0), context);
    expect(counter.take().entries).toMatchObject([{ kind: "aggregated", lines: 1 }]);
    expect(counter.take()).toEqual({ deltas: [], entries: [], eventTimeMaxMs: undefined });
  });
});
