import type { StateView } from "../log/log.ts";
import { rangeOf, thresholdCountKey } from "./keys.ts";
import { decodeRuleRow, noCounters, type RuleCounters, type RuleRow } from "./rule-rows.ts";
import { decodeThresholdCounts, decodeThresholdRow } from "./threshold-rows.ts";

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
    if (bytes !== undefined) {
      const { alerts, cooledDown } = decodeThresholdCounts(bytes);
      counters.alerts += alerts;
      counters.cooledDown += cooledDown;
    }
    const { from, to } = rangeOf(`threshold/${id}/`);
    for (const [, row] of view.range(from, to)) {
      counters.keys++;
      if (decodeThresholdRow(row).phase === "pending") counters.partials++;
    }
  }
  return counters;
}
