import { Worker } from "node:worker_threads";
import type { ScenarioOptions } from "./scenario.ts";
import type { SimulationResult } from "./simulate.ts";

/** Which seeds to simulate, and how. */
export interface RunSeedsOptions {
  readonly seeds: readonly number[];
  /** What they may draw; everything when absent. */
  readonly options?: ScenarioOptions;
  /** How many at a time, each in a thread of its own. */
  readonly jobs: number;
  /** Called with each result, in the order in which they come. */
  readonly onResult: (result: SimulationResult) => void;
  /** Ends the run before the next seed. */
  readonly signal?: AbortSignal;
}

/** Simulates many seeds on several threads. Resolves when all are done, or after {@link RunSeedsOptions.signal}. */
export async function runSeeds(options: RunSeedsOptions): Promise<void> {
  const waiting = [...options.seeds];
  const count = Math.min(options.jobs, waiting.length);
  await Promise.all(Array.from({ length: count }, () => runThread(waiting, options)));
}

async function runThread(waiting: number[], options: RunSeedsOptions): Promise<void> {
  const worker = new Worker(new URL("./seed-worker.ts", import.meta.url));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const next = () => {
    const seed = options.signal?.aborted ? undefined : waiting.shift();
    if (seed === undefined) resolve();
    else worker.postMessage({ seed, options: options.options ?? {} });
  };
  worker.on("message", (result: SimulationResult) => {
    options.onResult(result);
    next();
  });
  worker.on("error", reject);
  worker.on("exit", (code) => reject(new Error(`a simulating thread ended with ${code}`)));
  next();
  try {
    await promise;
  } finally {
    worker.removeAllListeners("exit");
    await worker.terminate();
  }
}
