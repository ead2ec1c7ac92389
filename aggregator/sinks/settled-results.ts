import { type Result, writeKey } from "./sink.ts";

interface Settled {
  readonly result: Result;
  /** The last change that the result covers. */
  readonly change: number;
  /** Why the sink refused it for good; undefined when it took it. */
  readonly reason: string | undefined;
}

/** A result that was refused for good, with the reason. */
export interface Refused {
  readonly result: Result;
  readonly reason: string;
}

/**
 * What became of results in front of the cursor, while others of the same batch have to be tried again: these are not written twice. Kept in
 * memory only, at most a batch; after a crash all of the batch comes again.
 */
export class SettledResults {
  readonly #byId = new Map<string, Settled>();

  /** Whether this revision of the result is settled. */
  has(result: Result): boolean {
    return this.#byId.get(writeKey(result))?.result.revision === result.revision;
  }

  add(result: Result, change: number, reason: string | undefined): void {
    this.#byId.set(writeKey(result), { result, change, reason });
  }

  /** Those of these results that were refused for good. */
  refused(results: readonly Result[]): Refused[] {
    return results.flatMap((result) => {
      const settled = this.#byId.get(writeKey(result));
      if (settled?.reason === undefined || !this.has(result)) return [];
      return [{ result, reason: settled.reason }];
    });
  }

  /** Forgets what a cursor at `change` has passed. */
  passed(change: number): void {
    for (const [id, settled] of this.#byId) {
      if (settled.change <= change) this.#byId.delete(id);
    }
  }

  clear(): void {
    this.#byId.clear();
  }
}
