const muted = new Set<string>();

/** Keeps Node from printing its warnings of this name, such as `TimeoutNegativeWarning`: of a library's known flaw that harms nothing. */
export function muteWarning(name: string): void {
  if (muted.size === 0) {
    const printers = process.listeners("warning");
    process.removeAllListeners("warning");
    process.on("warning", (warning) => {
      if (muted.has(warning.name)) return;
      for (const print of printers) print(warning);
    });
  }
  muted.add(name);
}
