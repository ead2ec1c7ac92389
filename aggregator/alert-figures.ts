import type { StateView } from "./log/log.ts";
import type { AlertFigures } from "./monitor/alert-metrics.ts";
import { readOpenAlerts } from "./state/read-alerts.ts";

/** How many alerts of threshold rules fire now, by rule, severity and state. */
export function countOpenAlerts(views: readonly StateView[]): AlertFigures[] {
  const counts = new Map<string, AlertFigures>();
  for (const { rule, severity, state } of readOpenAlerts(views)) {
    const key = JSON.stringify([rule, severity, state]);
    const count = (counts.get(key)?.count ?? 0) + 1;
    counts.set(key, { rule, severity, state, count });
  }
  return [...counts.values()];
}
