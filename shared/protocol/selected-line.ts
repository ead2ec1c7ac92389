/** Raw lines that an agent sends for people to search. On the wire they are events with four fields, in a message of their own. */
import { LEVELS, type Level } from "../aggregates/aggregate.ts";
import { EVENT_TIME_MS_MAX } from "./event-limits.ts";
import type { LinePlace } from "./line-id.ts";
import type { SelectedEvent } from "./selected-event.ts";
import { MalformedError } from "./wire.ts";

/** Longest text of a line, in UTF-16 code units; what is longer is cut. */
export const LINE_LENGTH_MAX = 4000;
/** Event times are within this many milliseconds of the Unix epoch. */
export const LINE_TIME_MS_MAX: number = EVENT_TIME_MS_MAX;

/** One line, or one event of several lines, as it was written but for its secrets. Named by where it stands: `lineId`. */
export interface SelectedLine extends LinePlace {
  readonly stream: string;
  readonly service: string;
  readonly level: Level;
  readonly line: string;
  /** How many lines this one stands for, 1 or more: the others of its service were left out, by chance and not by what they say. */
  readonly weight: number;
}

/** The event that a line travels as. */
export function eventOfLine(line: SelectedLine): SelectedEvent {
  const { stream, source, file, generation, offset, timeMs, service, level, weight } = line;
  const fields = { service, level, line: line.line, weight };
  return { stream, source, file, generation, offset, index: 0, timeMs, type: null, fields };
}

/** The line that travels as this event. Throws {@link MalformedError} when it is none. */
export function lineOfEvent(event: SelectedEvent): SelectedLine {
  const { stream, source, file, generation, offset, index, timeMs, type, fields } = event;
  const { service, level, line, weight, ...others } = fields;
  const known = LEVELS.find((name) => name === level);
  if (
    index !== 0 ||
    type !== null ||
    Object.keys(others).length > 0 ||
    typeof service !== "string" ||
    known === undefined ||
    typeof line !== "string" ||
    line.length > LINE_LENGTH_MAX ||
    typeof weight !== "number" ||
    !(weight >= 1) ||
    !Number.isFinite(weight)
  ) {
    throw new MalformedError(
      "Lines: a line has other fields than a service, a level, a text and a weight",
    );
  }
  return { stream, source, file, generation, offset, timeMs, service, level: known, line, weight };
}
