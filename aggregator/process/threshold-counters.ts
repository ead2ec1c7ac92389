import type { LifeState } from "../alerts/alert-life.ts";
import type { ThresholdRule } from "../rules/threshold-rule.ts";
import { rangeOf, thresholdCountKey } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import {
  decodeThresholdCounts,
  decodeThresholdRow,
  encodeJsonRow,
  type ThresholdCounts,
} from "../state/threshold-rows.ts";

type Phase = LifeState["phase"] | undefined;

/** What happened to threshold rules so far, and how much they know, a row each: who asks does not walk through all subjects. That of a rule which is gone is deleted. */
export class ThresholdCounters {
  private readonly overlay: Overlay;

  constructor(overlay: Overlay) {
    this.overlay = overlay;
  }

  /** Counts one more. */
  add(rule: ThresholdRule, counter: "alerts" | "cooledDown"): void {
    this.change(rule, { [counter]: 1 });
  }

  /** Says that what is known of a subject is of another phase; undefined: nothing is known. */
  moved(rule: ThresholdRule, before: Phase, after: Phase): void {
    const keys = Number(after !== undefined) - Number(before !== undefined);
    const pending = Number(after === "pending") - Number(before === "pending");
    if (keys !== 0 || pending !== 0) this.change(rule, { keys, pending });
  }

  /** Forgets all rules but these. */
  keep(rules: ReadonlyMap<string, ThresholdRule>): void {
    const { from, to } = rangeOf("threshold-count/");
    for (const [key] of [...this.overlay.range(from, to)]) {
      if (!rules.has(key.slice(from.length))) this.overlay.set(key, undefined);
    }
    for (const rule of rules.values()) {
      const known = this.read(rule.id);
      if (known?.keys === undefined) this.recount(rule, known);
    }
  }

  /** A rule came back before all that was known for it was deleted, or an older program did not count that. */
  private recount(rule: ThresholdRule, known: ThresholdCounts | undefined): void {
    let [keys, pending] = [0, 0];
    const { from, to } = rangeOf(`threshold/${rule.id}/`);
    for (const [, bytes] of this.overlay.range(from, to)) {
      keys++;
      if (decodeThresholdRow(bytes).phase === "pending") pending++;
    }
    if (keys > 0 || known !== undefined)
      this.write(rule, { ...startOf(rule), ...known, keys, pending });
  }

  private change(rule: ThresholdRule, changes: Partial<Record<Counter, number>>): void {
    const counts = { ...startOf(rule), ...this.read(rule.id) };
    for (const counter of COUNTERS)
      counts[counter] = (counts[counter] ?? 0) + (changes[counter] ?? 0);
    this.write(rule, counts);
  }

  private read(id: string): ThresholdCounts | undefined {
    const bytes = this.overlay.get(thresholdCountKey(id));
    return bytes && decodeThresholdCounts(bytes);
  }

  private write({ id }: ThresholdRule, counts: ThresholdCounts): void {
    this.overlay.set(thresholdCountKey(id), encodeJsonRow(counts));
  }
}

const COUNTERS = ["alerts", "cooledDown", "keys", "pending"] as const;
type Counter = (typeof COUNTERS)[number];

function startOf({ config }: ThresholdRule): ThresholdCounts {
  return { name: config.name, alerts: 0, cooledDown: 0, keys: 0, pending: 0 };
}
