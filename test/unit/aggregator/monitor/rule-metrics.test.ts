import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import {
  defineRuleMetrics,
  type RuleFigures,
  sumByRule,
} from "../../../../aggregator/monitor/rule-metrics.ts";

const fraud: RuleFigures = {
  name: "fraud",
  isRunning: true,
  alerts: 1,
  cooledDown: 2,
  suppressed: 3,
  late: 4,
  drops: { partials_max: 5, age_max: 1 },
  failed: 6,
  keys: 7,
  partials: 8,
};

describe("metrics of rules", () => {
  it("sum up what partitions and versions of a rule say", () => {
    const other = { ...fraud, name: "other" };
    const moved = { ...fraud, isRunning: false, drops: { age_max: 2, keys_max: 4 } };
    const [sum, ...rest] = sumByRule([fraud, other, moved]);
    expect(sum?.drops).toEqual({ partials_max: 5, age_max: 3, keys_max: 4 });
    expect(sum).toMatchObject({ isRunning: false, alerts: 2, late: 8, partials: 16 });
    expect(rest).toEqual([other]);
  });

  it("show each rule under its name, and no rule that is gone", async () => {
    let figures = [fraud, { ...fraud, name: "old", isRunning: false }];
    const registry = new Registry();
    defineRuleMetrics(registry, () => figures);
    await registry.metrics();
    figures = [fraud];
    const text = (await registry.metrics()).split("\n");
    for (const line of [
      'tailrace_rule_alerts_total{rule="fraud"} 1',
      'tailrace_rule_cooled_down_total{rule="fraud"} 2',
      'tailrace_rule_suppressed_total{rule="fraud"} 3',
      'tailrace_rule_late_events_total{rule="fraud"} 4',
      'tailrace_rule_dropped_total{rule="fraud",reason="partials_max"} 5',
      'tailrace_rule_dropped_total{rule="fraud",reason="age_max"} 1',
      'tailrace_rule_failures_total{rule="fraud"} 6',
      'tailrace_rule_keys{rule="fraud"} 7',
      'tailrace_rule_partial_matches{rule="fraud"} 8',
      'tailrace_rule_running{rule="fraud"} 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(text.join()).not.toContain("old");
  });
});
