/** A thread that simulates the seeds it is sent, one after the other. */
import { parentPort } from "node:worker_threads";
import type { ScenarioOptions } from "./scenario.ts";
import { simulate } from "./simulate.ts";

// Every aborted signal makes an error, whose stack takes longer than all the rest; who wants stacks simulates one seed alone.
Error.stackTraceLimit = 0;

parentPort?.on("message", (task: { readonly seed: number; readonly options: ScenarioOptions }) => {
  void simulate(task.seed, task.options).then((result) => parentPort?.postMessage(result));
});
