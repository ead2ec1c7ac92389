import type { StateView } from "./log/log.ts";
import { type RuleFigures, sumByRule } from "./monitor/rule-metrics.ts";
import type { ThresholdRule } from "./rules/threshold-rule.ts";
import { readRules, readThresholdCounters } from "./state/read-rules.ts";
import { readRuleDrops } from "./state/rule-drop-row.ts";

/** How all rules are doing, over all partitions of stage 2: patterns, and these threshold rules. */
export function readRuleFigures(
  views: readonly StateView[],
  thresholds: readonly ThresholdRule[],
): RuleFigures[] {
  return sumByRule(views.flatMap((view) => [...figuresOf(view, thresholds)]));
}

function* figuresOf(view: StateView, thresholds: readonly ThresholdRule[]): Iterable<RuleFigures> {
  const drops = Map.groupBy(readRuleDrops(view), ({ rule }) => rule);
  for (const { name, isRunning, counters } of readRules(view)) {
    const counts: Record<string, number> = {};
    for (const { reason, count } of drops.get(name) ?? []) {
      counts[reason] = (counts[reason] ?? 0) + count;
    }
    // The ledger is by name: of several versions of a rule the first says what all dropped.
    drops.delete(name);
    yield { name, isRunning, ...counters, drops: counts };
  }
  for (const { id, config } of thresholds) {
    yield { name: config.name, isRunning: true, ...readThresholdCounters([view], id), drops: {} };
  }
}
