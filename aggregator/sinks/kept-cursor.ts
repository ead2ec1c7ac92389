import { type Cursor, cursorKey, decodeCursor, encodeCursor } from "./cursor-row.ts";
import type { CursorStore, LetterChanges } from "./dead-letters.ts";

/** A place's cursor as it is kept in the store, together with changes of its dead letters. Commits must not overlap. */
export class KeptCursor {
  readonly #store: CursorStore;
  readonly #key: string;
  #value: Cursor;

  /** Throws FORMAT_UNKNOWN when the cursor cannot be read. */
  constructor(store: CursorStore, place: string) {
    this.#store = store;
    this.#key = cursorKey(place);
    this.#value = decodeCursor(store.get(this.#key), this.#key);
  }

  get value(): Cursor {
    return this.#value;
  }

  /** Goes to a change without keeping it: the next commit does. */
  move(change: number): void {
    this.#value = { ...this.#value, change };
  }

  /** Keeps the cursor with these parts changed; durable when it resolves. A replay is over when the cursor has come to its end. */
  async commit(moved: Partial<Cursor>, letters?: LetterChanges): Promise<void> {
    const next: Cursor = { ...this.#value, ...moved, ...letters?.counts };
    const isReplayed = next.replay !== undefined && next.change >= next.replay.throughChange;
    const cursor = isReplayed ? { ...next, replay: undefined } : next;
    await this.#store.commit([
      { key: this.#key, value: encodeCursor(cursor) },
      ...(letters?.changes ?? []),
    ]);
    this.#value = cursor;
  }
}
