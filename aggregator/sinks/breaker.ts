/** Whether a sink is written to: always, not for now, or once to see whether it is back. */
export type BreakerState = "closed" | "open" | "half_open";

const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 10_000;
/** A fault that passes by itself seldom outlives so many tries; behind them a store is down, and large writes only add to its load. */
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 15_000;

/**
 * The pace of a sink that fails. The first failures are followed by waits drawn from a range that doubles (full jitter, Marc Brooker:
 * "Exponential Backoff And Jitter", AWS 2015). After five in a row the breaker opens: for some seconds nothing is written, then one small
 * write decides whether it closes or stays open. All times are milliseconds of a clock that never goes back.
 */
export class Breaker {
  #failureCount = 0;
  #notBeforeMs = 0;

  /** Failures in a row. */
  get failureCount(): number {
    return this.#failureCount;
  }

  state(nowMs: number): BreakerState {
    if (this.#failureCount < FAILURES_TO_OPEN) return "closed";
    return nowMs < this.#notBeforeMs ? "open" : "half_open";
  }

  /** Another write failed. `random` is in [0, 1); the store asked for `retryAfterMs`, 0 when it did not. */
  fail(nowMs: number, random: number, retryAfterMs: number): void {
    const limitMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#failureCount);
    this.#failureCount++;
    const isOpen = this.#failureCount >= FAILURES_TO_OPEN;
    const waitMs = isOpen ? OPEN_MS * (0.5 + random / 2) : limitMs * random;
    this.#notBeforeMs = nowMs + Math.max(waitMs, retryAfterMs);
  }

  /** A write succeeded. */
  succeed(): void {
    this.#failureCount = 0;
    this.#notBeforeMs = 0;
  }

  /** How long to wait before the next write. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#notBeforeMs - nowMs);
  }
}
