import { type KeyRange, rangeOf, timeOfPart, timePart } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";

/** Sorts before and after every other character that a key can hold behind a part. */
const BEFORE_ALL = " ";
const AFTER_ALL = "~";

/** Rows whose keys begin with a prefix and a time: what is due is taken from the front. What is put in later is never due earlier than what was taken. */
export class TimeQueue {
  private readonly overlay: Overlay;
  private readonly prefix: string;
  private readonly range: KeyRange;
  /** All keys before it were taken. */
  private from: string;
  /** Time of the first row; undefined: there is none, or it is to be looked up. */
  private firstMs: number | undefined;
  private isFirstKnown = false;

  constructor(overlay: Overlay, prefix: string) {
    this.overlay = overlay;
    this.prefix = prefix;
    this.range = rangeOf(prefix);
    this.from = this.range.from;
  }

  /** Says that a row with this time was put in. */
  note(timeMs: number): void {
    if (!this.isFirstKnown) return;
    if (this.firstMs === undefined || timeMs < this.firstMs) this.firstMs = timeMs;
  }

  /** True when a row has a time up to `timeMs`. */
  isDue(timeMs: number): boolean {
    if (!this.isFirstKnown) {
      this.firstMs = undefined;
      for (const [key] of this.overlay.range(this.from, this.range.to, { limit: 1 })) {
        this.firstMs = this.timeOf(key);
      }
      this.isFirstKnown = true;
    }
    return this.firstMs !== undefined && this.firstMs <= timeMs;
  }

  /** Rows with times up to `timeMs` in the order of their keys, at most `limit`. */
  page(timeMs: number, limit: number): (readonly [key: string, value: Buffer])[] {
    const to = `${this.prefix}${timePart(timeMs)}${AFTER_ALL}`;
    const rows = this.from < to ? [...this.overlay.range(this.from, to, { limit })] : [];
    // The first one was deleted by somebody else.
    if (rows.length === 0) this.isFirstKnown = false;
    return rows;
  }

  /** Takes the first row out. */
  take(key: string): void {
    this.overlay.set(key, undefined);
    this.pass(key);
  }

  /** Leaves the first row where it is and goes on behind it; another queue of the same rows comes to it again. */
  pass(key: string): void {
    this.from = key + BEFORE_ALL;
    this.isFirstKnown = false;
  }

  private timeOf(key: string): number {
    return timeOfPart(key.slice(this.prefix.length, this.prefix.length + TIME_PART_LENGTH));
  }
}

const TIME_PART_LENGTH = timePart(0).length;
