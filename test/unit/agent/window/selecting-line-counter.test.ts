import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { FormatName } from "../../../../agent/parsers/registry.ts";
import { createLineCounter } from "../../../../agent/window/create-line-counter.ts";
import { createSelectingCounter } from "../../../../agent/window/create-selecting-counter.ts";
import { EventSelection } from "../../../../agent/window/event-selection.ts";
import { PendingLines } from "../../../../agent/window/pending-lines.ts";
import type { SelectContext } from "../../../../agent/window/selecting-line-counter.ts";
import { LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { compileCondition } from "../../../../shared/events/compile-aggregation.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { selectorsSchema } from "../../../../shared/events/selectors-schema.ts";
import { STREAM_DEFAULT } from "../../../../shared/protocol/batch.ts";
import type { SelectedEvent } from "../../../../shared/protocol/selected-event.ts";
import { compileRedaction } from "../../../../shared/redaction/compile-redaction.ts";
import { redactionConfig } from "../../../../shared/redaction/redaction-config.ts";
import { REDACTOR_NONE, type Redactor } from "../../../../shared/redaction/redactor.ts";

const CONTEXT: SelectContext = {
  service: "web",
  eventTimeLimitMs: Number.POSITIVE_INFINITY,
  file: 3,
  generation: 2,
  offset: 0,
};

function counterOf(format: FormatName, where: readonly string[], fields: readonly string[] = []) {
  const select = [{ stream: STREAM_DEFAULT, keys: [], where, fields }];
  return createSelectingCounter({
    ...EVENT_OPTIONS_DEFAULT,
    ...{ timezone: "UTC", format, source: "app" },
    selection: new EventSelection({ forbid: [], select }),
    redactor: REDACTOR_NONE,
  });
}

const login = (user: string) => `{"time":"2026-11-20T10:00:00Z","type":"LOGIN","user":"${user}"}\n`;
const other = '{"time":"2026-11-20T10:00:00Z","type":"OTHER"}\n';
const placeOf = ({ file, generation, offset, fields }: SelectedEvent) => ({
  ...{ file, generation, offset },
  ...fields,
});

const golden = z
  .array(
    z.object({
      name: z.string(),
      selectors: selectorsSchema,
      sent: z
        .array(z.object({ stream: z.string(), line: z.unknown(), event: z.unknown() }))
        .default([]),
    }),
  )
  .parse(
    JSON.parse(readFileSync(join(import.meta.dirname, "../../../golden/selectors.json"), "utf8")),
  );

describe("the selectors that the aggregator derives from rules", () => {
  it.each(golden.map(({ name, ...rest }) => [name, rest] as const))(
    "select and project lines: %s",
    (_name, { selectors, sent }) => {
      for (const { stream, line, event } of sent) {
        const selection = new EventSelection({ forbid: [], select: [] });
        selection.offer(selectors);
        selection.switch();
        const counter = createSelectingCounter({
          ...EVENT_OPTIONS_DEFAULT,
          ...{
            timezone: "UTC",
            format: "json",
            source: "app",
            stream,
            selection,
            redactor: REDACTOR_NONE,
          },
        });
        const text = Buffer.from(`${JSON.stringify(line)}\n`);
        counter.count(text, 0, text.length, CONTEXT);
        const events = counter.take(false).events.map(({ type, fields }) => ({ type, fields }));
        expect(events, JSON.stringify(line)).toEqual(event === null ? [] : [event]);
      }
    },
  );
});

describe("a counter that selects", () => {
  it("names an event by where its line begins, a byte order mark included", () => {
    const counter = counterOf("json", ["type == 'LOGIN'"], ["user"]);
    const first = Buffer.from(`\ufeff${login("a")}${other}${login("b")}`);
    counter.count(first, 0, first.length, { ...CONTEXT, fileStart: true });
    const second = Buffer.from(`rest\n${login("c")}`);
    counter.count(second, 5, second.length, { ...CONTEXT, offset: first.length });
    counter.countUnterminated(Buffer.from(login("d").trimEnd()), { ...CONTEXT, offset: 5000 });
    const { events, deltas } = counter.take(false);
    const place = { file: 3, generation: 2 };
    expect(events.map(placeOf)).toEqual([
      { ...place, offset: 0, user: "a" },
      { ...place, offset: first.length - login("b").length, user: "b" },
      { ...place, offset: first.length, user: "c" },
      { ...place, offset: 5000, user: "d" },
    ]);
    expect(deltas[0]?.aggregate.requestCount).toBe(5);
  });

  it("selects nothing from lines that count nowhere", () => {
    const counter = counterOf("json", [], ["user"]);
    const text = Buffer.from(`{"type":"LOGIN"}\nnothing\n\n${login("a")}`);
    counter.count(text, 0, text.length, CONTEXT);
    expect(counter.take(false).events).toHaveLength(1);
  });

  it("reads lines in the format by which they are counted, found out for each file", () => {
    const counter = counterOf("auto", ["user == 'u1'"], ["user", "level"]);
    const json = Buffer.from(login("u1"));
    const logfmt = Buffer.from("time=2026-11-20T10:00:00Z user=u1 level=warn\n");
    counter.count(json, 0, json.length, CONTEXT);
    counter.count(logfmt, 0, logfmt.length, { ...CONTEXT, file: 4 });
    counter.count(Buffer.from("words\n"), 0, 6, { ...CONTEXT, file: 5 });
    expect(counter.take(false).events.map(placeOf)).toEqual([
      { file: 3, generation: 2, offset: 0, user: "u1", level: "INFO" },
      { file: 4, generation: 2, offset: 0, user: "u1", level: "WARN" },
    ]);
  });

  it("counts exactly what a counter that does not select counts", () => {
    const options = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", format: "json" } as const;
    const plain = createLineCounter(options);
    const selecting = counterOf("json", []);
    const text = Buffer.from(`${other}broken\n${login("a")}\n`);
    plain.count(text, 0, text.length, CONTEXT);
    selecting.count(text, 0, text.length, CONTEXT);
    const { deltas, entries, eventTimeMaxMs } = selecting.take(true);
    const expected = plain.take();
    expect({ deltas, eventTimeMaxMs }).toEqual({
      deltas: expected.deltas,
      eventTimeMaxMs: expected.eventTimeMaxMs,
    });
    expect(entries.slice(0, expected.entries.length)).toEqual(expected.entries);
    expect(entries.slice(expected.entries.length).map(({ kind }) => kind)).toEqual([
      "events_shed",
      "events_selected",
    ]);
  });

  it("gives the same events wherever the reads are cut, and when they begin anew", () => {
    const line = fc.constantFrom(login("a"), login("long".repeat(30)), other, "broken\n", "\n");
    const cuts = fc.array(fc.nat(), { maxLength: 6 });
    const condition = fc.constantFrom("type == 'LOGIN'", "user != 'a'", "level == 'INFO'");
    fc.assert(
      fc.property(fc.array(line), cuts, condition, (lines, places, where) => {
        const text = Buffer.from(lines.join(""));
        const whole = counterOf("json", [where], ["user"]);
        whole.count(text, 0, text.length, CONTEXT);
        const parts: SelectedEvent[] = [];
        let counter = counterOf("json", [where], ["user"]);
        let from = 0;
        for (const place of [
          ...places.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b),
          -1,
        ]) {
          const to = place < 0 ? text.length : text.lastIndexOf("\n", place) + 1;
          if (to < from) continue;
          counter.count(text, from, to, { ...CONTEXT, offset: from });
          if (place % 2 === 0) {
            // A crash: what was not taken is read again by another.
            counter = counterOf("json", [where], ["user"]);
            continue;
          }
          parts.push(...counter.take(false).events);
          from = to;
        }
        expect(parts).toEqual(whole.take(false).events);
      }),
    );
  });
});

