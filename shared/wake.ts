import type { Timers } from "./platform/timers.ts";

/** A wait that something else can end early. A wake that comes while nobody waits ends the next wait at once. */
export class Wake {
  readonly #timers: Timers;
  #controller = new AbortController();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  wake(): void {
    // Without a reason an error would be made of every wake, which takes longer than all the rest.
    this.#controller.abort("woken");
  }

  /** Waits at most `delayMs` (Infinity: until a wake). One caller at a time. */
  async wait(delayMs: number): Promise<void> {
    const { signal } = this.#controller;
    if (!signal.aborted) await this.#timers.sleep(Math.min(delayMs, LONGEST_MS), signal);
    if (signal.aborted) this.#controller = new AbortController();
  }
}

/** Timers of a process do not reach further than 2^31 ms; who waits for longer looks again and waits again. */
const LONGEST_MS = 24 * 60 * 60_000;
