import { describe, expect, it } from "vitest";
import { JsonLineCounter } from "../../../../agent/kernel/json-line-counter.ts";
import { parsers } from "../../../../agent/parsers/registry.ts";
import type { NotedLine } from "../../../../agent/window/detail-counter.ts";
import type { CountContext, Counted } from "../../../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../../../agent/window/parser-line-counter.ts";
import type { Aggregate } from "../../../../shared/aggregates/aggregate.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";

const CONTEXT: CountContext = { service: "app", eventTimeLimitMs: Infinity };

function open(options: Partial<EventOptions> = {}) {
  const all = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", ...options };
  const parser = parsers.json.compile(all);
  const remainder = new ParserLineCounter({ stream: "test", parser, servicesMax: 10_000 });
  return { counter: new JsonLineCounter(all, remainder), remainder };
}

function count(counter: JsonLineCounter, lines: readonly string[], context = CONTEXT): void {
  const buffer = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  counter.count(buffer, 0, buffer.length, context);
}

const line = (fields: string, time = "2026-11-20T10:00:00.250Z") =>
  `{"timestamp":"${time}",${fields}}`;

function requests(counted: Counted): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { service, aggregate } of counted.deltas) {
    counts[service] = (counts[service] ?? 0) + aggregate.requestCount;
  }
  return counts;
}

