/**
 * Which lines belong together: an event is the line that begins it and all lines after it that begin none, such as those of a stack trace.
 *
 * Windows count events. What a line is depends on the line alone, in containers also on the bytes before it within a fixed distance (and on how many
 * bytes have gone by without a beginning), never on when it was read: so the same bytes give the same counts, whatever time limit, crash or rotation came between the lines of an event.
 */
import type { MultilineOptions } from "../../shared/events/event-options.ts";
import {
  emptyMeasure,
  type LineParser,
  type LineStart,
  type ParserDefinition,
  type WrappedLines,
} from "../../shared/events/parser.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** Of longer lines only so much is compared with a pattern. */
const PATTERN_BYTES_MAX = 16_384;

/** How a source's lines become events. */
export interface EventLines {
  readonly begins: LineStart;
  /** Of a longer event only the lines up to here are looked at; the others belong to it all the same. */
  readonly bytesMax: number;
  /** True when the first line of an event can always be read alone. */
  readonly isByParser: boolean;
  /** So many bytes before a line tell with it whether it begins an event; they have to stand before it in the buffer, or all of the file. */
  readonly lookBackBytes: number;
  /** True when more must follow the last line of an event; absent: that can never be told. */
  readonly isUnfinished?: WrappedLines["isUnfinished"];
}

/** How events of this format are told apart; undefined when every line is one. `parser` is asked for nothing else at the same time. */
export function eventLines(
  definition: ParserDefinition,
  parser: LineParser,
  options: MultilineOptions | undefined,
): EventLines | undefined {
  const { mode = "auto", start, continuation, bytesMax = EVENT_BYTES_MAX } = options ?? {};
  const { joins, unwraps } = definition;
  const isOff = mode === "off";
  const pattern = patternStart(start, continuation);
  if (unwraps !== undefined) {
    return { ...unwraps(isOff ? () => true : pattern), bytesMax, isByParser: false };
  }
  const alone = { bytesMax, lookBackBytes: 0 };
  if (pattern !== undefined) return { ...alone, begins: pattern, isByParser: false };
  if (isOff || joins === undefined) return undefined;
  if (joins !== "unparsed") return { ...alone, begins: joins, isByParser: false };
  const measure = emptyMeasure();
  const begins: LineStart = (buffer, from, to) => {
    const reason = parser.measure(buffer, from, to, measure);
    return reason !== "unparsed" && reason !== "blank";
  };
  return { ...alone, begins, isByParser: true };
}

/** Longest event by default: the stack traces of most programs are below 16 KiB. */
export const EVENT_BYTES_MAX = 131_072;

function patternStart(
  start: string | undefined,
  continuation: string | undefined,
): LineStart | undefined {
  if (start !== undefined) return startPattern(start, true);
  return continuation === undefined ? undefined : startPattern(continuation, false);
}

function startPattern(pattern: string, isStart: boolean): LineStart {
  const expression = new RegExp(pattern, "u");
  return (buffer, from, to) => {
    const end = to > from && buffer[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    const text = buffer.toString("utf8", from, Math.min(end, from + PATTERN_BYTES_MAX));
    return expression.test(text) === isStart;
  };
}

/** Where the last event of the whole lines `buffer[from, to)` begins; `to` when none of them begins one. */
export function lastEventFrom(buffer: Buffer, from: number, to: number, begins: LineStart): number {
  let end = to;
  while (end > from) {
    const lineFrom = end - 1 > from ? lineStart(buffer, from, end - 1) : from;
    if (begins(buffer, lineFrom, end - 1)) return lineFrom;
    end = lineFrom;
  }
  return to;
}

/** Where the lines end that go on with an event before `buffer[from, to)`. */
export function leadingLinesTo(
  buffer: Buffer,
  from: number,
  to: number,
  begins: LineStart,
): number {
  for (let at = from; at < to; ) {
    const end = lineEnd(buffer, at, to);
    if (begins(buffer, at, end)) return at;
    at = Math.min(to, end + 1);
  }
  return to;
}

/** The events of whole lines: where each begins and ends, without its last line feed. Lines before the first beginning are left out. */
export function* eventPlaces(
  buffer: Buffer,
  from: number,
  to: number,
  lines: EventLines,
): Generator<{ readonly from: number; readonly to: number }> {
  let at = leadingLinesTo(buffer, from, to, lines.begins);
  while (at < to) {
    const firstEnd = lineEnd(buffer, at, to);
    const next = firstEnd < to ? leadingLinesTo(buffer, firstEnd + 1, to, lines.begins) : to;
    yield { from: at, to: eventTextTo(buffer, at, next, lines.bytesMax) };
    at = next;
  }
}

/** Where the text of an event ends that is looked at: before its last line feed, or that of the last line within the limit. */
export function eventTextTo(buffer: Buffer, from: number, to: number, bytesMax: number): number {
  if (to - from > bytesMax) {
    const end = buffer.lastIndexOf(LINE_FEED, from + bytesMax);
    return end > from ? end : lineEnd(buffer, from, to);
  }
  return buffer[to - 1] === LINE_FEED ? to - 1 : to;
}

/** The position of the line feed that ends the line at `at`, or `to`. */
export function lineEnd(buffer: Buffer, at: number, to: number): number {
  const end = buffer.indexOf(LINE_FEED, at);
  return end < 0 || end >= to ? to : end;
}

function lineStart(buffer: Buffer, from: number, before: number): number {
  return Math.max(from, buffer.lastIndexOf(LINE_FEED, before - 1) + 1);
}
