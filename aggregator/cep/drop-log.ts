import type { Value } from "../../shared/expression/parse.ts";
import type { DropReason } from "./matcher.ts";

/** What a bound made an operator drop of one key. */
export interface KeyDrop {
  /** Null when the pattern has no key; {@link OTHER_KEYS} when more keys were hit than are told apart. */
  readonly key: Value;
  readonly reason: DropReason;
  /** Partial matches that were dropped, those of the oldest first events. */
  readonly count: number;
  /** Event times of the earliest and latest first event among them, in ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Stands for all keys beyond those that are told apart. */
export const OTHER_KEYS = "__other__";

/** Enough to name those that matter, few enough that a flood of keys costs nothing. */
const ENTRIES_MAX = 1000;

/** Collects drops by key and reason until they are taken; bounded. */
export class DropLog {
  readonly #drops = new Map<string, KeyDrop>();

  /** Notes one dropped partial match; `ms` is the time of its first event. */
  add(key: Value, reason: DropReason, ms: number): void {
    const name = JSON.stringify([key, reason]);
    const known = this.#drops.get(name);
    if (known !== undefined) {
      const { count, fromMs, toMs } = known;
      const span = { fromMs: Math.min(fromMs, ms), toMs: Math.max(toMs, ms) };
      this.#drops.set(name, { key, reason, count: count + 1, ...span });
    } else if (this.#drops.size < ENTRIES_MAX || key === OTHER_KEYS) {
      this.#drops.set(name, { key, reason, count: 1, fromMs: ms, toMs: ms });
    } else {
      this.add(OTHER_KEYS, reason, ms);
    }
  }

  /** True when nothing was dropped since it was last taken. */
  get isEmpty(): boolean {
    return this.#drops.size === 0;
  }

  /** What was dropped since the last call, in the order in which it was first hit. */
  take(): KeyDrop[] {
    const drops = [...this.#drops.values()];
    this.#drops.clear();
    return drops;
  }
}
