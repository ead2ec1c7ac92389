import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { windowJson } from "../../shared/aggregates/window-json.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import { timePart } from "../state/keys.ts";
import type { WaitingRow } from "../state/rule-rows.ts";
import type { ServiceRow } from "../state/service-row.ts";

/**
 * What a window says to rules when it first becomes final: its numbers as fields, at its last millisecond. A measure has a field for each of
 * its kinds, such as `revenue_sum`.
 */
export function metricsRow(
  { tenant, stream, service }: ServiceRow,
  minute: number,
  aggregate: Aggregate,
  windowMinutes = 1,
): Omit<WaitingRow, "stream" | "keyField"> {
  const json = windowJson({ stream, service, minute, windowMinutes, aggregate });
  const { latency, levels: _levels, dimensions: _dimensions, ...rest } = json;
  const { measures: _measures, exemplars: _exemplars, ...numbers } = rest;
  const measures = (aggregate.detail?.measures ?? []).map(({ name, kind, value }) => [
    `${name}_${kind}`,
    value,
  ]);
  const fields = {
    ...Object.fromEntries(measures),
    ...{ ...numbers, responseTime: json.avgLatency, ...latency },
  };
  return {
    tenant,
    key: service,
    timeMs: (minute + windowMinutes) * MINUTE_MS - 1,
    type: null,
    fields,
  };
}

/** Place of what a window says in the order of such events, which is its id. */
export function metricsPlace(seriesKey: string, timeMs: number): string {
  return `${timePart(timeMs)} ${seriesKey}`;
}
