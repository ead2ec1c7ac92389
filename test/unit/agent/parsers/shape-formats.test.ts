import { describe, expect, test } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import { eventLines, eventPlaces } from "../../../../agent/window/event-lines.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";
import type { ParserDefinition } from "../../../../shared/events/parser.ts";

const UTC: EventOptions = {
  ...EVENT_OPTIONS_DEFAULT,
  timezone: "UTC",
  nowMs: () => Date.UTC(2026, 10, 25, 12),
};

/** The events of a text whose first line begins one: what lines are put together, and what they say. */
function events(definition: ParserDefinition, text: string) {
  const parser = definition.compile(UTC);
  const lines = eventLines(definition, definition.compile(UTC), undefined);
  if (lines === undefined) throw new Error("the format joins no lines");
  const buffer = Buffer.from(text);
  return [...eventPlaces(buffer, 0, buffer.length, lines)].map(({ from, to }) =>
    parser.parse(buffer.subarray(from, to)),
  );
}

describe("the slow-query log", () => {
  const query = "# Query_time: 1.5  Lock_time: 0  Rows_sent: 1  Rows_examined: 0";

  test("is read with spaces behind its time", () => {
    const text = `# Time: 261120 10:00:59 \n# User@Host: app[app] @ localhost []\n${query}\nselect 1;\n`;
    expect(events(parsers["mysql-slow"], text)).toMatchObject([
      { timeMs: Date.UTC(2026, 10, 20, 10, 0, 59), durationUs: 1_500_000 },
    ]);
  });

  test("is read with time and user on one line", () => {
    const entry = `# Time: 261120 10:00:59 # User@Host: [SLAVE] @  []\n# Thread_id: 10\n${query}\nselect 1;\n`;
    const event = {
      timeMs: Date.UTC(2026, 10, 20, 10, 0, 59),
      durationUs: 1_500_000,
      fields: { user: "[SLAVE] @  []" },
    };
    expect(events(parsers["mysql-slow"], entry + entry)).toMatchObject([event, event]);
  });

  test("has entries that say no time: they are rejected as such", () => {
    const entry = `# User@Host: app[app] @ localhost []\n${query}\n`;
    const timed = `${entry}SET timestamp=1795168859;\nselect 1;\n`;
    expect(events(parsers["mysql-slow"], `${entry}select 1;\n${timed}`)).toMatchObject([
      { kind: "rejection", reason: "no_time" },
      { kind: "event", timeMs: 1_795_168_859_000 },
    ]);
  });
});

test("a time on a line of its own begins an event, such as one of Oracle's alert log", () => {
  const text =
    "2026-11-20T10:00:59.500+01:00\nThread 1 opened\nCurrent log# 1\n2026-11-20T10:01:00+01:00\nORA-00060: deadlock\n";
  expect(events(parsers.text, text)).toMatchObject([
    {
      timeMs: Date.UTC(2026, 10, 20, 9, 0, 59, 500),
      message: "Thread 1 opened\nCurrent log# 1",
    },
    { timeMs: Date.UTC(2026, 10, 20, 9, 1), message: "ORA-00060: deadlock" },
  ]);
});
