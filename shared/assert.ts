/** Stops the process when a programmer's assumption does not hold; stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Thrown by {@link assert}: a fault in this program, never in its input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Returns `value`, which is known to be there. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new AssertionError(`${what} is missing`);
  return value;
}
