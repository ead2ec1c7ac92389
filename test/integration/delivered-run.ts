/** Real logs through three agents and an aggregator, all processes of their own, into every store; with faults or without. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Daemon, freePort, runProgram } from "../end-to-end/program.ts";
import { GrowingLogs } from "./real-logs.ts";
import { RepeatingRelay } from "./repeating-relay.ts";
import { ALL_STREAMS, getJson, type HeldWindow, inApi } from "./store-contents.ts";
import type { StoreName, Stores } from "./stores.ts";

/** What goes wrong in a run. */
export interface RunFaults {
  /** How often the aggregator is killed. */
  readonly kills: number;
  /** Each is stopped once, and started again while the run goes on. */
  readonly stopped: readonly StoreName[];
  readonly seed: number;
}

/** What a run left behind, beside what stands in the stores. */
export interface DeliveredRun {
  readonly folder: string;
  readonly lineCount: number;
  /** As the API answers. */
  readonly windows: readonly (HeldWindow & { readonly state: string })[];
  readonly agents: any;
  readonly sinks: any;
  readonly batchCount: number;
  /** Batches that arrived once more than they were sent. */
  readonly repeatedCount: number;
  remove(): Promise<void>;
}

const STEPS_MIN = 10;
const STEP_MS_MIN = 200;
const STEP_MS_MORE = 1_500;
/** A store that was stopped comes back this many steps later. */
const AWAY_STEPS = 2;
const DELIVER_MS_MAX = 240_000;

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs until all lines are counted, all windows are final and every store has taken everything, and the aggregator has stopped. */
export async function deliverRealLogs(
  stores: Stores,
  run: string,
  faults: RunFaults | undefined,
): Promise<DeliveredRun> {
  const folder = await mkdtemp(join(tmpdir(), `tailrace-${run}-`));
  await stores.prepare(run);
  const address = await writeAggregatorConfig(stores, run, folder);
  const aggregator = new Daemon(["aggregator", "--config", join(folder, "aggregator.yaml")]);
  aggregator.start();
  const random = seeded(faults?.seed ?? 1);
  const relay = faults && (await RepeatingRelay.before(address, random));
  const logs = new GrowingLogs(folder, relay?.url ?? address);
  try {
    if (faults !== undefined) await sufferFaults(stores, { aggregator, logs, random, faults });
    logs.grow(1);
    await Promise.all(logs.configs.map(drainAgent));
    await relay?.finish();
    const sinks = await allDelivered(address);
    const windows = (await Promise.all(ALL_STREAMS.map((stream) => inApi(address, stream)))).flat();
    const { agents } = await getJson(`${address}/v1/agents`);
    await aggregator.stop("SIGTERM");
    return {
      ...{ folder, lineCount: logs.lineCount, windows, agents, sinks },
      ...{ batchCount: relay?.batchCount ?? 0, repeatedCount: relay?.repeatedCount ?? 0 },
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    throw new Error(`${String(error)}\n${aggregator.stderr}`, { cause: error });
  } finally {
    await relay?.close();
    await aggregator.stop("SIGKILL");
  }
}

async function writeAggregatorConfig(stores: Stores, run: string, folder: string): Promise<string> {
  const port = await freePort();
  const settings = {
    listen: `127.0.0.1:${port}`,
    data_dir: join(folder, "aggregator"),
    windows_retention: "3650d",
    // Batches that come again beside those that come first.
    limits: { agent_requests: 64 },
    archive: { dir: join(folder, "archive"), retention: "36500d" },
    sinks: stores.sinks(run, folder),
  };
  await writeFile(join(folder, "aggregator.yaml"), JSON.stringify(settings));
  return `http://127.0.0.1:${port}`;
}

/** Lets the logs grow while the aggregator is killed and stores come and go; in the end all is there again. */
async function sufferFaults(
  stores: Stores,
  parts: {
    readonly aggregator: Daemon;
    readonly logs: GrowingLogs;
    readonly random: () => number;
    readonly faults: RunFaults;
  },
): Promise<void> {
  const { aggregator, logs, random, faults } = parts;
  const agents = logs.configs.map((config) => new Daemon(["agent", "--config", config]));
  for (const agent of agents) agent.start();
  const stepCount = Math.max(STEPS_MIN, faults.kills);
  const away = new Map<number, StoreName>();
  const coming: Promise<void>[] = [];
  try {
    for (let step = 1; step <= stepCount; step++) {
      logs.grow(step / (stepCount + 1));
      await sleep(STEP_MS_MIN + random() * STEP_MS_MORE);
      const stopped = faults.stopped[step - 1];
      if (stopped !== undefined) {
        await stores.stop(stopped);
        away.set(step + AWAY_STEPS, stopped);
      }
      const back = away.get(step);
      if (back !== undefined) coming.push(stores.begin(back));
      // Evenly over the run.
      const killsDue = Math.floor((step * faults.kills) / stepCount);
      if (killsDue === Math.floor(((step - 1) * faults.kills) / stepCount)) continue;
      await aggregator.stop("SIGKILL");
      aggregator.start();
    }
  } finally {
    await Promise.all(coming);
    for (const agent of agents) await agent.stop("SIGTERM");
  }
}

/** Reads and ships what is left, and says that nothing more will come. */
async function drainAgent(config: string): Promise<void> {
  const { code, stderr } = await runProgram(["agent", "--config", config, "--once"]);
  if (code !== 0) throw new Error(`an agent ended with ${code}: ${stderr}`);
}

/** Resolves with what every sink says when all windows are final and nothing waits for any sink. */
async function allDelivered(address: string): Promise<any> {
  let status: any;
  for (const deadline = Date.now() + DELIVER_MS_MAX; Date.now() < deadline; await sleep(50)) {
    const windows = (await Promise.all(ALL_STREAMS.map((stream) => inApi(address, stream)))).flat();
    if (windows.some(({ state }) => state === "provisional")) continue;
    status = await getJson(`${address}/v1/sinks`);
    const isDone = ({ behind, failure }: any) => behind === 0 && failure === null;
    if (status.sinks.every(isDone)) return status.sinks;
  }
  throw new Error(`sinks did not catch up: ${JSON.stringify(status)}`);
}
