import type { EntryResult } from "../collect/stage-one.ts";

/** Results are kept for whoever asks a moment after the commit. */
const KEPT_COUNT_MAX = 1024;

/** An append that is under way; its position will not be below `from`. */
export interface Appending {
  readonly from: number;
}

/** What became of the entries of one partition of `batches`, for those who appended them. */
export class EntryResults {
  private readonly results = new Map<number, EntryResult>();
  private readonly waiting = new Map<number, ((result: EntryResult | undefined) => void)[]>();
  private next = 0;
  private readonly appending = new Set<Appending>();

  /** Says that an append is under way, whose result may come before its position is known, until {@link endAppend}. */
  beginAppend(): Appending {
    const append = { from: this.next };
    this.appending.add(append);
    return append;
  }

  /** Says that an append's position is known, and asked for, or that it failed. */
  endAppend(append: Appending): void {
    this.appending.delete(append);
    this.prune();
  }

  /** Resolves with the result of the entry at `position` once it is committed; undefined when it is not known, or when `signal` aborts. */
  wait(position: number, signal: AbortSignal): Promise<EntryResult | undefined> {
    const known = this.results.get(position);
    if (known !== undefined || position < this.next || signal.aborted)
      return Promise.resolve(known);
    return new Promise((resolve) => {
      const give = () => {
        const others = this.waiting.get(position)?.filter((waiter) => waiter !== settle) ?? [];
        if (others.length > 0) this.waiting.set(position, others);
        else this.waiting.delete(position);
        resolve(undefined);
      };
      const settle = (result: EntryResult | undefined) => {
        signal.removeEventListener("abort", give);
        resolve(result);
      };
      signal.addEventListener("abort", give, { once: true });
      this.waiting.set(position, [...(this.waiting.get(position) ?? []), settle]);
    });
  }

  /** Publishes results of committed entries; all below `next` are committed. */
  publish(next: number, results: readonly (readonly [position: number, result: EntryResult])[]) {
    for (const [position, result] of results) {
      if (result.kind === "tick") continue;
      this.results.set(position, result);
      this.settle(position, result);
    }
    this.moveTo(next);
    this.prune();
  }

  /** Says that what lies below `next` is committed, by whomever: its results are not known here. */
  moveTo(next: number): void {
    this.next = next;
    for (const position of this.waiting.keys()) {
      if (position < next) this.settle(position, this.results.get(position));
    }
  }

  private settle(position: number, result: EntryResult | undefined): void {
    for (const waiter of this.waiting.get(position) ?? []) waiter(result);
    this.waiting.delete(position);
  }

  private prune(): void {
    if (this.results.size <= KEPT_COUNT_MAX) return;
    let askedFrom = Number.POSITIVE_INFINITY;
    for (const { from } of this.appending) askedFrom = Math.min(askedFrom, from);
    for (const position of this.results.keys()) {
      if (this.results.size <= KEPT_COUNT_MAX || position >= askedFrom) return;
      this.results.delete(position);
    }
  }
}
