import type { Value } from "../../shared/expression/parse.ts";
import { PriorityQueue } from "./priority-queue.ts";

/** A moment that matters to a key. */
export interface Deadline {
  readonly ms: number;
  readonly key: Value;
}

/**
 * Moments by time, each once. Those of the same time come in the order in which Flink's heap of timers gives them (`HeapPriorityQueueSet`),
 * which depends on when each was added: the same as that of Java's queue.
 */
export class TimerQueue {
  readonly #queue = new PriorityQueue<Deadline>((a, b) => a.ms - b.ms);
  readonly #known = new Set<string>();

  /** Adds a moment unless it is there; Infinity never comes. */
  add(ms: number, key: Value): void {
    if (ms === Number.POSITIVE_INFINITY) return;
    const name = nameOf(ms, key);
    if (this.#known.has(name)) return;
    this.#known.add(name);
    this.#queue.push({ ms, key });
  }

  /** Takes the next moment up to `untilMs`; undefined: there is none. */
  take(untilMs: number): Deadline | undefined {
    const next = this.#queue.peek();
    if (next === undefined || next.ms > untilMs) return undefined;
    this.#known.delete(nameOf(next.ms, next.key));
    return this.#queue.pop();
  }

  /** All of them as they stand in the heap: added in this order to an empty one they stand there again. */
  list(): Deadline[] {
    return [...this.#queue];
  }
}

function nameOf(ms: number, key: Value): string {
  return `${ms} ${JSON.stringify(key)}`;
}
