import { AGENT_FOLDER, type FleetAgent, SPOOL_BYTES_MAX } from "./fleet.ts";

/** While a new epoch begins, records lie in the spool as they were and as they are sealed again; then there are segments that wait for a sync. */
const FOLDER_BYTES_MAX = 3 * SPOOL_BYTES_MAX;
/** A log and its generations, the segments, the lock, of two agents on one host. */
const OPEN_COUNT_MAX = 120;

/** The first agent that takes more of its host than it may, or undefined. */
export function checkLimits(agents: readonly FleetAgent[]): string | undefined {
  for (const { id, host } of agents) {
    const bytes = host.disk.bytesUsed(AGENT_FOLDER);
    if (bytes > FOLDER_BYTES_MAX) return `the folder of ${id} takes ${bytes} bytes`;
    const { openCountMax } = host.disk;
    if (openCountMax > OPEN_COUNT_MAX) return `${id} had ${openCountMax} files open at once`;
  }
  return undefined;
}
