import type { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import type { SimulatedProcess } from "../../shared/platform/simulated/simulated-process.ts";

/** A program that runs. */
export interface RunningProgram {
  /** Drains and ends. */
  close(): Promise<void>;
  /** Resolves or rejects when the program ends by itself; never while it runs. */
  readonly ended: Promise<void>;
  /** Of an agent: true when all that it could read is in its spool. */
  isCaughtUp?(): boolean;
}

/** One program on one host, with a supervisor that starts it again whenever it is gone and wanted. */
export class SimulatedNode {
  readonly name: string;
  readonly host: SimulatedHost;
  /** How often the program was started. */
  startCount = 0;
  /** What made the program end by itself, the last time. */
  lastFailure: unknown;
  private readonly run: (process: SimulatedProcess) => Promise<RunningProgram>;
  private process: SimulatedProcess | undefined;
  private program: RunningProgram | undefined;
  private isWanted = false;

  constructor(
    host: SimulatedHost,
    name: string,
    run: (process: SimulatedProcess) => Promise<RunningProgram>,
  ) {
    this.host = host;
    this.name = name;
    this.run = run;
  }

  /** The process, when one is alive. */
  get living(): SimulatedProcess | undefined {
    return this.process?.isAlive === true ? this.process : undefined;
  }

  /** True when the program runs and says that it is caught up. */
  get isCaughtUp(): boolean {
    return this.living !== undefined && this.program?.isCaughtUp?.() === true;
  }

  /** From now on the program runs, and is started again after each end. */
  want(): void {
    this.isWanted = true;
    if (this.living === undefined) this.begin();
  }

  /** Kills the process and starts no other until it is wanted again. */
  unwant(): void {
    this.isWanted = false;
    this.process?.kill();
  }

  /** `kill -9`; the supervisor starts it again. */
  kill(): void {
    this.process?.kill();
    this.beginLater();
  }

  /** A power cut of the host; the supervisor starts it again. */
  crash(): void {
    this.host.crash();
    this.beginLater();
  }

  /** SIGTERM, and SIGKILL when it takes longer than `timeoutMs`; the supervisor starts it again. */
  stop(timeoutMs: number): void {
    const process = this.living;
    const program = this.program;
    if (process === undefined || program === undefined) return;
    const end = () => {
      if (process.isAlive) {
        process.kill();
        this.beginLater();
      }
    };
    process.schedule(timeoutMs, `kill ${this.name} at last`, end);
    program.close().then(end, (error: unknown) => {
      this.lastFailure = error;
      end();
    });
  }

  /** Dies when `count` more operations of its ports began: just before that one takes effect, or just after. */
  planKill(count: number, isAfterEffect: boolean, isPowerCut: boolean): void {
    this.living?.planKill(count, isAfterEffect, () => (isPowerCut ? this.crash() : this.kill()));
  }

  private begin(): void {
    if (!this.isWanted || this.living !== undefined) return;
    this.startCount++;
    const process = this.host.start(this.name);
    this.process = process;
    this.program = undefined;
    const end = (error: unknown) => {
      if (!process.isAlive) return;
      this.lastFailure = error;
      const reason = error instanceof Error ? error.message : String(error);
      process.simulation.trace.add(process.simulation.timeMs, `${this.name} ended: ${reason}`);
      process.kill();
      this.beginLater();
    };
    this.run(process).then((program) => {
      if (!process.isAlive) return;
      this.program = program;
      program.ended.then(() => end("by itself"), end);
    }, end);
  }

  private beginLater(): void {
    const { simulation } = this.host;
    const delayMs = simulation.prng.pick([50, 500, 5_000]) * (1 + simulation.prng.float());
    simulation.schedule(delayMs, `supervise ${this.name}`, () => this.begin());
  }
}
