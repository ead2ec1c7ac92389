import { TailraceError } from "../../shared/errors.ts";
import type { StateChange } from "../log/log.ts";
import { OrderedMap, type RangeOptions } from "./ordered-map.ts";
import type { StateStore } from "./state-store.ts";

/** What lies on the imagined disk of a {@link MemoryStore}: it outlives the stores that are opened on it, as a file outlives processes. */
export class MemoryState {
  /** The last commit's entries. */
  rows: OrderedMap;

  constructor(rows: OrderedMap = new OrderedMap()) {
    this.rows = rows;
  }

  /** An independent copy as of the last commit, as a backup would be. */
  copy(): MemoryState {
    return new MemoryState(new OrderedMap(this.rows));
  }

  /** Puts back what {@link copy} took; stores that are open on this state see it at once. */
  restore(backup: MemoryState): void {
    this.rows = new OrderedMap(backup.rows);
  }
}

/** What the creator of a memory store may slip in. A promise that never settles stops the process there, as a kill would. */
export interface MemoryStoreHooks {
  /** Awaited before a commit takes effect. A rejection fails the commit with STORE_FAILED and nothing of it is seen. */
  beforeApply?(changes: readonly StateChange[]): Promise<void>;
  /** Awaited after a commit took effect and before its caller hears of it. */
  afterApply?(changes: readonly StateChange[]): Promise<void>;
}

/** The contract of {@link StateStore} in memory: for the simulator and for tests. Keeps the bytes it is given as copies. */
export class MemoryStore implements StateStore {
  readonly #state: MemoryState;
  readonly #hooks: MemoryStoreHooks;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(state: MemoryState = new MemoryState(), hooks: MemoryStoreHooks = {}) {
    this.#state = state;
    this.#hooks = hooks;
  }

  get(key: string): Buffer | undefined {
    this.#checkOpen();
    return this.#state.rows.get(key);
  }

  range(
    from: string,
    to: string,
    options: RangeOptions = {},
  ): Iterable<readonly [key: string, value: Buffer]> {
    this.#checkOpen();
    return this.#state.rows.range(from, to, options);
  }

  commit(changes: readonly StateChange[]): Promise<void> {
    const copies = changes.map(({ key, value }) => ({
      key,
      value: value === undefined ? undefined : Buffer.from(value),
    }));
    const done = this.#last.then(() => this.#apply(copies));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.#last;
    this.#closed = true;
  }

  async #apply(changes: readonly StateChange[]): Promise<void> {
    this.#checkOpen();
    try {
      await this.#hooks.beforeApply?.(changes);
    } catch (cause) {
      throw new TailraceError("STORE_FAILED", "The store in memory refused a commit.", { cause });
    }
    for (const change of changes) this.#state.rows.set(change.key, change.value);
    await this.#hooks.afterApply?.(changes);
  }

  #checkOpen(): void {
    if (this.#closed) throw new TailraceError("STORE_FAILED", "The store in memory is closed.");
  }
}
