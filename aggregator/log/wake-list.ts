/** Readers that wait for something to appear. */
export class WakeList {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next {@link wakeAll}, or when `signal` aborts. Look again at what was waited for. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
