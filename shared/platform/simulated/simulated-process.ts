import type { Platform } from "../platform.ts";
import type { Timers } from "../timers.ts";
import type { SimulatedEvent } from "./event-queue.ts";
import { noPrograms } from "./scripted-programs.ts";
import { ScriptedSockets } from "./scripted-sockets.ts";
import { simulatedGunzip } from "./simulated-gunzip.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import type { Simulation } from "./simulation.ts";

/** How one operation of a port takes effect. */
export interface Operation<T> {
  /** For the trace. */
  readonly label: string;
  readonly latencyMs: number;
  /** Does it; runs once, when the latency is over. What it throws, the caller gets. */
  readonly effect: () => T;
  /** What may still happen when the process dies while the operation is under way; nothing when absent. */
  readonly effectAtKill?: () => void;
}

/** A kill that waits for its moment. */
interface PlannedKill {
  operation: number;
  readonly isAfterEffect: boolean;
  readonly onKill: () => void;
}

/**
 * One run of a program on a host. After {@link kill} no promise of its ports settles any more, its timers, locks and listeners are gone,
 * and calls of its ports go unanswered: as after `kill -9`, whatever the program was doing.
 */
export class SimulatedProcess {
  readonly simulation: Simulation;
  readonly host: SimulatedHost;
  readonly name: string;
  readonly platform: Platform;
  /** Called at the death, in the order of registration. */
  readonly atDeath = new Set<() => void>();
  /** Operations of ports begun so far. */
  operationCount = 0;
  private isLiving = true;
  private plannedKill: PlannedKill | undefined;
  private readonly underWay = new Set<Operation<unknown>>();

  constructor(simulation: Simulation, host: SimulatedHost, name: string) {
    this.simulation = simulation;
    this.host = host;
    this.name = name;
    this.platform = {
      clock: {
        now: () => host.now(),
        monotonic: () => simulation.timeMs,
      },
      timers: this.timers(),
      disk: host.disk.port(this),
      gunzip: simulatedGunzip,
      network: host.network.port(this),
      random: {
        float: () => simulation.prng.float(),
        bytes: (count) => simulation.prng.bytes(count),
      },
      processes: noPrograms,
      sockets: new ScriptedSockets(),
      standardInput: noInput,
    };
  }

  get isAlive(): boolean {
    return this.isLiving;
  }

  /** Like `Simulation.schedule`, but a dead process does nothing. */
  schedule(delayMs: number, label: string, action: () => void): SimulatedEvent {
    return this.simulation.schedule(delayMs, label, () => {
      if (this.isLiving) action();
    });
  }

  /** Does one operation of a port. The promise stays open for ever when the process dies before. */
  operate<T>(operation: Operation<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.isLiving) return;
      const number = ++this.operationCount;
      this.underWay.add(operation);
      this.schedule(operation.latencyMs, operation.label, () => {
        this.underWay.delete(operation);
        const planned = this.plannedKill;
        const isKill = planned !== undefined && number >= planned.operation;
        if (isKill) {
          if (planned.isAfterEffect) operation.effectAtKill?.();
          planned.onKill();
          return;
        }
        try {
          resolve(operation.effect());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /**
   * Plans a death at the `count`th operation from now: `onKill` (which kills this process or its whole host) is called just before the
   * operation takes effect, or just after and before the program learns of it.
   */
  planKill(count: number, isAfterEffect: boolean, onKill: () => void): void {
    this.plannedKill = { operation: this.operationCount + count, isAfterEffect, onKill };
  }

  /** Ends the process at once; nothing when it is dead. Operations under way happen or not, as the dice fall. */
  kill(): void {
    if (!this.isLiving) return;
    this.isLiving = false;
    this.simulation.trace.add(this.simulation.timeMs, `kill ${this.name}`);
    for (const operation of this.underWay) {
      if (operation.effectAtKill !== undefined && this.simulation.prng.chance(0.5)) {
        operation.effectAtKill();
      }
    }
    this.underWay.clear();
    for (const action of this.atDeath) action();
    this.atDeath.clear();
  }

  private timers(): Timers {
    return {
      sleep: (delayMs, signal) =>
        new Promise((resolve) => {
          if (!this.isLiving) return;
          if (signal?.aborted) {
            resolve();
            return;
          }
          const wake = () => {
            signal?.removeEventListener("abort", stop);
            resolve();
          };
          // As Node's timers: whole milliseconds, at least one.
          const wholeMs = Math.max(1, Math.trunc(delayMs));
          const event = this.schedule(wholeMs, `wake ${this.name}`, wake);
          const stop = () => {
            this.simulation.cancel(event);
            if (this.isLiving) wake();
          };
          signal?.addEventListener("abort", stop, { once: true });
        }),
    };
  }
}

async function* noInput(): AsyncGenerator<Buffer> {
  // Nobody writes to it.
}
