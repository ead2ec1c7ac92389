/** Whether a target goes on taking memory: what it keeps at the end against what it kept after a quarter of the time, when caches are full. */

/** What a target may keep for good between the two: caches fill up. */
export const GROWTH_BYTES_MAX: number = 16 * 1024 * 1024;

/** What is wrong with samples of the memory in use after a collection, taken at equal intervals; undefined when nothing is, or they are too few. */
export function growthOf(usedBytes: readonly number[]): string | undefined {
  const quarter = Math.floor(usedBytes.length / 4);
  const early = Math.min(...usedBytes.slice(quarter, 2 * quarter));
  const late = Math.min(...usedBytes.slice(-quarter));
  if (quarter < 2 || late - early <= GROWTH_BYTES_MAX) return undefined;
  return `memory grows: ${mib(early)} MiB after a quarter of the time, ${mib(late)} MiB at the end`;
}

/** Bytes as MiB with one decimal place. */
export function mib(bytes: number | undefined): string {
  return ((bytes ?? 0) / 2 ** 20).toFixed(1);
}
