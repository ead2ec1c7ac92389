/**
 * Hands the numbers of parts out to threads, each once, without a message: a thread that is done with one goes on at once. Each thread begins elsewhere
 * and takes the next that is free, so that its parts lie side by side: what is counted in two neighbours on two threads is of one window twice.
 */
export class PartQueue {
  /** A word for each part, which is not 0 when it was taken. */
  readonly #taken: Int32Array;
  #at: number;

  /** `memory` is that of all threads' queues; `thread` is the number of this one among `threads`. */
  constructor(memory: SharedArrayBuffer, thread: number, threads: number) {
    this.#taken = new Int32Array(memory);
    this.#at = Math.floor((this.#taken.length * thread) / threads);
  }

  /** The number of a part that nobody took before; undefined when there is none. */
  next(): number | undefined {
    const count = this.#taken.length;
    for (let tried = 0; tried < count; tried++) {
      const number = (this.#at + tried) % count;
      if (Atomics.compareExchange(this.#taken, number, 0, 1) !== 0) continue;
      this.#at = number + 1;
      return number;
    }
    return undefined;
  }
}

/** Memory for the queues of so many parts. */
export function queueMemory(parts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(parts * Int32Array.BYTES_PER_ELEMENT);
}
