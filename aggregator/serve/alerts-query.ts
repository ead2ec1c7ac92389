/** The query of `GET /v1/alerts`. */

import type { QueryFault } from "../../shared/protocol/http-answer.ts";
import { labelsOf } from "../alerts/alert-record.ts";
import { matches, parseMatcher, wantedMatcher } from "../alerts/matchers.ts";
import type { AlertCursor, AlertQuery } from "../state/read-alerts.ts";
import { decodePlace, encodePlace, QueryParameters } from "./query-parameters.ts";

/** Most alerts in one answer; each is some kilobytes long. */
const LIMIT_MAX = 1_000;
const PARAMETERS = [
  ...["cursor", "filter", "from", "limit", "next", "rule", "service", "state"],
  ...["suppressed", "to", "type"],
];
const REPEATABLE = ["filter", "state"];
const STATES = ["pending", "firing", "acknowledged", "resolved"] as const;

/** Reads a query string. Times are ISO 8601 with a zone, or a date alone, which is midnight in UTC. */
export function parseAlertsQuery(
  query: string,
): { readonly query: Omit<AlertQuery, "tenant"> } | { readonly faults: readonly QueryFault[] } {
  const parameters = new QueryParameters(query, PARAMETERS, REPEATABLE);
  const states = parameters.readAll("state", stateOf, `one of ${STATES.join(", ")}`);
  const matchers = parameters.readAll("filter", parseMatcher, wantedMatcher);
  const isQuiet = parameters.read<boolean | undefined>(
    "suppressed",
    undefined,
    flagOf,
    "true or false",
  );
  const service = parameters.text("service", "the name of a service");
  const range = parameters.range();
  const parsed: Omit<AlertQuery, "tenant"> = {
    ...range,
    rule: parameters.text("rule", "the name of a rule"),
    alertType: parameters.text("type", "a type of alert such as FRAUD_SUSPICION"),
    states: states.length === 0 ? undefined : states,
    isWanted: ({ json, isSuppressed }) => {
      if (isQuiet !== undefined && isSuppressed !== isQuiet) return false;
      if (matchers.length === 0 && service === undefined) return true;
      const labels = labelsOf(json);
      return (service === undefined || labels["service"] === service) && matches(matchers, labels);
    },
    limit: parameters.limit(LIMIT_MAX),
    after: parameters.after(decodeAlertCursor),
  };
  return parameters.faults.length > 0 ? { faults: parameters.faults } : { query: parsed };
}

/** The text that brings the alerts behind a place. */
export function encodeAlertCursor({ timestampMs, id }: AlertCursor): string {
  return encodePlace([timestampMs, id]);
}

function decodeAlertCursor(text: string): AlertCursor | undefined {
  const [timestampMs, id] = decodePlace(text) ?? [];
  return timestampMs === undefined || id === undefined ? undefined : { timestampMs, id };
}

function stateOf(text: string): (typeof STATES)[number] | undefined {
  return STATES.find((state) => state === text);
}

function flagOf(text: string): boolean | undefined {
  return text === "true" ? true : text === "false" ? false : undefined;
}
