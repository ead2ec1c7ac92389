/** Marks are this far apart at least, so that there are few of them however fast a sink is. */
const MARK_MS = 1_000;
/** Nobody can look back further. */
const KEPT_MS = 120_000;

/** Where a cursor was in the last two minutes. All times are milliseconds of a clock that never goes back. */
export class RecentChanges {
  readonly #marks: { readonly timeMs: number; readonly change: number }[] = [];

  /** The cursor stands at `change`. */
  add(timeMs: number, change: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && timeMs - last.timeMs < MARK_MS) return;
    this.#marks.push({ timeMs, change });
    while ((this.#marks[1]?.timeMs ?? timeMs) < timeMs - KEPT_MS) this.#marks.shift();
  }

  /** Where the cursor stood at a moment or before, as far back as is known; undefined when nothing is known. */
  at(timeMs: number): number | undefined {
    return this.#marks.findLast((mark) => mark.timeMs <= timeMs)?.change ?? this.#marks[0]?.change;
  }

  /** The cursor was moved back: what was known of it holds no longer. */
  clear(): void {
    this.#marks.length = 0;
  }
}
