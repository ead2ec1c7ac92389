/** What there is: services, rules, and what became of every line. */
import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer } from "../../shared/protocol/http-answer.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import type { StateView } from "../log/log.ts";
import { afterChildren, makeSeries, minuteOfPart } from "../state/keys.ts";
import { readAgents, readCollectRow, readLedger, readProcessRow } from "../state/read-agents.ts";
import { readInlets } from "../state/read-inlets.ts";
import { readServices } from "../state/service-row.ts";
import { pageOf } from "./page-of.ts";
import { decodePlace, nonEmpty, QueryParameters } from "./query-parameters.ts";

const LIMIT_MAX = 1_000;
/** An agent has some entries for each of its sources. */
const LEDGER_LIMIT_MAX = 10_000;

/** Answers `GET /v1/services` from the state of each partition of stage 2: every service of which there are windows, by name. */
export function answerServices(
  views: readonly StateView[],
  tenant: string,
  query: string,
): HttpResponse {
  const parameters = new QueryParameters(query, ["cursor", "limit", "next", "stream"]);
  const stream = parameters.text("stream", "the name of a stream");
  const limit = parameters.limit(LIMIT_MAX);
  const after = parameters.after(decodePlace)?.[1];
  if (parameters.refusal !== undefined) return parameters.refusal;
  const found = views.flatMap((view) =>
    [...readServices(view, tenant, stream)].map(({ stream: name, service }) => ({
      ...{ view, stream: name, service },
      place: JSON.stringify([service, name]),
    })),
  );
  const { items, next } = pageOf(found, ({ place }) => place, { limit, after });
  const services = items.map(({ view, stream: name, service }) => {
    const newest = newestMinute(view, makeSeries(tenant, name, service).key);
    const lastWindowStart =
      newest === undefined ? null : new Date(newest * MINUTE_MS).toISOString();
    return { service, stream: name, lastWindowStart };
  });
  return jsonAnswer(200, { services, ...next });
}

function newestMinute(view: StateView, seriesKey: string): number | undefined {
  const prefix = `window/${seriesKey}/`;
  const range = view.range(prefix, afterChildren(prefix.slice(0, -1)), { limit: 1, reverse: true });
  for (const [key] of range) return minuteOfPart(key.slice(prefix.length));
  return undefined;
}

/** Answers `GET /v1/ledger`: what became of the lines that agents and other sources read, and of those that arrived. */
export function answerLedger(
  parts: { readonly collected: readonly StateView[]; readonly processed: readonly StateView[] },
  tenant: string,
  query: string,
): HttpResponse {
  const parameters = new QueryParameters(query, ["agent", "limit", "next"]);
  const wanted = parameters.read("agent", undefined, nonEmpty, "the name of an agent");
  const limit = parameters.limit(LEDGER_LIMIT_MAX);
  const after = parameters.after(decodePlace)?.[1];
  if (parameters.refusal !== undefined) return parameters.refusal;
  const found = parts.collected.flatMap((view) => [
    ...[...readAgents(view, tenant)]
      .filter(({ agent }) => wanted === undefined || agent === wanted)
      .flatMap(({ agent }) =>
        readLedger(view, tenant, agent).map((entry) => ({ agent, ...entry })),
      ),
    ...(wanted === undefined
      ? [...readInlets(view, tenant)].flatMap(({ source, place, ledger }) =>
          ledger.map((entry) => ({ agent: null, ...entry, place, source })),
        )
      : []),
  ]);
  // One entry for each agent or place, source, kind and reason.
  const placeOf = ({ agent, source, kind, reason, ...rest }: (typeof found)[number]) =>
    JSON.stringify([agent ?? "", "place" in rest ? rest.place : "", source, kind, reason]);
  const { items: entries, next } = pageOf(found, placeOf, { limit, after });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const processed = parts.processed.map(readProcessRow);
  return jsonAnswer(200, {
    entries,
    aggregator: {
      received: sum(parts.collected.map((view) => readCollectRow(view).receivedLines)),
      merged: sum(processed.map(({ mergedLines }) => mergedLines)),
      tooLate: sum(processed.map(({ tooLateLines }) => tooLateLines)),
    },
    ...next,
  });
}
