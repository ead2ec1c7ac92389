import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormatGuess, FormatSampler } from "../../agent/parsers/auto.ts";
import { levelAt } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { emptyMeasure } from "../../shared/events/parser.ts";
import { PARSER_NAMES, parsers, STRICTEST_FIRST } from "../../agent/parsers/registry.ts";

const folder = new URL("./formats/", import.meta.url);
const linesOf = (name: string): string[] =>
  readFileSync(new URL(name, folder), "utf8").replace(/\n$/, "").split("\n");

const options: EventOptions = {
  fields: {},
  durationUnit: "ms",
  timezone: "UTC",
  nowMs: () => Date.UTC(2026, 10, 25, 12),
};
const files = new Set(readdirSync(folder));
const names = PARSER_NAMES.filter((name) => files.has(`${name}.log`));

describe.each(names)("lines of the format %s", (name) => {
  const lines = linesOf(`${name}.log`);
  const parser = parsers[name].compile(options);

  test("are the events that stand beside them", () => {
    const events = lines.map((line) => {
      const event = parser.parse(Buffer.from(line));
      if (event.kind === "rejection") return { rejected: event.reason };
      const { timeMs, service, level, message, durationUs, fields } = event;
      return { time: new Date(timeMs).toISOString(), service, level, message, durationUs, fields };
    });
    const expected: unknown[] = linesOf(`${name}.ndjson`).map((line) => JSON.parse(line));
    expect(JSON.parse(JSON.stringify(events))).toEqual(expected);
  });

  test("count by level as they parse, and no line is lost", () => {
    const measure = emptyMeasure();
    for (const [index, line] of lines.entries()) {
      const bytes = Buffer.from(line);
      const reason = parser.measure(bytes, 0, bytes.length, measure);
      const expected: unknown = JSON.parse(linesOf(`${name}.ndjson`)[index] ?? "");
      if (reason === undefined) expect(expected).toMatchObject({ level: levelAt(measure.level) });
      else expect([name, reason, expected]).toEqual([name, "blank", { rejected: "blank" }]);
    }
  });

  test.runIf(STRICTEST_FIRST.some((known) => known === name))("are known by auto", () => {
    const guess = new FormatGuess();
    const sampler = new FormatSampler(options);
    const banner = Buffer.from("Starting up");
    guess.weigh(sampler, banner, 0, banner.length);
    for (const line of lines) {
      const bytes = Buffer.from(line);
      guess.weigh(sampler, bytes, 0, bytes.length);
    }
    expect(guess.choice?.format).toBe(name);
  });
});

test("every format that needs no configuration has lines to show", () => {
  expect(names.toSorted()).toEqual([...STRICTEST_FIRST].toSorted());
});
