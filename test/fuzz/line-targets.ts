/** Every line format: its parser, and the counter that a source feeds with whole buffers of such lines. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import {
  type FormatName,
  PARSER_NAMES,
  type ParserName,
  parsers,
} from "../../agent/parsers/registry.ts";
import { createLineCounter } from "../../agent/window/create-line-counter.ts";
import { LEVELS } from "../../shared/aggregates/aggregate.ts";
import { EVENT_OPTIONS_DEFAULT, type LineOptions } from "../../shared/events/event-options.ts";
import { emptyMeasure } from "../../shared/events/parser.ts";
import type { FuzzTarget } from "./fuzz-target.ts";

const OPTIONS = {
  ...EVENT_OPTIONS_DEFAULT,
  timezone: "Europe/Berlin",
  nowMs: () => Date.UTC(2026, 10, 25),
};
/** What the formats need that have no lines of their own, and lines for them. */
const NEEDED: Readonly<Record<string, { readonly options: LineOptions; readonly line: string }>> = {
  csv: {
    options: { columns: ["time", "level", "message", "duration"] },
    line: '2026-11-20T10:00:59Z,ERROR,"a ""b"", c",12.5',
  },
  dissect: {
    options: { pattern: "%{time->} %{level} %{message}" },
    line: "2026-11-20T10:00:59Z   ERROR it broke",
  },
  grok: {
    options: { pattern: "%{TIMESTAMP_ISO8601:time} +%{NOTSPACE:level}? *%{GREEDYDATA:message}" },
    line: "2026-11-20T10:00:59Z ERROR it broke",
  },
  regex: {
    options: { pattern: "(?<time>\\S+) *(?<level>\\w*) *(?<message>.*)" },
    line: "2026-11-20T10:00:59Z ERROR it broke",
  },
};

function linesOf(name: string): Buffer[] {
  const file = new URL(`../golden/formats/${name}.log`, import.meta.url);
  const text = existsSync(file) ? readFileSync(file, "latin1") : (NEEDED[name]?.line ?? "");
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => Buffer.from(line, "latin1"));
}

function seedsOf(name: string): [Buffer, ...Buffer[]] {
  const [first = Buffer.alloc(0), ...others] = linesOf(name);
  return [first, ...others];
}

/** Feeds one line: both doors of the parser say the same, and a second time, too. */
function parserTarget(name: ParserName): FuzzTarget {
  const parser = parsers[name].compile({ ...OPTIONS, ...NEEDED[name]?.options });
  const measure = emptyMeasure();
  const feed = (line: Buffer) => {
    const event = parser.parse(line);
    const buffer = Buffer.concat([Buffer.from('}"'), line, Buffer.from('"]}')]);
    const reason = parser.measure(buffer, 2, 2 + line.length, measure);
    if (event.kind === "rejection") {
      assert.equal(reason, event.reason, "measured otherwise than parsed");
      return reason ?? "";
    }
    const measured = { ...measure, level: LEVELS[measure.level] };
    assert.equal(reason, undefined, "measured otherwise than parsed");
    assert.deepEqual(measured, {
      timeMs: event.timeMs,
      service: event.service ?? "",
      level: event.level,
      durationUs: event.durationUs ?? -1,
      durationOutOfRange: event.durationOutOfRange,
    });
    assert.ok(Number.isInteger(event.timeMs), "a time is whole milliseconds");
    assert.deepEqual(parser.parse(line), event, "parsed otherwise the second time");
    JSON.stringify(event.fields);
    const names = Object.keys(event.fields).slice(0, 8).join(",");
    return `${event.level} ${event.service?.length} ${event.durationUs === undefined} ${names}`;
  };
  return { seeds: seedsOf(name), feed };
}

const CONTEXT = { service: "default", eventTimeLimitMs: Date.UTC(2026, 10, 20, 10, 0, 59, 100) };

/** A counter learns what lines look like: it serves for so many inputs. */
const INPUTS_PER_COUNTER = 100;

/** Feeds many lines at once: every line and every byte stands on one side of the ledger. */
function counterTarget(name: FormatName): FuzzTarget {
  const seeds = name === "auto" ? ["json", "syslog", "log4j"].flatMap(linesOf) : linesOf(name);
  const needed = name === "auto" ? {} : NEEDED[name]?.options;
  let counter = createLineCounter({ ...OPTIONS, ...needed, format: name });
  let inputCount = 0;
  const feed = (input: Buffer) => {
    if (++inputCount % INPUTS_PER_COUNTER === 0) {
      counter = createLineCounter({ ...OPTIONS, ...needed, format: name });
    }
    const text = Buffer.concat([input, Buffer.from("\n")]);
    const before = counter.lineCount;
    counter.count(text, 0, text.length, { ...CONTEXT, file: inputCount, fileStart: true });
    const { deltas, entries } = counter.take();
    const balance = entries.filter(({ kind }) => kind !== "noted");
    const lineCount = text.toString("latin1").split("\n").length - 1;
    assert.equal(counter.lineCount - before, lineCount);
    assert.equal(sum(balance.map(({ lines }) => lines)), lineCount, "lines in the ledger");
    assert.equal(sum(balance.map(({ bytes }) => bytes)), text.length, "bytes in the ledger");
    const counted = balance.find(({ kind }) => kind === "aggregated")?.lines ?? 0;
    const requests = deltas.map(({ aggregate }) => aggregate.requestCount);
    assert.equal(sum(requests), counted, "lines in windows");
    return entries.map(({ kind, reason, lines }) => `${kind} ${reason} ${lines > 1}`).join();
  };
  const text = Buffer.concat(seeds.flatMap((line) => [line, Buffer.from("\n")]));
  return { seeds: [text, ...seeds], feed };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** `parse:FORMAT` and `count:FORMAT` for every format. */
export function lineTargets(): [name: string, make: () => FuzzTarget][] {
  return [
    ...PARSER_NAMES.map((name): [string, () => FuzzTarget] => [
      `parse:${name}`,
      () => parserTarget(name),
    ]),
    ...([...PARSER_NAMES, "auto"] as const).map((name): [string, () => FuzzTarget] => [
      `count:${name}`,
      () => counterTarget(name),
    ]),
  ];
}
