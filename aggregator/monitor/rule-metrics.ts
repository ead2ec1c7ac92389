import { Counter, Gauge, type Registry } from "prom-client";

/** How a rule is doing, over all partitions. */
export interface RuleFigures {
  readonly name: string;
  /** False while agents have yet to send what it needs. */
  readonly isRunning: boolean;
  readonly alerts: number;
  readonly cooledDown: number;
  readonly suppressed: number;
  readonly late: number;
  /** What bounds dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  readonly failed: number;
  readonly keys: number;
  readonly partials: number;
}

/** Figures of rules as they are summed up: those of the same name are one rule. */
export function sumByRule(figures: Iterable<RuleFigures>): RuleFigures[] {
  const sums = new Map<string, RuleFigures>();
  for (const one of figures) {
    const known = sums.get(one.name);
    sums.set(one.name, known === undefined ? one : sumOf(known, one));
  }
  return [...sums.values()];
}

function sumOf(a: RuleFigures, b: RuleFigures): RuleFigures {
  return {
    name: a.name,
    isRunning: a.isRunning && b.isRunning,
    alerts: a.alerts + b.alerts,
    cooledDown: a.cooledDown + b.cooledDown,
    suppressed: a.suppressed + b.suppressed,
    late: a.late + b.late,
    drops: addDrops(a.drops, b.drops),
    failed: a.failed + b.failed,
    keys: a.keys + b.keys,
    partials: a.partials + b.partials,
  };
}

function addDrops(a: RuleFigures["drops"], b: RuleFigures["drops"]): RuleFigures["drops"] {
  const sums: Record<string, number> = { ...a };
  for (const [reason, count] of Object.entries(b)) sums[reason] = (sums[reason] ?? 0) + count;
  return sums;
}

const LABELS = ["rule"] as const;

/** Defines the metrics of rules, whose figures are read whenever metrics are asked for. */
export function defineRuleMetrics(registry: Registry, read: () => readonly RuleFigures[]): void {
  const total = (name: string, help: string, value: (figures: RuleFigures) => number) => {
    const collect = function (this: Counter<"rule">) {
      this.reset();
      for (const rule of read()) this.inc({ rule: rule.name }, value(rule));
    };
    registry.registerMetric(
      new Counter({ name, help, labelNames: LABELS, registers: [], collect }),
    );
  };
  const gauge = (name: string, help: string, value: (figures: RuleFigures) => number) => {
    const collect = function (this: Gauge<"rule">) {
      this.reset();
      for (const rule of read()) this.set({ rule: rule.name }, value(rule));
    };
    registry.registerMetric(new Gauge({ name, help, labelNames: LABELS, registers: [], collect }));
  };
  total("tailrace_rule_alerts_total", "Alerts raised.", ({ alerts }) => alerts);
  total(
    "tailrace_rule_cooled_down_total",
    "Matches that raised no alert since one was raised a moment before.",
    ({ cooledDown }) => cooledDown,
  );
  total(
    "tailrace_rule_suppressed_total",
    "Matches that raised no alert since events were shed within them.",
    ({ suppressed }) => suppressed,
  );
  total(
    "tailrace_rule_late_events_total",
    "Events that came behind the watermark and were dropped.",
    ({ late }) => late,
  );
  defineDrops(registry, read);
  total(
    "tailrace_rule_failures_total",
    "Keys that began anew since the rule failed.",
    ({ failed }) => failed,
  );
  gauge("tailrace_rule_keys", "Values of the key of which something is known.", (f) => f.keys);
  gauge("tailrace_rule_partial_matches", "Partial matches.", ({ partials }) => partials);
  gauge(
    "tailrace_rule_running",
    "1 when the rule sees events, 0 while agents have yet to send what it needs.",
    ({ isRunning }) => (isRunning ? 1 : 0),
  );
}

function defineDrops(registry: Registry, read: () => readonly RuleFigures[]): void {
  const metric = new Counter({
    name: "tailrace_rule_dropped_total",
    help: "Partial matches and alerts that a bound dropped.",
    labelNames: ["rule", "reason"],
    registers: [],
    collect() {
      this.reset();
      for (const { name: rule, drops } of read()) {
        for (const [reason, count] of Object.entries(drops)) this.inc({ rule, reason }, count);
      }
    },
  });
  registry.registerMetric(metric);
}