describe("a counter of JSON lines", () => {
  it("counts by service and minute, with levels, durations and the latest time", () => {
    const { counter } = open();
    count(counter, [
      line('"service":"orders","level":"INFO","duration":1.5'),
      line('"service":"orders","level":"ERROR","duration":0.0004'),
      line('"service":"orders","level":"INFO"', "2026-11-20T10:01:59.999Z"),
    ]);
    const { deltas, entries, eventTimeMaxMs } = counter.take();
    expect(deltas.map(({ stream, service, minute }) => [stream, service, minute])).toEqual([
      ["test", "orders", 29_919_480],
      ["test", "orders", 29_919_481],
    ]);
    const first = deltas[0]?.aggregate;
    expect(first?.levels).toEqual([0, 0, 1, 0, 1, 0, 0]);
    expect(first?.durationSum).toBe(1500);
    expect([first?.durationMin, first?.durationMax]).toEqual([0, 1500]);
    expect([first?.durationCount, first?.sketch.zeroCount]).toEqual([2, 1]);
    expect(eventTimeMaxMs).toBe(Date.UTC(2026, 10, 20, 10, 1, 59, 999));
    expect(entries).toEqual([{ kind: "aggregated", reason: "", lines: 3, bytes: 259 }]);
  });

  it("gives only lines that it cannot prove to the parser", () => {
    const { counter, remainder } = open();
    const plain = Array.from({ length: 100 }, (_, at) => line(`"service":"s","duration":${at}`));
    count(counter, [...plain, line('"service":"s\\u0041"'), "broken", ...plain]);
    expect(remainder.lineCount).toBe(2);
    expect(counter.lineCount).toBe(202);
    expect(requests(counter.take())).toEqual({ s: 200, sA: 1 });
  });

  it("learns levels and minutes without a zone from the first line that has them", () => {
    const { counter, remainder } = open({ timezone: "+02:00" });
    const lines = Array.from({ length: 50 }, (_, at) =>
      line('"level":"Audit","a":1', `2026-11-20 10:00:${10 + at},5`),
    );
    for (const each of lines) count(counter, [each]);
    expect(remainder.lineCount).toBe(2);
    const { deltas } = counter.take();
    expect(deltas).toHaveLength(1);
    expect(deltas[0]?.minute).toBe(29_919_360);
    expect(deltas[0]?.aggregate.levels).toEqual([0, 0, 0, 0, 0, 0, 50]);
  });

  it("learns before the lines behind are looked at, also where there is much to learn", () => {
    const { counter, remainder } = open();
    const levels = Array.from({ length: 60 }, (_, at) => `"level":"level ${at % 60}"`);
    const lines = ["INFO", "WARN", "INFO", "ERROR", "WARN", "ERROR", "INFO"];
    count(
      counter,
      Array.from({ length: 100 }, () => lines.map((l) => line(`"level":"${l}"`))).flat(),
    );
    expect(remainder.lineCount).toBe(3);
    // More levels than the kernel keeps: counted all the same.
    count(
      counter,
      [...levels, ...levels].map((level) => line(level)),
    );
    expect(requests(counter.take())).toEqual({ app: 820 });
  });

  it("says how many buckets its windows have at most", () => {
    const { counter } = open();
    expect(counter.pendingBuckets).toBe(0);
    const warm = line('"level":"INFO","duration":1');
    count(counter, [warm]);
    counter.take();
    count(counter, [warm, warm, line('"level":"INFO","duration":1000')]);
    const { pendingBuckets } = counter;
    expect(pendingBuckets).toBeGreaterThanOrEqual(2);
    expect(pendingBuckets).toBeLessThan(200);
  });

  it("counts pino's and zap's lines without the parser after the first", () => {
    const { counter, remainder } = open();
    const pino = '{"level":30,"time":1795168800250,"pid":1,"msg":"x"}';
    const zap = '{"level":"info","ts":1795168800.2501234,"msg":"x"}';
    for (let at = 0; at < 20; at++) count(counter, [pino, zap]);
    expect(remainder.lineCount).toBe(2);
    const counted = counter.take();
    expect(requests(counted)).toEqual({ app: 40 });
    expect(counted.eventTimeMaxMs).toBe(1_795_168_800_250);
  });

  it("begins anew after a take", () => {
    const { counter } = open();
    count(counter, [line('"service":"a"'), "{"]);
    expect(counter.pendingKeys).toBe(1);
    counter.take();
    expect(counter.pendingKeys).toBe(0);
    expect(counter.take()).toEqual({ deltas: [], entries: [], eventTimeMaxMs: undefined });
    count(counter, [line('"service":"a"')]);
    expect(requests(counter.take())).toEqual({ a: 1 });
    expect(counter.lineCount).toBe(3);
  });

  it("uses the default service of each call", () => {
    const { counter } = open();
    count(counter, [line('"a":1')], { ...CONTEXT, service: "one" });
    count(counter, [line('"a":1')], { ...CONTEXT, service: "two" });
    const long = "x".repeat(100);
    count(counter, [line('"service":""')], { ...CONTEXT, service: long });
    expect(requests(counter.take())).toEqual({ one: 1, two: 1, [long]: 1 });
  });

  it("notes events beyond the limit, and they do not move the latest time (WIN-01)", () => {
    const { counter } = open();
    const limit = Date.UTC(2026, 10, 20, 10);
    count(counter, [line('"a":1', "2026-11-20T10:00:00.000Z"), line('"a":1')], {
      ...CONTEXT,
      eventTimeLimitMs: limit,
    });
    const { entries, eventTimeMaxMs } = counter.take();
    expect(eventTimeMaxMs).toBe(limit);
    expect(entries).toContainEqual({ kind: "noted", reason: "clock_ahead", lines: 1, bytes: 47 });
  });

  it("rejects second 60, which is no moment, and counts what stands around it (WIN-01)", () => {
    const { counter } = open();
    const times = ["2016-12-31T23:59:59.9Z", "2016-12-31T23:59:60.0Z", "2017-01-01T00:00:00.0Z"];
    count(
      counter,
      times.map((time) => line('"a":1', time)),
    );
    const { deltas, entries, eventTimeMaxMs } = counter.take();
    expect(deltas.map(({ aggregate }) => aggregate.requestCount)).toEqual([1, 1]);
    expect(eventTimeMaxMs).toBe(Date.UTC(2017, 0, 1));
    const bytes = line('"a":1', times[0]).length + 1;
    expect(entries).toEqual([
      { kind: "aggregated", reason: "", lines: 2, bytes: 2 * bytes },
      { kind: "rejected", reason: "bad_time", lines: 1, bytes },
    ]);
  });

  it("tells where rejected lines begin, also in a part of a buffer", () => {
    const { counter } = open();
    const seen: [string, number][] = [];
    const buffer = Buffer.from(`skipped\n${line('"a":1')}\nbroken\n${line('"a":1')}\n{}\nrest`);
    counter.count(buffer, 8, buffer.length - 4, {
      ...CONTEXT,
      onRejected: (reason, position) => seen.push([reason, position]),
    });
    expect(seen).toEqual([
      ["not_json", buffer.indexOf("broken")],
      ["no_time", buffer.indexOf("{}")],
    ]);
  });

  it("counts lines where they were read to", () => {
    const { counter, remainder } = open();
    const bytes = Buffer.from(`${line('"service":"in-place"')}\nbroken\n`);
    bytes.copy(counter.readBuffer, 1000);
    counter.count(counter.readBuffer, 1000, 1000 + bytes.length, CONTEXT);
    expect(remainder.lineCount).toBe(1);
    expect(requests(counter.take())).toEqual({ "in-place": 1 });
  });

  it("counts a byte order mark with the first line of a file only", () => {
    const { counter } = open();
    const marked = `\ufeff${line('"a":1')}`;
    count(counter, [marked, marked], { ...CONTEXT, fileStart: true });
    const { entries } = counter.take();
    expect(entries.map(({ kind, lines }) => [kind, lines])).toEqual([
      ["aggregated", 1],
      ["rejected", 1],
    ]);
  });
});

