/**
 * The state of one window and key: a commutative, associative, mergeable value. Any partition of the lines, merged in any order, gives
 * the same state, bit for bit, because every part is an integer: counts, microseconds, bucket counts.
 */
import { Detail } from "./detail.ts";
import { QuantileSketch } from "./quantile-sketch.ts";

/** Levels in the order in which they are counted and stored. */
export const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OTHER"] as const;

/** The level of an event. */
export type Level = (typeof LEVELS)[number];

/** Position of each level in {@link LEVELS}. */
export const LEVEL_INDEX: Readonly<Record<Level, number>> = {
  TRACE: 0,
  DEBUG: 1,
  INFO: 2,
  WARN: 3,
  ERROR: 4,
  FATAL: 5,
  OTHER: 6,
};

const LOW_LIMIT = 2 ** 32;

/** Counts by level, and durations in microseconds: an exact sum beyond 2^53, exact extremes, and a sketch of the quantiles. */
export class Aggregate {
  /** One count per level, in the order of {@link LEVELS}. */
  readonly levels: number[] = [0, 0, 0, 0, 0, 0, 0];
  /** The sum of durations is `durationSumHigh` * 2^32 + `durationSumLow` µs; low < 2^32. */
  durationSumLow = 0;
  durationSumHigh = 0;
  /** µs; Infinity when there is no duration. */
  durationMin = Number.POSITIVE_INFINITY;
  /** µs; -1 when there is no duration. */
  durationMax = -1;
  readonly sketch: QuantileSketch = new QuantileSketch();
  /** True when a cardinality limit folded other keys into this one. */
  folded = false;
  /** Measures and sample lines; undefined when nobody asked for any. */
  detail: Detail | undefined = undefined;

  get requestCount(): number {
    let count = 0;
    for (const levelCount of this.levels) count += levelCount;
    return count;
  }

  get errorCount(): number {
    return (this.levels[LEVEL_INDEX.ERROR] ?? 0) + (this.levels[LEVEL_INDEX.FATAL] ?? 0);
  }

  get durationCount(): number {
    return this.sketch.count;
  }

  /** The sum of durations in µs: exact below 2^53, else the nearest double. */
  get durationSum(): number {
    return this.durationSumHigh * LOW_LIMIT + this.durationSumLow;
  }

  /** The value in µs at the nearest rank of `q`: within 1 %, never beyond the exact extremes; undefined when there is no duration. */
  durationQuantile(q: number): number | undefined {
    const value = this.sketch.quantile(q);
    return value === undefined
      ? undefined
      : Math.min(Math.max(value, this.durationMin), this.durationMax);
  }

  /** Counts one event. `levelIndex` as in {@link LEVEL_INDEX}; `durationUs` is an integer in [0, 2^40), or -1 for none. */
  add(levelIndex: number, durationUs: number): void {
    this.levels[levelIndex] = (this.levels[levelIndex] ?? 0) + 1;
    if (durationUs >= 0) {
      this.addSum(durationUs % LOW_LIMIT, Math.floor(durationUs / LOW_LIMIT));
      if (durationUs < this.durationMin) this.durationMin = durationUs;
      if (durationUs > this.durationMax) this.durationMax = durationUs;
      this.sketch.add(durationUs);
    }
  }

  /** Adds `high` * 2^32 + `low` to the sum of durations; low < 2^32. */
  addSum(low: number, high: number): void {
    const sum = this.durationSumLow + low;
    const carry = sum >= LOW_LIMIT ? 1 : 0;
    this.durationSumLow = sum - carry * LOW_LIMIT;
    this.durationSumHigh += high + carry;
  }

  /** Adds all of `other`, which stays as it is. */
  merge(other: Aggregate): void {
    for (let index = 0; index < this.levels.length; index++) {
      this.levels[index] = (this.levels[index] ?? 0) + (other.levels[index] ?? 0);
    }
    this.addSum(other.durationSumLow, other.durationSumHigh);
    if (other.durationMin < this.durationMin) this.durationMin = other.durationMin;
    if (other.durationMax > this.durationMax) this.durationMax = other.durationMax;
    this.sketch.merge(other.sketch);
    if (other.folded) this.folded = true;
    if (other.detail !== undefined) this.mergeDetail(other.detail);
  }

  /** Adds measures and sample lines; `other` stays as it is. */
  mergeDetail(other: Detail): void {
    this.detail ??= new Detail();
    this.detail.merge(other);
  }
}
