/** Reading alerts from stored state, for the API and for sinks. Everything is synchronous over a view as of the last commit. */
import type { StateView } from "../log/log.ts";
import { type AlertRow, decodeAlertRow } from "./alert-row.ts";
import { alertIdKey, alertKey, alertTimeKey, numberOfPart, rangeOf, timeOfPart } from "./keys.ts";
import { decodeNumberRow } from "./threshold-rows.ts";

/** An alert with the number under which it was raised. */
export interface NumberedAlert {
  /** Rises with every alert of a partition. */
  readonly number: number;
  readonly alert: AlertRow;
}

/** Where a page of alerts ended. */
export interface AlertCursor {
  readonly timestampMs: number;
  /** Of those of one time. */
  readonly id: string;
}

/** Which alerts to read. */
export interface AlertQuery {
  readonly tenant: string;
  /** Event times at or after this. */
  readonly fromMs: number;
  /** Event times before this. */
  readonly toMs: number;
  /** Name of the rule; all when undefined. */
  readonly rule: string | undefined;
  /** All types when undefined. */
  readonly alertType: string | undefined;
  /** All states when undefined. */
  readonly states?: readonly AlertRow["state"][] | undefined;
  /** Whether a label fits, and the like; all when undefined. */
  readonly isWanted?: ((alert: AlertRow) => boolean) | undefined;
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: AlertCursor | undefined;
}

/** One page of alerts, ascending by (time, id). */
export interface AlertPage {
  readonly alerts: readonly AlertRow[];
  /** Where the next page goes on, which may find nothing; undefined when this is the last. */
  readonly next: AlertCursor | undefined;
}

/** What a date can show. */
const TIME_MS_MAX = 8.64e15;
/** A page ends after so many alerts that were looked at. */
const SEEN_COUNT_MAX = 1_000;
/** Sorts behind every id, which is made of hex digits. */
const AFTER_ALL_IDS = "~";

/** The newest revision of an alert; undefined when there is none. */
export function findAlert(view: StateView, id: string): AlertRow | undefined {
  const number = view.get(alertIdKey(id));
  const bytes = number && view.get(alertKey(decodeNumberRow(number)));
  return bytes && decodeAlertRow(bytes);
}

/** The alerts of threshold rules that fire now. */
export function* readOpenAlerts(views: readonly StateView[]): Iterable<AlertRow> {
  const { from, to } = rangeOf("alert-open/");
  for (const view of views) {
    for (const [key] of view.range(from, to)) {
      const alert = findAlert(view, key.slice(from.length));
      if (alert !== undefined) yield alert;
    }
  }
}

/** Revisions of alerts made after `number` of one partition, in that order, at most `limit`. */
export function readAlerts(view: StateView, number: number, limit: number): NumberedAlert[] {
  const { to } = rangeOf("alert/");
  return [...view.range(alertKey(number + 1), to, { limit })].map(([key, bytes]) => ({
    number: numberOfPart(key.slice("alert/".length)),
    alert: decodeAlertRow(bytes),
  }));
}

/**
 * The stored alerts of a range of event time in the views of all partitions. A page ends early when much was looked at, so that a large query
 * keeps nobody else waiting.
 */
export function queryAlerts(views: readonly StateView[], query: AlertQuery): AlertPage {
  const { limit, after } = query;
  const alerts: AlertRow[] = [];
  let seenCount = 0;
  for (const sameTime of byTime(views, query)) {
    seenCount += sameTime.length;
    for (const alert of sameTime.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      const isBehind =
        after === undefined || alert.timestampMs > after.timestampMs || alert.id > after.id;
      if (isBehind && isAsked(alert, query)) alerts.push(alert);
    }
    if (alerts.length > limit) break;
    const [first] = sameTime;
    if (seenCount < SEEN_COUNT_MAX || first === undefined) continue;
    return { alerts, next: { timestampMs: first.timestampMs, id: AFTER_ALL_IDS } };
  }
  if (alerts.length <= limit) return { alerts, next: undefined };
  alerts.length = limit;
  const last = alerts.at(-1);
  return { alerts, next: last && { timestampMs: last.timestampMs, id: last.id } };
}

/** Alerts of the query's range, those of one event time together, ascending. */
function* byTime(views: readonly StateView[], query: AlertQuery): Iterable<AlertRow[]> {
  const fromMs = Math.max(query.fromMs, query.after?.timestampMs ?? -TIME_MS_MAX, -TIME_MS_MAX);
  const toMs = Math.min(query.toMs, TIME_MS_MAX);
  if (fromMs >= toMs) return;
  const open = views.map((view) => {
    const entries = view.range(alertTimeKey(fromMs, 0), alertTimeKey(toMs, 0));
    const iterator = entries[Symbol.iterator]();
    return { view, iterator, head: nextPlace(iterator) };
  });
  for (;;) {
    const times = open.flatMap(({ head }) => (head === undefined ? [] : [head.timeMs]));
    if (times.length === 0) return;
    const timeMs = Math.min(...times);
    const found: AlertRow[] = [];
    for (const part of open) {
      for (; part.head?.timeMs === timeMs; part.head = nextPlace(part.iterator)) {
        const alert = newestAt(part.view, part.head.number);
        if (alert !== undefined) found.push(alert);
      }
    }
    yield found;
  }
}

/** The alert of a number, when that is its newest revision. */
function newestAt(view: StateView, number: number): AlertRow | undefined {
  const bytes = view.get(alertKey(number));
  if (bytes === undefined) return undefined;
  const alert = decodeAlertRow(bytes);
  const newest = view.get(alertIdKey(alert.id));
  // Those of the oldest format are not known by id; they have one revision.
  return newest === undefined || decodeNumberRow(newest) === number ? alert : undefined;
}

function isAsked(alert: AlertRow, query: AlertQuery): boolean {
  const { tenant, rule, alertType, states, isWanted } = query;
  return (
    alert.tenant === tenant &&
    (rule === undefined || alert.rule === rule) &&
    (alertType === undefined || alert.alertType === alertType) &&
    (states === undefined || states.includes(alert.state)) &&
    (isWanted === undefined || isWanted(alert))
  );
}

function nextPlace(
  iterator: Iterator<readonly [string, Buffer]>,
): { readonly timeMs: number; readonly number: number } | undefined {
  const next = iterator.next();
  if (next.done === true) return undefined;
  const [, time = "", number = ""] = next.value[0].split("/");
  return { timeMs: timeOfPart(time), number: numberOfPart(number) };
}
