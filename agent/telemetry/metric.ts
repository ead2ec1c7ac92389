/** A number that the agent tells of itself, whatever the way it travels. */
export interface Metric {
  /** With its unit, as Prometheus has names; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  /** `counter`: only rises, also over restarts. */
  readonly type: "counter" | "gauge";
  readonly points: readonly MetricPoint[];
}

/** One value of a metric; the labels tell it from the others. */
export interface MetricPoint {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
