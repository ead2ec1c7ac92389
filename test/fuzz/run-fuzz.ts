/** Feeds every target with strange inputs for a while: see USAGE. */
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { FuzzReport, FuzzTask } from "./fuzz-worker.ts";
import { growthOf, mib } from "./memory-growth.ts";
import { INPUT_BYTES_MAX } from "./mutate.ts";
import { targets } from "./targets.ts";

/** One input takes no longer, in time of the processor: on a busy machine others take the rest. */
const HANG_MS = 10_000;
/** Nor does it wait longer for anything; the first one waits for the target to be made. */
const WAIT_MS = 120_000;
const LOOK_MS = 1_000;
const USAGE = `Usage: npm run fuzz -- [--seconds 600] [--seed 1] [TARGET…]

Feeds targets with strange inputs, one after the other, each in a thread of its own: made-up ones, and samples changed at random. Ends with 1 when
one broke, hung for ten seconds of the processor's time, or went on taking memory; the input is printed then, to be kept in test/fuzz/found.txt.

  --seconds  of the processor's time for each target (600)
  --seed     of the random changes (1); the same seed makes the same inputs
  TARGET     a name or the beginning of one (all)

Examples:
  npm run fuzz -- --seconds 60                  a minute for each
  npm run fuzz -- frame: read:spool parse:      the framers, the reader of the spool, the parsers

Targets:
`;

interface Outcome {
  readonly fault: string | undefined;
  readonly inputs: number;
  readonly answers: number;
  readonly usedBytes: readonly number[];
}

/** Runs one target in a thread of its own. */
async function fuzz(target: string, seed: number, durationMs: number): Promise<Outcome> {
  const shared = new SharedArrayBuffer(8 + INPUT_BYTES_MAX);
  const words = new Int32Array(shared, 0, 2);
  const task: FuzzTask = { target, seed, durationMs, shared };
  const worker = new Worker(new URL("./fuzz-worker.ts", import.meta.url), { workerData: task });
  const usedBytes: number[] = [];
  let answers = 0;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  worker.on("message", (report: FuzzReport) => {
    if (report.kind === "sample") {
      usedBytes.push(report.usedBytes);
      answers = report.answers;
    } else resolve(report.kind === "fault" ? report.text : undefined);
  });
  worker.on("error", (error) => resolve(String(error)));
  let last = -1;
  let since = { cpu: process.cpuUsage(), ms: performance.now() };
  const timer = setInterval(() => {
    const now = words[0] ?? 0;
    if (now !== last) since = { cpu: process.cpuUsage(), ms: performance.now() };
    last = now;
    const { user, system } = process.cpuUsage(since.cpu);
    const isBusy = now > 0 && (user + system) / 1000 > HANG_MS;
    if (!isBusy && performance.now() - since.ms < WAIT_MS) return;
    const input = Buffer.from(new Uint8Array(shared, 8, words[1])).toString("base64");
    resolve(`hung at the input ${now} (base64) ${input}`);
  }, LOOK_MS);
  const fault = await promise;
  clearInterval(timer);
  await worker.terminate();
  return { fault: fault ?? growthOf(usedBytes), inputs: words[0] ?? 0, answers, usedBytes };
}

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  },
  allowPositionals: true,
});
if (values.help) {
  console.log(`${USAGE}  ${[...targets.keys()].join("\n  ")}`);
  process.exit(0);
}
const seconds = Number(values.seconds);
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error("--seconds has to be a number above 0, --seed a whole number; --help tells more");
  process.exit(2);
}
const names = [...targets.keys()].filter(
  (name) => positionals.length === 0 || positionals.some((start) => name.startsWith(start)),
);
if (names.length === 0) {
  console.error(`no such target; there are:\n  ${[...targets.keys()].join("\n  ")}`);
  process.exit(2);
}
for (const name of names) {
  const outcome = await fuzz(name, seed, seconds * 1000);
  const { inputs, answers, usedBytes, fault } = outcome;
  console.log(
    `${name}: ${inputs} inputs, ${answers} answers, ${mib(usedBytes[0])} to ${mib(usedBytes.at(-1))} MiB`,
  );
  if (fault === undefined) continue;
  console.log(`${name} FAILED: ${fault}`);
  process.exitCode = 1;
}
