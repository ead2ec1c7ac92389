import type { ThresholdRule } from "../rules/threshold-rule.ts";
import { rangeOf, thresholdCountKey } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import {
  decodeThresholdCounts,
  encodeJsonRow,
  type ThresholdCounts,
} from "../state/threshold-rows.ts";

/** What happened to threshold rules so far, a row each. That of a rule which is gone is deleted. */
export class ThresholdCounters {
  private readonly overlay: Overlay;

  constructor(overlay: Overlay) {
    this.overlay = overlay;
  }

  /** Counts one more. */
  add({ id, config }: ThresholdRule, counter: Exclude<keyof ThresholdCounts, "name">): void {
    const key = thresholdCountKey(id);
    const bytes = this.overlay.get(key);
    const before = bytes && decodeThresholdCounts(bytes);
    const counts = before ?? { name: config.name, alerts: 0, cooledDown: 0 };
    this.overlay.set(key, encodeJsonRow({ ...counts, [counter]: counts[counter] + 1 }));
  }

  /** Forgets all rules but these. */
  keep(rules: ReadonlyMap<string, ThresholdRule>): void {
    const { from, to } = rangeOf("threshold-count/");
    for (const [key] of [...this.overlay.range(from, to)]) {
      if (!rules.has(key.slice(from.length))) this.overlay.set(key, undefined);
    }
  }
}
