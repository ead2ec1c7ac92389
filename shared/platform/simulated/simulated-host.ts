import { SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedNetwork } from "./simulated-network.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import type { Simulation } from "./simulation.ts";

/** Where a simulation's calendar begins: some Tuesday, half a minute into a minute. */
const EPOCH_MS = Date.UTC(2026, 0, 6, 11, 58, 30);

/** One machine: a clock that may be wrong, a disk, and the processes that run on it. */
export class SimulatedHost {
  readonly simulation: Simulation;
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly network: SimulatedNetwork;
  /** What the wall clock is ahead of the truth, in ms; may be changed at any time. */
  clockSkewMs = 0;
  private readonly processes = new Set<SimulatedProcess>();

  constructor(simulation: Simulation, name: string, network: SimulatedNetwork) {
    this.simulation = simulation;
    this.name = name;
    this.network = network;
    this.disk = new SimulatedDisk(simulation, name);
  }

  /** The wall clock of this host, in whole milliseconds since the Unix epoch. */
  now(): number {
    return Math.floor(EPOCH_MS + this.simulation.timeMs + this.clockSkewMs);
  }

  /** Starts a process: ports of its own on this host's disk and network. */
  start(name: string): SimulatedProcess {
    const process = new SimulatedProcess(this.simulation, this, name);
    this.processes.add(process);
    process.atDeath.add(() => this.processes.delete(process));
    return process;
  }

  /** A power cut: all processes die, and the disk forgets what was not synced. */
  crash(): void {
    for (const process of [...this.processes]) process.kill();
    this.disk.crash();
  }
}
