import { Gauge, type Registry } from "prom-client";

/** Alerts of threshold rules that fire now. */
export interface AlertFigures {
  readonly rule: string;
  readonly severity: string;
  /** `firing` or `acknowledged`. */
  readonly state: string;
  readonly count: number;
}

/** Defines the metric of open alerts, which are counted whenever metrics are asked for. */
export function defineAlertMetrics(registry: Registry, read: () => readonly AlertFigures[]): void {
  const open = new Gauge({
    name: "tailrace_alerts_open",
    help: "Alerts of threshold rules that fire now.",
    labelNames: ["rule", "severity", "state"] as const,
    registers: [],
    collect() {
      this.reset();
      for (const { count, ...labels } of read()) this.set(labels, count);
    },
  });
  registry.registerMetric(open);
}