describe("raw lines", () => {
  function linesOf(
    format: FormatName,
    where: string | undefined,
    redactor: Redactor,
    text: string,
  ) {
    const limits = { lineRate: 1e6, byteRate: 1e9, sampleOf: 1 };
    const condition = where === undefined ? undefined : compileCondition(where);
    const pending = new PendingLines("web-1", limits, () => 0);
    const counter = createSelectingCounter({
      ...EVENT_OPTIONS_DEFAULT,
      ...{ timezone: "UTC", format, source: "app", redactor },
      selection: new EventSelection({ forbid: [], select: [] }),
      lines: { minLevel: LEVEL_INDEX.ERROR, where: condition, pending },
    });
    const bytes = Buffer.from(text);
    counter.count(bytes, 0, bytes.length, CONTEXT);
    return counter.take(false);
  }

  it("are those whose condition holds, with their place, level and service", () => {
    const error = '{"time":"2026-11-20T10:00:00Z","level":"err","service":"cart","m":1}';
    const text = `${login("ann")}${error}\n${other}`;
    const where = "level == 'ERROR' && m > 0";
    const { lines, entries } = linesOf("json", where, REDACTOR_NONE, text);
    expect(linesOf("json", "m > 1", REDACTOR_NONE, text).lines).toEqual([]);
    expect(lines).toEqual([
      {
        ...{ stream: STREAM_DEFAULT, source: "app", file: 3, generation: 2, weight: 1 },
        ...{ offset: login("ann").length, timeMs: Date.parse("2026-11-20T10:00:00Z") },
        ...{ service: "cart", level: "ERROR", line: error },
      },
    ]);
    expect(entries.map(({ kind, lines: count }) => [kind, count])).toEqual([
      ["aggregated", 3],
      ["lines_sent", 1],
      ["lines_selected", 1],
    ]);
  });

  it("are whole events of several lines, without secrets, and cut", () => {
    const head = "2026-11-20 10:00:00,123 ERROR [main] a.B: password=hunter2";
    const trace = `${head}\n\tat a.B.c(B.java:1)\n${"\tat x\n".repeat(2000)}`;
    const redactor = compileRedaction(redactionConfig.parse({}));
    const { lines } = linesOf("log4j", undefined, redactor, trace);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.line).toContain("password=[credential]\n\tat a.B.c");
    expect(lines[0]?.line).toHaveLength(4000);
  });
});

