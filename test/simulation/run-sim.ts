import { runSeeds } from "./run-seeds.ts";
import type { FaultKind } from "./scenario.ts";
import { type SimulationResult, simulate } from "./simulate.ts";

/** What `tailrace sim` was asked to do. */
export interface RunSimOptions {
  /** First seed. */
  readonly from: number;
  /** How many seeds, one after the other. */
  readonly count: number;
  readonly jobs: number;
  /** Only these faults, each in every fleet; a free mixture when absent. */
  readonly kinds: readonly FaultKind[] | undefined;
  /** Print every event of the run; only sensible for one seed. */
  readonly isTraced: boolean;
  /** End at the first failure. */
  readonly stopsAtFailure: boolean;
  readonly stdout: (text: string) => Promise<void>;
  readonly stderr: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Simulates fleets and prints what became of them; true when all went well. */
export async function runSim(options: RunSimOptions): Promise<boolean> {
  const printed: Promise<void>[] = [];
  const print = (text: string) => printed.push(options.stdout(`${text}\n`));
  const stop = new AbortController();
  const totals = { done: 0, failed: 0, lines: 0, events: 0, timeMs: 0 };
  const take = (result: SimulationResult) => {
    totals.done++;
    totals.lines += result.lineCount;
    totals.events += result.eventCount;
    totals.timeMs += result.timeMs;
    if (options.count === 1) print(describe(result));
    if (result.ok) return;
    totals.failed++;
    if (options.stopsAtFailure) stop.abort();
    if (options.count > 1) print(describe(result));
    print(`  replay it: tailrace sim --seed ${result.seed} --trace`);
  };
  const drawn = options.kinds === undefined ? {} : { kinds: options.kinds };
  if (options.count === 1) {
    const onTrace = (entry: string) => print(entry);
    take(await simulate(options.from, { ...drawn, ...(options.isTraced ? { onTrace } : {}) }));
  } else {
    const seeds = Array.from({ length: options.count }, (_, index) => options.from + index);
    const signal = AbortSignal.any([options.signal, stop.signal]);
    await runSeeds({ seeds, options: drawn, jobs: options.jobs, onResult: take, signal });
    print(
      `${totals.done} seeds, ${totals.failed} failed; ${totals.lines} lines, ${totals.events} events, ` +
        `${Math.round(totals.timeMs / 3_600_000)} hours of virtual time`,
    );
  }
  await Promise.all(printed);
  return totals.failed === 0 && totals.done === options.count;
}

function describe(result: SimulationResult): string {
  const what = result.ok ? "ok" : `FAILED ${result.failure}`;
  return (
    `seed ${result.seed} trace ${result.traceHash} lines ${result.lineCount} events ${result.eventCount} ` +
    `seconds ${Math.round(result.timeMs / 1_000)} [${result.faultKinds.join(", ")}] ${what}`
  );
}
