/**
 * The only door to the outside world.
 *
 * Everything outside this folder receives its clock, timers, disk, network and randomness as a {@link Platform}. The real ones are
 * joined in `real-platform.ts`; the simulated ones, where time is virtual and disks forget
 * what was not synced, in `simulated/`. A promise of a simulated port never settles after its process was killed, so code written
 * against the ports can be stopped at any await, as `kill -9` would.
 */
import type { Clock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import type { Gunzip } from "./gunzip.ts";
import type { Network } from "./network.ts";
import type { Processes } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Sockets } from "./sockets.ts";
import type { Timers } from "./timers.ts";

/** All ports of one process. */
export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly disk: Disk;
  readonly gunzip: Gunzip;
  readonly network: Network;
  readonly random: Random;
  readonly processes: Processes;
  readonly sockets: Sockets;
  /** Pieces of the standard input, to be asked for once. */
  readonly standardInput: () => AsyncIterable<Buffer>;
}
