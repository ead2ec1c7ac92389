import type { Metric, MetricPoint } from "./metric.ts";

/** Media type of {@link prometheusText}. */
export const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** Metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/); those without a value are left out. */
export function prometheusText(metrics: readonly Metric[]): string {
  let text = "";
  for (const { name, help, type, points } of metrics) {
    if (points.length === 0) continue;
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const point of points) text += `${name}${labelsText(point)} ${point.value}\n`;
  }
  return text;
}

function labelsText({ labels }: MetricPoint): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
