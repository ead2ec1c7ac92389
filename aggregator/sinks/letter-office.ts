import type { Clock } from "../../shared/platform/clock.ts";
import type { ChangeFeed } from "./change-feed.ts";
import type { DeadLetter } from "./cursor-row.ts";
import type { DeadLetters, NumberedLetter } from "./dead-letters.ts";
import type { KeptCursor } from "./kept-cursor.ts";
import type { Result, Sink, WriteReport } from "./sink.ts";
import type { Turns } from "./turns.ts";

/** Dead letters that are dropped in one commit. */
const DROPPED_AT_ONCE = 1_000;

/** Dead letters by number, or all of them. */
export type LetterSelection = readonly number[] | "all";

/** What became of dead letters that were written again. */
export interface ReplayReport {
  readonly replayed: number;
  /** Refused again; they are kept. */
  readonly refused: number;
  /** Why the rest was not tried, or not taken now; undefined when all of it was. */
  readonly failure: string | undefined;
}

/** What tending the letters of a delivery needs of it. */
export interface LetterOfficeParts {
  readonly letters: DeadLetters;
  readonly cursor: KeptCursor;
  readonly turns: Turns;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  /** Most results in one write. */
  readonly batchCount: number;
  /** Why nothing can be written now; undefined while all is well. */
  readonly failure: () => string | undefined;
  readonly write: (results: readonly Result[]) => Promise<readonly [WriteReport, Sink]>;
}

/** Tends a delivery's dead letters on demand, never while it writes. */
export class LetterOffice {
  readonly #parts: LetterOfficeParts;

  constructor(parts: LetterOfficeParts) {
    this.#parts = parts;
  }

  /**
   * Writes dead letters again, in the newest state of their results, and forgets those that are taken. Each is tried once; nothing is tried
   * while the sink fails anyway. A number that is not there is passed over.
   */
  async replay(selection: LetterSelection): Promise<ReplayReport> {
    const { turns, batchCount } = this.#parts;
    let [replayed, refused, after] = [0, 0, -1];
    for (;;) {
      const report = await turns.run(async () => {
        const letters = this.#select(selection, after, batchCount);
        after = letters.at(-1)?.number ?? Number.POSITIVE_INFINITY;
        return this.#replayOnce(letters);
      });
      replayed += report.replayed;
      refused += report.refused;
      if (report.failure !== undefined || after === Number.POSITIVE_INFINITY) {
        return { replayed, refused, failure: report.failure };
      }
    }
  }

  /** Forgets dead letters and resolves with how many there were. */
  async drop(selection: LetterSelection): Promise<number> {
    const { letters, cursor, turns } = this.#parts;
    let [dropped, after] = [0, -1];
    for (;;) {
      const found = await turns.run(async () => {
        const next = this.#select(selection, after, DROPPED_AT_ONCE);
        const removed = next.map(({ number }) => ({ number, letter: undefined }));
        if (next.length > 0) await cursor.commit({}, letters.replace(removed, cursor.value));
        return next;
      });
      const last = found.at(-1);
      if (last === undefined) return dropped;
      dropped += found.length;
      after = last.number;
    }
  }

  #select(selection: LetterSelection, after: number, limit: number): NumberedLetter[] {
    const { letters } = this.#parts;
    if (selection === "all") return letters.list(after, limit);
    const numbers = [...new Set(selection)].toSorted((a, b) => a - b);
    const wanted = numbers.filter((number) => number > after);
    return wanted.flatMap((number) => letters.get(number) ?? []).slice(0, limit);
  }

  async #replayOnce(letters: readonly NumberedLetter[]): Promise<ReplayReport> {
    const { feed, cursor, clock, failure, write } = this.#parts;
    if (letters.length === 0) return { replayed: 0, refused: 0, failure: undefined };
    const standing = failure();
    if (standing !== undefined) return { replayed: 0, refused: 0, failure: standing };
    // Several letters can be of one window; its newest state answers them all.
    const results = new Map<string, Result>();
    for (const { letter } of letters) {
      results.set(letter.result.id, feed.newest(letter.result) ?? letter.result);
    }
    const given = [...results.values()];
    let written: readonly [WriteReport, Sink];
    try {
      written = await write(given);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { replayed: 0, refused: 0, failure: reason };
    }
    const [report, sink] = written;
    const failures = new Map(report.failures.map((each) => [given[each.index]?.id, each]));
    const changed: { readonly number: number; readonly letter: DeadLetter | undefined }[] = [];
    for (const { number, letter } of letters) {
      const found = failures.get(letter.result.id);
      if (found === undefined) changed.push({ number, letter: undefined });
      else if (!found.isRetryable) {
        const again = { ...letter, reason: found.reason, refusedAtMs: clock.now() };
        changed.push({ number, letter: again });
      }
    }
    const position = { position: sink.position };
    await cursor.commit(position, this.#parts.letters.replace(changed, cursor.value));
    const replayed = changed.filter(({ letter }) => letter === undefined).length;
    const reason = report.failures.find(({ isRetryable }) => isRetryable)?.reason;
    return { replayed, refused: changed.length - replayed, failure: reason };
  }
}
