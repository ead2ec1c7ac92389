import type { Timers } from "./platform/timers.ts";

/** A wait that something else can end early. A wake that comes while nobody waits ends the next wait at once. */
export class Wake {
  readonly #timers: Timers;
  #controller = new AbortController();
  #isWoken = false;
  #isWaiting = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  wake(): void {
    this.#isWoken = true;
    // Without a reason every wake would make an error with a stack.
    if (this.#isWaiting) this.#controller.abort("woken");
  }

  /** Waits at most `delayMs` (Infinity: until a wake); resolves with true when it was woken. One caller at a time. */
  async wait(delayMs: number): Promise<boolean> {
    if (!this.#isWoken) {
      const { signal } = this.#controller;
      this.#isWaiting = true;
      await this.#timers.sleep(Math.min(delayMs, LONGEST_MS), signal);
      this.#isWaiting = false;
      if (signal.aborted) this.#controller = new AbortController();
    }
    const isWoken = this.#isWoken;
    this.#isWoken = false;
    return isWoken;
  }
}

/** Timers of a process do not reach further than 2^31 ms; who waits for longer looks again and waits again. */
const LONGEST_MS = 24 * 60 * 60_000;
