import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import type { StateView } from "../log/log.ts";
import { type LateRow, readLate } from "../state/late-row.ts";
import { limitUpTo, nonEmpty, QueryParameters } from "./query-parameters.ts";

/** Most events in one answer; each is some hundred bytes long. */
const LIMIT_MAX = 1_000;
const ANSWER_LENGTH_MAX: number = 8 * 1024 * 1024;

/** An event that came too late for rules, as `GET /v1/late-events` shows it: `tailrace rules run` reads it as an event. */
export interface LateEventJson {
  readonly id: string;
  readonly ts: number;
  readonly timestamp: string;
  readonly stream: string;
  readonly type: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
  /** The field by which it was keyed, with its value: null for rules without a key. */
  readonly keyField: string | null;
  readonly keyValue: string | number | boolean | null;
  /** The watermark it came behind, and how far; null when it was kept by an older version. */
  readonly watermark: string | null;
  readonly lateMs: number | null;
  /** The rules that would have seen it. */
  readonly rules: readonly string[];
}

/** Where the next page begins: the partition, and the number of the event before it. */
interface Place {
  readonly partition: number;
  readonly before: number;
}

/**
 * Answers `GET /v1/late-events` from the state of each partition of stage 2: events that came behind the watermark and that rules therefore
 * did not see, newest first in each. `query` is what follows the question mark.
 */
export function answerLateEvents(
  views: readonly StateView[],
  tenant: string,
  query: string,
): HttpResponse {
  const parameters = new QueryParameters(query, ["limit", "next", "rule", "stream"]);
  const rule = parameters.read("rule", undefined, nonEmpty, "the name of a rule");
  const stream = parameters.read("stream", undefined, nonEmpty, "the name of a stream");
  const want = `a whole number from 1 to ${LIMIT_MAX}`;
  const limit = parameters.read("limit", LIMIT_MAX, limitUpTo(LIMIT_MAX), want);
  const first: Place = { partition: 0, before: Number.POSITIVE_INFINITY };
  const place = parameters.read("next", first, placeOf, "the `next` of an earlier answer");
  const { faults } = parameters;
  if (faults.length > 0) {
    const detail = `Cannot understand the query. ${faults.map((fault) => fault.detail).join(" ")}`;
    return problemAnswer({ status: 400, code: "invalid_query", detail, faults });
  }
  const isAsked = (row: LateRow) =>
    row.tenant === tenant &&
    (stream === undefined || row.stream === stream) &&
    (rule === undefined || row.rules.includes(rule));
  const lateEvents: LateEventJson[] = [];
  let length = 0;
  for (let { partition, before } = place; partition < views.length; partition++) {
    const view = views[partition];
    if (view === undefined) break;
    for (const { number, row } of readLate(view, before)) {
      if (!isAsked(row)) continue;
      const event = lateEvent(row, `${partition}-${number}`);
      lateEvents.push(event);
      length += JSON.stringify(event).length;
      if (lateEvents.length < limit && length < ANSWER_LENGTH_MAX) continue;
      return jsonAnswer(200, { lateEvents, next: `${partition}-${number}` });
    }
    before = Number.POSITIVE_INFINITY;
  }
  return jsonAnswer(200, { lateEvents });
}

function placeOf(text: string): Place | undefined {
  const parts = /^(\d{1,4})-(\d{1,15})$/.exec(text);
  return parts === null ? undefined : { partition: Number(parts[1]), before: Number(parts[2]) };
}

function lateEvent(row: LateRow, number: string): LateEventJson {
  const { timeMs, stream, type, fields, keyField, key, watermarkMs, rules, place } = row;
  return {
    id: place ?? number,
    ts: timeMs,
    timestamp: iso(timeMs),
    ...{ stream, type, fields, keyField: keyField ?? null, keyValue: key },
    watermark: watermarkMs === undefined ? null : iso(watermarkMs),
    lateMs: watermarkMs === undefined ? null : watermarkMs - timeMs,
    rules,
  };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
