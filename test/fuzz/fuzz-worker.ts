/** A thread that feeds one target until it is stopped. What it is at stands in shared memory, so that a hang can be told from outside. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort, workerData } from "node:worker_threads";
import { Fuzzer, FuzzFault } from "./fuzzer.ts";
import { targets } from "./targets.ts";

/** What the thread is given. */
export interface FuzzTask {
  readonly target: string;
  readonly seed: number;
  /** Of the processor's time, so that a busy machine changes nothing. */
  readonly durationMs: number;
  /** Two words: count of inputs, length of the current one; then its bytes. */
  readonly shared: SharedArrayBuffer;
}

/** What the thread tells. `sample` is the memory in use after a collection. */
export type FuzzReport =
  | {
      readonly kind: "sample";
      readonly inputs: number;
      readonly answers: number;
      readonly usedBytes: number;
    }
  | { readonly kind: "fault"; readonly text: string }
  | { readonly kind: "done" };

const SAMPLE_COUNT = 24;
/** Inputs between two looks at the clock, which is a call of the system. */
const CLOCK_EVERY = 16;

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

function usedBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function run({ target: name, seed, durationMs, shared }: FuzzTask) {
  const tell = (report: FuzzReport) => parentPort?.postMessage(report);
  const words = new Int32Array(shared, 0, 2);
  const bytes = new Uint8Array(shared, 8);
  const make = targets.get(name);
  if (make === undefined) throw new RangeError(`no target ${name}`);
  const fuzzer = new Fuzzer(await make(), seed);
  const start = process.threadCpuUsage();
  let samples = 0;
  for (let inputs = 1; ; inputs++) {
    try {
      await fuzzer.step((input) => {
        bytes.set(input);
        words[1] = input.length;
        words[0] = inputs;
      });
    } catch (error) {
      if (!(error instanceof FuzzFault)) throw error;
      tell({ kind: "fault", text: error.message });
      return;
    }
    if (inputs % CLOCK_EVERY !== 0) continue;
    const { user, system } = process.threadCpuUsage(start);
    const passedMs = (user + system) / 1000;
    if (passedMs < (durationMs * (samples + 1)) / SAMPLE_COUNT) continue;
    samples++;
    const answers = fuzzer.answerCount;
    tell({ kind: "sample", inputs, answers, usedBytes: usedBytes() });
    if (passedMs >= durationMs) break;
  }
  tell({ kind: "done" });
}

const task: FuzzTask = workerData;
await run(task);
