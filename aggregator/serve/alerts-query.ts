/** The query of `GET /v1/alerts`. */
import type { QueryFault } from "../../shared/protocol/http-answer.ts";
import type { AlertCursor, AlertQuery } from "../state/read-alerts.ts";
import { limitUpTo, nonEmpty, QueryParameters } from "./query-parameters.ts";
import { parseInstantMs } from "./windows-query.ts";

/** Most alerts in one answer; each is some kilobytes long. */
const LIMIT_MAX = 1_000;
const PARAMETERS = ["cursor", "from", "limit", "next", "rule", "to", "type"];

/** Reads a query string. Times are ISO 8601 with a zone, or a date alone, which is midnight in UTC. */
export function parseAlertsQuery(
  query: string,
): { readonly query: Omit<AlertQuery, "tenant"> } | { readonly faults: readonly QueryFault[] } {
  const parameters = new QueryParameters(query, PARAMETERS);
  const instant = "a time such as 2026-11-20T10:00:00Z";
  const cursorHelp = "the `next` of an earlier answer to the same query";
  const cursor = (name: string) =>
    parameters.read<AlertCursor | undefined>(name, undefined, decodeAlertCursor, cursorHelp);
  const text = (name: string, want: string) =>
    parameters.read<string | undefined>(name, undefined, nonEmpty, want);
  const limitHelp = `a whole number from 1 to ${LIMIT_MAX}`;
  const parsed: Omit<AlertQuery, "tenant"> = {
    fromMs: parameters.read("from", Number.NEGATIVE_INFINITY, parseInstantMs, instant),
    toMs: parameters.read("to", Number.POSITIVE_INFINITY, parseInstantMs, instant),
    rule: text("rule", "the name of a rule"),
    alertType: text("type", "a type of alert such as FRAUD_SUSPICION"),
    limit: parameters.read("limit", LIMIT_MAX, limitUpTo(LIMIT_MAX), limitHelp),
    after: cursor("next") ?? cursor("cursor"),
  };
  if (parsed.fromMs > parsed.toMs) parameters.fault("from", "It is later than `to`.");
  return parameters.faults.length > 0 ? { faults: parameters.faults } : { query: parsed };
}

/** The text that brings the alerts behind a place. */
export function encodeAlertCursor({ timestampMs, id }: AlertCursor): string {
  return Buffer.from(JSON.stringify([timestampMs, id])).toString("base64url");
}

function decodeAlertCursor(text: string): AlertCursor | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    // Not ours; the caller says so.
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const timestampMs: unknown = value[0];
  const id: unknown = value[1];
  if (typeof timestampMs !== "number" || !Number.isSafeInteger(timestampMs)) return undefined;
  return typeof id === "string" ? { timestampMs, id } : undefined;
}
