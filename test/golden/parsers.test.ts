import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { type ParserName, parsers } from "../../agent/parsers/registry.ts";

interface Vector {
  readonly case: string;
  readonly parser: ParserName;
  readonly lines: readonly string[];
  readonly events: readonly {
    readonly line: number;
    readonly fields: Readonly<Record<string, string | number | null>>;
  }[];
}

const vectors: Vector[] = readFileSync(
  new URL("./parsers/vectors.ndjson", import.meta.url),
  "utf8",
)
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

/** Names that occur in no vector, so that every pair stays a field. */
const NO_MEANING: EventOptions["fields"] = {
  time: ["t0"],
  service: ["s0"],
  level: ["l0"],
  message: ["m0"],
  duration: ["d0"],
};
/** logfmt lines of the vectors have no time; with this one in front they are events. */
const TIME = "t0=2026-11-20T10:00:00Z ";

/** A value for comparison: absent, empty, `-` and a key without a value are the same; one producer trims what was quoted. */
function plain(value: unknown): string {
  return value === undefined || value === null || value === "-" || value === true
    ? ""
    : String(value).replace(/^"(.*)"$/, "$1").trim();
}

describe.each(vectors)("$case", ({ parser: name, lines, events }) => {
  const isLogfmt = name === "logfmt";
  const parser = parsers[name].compile({
    fields: isLogfmt ? NO_MEANING : {},
    durationUnit: "ms",
    timezone: "UTC",
  });
  const parsed = lines.map((line) => parser.parse(Buffer.from(isLogfmt ? TIME + line : line)));

  test("is read as the producer's own test expects", () => {
    for (const { line, fields } of events) {
      const event = parsed[line];
      if (event?.kind !== "event") throw new Error(`line ${line} is no event`);
      const found = Object.fromEntries(
        Object.keys(fields).map((field) => [field, plain(event.fields[field])]),
      );
      const expected = Object.fromEntries(
        Object.entries(fields).map(([field, value]) => [field, plain(value)]),
      );
      expect(found).toEqual(expected);
    }
  });

  test(events.length > 0 ? "has no line that is refused" : "has only lines that are refused", () => {
    const bare = lines.map((line) => parser.parse(Buffer.from(line)));
    const refused = (events.length > 0 ? parsed : bare).filter(({ kind }) => kind === "rejection");
    expect(refused.length).toBe(events.length > 0 ? 0 : lines.length);
  });
});
