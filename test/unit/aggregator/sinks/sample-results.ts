import type { AlertResult, WindowResult } from "../../../../aggregator/sinks/sink.ts";
import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { windowJson } from "../../../../shared/aggregates/window-json.ts";

/** Start of the first sample window. */
export const SAMPLE_START_MS: number = Date.parse("2026-11-20T10:00:00Z");

const MINUTE_MS = 60_000;

/** A window of one minute, `minute` minutes after the start: an INFO and an ERROR of 2.5 and 40 ms. */
export function sampleWindow(
  service: string,
  minute: number,
  revision: number,
  changes: Partial<WindowResult> = {},
): WindowResult {
  const aggregate = new Aggregate();
  aggregate.add(LEVEL_INDEX.INFO, 2_500);
  aggregate.add(LEVEL_INDEX.ERROR, 40_000);
  const windowStartMs = SAMPLE_START_MS + minute * MINUTE_MS;
  const stream = "application-logs";
  const shown = windowJson({
    stream,
    service,
    minute: windowStartMs / MINUTE_MS,
    windowMinutes: 1,
    aggregate,
    progress: { state: "final", revision },
  });
  return {
    id: `/application-logs/${encodeURIComponent(service)}/1m/${windowStartMs / MINUTE_MS}`,
    tenant: "",
    stream,
    service,
    windowStartMs,
    windowEndMs: windowStartMs + MINUTE_MS,
    revision,
    json: JSON.stringify(shown),
    ...changes,
  };
}

/** The same window kept apart by `dimensions`, with measures. */
export function apartWindow(
  service: string,
  minute: number,
  dimensions: Readonly<Record<string, string>>,
): WindowResult {
  const window = sampleWindow(service, minute, 1, { dimensions });
  const measures = { bytes: { sum: 12.5 }, users: { distinct: 3 } };
  return {
    ...window,
    id: `${window.id}?${JSON.stringify(dimensions)}`,
    json: JSON.stringify({ ...JSON.parse(window.json), dimensions, measures }),
  };
}

/** An alert about `service`, `minute` minutes after the start. */
export function sampleAlert(id: string, service: string, minute: number): AlertResult {
  const timestampMs = SAMPLE_START_MS + minute * MINUTE_MS;
  const shown = {
    alertType: "SERVICE_DEGRADATION",
    service,
    message: `${service} answers slowly`,
    timestamp: new Date(timestampMs).toISOString(),
    severity: "warning",
    details: { avgLatency: 812 },
  };
  return {
    id,
    tenant: "",
    rule: "service-degradation",
    alertType: shown.alertType,
    severity: shown.severity,
    timestampMs,
    revision: 1,
    state: "firing",
    isSuppressed: false,
    json: JSON.stringify(shown),
  };
}
