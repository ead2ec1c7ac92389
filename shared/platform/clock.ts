/** Tells the time. Wall time may jump; monotonic time never goes back. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump in either direction. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. For intervals and timeouts. */
  monotonic(): number;
}

/** The clock of this machine. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
