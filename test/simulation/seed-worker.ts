/** A thread that simulates the seeds it is sent, one after the other. */
import { parentPort } from "node:worker_threads";
import { simulate } from "./simulate.ts";

parentPort?.on("message", (seed: number) => {
  void simulate(seed).then((result) => parentPort?.postMessage(result));
});
