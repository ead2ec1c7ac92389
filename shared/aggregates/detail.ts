/**
 * What a window holds beside its counts when somebody asked for it: configured measures, and sample lines. Like the counts it merges in any
 * order: sums are integers, sketches take the higher register, of sample lines those with the smallest ids stay.
 */
import { DistinctSketch } from "./distinct-sketch.ts";

/** Kinds of measures. Their numbers are the format. */
export const MEASURE_KINDS = ["sum", "count", "distinct"] as const;

/** One of {@link MEASURE_KINDS}. */
export type MeasureKind = (typeof MEASURE_KINDS)[number];

/** Most measures of one window; beyond it those with the greatest names are left out, and the window says `folded`. */
export const MEASURES_MAX = 64;
/** Most sample lines of one window. */
export const EXEMPLARS_MAX = 3;
/** Longest sample line, in UTF-16 code units; what is longer is cut. */
export const EXEMPLAR_LENGTH_MAX = 1024;

/** Sums count in millionths. */
export const SUM_UNITS = 1_000_000;
/** A single value counts in a sum when its absolute value is below this (2^40, about 1.1 · 10^12). */
export const SUM_VALUE_LIMIT: number = 2 ** 40;
/** A sum's high part stays within ±2^50: that is more than 4,000,000 greatest values. Beyond it the sum stands still. */
export const SUM_HIGH_MAX: number = 2 ** 50;

const LOW_LIMIT = 2 ** 32;

/** A sample line of a window. */
export interface Exemplar {
  /** 32 hex digits: the line's id (`shared/protocol/line-id.ts`). */
  readonly id: string;
  /** Event time, milliseconds since the Unix epoch. */
  readonly timeMs: number;
  /** Position in LEVELS. */
  readonly level: number;
  /** The line, redacted, at most {@link EXEMPLAR_LENGTH_MAX} long. */
  readonly line: string;
}

/** One measure's state. Which of its parts mean something depends on the kind. */
export class MeasureState {
  readonly name: string;
  readonly kind: MeasureKind;
  /** Of a sum in millionths, sumHigh · 2^32 + low, low in [0, 2^32); of a count the count. */
  low = 0;
  high = 0;
  /** Of the kind `distinct` only. */
  readonly sketch: DistinctSketch | undefined;

  constructor(name: string, kind: MeasureKind) {
    this.name = name;
    this.kind = kind;
    this.sketch = kind === "distinct" ? new DistinctSketch() : undefined;
  }

  /** Adds to a sum: high · 2^32 + low millionths, low in [0, 2^32). */
  addSum(low: number, high: number): void {
    const sum = this.low + low;
    const carry = sum >= LOW_LIMIT ? 1 : 0;
    this.low = sum - carry * LOW_LIMIT;
    this.high = Math.min(Math.max(this.high + high + carry, -SUM_HIGH_MAX), SUM_HIGH_MAX);
  }

  merge(other: MeasureState): void {
    if (this.kind === "count") this.low += other.low;
    else if (this.kind === "sum") this.addSum(other.low, other.high);
    else if (other.sketch !== undefined) this.sketch?.merge(other.sketch);
  }

  /** Its number: a sum in its own unit, a count, or an estimate of how many different values there were. */
  get value(): number {
    if (this.kind === "count") return this.low;
    if (this.kind === "distinct") return this.sketch?.estimate() ?? 0;
    return (this.high * LOW_LIMIT + this.low) / SUM_UNITS;
  }
}

/** A value in millionths as the parts that {@link MeasureState.addSum} takes; undefined when it cannot count. */
export function sumParts(
  value: number,
): { readonly low: number; readonly high: number } | undefined {
  if (!(Math.abs(value) < SUM_VALUE_LIMIT)) return undefined;
  const units = Math.floor(value * SUM_UNITS + 0.5);
  const high = Math.floor(units / LOW_LIMIT);
  return { low: units - high * LOW_LIMIT, high };
}

/** See the head of this file. */
export class Detail {
  private readonly states = new Map<string, MeasureState>();
  private lines: readonly Exemplar[] = [];
  /** True when a measure was left out because there were too many. */
  isFolded = false;

  /** Measures by name, then kind. */
  get measures(): readonly MeasureState[] {
    return [...this.states.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  /** Ascending by id. */
  get exemplars(): readonly Exemplar[] {
    return this.lines;
  }

  /** The state of a measure, made when it is the first of its name and kind; undefined when there are too many. */
  measure(name: string, kind: MeasureKind): MeasureState | undefined {
    const key = keyOf({ name, kind });
    const known = this.states.get(key);
    if (known !== undefined) return known;
    if (this.states.size >= MEASURES_MAX) {
      this.isFolded = true;
      const greatest = [...this.states.keys()].reduce((a, b) => (a > b ? a : b));
      if (greatest < key) return undefined;
      this.states.delete(greatest);
    }
    const state = new MeasureState(name, kind);
    this.states.set(key, state);
    return state;
  }

  /** Keeps a sample line if its id is among the smallest. */
  addExemplar(exemplar: Exemplar): void {
    const greatest = this.lines[EXEMPLARS_MAX - 1];
    if (greatest !== undefined && exemplar.id >= greatest.id) return;
    if (this.lines.some(({ id }) => id === exemplar.id)) return;
    this.lines = [...this.lines, exemplar]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, EXEMPLARS_MAX);
  }

  /** True when {@link addExemplar} would keep a line of this id. */
  wantsExemplar(id: string): boolean {
    const greatest = this.lines[EXEMPLARS_MAX - 1];
    return greatest === undefined || id < greatest.id;
  }

  /** Adds all of `other`, which stays as it is. */
  merge(other: Detail): void {
    for (const state of other.states.values()) {
      this.measure(state.name, state.kind)?.merge(state);
    }
    for (const exemplar of other.lines) this.addExemplar(exemplar);
    if (other.isFolded) this.isFolded = true;
  }

  /** An estimate of its memory, and more than its bytes in a row or a batch. */
  get bytes(): number {
    let bytes = 32;
    for (const { name, sketch } of this.states.values()) {
      bytes += 48 + 3 * name.length + (sketch?.memoryBytes ?? 0);
    }
    for (const { line } of this.lines) bytes += 64 + 3 * line.length;
    return bytes;
  }
}

function keyOf({ name, kind }: Pick<MeasureState, "name" | "kind">): string {
  return `${name}/${MEASURE_KINDS.indexOf(kind)}`;
}
