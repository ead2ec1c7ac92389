import type { HttpResponse } from "../../shared/platform/network.ts";
import { problemAnswer } from "../../shared/protocol/http-answer.ts";
import type { StateView } from "../log/log.ts";
import { queryAlerts } from "../state/read-alerts.ts";
import { encodeAlertCursor, parseAlertsQuery } from "./alerts-query.ts";

/** Answers `GET /v1/alerts` from the state of each partition of stage 2; `query` is what follows the question mark. */
export function answerAlerts(
  views: readonly StateView[],
  tenant: string,
  query: string,
): HttpResponse {
  const parsed = parseAlertsQuery(query);
  if ("faults" in parsed) {
    const names = parsed.faults.map(({ parameter }) => `\`${parameter}\``).join(", ");
    return problemAnswer({
      status: 400,
      code: "invalid_query",
      detail: `Cannot understand ${names}. ${parsed.faults.map(({ detail }) => detail).join(" ")}`,
      faults: parsed.faults,
    });
  }
  const { alerts, next } = queryAlerts(views, { tenant, ...parsed.query });
  const tail = next === undefined ? "" : `,"next":${JSON.stringify(encodeAlertCursor(next))}`;
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from(`{"alerts":[${alerts.map(({ json }) => json).join(",")}]${tail}}`),
  };
}