describe("a counter with a task", () => {
  const task = { fields: ["region", "zone"], levels: 1 << 4, isByPath: false };

  it("keeps counts apart by the values of fields, and shows lines of the levels", () => {
    const all = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" };
    const parser = parsers.json.compile(all);
    const plain = new ParserLineCounter({ stream: "test", parser, servicesMax: 10_000 });
    const keys: string[] = [];
    const shown: string[] = [];
    const counter = new JsonLineCounter(
      all,
      Object.assign(plain, {
        addCounts: (key: string, _minute: number, { requestCount }: Aggregate) =>
          void keys.push(`${JSON.stringify(key)} ${requestCount}`),
        addNoted: (noted: NotedLine) => {
          const { timeMs, level, offset } = noted;
          shown.push(`${timeMs % 60_000} ${level} ${offset} ${noted.text().toString()}`);
        },
      }),
      task,
    );
    const lines = [
      line('"service":"s","level":"INFO","region":"eu","zone":1'),
      line('"service":"s","level":"ERROR","region":"eu","zone":1'),
      line('"service":"s","level":"ERROR","region":null,"zone":1'),
    ];
    // What levels mean is learnt from lines that the remainder counts.
    count(counter, [line('"level":"ERROR"'), line('"level":"INFO"')]);
    count(counter, [...lines, ...lines], { ...CONTEXT, offset: 1000 });
    counter.take();
    expect(keys).toEqual(['"s\\u0002eu\\u00031" 4', '"s\\u0001\\u00031" 2']);
    const [, second = "", third = ""] = lines;
    const offset = 1000 + (lines[0]?.length ?? 0) + 1;
    expect(shown.slice(0, 2)).toEqual([
      `250 4 ${offset} ${second}`,
      `250 4 ${offset + second.length + 1} ${third}`,
    ]);
    expect(shown).toHaveLength(4);
  });
});

describe("a time", () => {
  it("is none where no minute was met yet, whatever the bytes", () => {
    const { counter } = open();
    count(counter, [line('"a":1', "2026-11-20T10:05:00.000Z")]);
    const odd = line('"a":1', `${"?".repeat(16)}:12.345Z`);
    for (let byte = 0; byte < 256; byte++) {
      // Line feeds, too: the scanner looks at sixteen bytes at a time, beyond the end of a line.
      const buffer = Buffer.from(
        Buffer.from(`${odd}\n`).map((each) => (each === 0x3f ? byte : each)),
      );
      counter.count(buffer, 0, buffer.length, CONTEXT);
    }
    expect(requests(counter.take())).toEqual({ app: 1 });
  });
});
