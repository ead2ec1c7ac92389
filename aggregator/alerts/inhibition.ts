/** Inhibition, in Alertmanager's words: while an alert fires that is the cause, those that are its consequences notify nobody. */
import { type Labels, type Matcher, matches } from "./matchers.ts";

/** One rule of inhibition. */
export interface InhibitRule {
  readonly sourceMatchers: readonly Matcher[];
  readonly targetMatchers: readonly Matcher[];
  /** Labels that source and target must have in common; one that is absent in both is. */
  readonly equal: readonly string[];
}

/** An alert that fires. */
export interface OpenAlert {
  readonly id: string;
  readonly labels: Labels;
}

/** Ids of the alerts that are the cause of this one, sorted. As in Alertmanager what fits both sides of a rule is not inhibited by its like. */
export function inhibitorsOf(
  alert: OpenAlert,
  open: Iterable<OpenAlert>,
  rules: readonly InhibitRule[],
): string[] {
  const fitting = rules.filter(({ targetMatchers }) => matches(targetMatchers, alert.labels));
  if (fitting.length === 0) return [];
  const ids = new Set<string>();
  for (const other of open) {
    if (other.id === alert.id) continue;
    if (fitting.some((rule) => isCause(rule, other.labels, alert.labels))) ids.add(other.id);
  }
  return [...ids].toSorted();
}

function isCause(rule: InhibitRule, source: Labels, target: Labels): boolean {
  const { sourceMatchers, targetMatchers, equal } = rule;
  if (!matches(sourceMatchers, source)) return false;
  if (matches(sourceMatchers, target) && matches(targetMatchers, source)) return false;
  return equal.every((name) => (source[name] ?? "") === (target[name] ?? ""));
}
