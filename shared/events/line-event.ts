/** The event of a line, as rules see it. */

import type { ExpressionEvent } from "../expression/compile.ts";
import { eventOfFields } from "./event-shape.ts";
import type { LineParser, ParsedEvent } from "./parser.ts";

/** Fields that an event has although its line may name them otherwise, or not at all. */
export const DERIVED_FIELDS = ["service", "level", "message", "duration"] as const;

/**
 * The event of a line, or undefined when the line is none. Of JSON the fields are all that stands at the top level of the line, as
 * `rules run` reads it; of other formats what the parser found. Service, level, message and duration (milliseconds) are added where the line
 * has no field of that name. `service` is that of lines that name none.
 */
export function lineEvent(
  parser: LineParser,
  format: string,
  line: Buffer,
  service: string,
): ExpressionEvent | undefined {
  const parsed = parser.parse(line);
  if (parsed.kind === "rejection") return undefined;
  const fields = format === "json" ? topLevel(line) : { ...parsed.fields };
  const derived = derivedFields(parsed, service);
  for (const name of DERIVED_FIELDS) {
    const value = derived[name];
    if (value !== undefined && !Object.hasOwn(fields, name)) fields[name] = value;
  }
  return eventOfFields(fields, parsed.timeMs, "");
}

function derivedFields(
  parsed: ParsedEvent,
  service: string,
): Readonly<Record<(typeof DERIVED_FIELDS)[number], string | number | undefined>> {
  return {
    service: parsed.service ?? service,
    level: parsed.level,
    message: parsed.message,
    duration: parsed.durationUs === undefined ? undefined : parsed.durationUs / 1000,
  };
}

/** The parser read the line as an object already; it hands over only part of it. */
function topLevel(line: Buffer): Record<string, unknown> {
  const value: Record<string, unknown> = JSON.parse(line.toString("utf8"));
  return value;
}
