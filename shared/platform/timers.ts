/** Waits. */
export interface Timers {
  /** Resolves after `delayMs`, or at once when `signal` aborts (look at `signal.aborted` afterwards). Never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The timers of this process. */
export const realTimers: Timers = {
  sleep: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, delayMs);
      signal?.addEventListener("abort", finish, { once: true });
    }),
};