describe("a name of a service that is too long", () => {
  const redactor = compileRedaction(redactionConfig.parse({ detectors: ["card"] }));
  // The last of 1,024 characters divides the number of a card.
  const name = `${"s".repeat(1_012)} 4111 1111 1111 1111 of a card`;
  const cases = [
    ["json", `{"time":"2026-11-20T10:00:00Z","level":"ERROR","service":"${name}"}`],
    ["logfmt", `time=2026-11-20T10:00:00Z level=error service="${name}"`],
    ["logfmt", `time=2026-11-20T10:00:00Z level=error service="\\"${name}"`],
    ["csv", `2026-11-20T10:00:00Z;ERROR;${name}`],
    [
      "journald",
      `{"__REALTIME_TIMESTAMP":"1763632800000000","PRIORITY":"3","SYSLOG_IDENTIFIER":"${name}","MESSAGE":"m"}`,
    ],
    ["auto", `{"time":"2026-11-20T10:00:00Z","level":"ERROR","service":"${name}"}`],
  ] as const;

  it.each(cases)("loses its secrets before it is cut (%s, %#)", (format, line) => {
    const limits = { lineRate: 1e6, byteRate: 1e9, sampleOf: 1 };
    const pending = new PendingLines("web-1", limits, () => 0);
    const select = [{ stream: STREAM_DEFAULT, keys: [], where: [], fields: ["service"] }];
    const counter = createSelectingCounter({
      ...EVENT_OPTIONS_DEFAULT,
      ...{ timezone: "UTC", format, source: "app", redactor },
      ...{ columns: ["time", "level", "service"], delimiter: ";" },
      selection: new EventSelection({ forbid: [], select }),
      lines: { minLevel: LEVEL_INDEX.ERROR, where: undefined, pending },
    });
    const bytes = Buffer.from(`${line}\n`);
    counter.count(bytes, 0, bytes.length, CONTEXT);
    const { deltas, events, lines } = counter.take(false);
    const kept = [deltas[0]?.service, lines[0]?.service];
    for (const found of kept) expect(found?.length).toBeLessThanOrEqual(1_024);
    for (const found of [...kept, events[0]?.fields["service"]]) {
      expect(found).toMatch(/^"?s{1000,}/);
      expect(found).not.toContain("4111");
    }
  });
});
