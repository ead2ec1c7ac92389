import type { WriteReport } from "./sink.ts";

/**
 * What became of a result that was given to a sink: `superseded`: the store held this revision or a newer one; `ignored`: not kept by the
 * sink, being of another stream or beyond its retention; `retried`: not taken, to be tried again; `dead`: refused for good.
 */
export type Outcome = "written" | "superseded" | "ignored" | "retried" | "dead";

/** Results by what became of them, each time they were given to a sink; since the start of the program. */
export type Outcomes = Readonly<Record<Outcome, number>>;

/** Counts what a sink says of its writes. */
export class DeliveryCounts {
  #outcomes: Outcomes = { written: 0, superseded: 0, ignored: 0, retried: 0, dead: 0 };
  #failedWriteCount = 0;

  get outcomes(): Outcomes {
    return this.#outcomes;
  }

  /** Writes of which nothing is known, or not all of which was taken. */
  get failedWriteCount(): number {
    return this.#failedWriteCount;
  }

  /** A write of `count` results came back. */
  written(count: number, report: WriteReport): void {
    const { failures, supersededCount = 0, ignoredCount = 0 } = report;
    const retried = failures.filter(({ isRetryable }) => isRetryable).length;
    const before = this.#outcomes;
    this.#outcomes = {
      written: before.written + count - failures.length - supersededCount - ignoredCount,
      superseded: before.superseded + supersededCount,
      ignored: before.ignored + ignoredCount,
      retried: before.retried + retried,
      dead: before.dead + failures.length - retried,
    };
  }

  failed(): void {
    this.#failedWriteCount++;
  }
}
