/** Reading raw lines from stored state, for the API and for sinks. Everything is synchronous over a view as of the last commit. */
import type { Level } from "../../shared/aggregates/aggregate.ts";
import type { StateView } from "../log/log.ts";
import { LINE_TIME_PREFIX, lineKey, lineTimeKey, rangeOf } from "./keys.ts";
import { decodeLineRow, type LineRow } from "./line-row.ts";

/** A raw line with its id. */
export interface StoredLine extends LineRow {
  readonly id: string;
}

/** Where a page of lines ended. */
export interface LineCursor {
  readonly timeMs: number;
  /** Of those of one time. */
  readonly id: string;
}

/** Which lines to read. */
export interface LineQuery {
  readonly tenant: string;
  /** Event times at or after this. */
  readonly fromMs: number;
  /** Event times before this. */
  readonly toMs: number;
  readonly stream: string | undefined;
  readonly service: string | undefined;
  readonly agent: string | undefined;
  readonly levels: readonly Level[] | undefined;
  /** Text that the line holds, whatever its case. */
  readonly contains: string | undefined;
  readonly limit: number;
  readonly after: LineCursor | undefined;
}

/** One page of lines, ascending by (time, id). */
export interface LinePage {
  readonly lines: readonly StoredLine[];
  /** Where the next page goes on, which may find nothing; undefined when this is the last. */
  readonly next: LineCursor | undefined;
}

/** What a date can show. */
const TIME_MS_MAX = 8.64e15;
/** A page ends after so many lines that were looked at. */
const SEEN_COUNT_MAX = 2_000;
/** Sorts behind every other character of an id. */
const AFTER_ALL = "~";

/** The stored lines of a range of event time in the views of all partitions. A page ends early when much was looked at. */
export function queryLines(views: readonly StateView[], query: LineQuery): LinePage {
  const { limit } = query;
  const needle = query.contains?.toLowerCase();
  const lines: StoredLine[] = [];
  let seenCount = 0;
  let last: LineCursor | undefined;
  for (const found of merged(views, query)) {
    if (lines.length >= limit || seenCount >= SEEN_COUNT_MAX) return { lines, next: last };
    seenCount++;
    last = { timeMs: found.line.timeMs, id: found.id };
    if (isAsked(found, query, needle)) lines.push(found);
  }
  return { lines, next: undefined };
}

/** The lines of all views, ascending. */
function* merged(views: readonly StateView[], query: LineQuery): Generator<StoredLine> {
  const fromMs = Math.max(query.fromMs, -TIME_MS_MAX);
  const toMs = Math.min(query.toMs, TIME_MS_MAX);
  if (fromMs >= toMs) return;
  const { after } = query;
  const from =
    after !== undefined && after.timeMs >= fromMs
      ? lineTimeKey(after.timeMs, after.id + AFTER_ALL)
      : lineTimeKey(fromMs, "");
  const open = views.map((view) => {
    const iterator = view.range(from, lineTimeKey(toMs, ""))[Symbol.iterator]();
    return { iterator, head: iterator.next() };
  });
  for (;;) {
    let first: (typeof open)[number] | undefined;
    for (const part of open) {
      if (part.head.done === true) continue;
      const isFirst =
        first === undefined || first.head.done === true || part.head.value[0] < first.head.value[0];
      if (isFirst) first = part;
    }
    if (first === undefined || first.head.done === true) return;
    const [key, bytes] = first.head.value;
    yield { id: key.slice(key.lastIndexOf("/") + 1), ...decodeLineRow(bytes) };
    first.head = first.iterator.next();
  }
}

function isAsked(found: StoredLine, query: LineQuery, needle: string | undefined): boolean {
  const { tenant, agent, line } = found;
  return (
    tenant === query.tenant &&
    (query.agent === undefined || agent === query.agent) &&
    (query.stream === undefined || line.stream === query.stream) &&
    (query.service === undefined || line.service === query.service) &&
    (query.levels === undefined || query.levels.includes(line.level)) &&
    (needle === undefined || line.line.toLowerCase().includes(needle))
  );
}

/** Lines that came after `number` of one partition, in that order, at most `limit`. */
export function readLines(view: StateView, number: number, limit: number): StoredLine[] {
  const lines: StoredLine[] = [];
  const { to } = rangeOf("line/");
  for (const [, place] of view.range(lineKey(number + 1), to, { limit })) {
    const key = LINE_TIME_PREFIX + place.toString("latin1");
    const bytes = view.get(key);
    if (bytes === undefined) continue;
    lines.push({ id: key.slice(key.lastIndexOf("/") + 1), ...decodeLineRow(bytes) });
  }
  return lines;
}
