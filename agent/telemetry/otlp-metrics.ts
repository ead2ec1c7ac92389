import type { Metric } from "./metric.ts";

/** Whose metrics they are, and for which time. */
export interface OtlpFrame {
  readonly agent: string;
  readonly host: string;
  readonly nowMs: number;
}

/** `AGGREGATION_TEMPORALITY_CUMULATIVE` of opentelemetry-proto. */
const CUMULATIVE = 2;

/**
 * Metrics as the JSON of an ExportMetricsServiceRequest (OTLP 1.x, opentelemetry/proto/collector/metrics/v1). Counters are cumulative sums without
 * a start: those of the ledger go on over restarts.
 */
export function otlpMetrics(metrics: readonly Metric[], frame: OtlpFrame): string {
  const { agent, host, nowMs } = frame;
  const timeUnixNano = nanoseconds(nowMs);
  const resource = attributes({
    "service.name": "tailrace-agent",
    "service.instance.id": agent,
    "host.name": host,
  });
  const named = metrics
    .filter(({ points }) => points.length > 0)
    .map(({ name, help, type, points }) => {
      const dataPoints = points.map(({ labels, value }) => ({
        ...{ attributes: attributes(labels), timeUnixNano },
        asDouble: value,
      }));
      const sum = { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: true };
      return {
        name,
        description: help,
        ...(type === "counter" ? { sum } : { gauge: { dataPoints } }),
      };
    });
  const scopeMetrics = [{ scope: { name: "tailrace" }, metrics: named }];
  return JSON.stringify({
    resourceMetrics: [{ resource: { attributes: resource }, scopeMetrics }],
  });
}

function attributes(values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([key, value]) => ({ key, value: { stringValue: value } }));
}

/** Nanoseconds do not fit a number; the protocol writes them as text. */
function nanoseconds(timeMs: number): string {
  return `${Math.floor(timeMs)}000000`;
}
