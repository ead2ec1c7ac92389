/** Waits between tries that fail: full jitter under a limit that doubles (Brooker, "Exponential Backoff And Jitter", AWS 2015). */

const FIRST_MS = 250;
const LIMIT_MS = 10_000;

/** The first try is made at once; each failure doubles the longest wait, a success starts anew. */
export class Backoff {
  #failureCount = 0;

  /** How long to wait after another failure, in milliseconds. `random` is in [0, 1). */
  fail(random: number): number {
    const limitMs = Math.min(LIMIT_MS, FIRST_MS * 2 ** this.#failureCount);
    this.#failureCount++;
    return random * limitMs;
  }

  succeed(): void {
    this.#failureCount = 0;
  }
}
