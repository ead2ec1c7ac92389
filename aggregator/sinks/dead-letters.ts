/** Results that a sink refused for good, kept with the reason in the same store and the same commits as its cursor. */
import {
  type Cursor,
  type DeadLetter,
  deadLetterKey,
  deadLetterNumber,
  deadLetterPrefix,
  decodeDeadLetter,
  encodeDeadLetter,
} from "./cursor-row.ts";

/** A row to be written, or deleted when it has no value. */
export interface RowChange {
  readonly key: string;
  readonly value: Buffer | undefined;
}

/** Where cursors and dead letters are kept; a commit is atomic and durable when it resolves. */
export interface CursorStore {
  get(key: string): Buffer | undefined;
  range(
    from: string,
    to: string,
    options?: { readonly limit?: number },
  ): Iterable<readonly [key: string, value: Buffer]>;
  commit(changes: readonly RowChange[]): Promise<void>;
}

/** A dead letter with its number, which no other letter of the place ever gets. */
export interface NumberedLetter {
  readonly number: number;
  readonly letter: DeadLetter;
}

/** What a change of the letters means for the rows, and for the counts in the cursor. */
export interface LetterChanges {
  readonly changes: readonly RowChange[];
  readonly counts: Pick<Cursor, "deadCount" | "deadTotal">;
}

/** The dead letters of one place. Nothing is changed here: what is returned stands in a commit of the caller's. */
export class DeadLetters {
  readonly #store: CursorStore;
  readonly #place: string;

  constructor(store: CursorStore, place: string) {
    this.#store = store;
    this.#place = place;
  }

  /** Letters after number `after` (-1: from the first), ascending, at most `limit`. Throws FORMAT_UNKNOWN. */
  list(after: number, limit: number): NumberedLetter[] {
    const from = deadLetterKey(this.#place, after + 1);
    const to = `${deadLetterPrefix(this.#place)}~`;
    return [...this.#store.range(from, to, { limit })].map(([key, row]) => ({
      number: deadLetterNumber(key),
      letter: decodeDeadLetter(row, key),
    }));
  }

  /** The letter of this number; undefined when it is gone. Throws FORMAT_UNKNOWN. */
  get(number: number): NumberedLetter | undefined {
    const key = deadLetterKey(this.#place, number);
    const row = this.#store.get(key);
    return row && { number, letter: decodeDeadLetter(row, key) };
  }

  /** Adds letters behind the others; the oldest go where there are more than `countMax`. */
  add(letters: readonly DeadLetter[], cursor: Cursor, countMax: number): LetterChanges {
    const { deadCount, deadTotal } = cursor;
    const excess = Math.max(0, deadCount + letters.length - countMax);
    const evicted = Math.min(excess, deadCount);
    const prefix = deadLetterPrefix(this.#place);
    const changes: RowChange[] = [];
    if (evicted > 0) {
      for (const [key] of this.#store.range(prefix, `${prefix}~`, { limit: evicted })) {
        changes.push({ key, value: undefined });
      }
    }
    for (const [index, letter] of letters.entries()) {
      if (index < excess - evicted) continue;
      const key = deadLetterKey(this.#place, deadTotal + index);
      changes.push({ key, value: encodeDeadLetter(letter) });
    }
    const counts = {
      deadCount: deadCount + letters.length - excess,
      deadTotal: deadTotal + letters.length,
    };
    return { changes, counts };
  }

  /** Replaces letters by others of the same numbers, or removes them. Each must be there. */
  replace(
    letters: readonly { readonly number: number; readonly letter: DeadLetter | undefined }[],
    cursor: Cursor,
  ): LetterChanges {
    const removedCount = letters.filter(({ letter }) => letter === undefined).length;
    return {
      changes: letters.map(({ number, letter }) => ({
        key: deadLetterKey(this.#place, number),
        value: letter && encodeDeadLetter(letter),
      })),
      counts: { deadCount: cursor.deadCount - removedCount, deadTotal: cursor.deadTotal },
    };
  }
}
