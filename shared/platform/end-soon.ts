const END_MS = 1_000;

/**
 * Ends a process that has done its work, with the exit code that is set, though something is left open: a driver's connection to a server that hangs must
 * not keep a program that was told to stop. A process with nothing open ends at once, as ever.
 */
export function endSoon(): void {
  setTimeout(() => process.exit(), END_MS).unref();
}
