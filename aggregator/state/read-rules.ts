import type { StateView } from "../log/log.ts";
import { rangeOf, thresholdCountKey } from "./keys.ts";
import { decodeRuleRow, noCounters, type RuleCounters, type RuleRow } from "./rule-rows.ts";
import { decodeThresholdCounts } from "./threshold-rows.ts";

/** The versions of rules of one partition of stage 2, those being deleted among them. */
export function* readRules(view: StateView): Iterable<RuleRow> {
  const { from, to } = rangeOf("rule/");
  for (const [, bytes] of view.range(from, to)) yield decodeRuleRow(bytes);
}

/** How a threshold rule is doing, over all partitions: alerts that fired, breaches in its cooldown, subjects it knows of, pending alerts. */
export function readThresholdCounters(
  views: readonly StateView[],
  id: string,
): Omit<RuleCounters, "dropped"> {
  const { dropped: _dropped, ...counters } = noCounters();
  for (const view of views) {
    const bytes = view.get(thresholdCountKey(id));
    if (bytes === undefined) continue;
    const { alerts, cooledDown, keys = 0, pending = 0 } = decodeThresholdCounts(bytes);
    counters.alerts += alerts;
    counters.cooledDown += cooledDown;
    counters.keys += keys;
    counters.partials += pending;
  }
  return counters;
}
