/** What this process has used of its machine. */
export interface ProcessUsage {
  /** User and system, since its start. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
}

/** What this process has used so far. */
export function readProcessUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapUsedBytes: heapUsed };
}
