import type { StateView } from "../log/log.ts";
import { afterChildren, indexKind, minuteOfPart, minutePart, type SeriesKey } from "./keys.ts";

/** A window as the index by time knows it. */
export interface IndexedWindow {
  readonly indexKey: string;
  readonly series: SeriesKey;
  readonly minute: number;
}

/** Sorts before every other character of a key. */
const BEFORE_ALL = " ";

/** A range of the index by time. */
export interface IndexRange {
  readonly fromMinute: number;
  readonly toMinute: number;
  /** That of the windows; 1 when undefined. */
  readonly widthMinutes?: number;
}

/**
 * Windows of all tenants and streams with `fromMinute` <= minute < `toMinute`, stream by stream, at most `limit`.
 * `after`: the index key at which the page before ended.
 */
export function readMinuteIndex(
  view: StateView,
  range: IndexRange,
  after: string | undefined,
  limit: number,
): IndexedWindow[] {
  const found: IndexedWindow[] = [];
  const kind = indexKind(range.widthMinutes ?? 1);
  let cursor = after === undefined ? `${kind}/` : after + BEFORE_ALL;
  while (found.length < limit) {
    const streamKey = nextStream(view, kind, cursor);
    if (streamKey === undefined) break;
    const prefix = `${kind}/${streamKey}/`;
    const first = prefix + minutePart(range.fromMinute);
    const from = cursor > first ? cursor : first;
    const to = prefix + minutePart(range.toMinute);
    if (from < to) {
      for (const [indexKey] of view.range(from, to, { limit: limit - found.length })) {
        found.push(parseIndexKey(indexKey, prefix, streamKey));
      }
    }
    cursor = afterChildren(prefix.slice(0, -1));
  }
  return found;
}

function nextStream(view: StateView, kind: string, cursor: string): string | undefined {
  for (const [key] of view.range(cursor, afterChildren(kind), { limit: 1 })) {
    const [tenant = "", stream = ""] = key.slice(kind.length + 1).split("/");
    return `${tenant}/${stream}`;
  }
  return undefined;
}

function parseIndexKey(indexKey: string, prefix: string, streamKey: string): IndexedWindow {
  const [minute = "", servicePart = ""] = indexKey.slice(prefix.length).split("/");
  const series = { streamKey, servicePart, key: `${streamKey}/${servicePart}` };
  return { indexKey, series, minute: minuteOfPart(minute) };
}
