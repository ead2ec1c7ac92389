import type { StateView } from "../log/log.ts";
import { afterChildren, minuteOfPart, minutePart, type SeriesKey } from "./keys.ts";

/** A window as the index by time knows it. */
export interface IndexedWindow {
  readonly indexKey: string;
  readonly series: SeriesKey;
  readonly minute: number;
}

/** Sorts before every other character of a key. */
const BEFORE_ALL = " ";

/**
 * Windows of all tenants and streams with `fromMinute` <= minute < `toMinute`, stream by stream, at most `limit`.
 * `after`: the index key at which the page before ended.
 */
export function readMinuteIndex(
  view: StateView,
  range: { readonly fromMinute: number; readonly toMinute: number },
  after: string | undefined,
  limit: number,
): IndexedWindow[] {
  const found: IndexedWindow[] = [];
  let cursor = after === undefined ? "minute/" : after + BEFORE_ALL;
  while (found.length < limit) {
    const streamKey = nextStream(view, cursor);
    if (streamKey === undefined) break;
    const prefix = `minute/${streamKey}/`;
    const first = prefix + minutePart(range.fromMinute);
    const from = cursor > first ? cursor : first;
    const to = prefix + minutePart(range.toMinute);
    if (from < to) {
      for (const [indexKey] of view.range(from, to, { limit: limit - found.length })) {
        found.push(parseIndexKey(indexKey, streamKey));
      }
    }
    cursor = afterChildren(prefix.slice(0, -1));
  }
  return found;
}

function nextStream(view: StateView, cursor: string): string | undefined {
  for (const [key] of view.range(cursor, afterChildren("minute"), { limit: 1 })) {
    const [, tenant = "", stream = ""] = key.split("/");
    return `${tenant}/${stream}`;
  }
  return undefined;
}

function parseIndexKey(indexKey: string, streamKey: string): IndexedWindow {
  const [, , , minute = "", servicePart = ""] = indexKey.split("/");
  const series = { streamKey, servicePart, key: `${streamKey}/${servicePart}` };
  return { indexKey, series, minute: minuteOfPart(minute) };
}
