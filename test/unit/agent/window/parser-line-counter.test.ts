import { describe, expect, test } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import type { CountContext } from "../../../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../../../agent/window/parser-line-counter.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { minuteOf } from "../../../../shared/time/window.ts";

const TIME_MS = Date.UTC(2026, 10, 20, 10);
const context: CountContext = { service: "default", eventTimeLimitMs: Number.POSITIVE_INFINITY };

function counter(): ParserLineCounter {
  const parser = parsers.logfmt.compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" });
  return new ParserLineCounter({ stream: "logs", parser, servicesMax: 100 });
}

function line(offsetMs: number, rest = ""): string {
  return `time=${new Date(TIME_MS + offsetMs).toISOString()} ${rest}\n`;
}

function count(target: ParserLineCounter, text: string, changes: Partial<CountContext> = {}): void {
  const bytes = Buffer.from(text);
  target.count(bytes, 0, bytes.length, { ...context, ...changes });
}

describe("ParserLineCounter", () => {
  test("counts every line once, with its bytes, under what became of it", () => {
    const target = counter();
    const good = line(0, "service=a level=error duration=2") + line(60_000, "duration=1");
    const text = `${good}\nnot a pair\r\n \t\nlevel=info\n`;
    count(target, text);
    const { deltas, entries, eventTimeMaxMs } = target.take();
    expect(
      deltas.map(({ stream, service, minute, aggregate }) => [
        stream,
        service,
        minute - minuteOf(TIME_MS),
        aggregate.requestCount,
        aggregate.errorCount,
        aggregate.durationSum,
      ]),
    ).toEqual([
      ["logs", "a", 0, 1, 1, 2000],
      ["logs", "default", 1, 1, 0, 1000],
    ]);
    expect(entries).toEqual([
      { kind: "aggregated", reason: "", lines: 2, bytes: good.length },
      { kind: "filtered", reason: "blank", lines: 2, bytes: 4 },
      { kind: "rejected", reason: "unparsed", lines: 1, bytes: 12 },
      { kind: "rejected", reason: "no_time", lines: 1, bytes: 11 },
    ]);
    expect(entries.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(text.length);
    expect(eventTimeMaxMs).toBe(TIME_MS + 60_000);
    expect(target.lineCount).toBe(6);
  });

  test("counts a part of a buffer and leaves the rest alone", () => {
    const target = counter();
    const text = line(0) + line(1) + line(2);
    const length = line(0).length;
    target.count(Buffer.from(text), length, 2 * length, context);
    target.count(Buffer.from(text), length, length, context);
    expect(target.take().entries).toEqual([
      { kind: "aggregated", reason: "", lines: 1, bytes: length },
    ]);
  });

  test("counts an unterminated line without a line feed, and an empty one not at all", () => {
    const target = counter();
    target.countUnterminated(Buffer.from(line(0).trimEnd()), context);
    target.countUnterminated(Buffer.alloc(0), context);
    expect(target.take().entries).toEqual([
      { kind: "aggregated", reason: "", lines: 1, bytes: line(0).trimEnd().length },
    ]);
  });

  test("notes events ahead of the limit, counts them, and does not move the event time", () => {
    const target = counter();
    count(target, line(0) + line(999) + line(1001), { eventTimeLimitMs: TIME_MS + 1000 });
    const { deltas, entries, eventTimeMaxMs } = target.take();
    expect(deltas[0]?.aggregate.requestCount).toBe(3);
    expect(eventTimeMaxMs).toBe(TIME_MS + 999);
    expect(entries).toContainEqual({
      kind: "noted",
      reason: "clock_ahead",
      lines: 1,
      bytes: line(0).length,
    });
  });

  test("notes durations out of range beside the balance", () => {
    const target = counter();
    const text = line(0, "duration=1073741824");
    count(target, text);
    const { deltas, entries } = target.take();
    expect(deltas[0]?.aggregate.durationCount).toBe(0);
    expect(entries).toEqual([
      { kind: "aggregated", reason: "", lines: 1, bytes: text.length },
      { kind: "noted", reason: "duration_out_of_range", lines: 1, bytes: text.length },
    ]);
  });

  test("takes a byte order mark off at the start of a file only, and counts its bytes", () => {
    const target = counter();
    const text = `\ufeff${line(0)}`;
    count(target, text, { fileStart: true });
    expect(target.take().entries).toEqual([
      { kind: "aggregated", reason: "", lines: 1, bytes: Buffer.byteLength(text) },
    ]);
    count(target, text);
    expect(target.take().entries).toMatchObject([{ kind: "rejected", reason: "no_time" }]);
  });

  test("says where rejected lines begin, blank ones aside", () => {
    const found: [string, number][] = [];
    const text = `${line(0)}\nbad one\n${line(1)}level=info\n`;
    count(counter(), text, { onRejected: (reason, position) => found.push([reason, position]) });
    expect(found).toEqual([
      ["unparsed", text.indexOf("bad one")],
      ["no_time", text.indexOf("level=info")],
    ]);
  });

  test("has taken nothing after a take", () => {
    const target = counter();
    count(target, line(0));
    expect(target.pendingKeys).toBe(1);
    target.take();
    expect(target.pendingKeys).toBe(0);
    expect(target.take()).toEqual({ deltas: [], entries: [], eventTimeMaxMs: undefined });
    expect(target.lineCount).toBe(1);
  });
});
