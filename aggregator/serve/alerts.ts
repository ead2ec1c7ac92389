import type { HttpResponse } from "../../shared/platform/network.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import type { StateView } from "../log/log.ts";
import { type AlertCursor, type AlertQuery, queryAlerts } from "../state/read-alerts.ts";
import { encodeAlertCursor, parseAlertsQuery } from "./alerts-query.ts";
import { queryRefusal } from "./query-parameters.ts";

/** Longest answer, in UTF-16 code units; it ends early with a `next`. */
const ANSWER_LENGTH_MAX: number = 8 * 1024 * 1024;

/** What answering a query needs. */
export interface AlertSource {
  /** The state of each partition of stage 2 that this process holds, as of the last commit. */
  views(): readonly StateView[];
  readonly timers: Timers;
}

/** Answers `GET /v1/alerts`; `query` is what follows the question mark. */
export async function answerAlerts(
  source: AlertSource,
  tenant: string,
  query: string,
): Promise<HttpResponse> {
  const parsed = parseAlertsQuery(query);
  if ("faults" in parsed) return queryRefusal(parsed.faults);
  const parts: string[] = [];
  const next = await writeAlerts(source, { tenant, ...parsed.query }, parts);
  const tail = next === undefined ? "" : `,"next":${JSON.stringify(encodeAlertCursor(next))}`;
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from(`{"alerts":[${parts.join(",")}]${tail}}`),
  };
}

/** Adds each alert's JSON to `parts` and resolves with where what is left begins. */
async function writeAlerts(
  source: AlertSource,
  query: AlertQuery,
  parts: string[],
): Promise<AlertCursor | undefined> {
  let length = 0;
  let { after } = query;
  for (;;) {
    const limit = query.limit - parts.length;
    const page = queryAlerts(source.views(), { ...query, limit, after });
    for (const { json, timestampMs, id } of page.alerts) {
      parts.push(json);
      length += json.length;
      if (length >= ANSWER_LENGTH_MAX) return { timestampMs, id };
    }
    after = page.next;
    if (after === undefined || parts.length >= query.limit) return after;
    await source.timers.sleep(0);
  }
}
