import { realClock } from "./clock.ts";
import { realGunzip } from "./gunzip.ts";
import type { Platform } from "./platform.ts";
import { realProcesses } from "./processes.ts";
import { realRandom } from "./random.ts";
import { realDisk } from "./real-disk.ts";
import { realNetwork } from "./real-network.ts";
import { realSockets } from "./sockets.ts";
import { realTimers } from "./timers.ts";

/** The ports of this machine and process. */
export const realPlatform: Platform = {
  clock: realClock,
  timers: realTimers,
  disk: realDisk,
  gunzip: realGunzip,
  network: realNetwork,
  random: realRandom,
  processes: realProcesses,
  sockets: realSockets,
  standardInput: () => process.stdin,
};
