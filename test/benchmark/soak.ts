/**
 * A long run under load: three agents on logs that grow and rotate, an aggregator, every store as a real server, and a webhook. Memory is sampled
 * all the while. It must not grow in the last third of ten minutes or more; in the end the ledger must balance and every store must hold what was written. Exit
 * code 1 when not.
 * Run: `npx node test/benchmark/soak.ts [MINUTES, default 20] [LINES A SECOND, default 50000]`, after test/integration/setup.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, runProgram } from "../end-to-end/program.ts";
import * as held from "../integration/store-contents.ts";
import { STREAMS, Stores } from "../integration/stores.ts";
import { RunningProgram } from "./running-program.ts";
import { CountedWindows, RotatingLog } from "./soak-logs.ts";
import { WebhookReceiver } from "./webhook-receiver.ts";

const minutes = Number(process.argv[2] ?? "20");
const linesPerSecond = Number(process.argv[3] ?? "50000");
const AGENTS = ["web-1", "web-2", "web-3"];
const RUN = "soak";
const PIECE_MS = 50;
const SAMPLE_MS = 10_000;
const DRAIN_MS_MAX = 600_000;
/** Memory is judged in runs of so many minutes or more: caches fill up first. */
const JUDGED_MINUTES = 10;
/** What the collector of garbage makes of the same state at different moments. */
const GROWTH_MAX = 1.15;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What the agents and the aggregator send to. */
interface Receivers {
  readonly stores: Stores;
  readonly webhook: WebhookReceiver;
}

/** Writes the configurations; returns the aggregator's address. */
async function configure(folder: string, { stores, webhook }: Receivers): Promise<string> {
  const port = await freePort();
  await stores.prepare(RUN);
  const pods = /pods?$|pod-/;
  const sinks = stores.sinks(RUN, folder).filter((sink) => !pods.test(Reflect.get(sink, "name")));
  sinks.push({ name: "hook", type: "webhook", url: webhook.url, results: ["windows"] });
  const aggregator = {
    ...{ listen: `127.0.0.1:${port}`, data_dir: join(folder, "aggregator"), sinks },
    archive: { dir: join(folder, "archive") },
  };
  await writeFile(join(folder, "aggregator.yaml"), JSON.stringify(aggregator));
  for (const id of AGENTS) {
    const agent = {
      ...{ id, data_dir: join(folder, id), flush_interval: "1s" },
      sources: [
        {
          ...{ name: "app", type: "file", format: "json", start_at: "beginning" },
          paths: [join(folder, `${id}.log*`)],
        },
      ],
      ship: { endpoints: [`http://127.0.0.1:${port}`] },
    };
    await writeFile(join(folder, `${id}.yaml`), JSON.stringify(agent));
  }
  return `http://127.0.0.1:${port}`;
}

/** MiB of the aggregator's heap that are used, and of what lies beside it. */
async function heapOf(address: string): Promise<number[]> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return ["nodejs_heap_size_used_bytes", "nodejs_external_memory_bytes"].map((name) =>
    Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]),
  );
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0).padStart(5);

/** Prints the memory of all processes now and then; returns what it saw, by program. */
async function sample(
  programs: ReadonlyMap<string, RunningProgram>,
  { counted, address }: { readonly counted: CountedWindows; readonly address: string },
  signal: AbortSignal,
): Promise<Map<string, number[]>> {
  const seen = new Map<string, number[]>([...programs.keys()].map((name) => [name, []]));
  const startMs = performance.now();
  const columns = [...programs.keys(), "its heap", "beside it"];
  say(`seconds      lines ${columns.map((name) => name.padStart(11)).join("")}  MiB`);
  while (!signal.aborted) {
    const cells: string[] = [];
    for (const [name, program] of programs) {
      const { rss } = await program.memory();
      seen.get(name)?.push(rss);
      cells.push(mib(rss).padStart(11));
    }
    for (const bytes of await heapOf(address)) cells.push(mib(bytes).padStart(11));
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
    say(`${seconds.padStart(7)} ${String(counted.lineCount).padStart(10)} ${cells.join("")}`);
    await sleep(SAMPLE_MS, undefined, { signal }).catch(() => undefined);
  }
  return seen;
}

/** Writes lines at the rate until the time is over. */
async function write(logs: readonly RotatingLog[]): Promise<void> {
  const startMs = performance.now();
  const endMs = startMs + minutes * 60_000;
  let written = 0;
  while (performance.now() < endMs) {
    const due = Math.floor(((performance.now() - startMs) / 1_000) * linesPerSecond);
    const each = Math.floor((due - written) / logs.length);
    for (const log of logs) log.append(each);
    written += each * logs.length;
    await sleep(PIECE_MS);
  }
}

/** Waits until nothing is provisional and no sink is behind. */
async function drained(address: string): Promise<void> {
  const endMs = performance.now() + DRAIN_MS_MAX;
  for (;;) {
    const windows = await held.inApi(address, STREAMS.requests);
    const { sinks } = await held.getJson(`${address}/v1/sinks`);
    const isDone = sinks.every(({ behind, failure }: any) => behind === 0 && failure === null);
    if (isDone && windows.every(({ state }) => state !== "provisional")) return;
    if (performance.now() > endMs) throw new Error(`not drained: ${JSON.stringify(sinks)}`);
    await sleep(500);
  }
}

/** Compares everything with what was written; returns what is wrong. */
async function faultsOf(
  folder: string,
  parts: Receivers & { readonly counted: CountedWindows; readonly address: string },
): Promise<string[]> {
  const { counted, address, stores, webhook } = parts;
  const faults: string[] = [];
  const { agents } = await held.getJson(`${address}/v1/agents`);
  const lines = agents
    .flatMap(({ ledger }: any) => ledger)
    .filter(({ kind }: any) => kind !== "noted")
    .reduce((sum: Record<string, number>, { kind, lines: count }: any) => {
      return { ...sum, [kind]: (sum[kind] ?? 0) + count };
    }, {});
  say(`ledger: ${JSON.stringify(lines)}, written ${counted.lineCount}`);
  if (lines.aggregated !== counted.lineCount || Object.keys(lines).length !== 1) {
    faults.push("the ledger does not balance");
  }
  const contents: Record<string, [readonly held.HeldWindow[], number]> = {
    "the API": [await held.inApi(address, STREAMS.requests), 1],
    Elasticsearch: [await held.inElasticsearch(stores, RUN), 1],
    InfluxDB: [await held.inInfluxdb(stores, RUN), 1],
    Kafka: [await held.inKafka(stores, RUN), 1],
    Redis: [await held.inRedis(stores, RUN), 5],
    "the file": [await held.inFile(folder), 1],
    "the webhook": [webhook.windows, 1],
  };
  for (const [name, [windows, width]] of Object.entries(contents)) {
    const found = counted.differences(windows, width);
    say(`${name}: ${windows.length} windows, ${found.length} differ`);
    faults.push(...found.slice(0, 3).map((difference) => `${name}: ${difference}`));
  }
  const samples = await held.inVictoriametrics(stores, RUN);
  const missing = counted.missing((service, windowStart, lines) =>
    samples
      .get(`${STREAMS.requests} ${service} ${windowStart} service_metrics_requests`)
      ?.includes(lines),
  );
  say(`VictoriaMetrics: ${samples.size} series of a minute, ${missing.length} differ`);
  faults.push(...missing.slice(0, 3).map((which) => `VictoriaMetrics: ${which} is missing`));
  return faults;
}

/** Says how much memory each program took; returns which took more in the end than before. */
function grown(seen: ReadonlyMap<string, readonly number[]>): string[] {
  const faults: string[] = [];
  for (const [name, values] of seen) {
    const third = Math.floor(values.length / 3);
    const peaks = [0, 1, 2].map((at) =>
      Math.max(...values.slice(at * third, at === 2 ? undefined : (at + 1) * third)),
    );
    say(`${name}: at most ${peaks.map(mib).join(", ")} MiB in the three thirds of the time`);
    const [, before = 0, after = 0] = peaks;
    if (minutes < JUDGED_MINUTES || after <= before * GROWTH_MAX) continue;
    faults.push(`${name} grew from ${mib(before)} to ${mib(after)} MiB`);
  }
  return faults;
}

async function soak(folder: string, receivers: Receivers): Promise<string[]> {
  const address = await configure(folder, receivers);
  const start = (kind: string, name: string) =>
    RunningProgram.start([
      ...[kind, "--config", join(folder, `${name}.yaml`), "--log-level", "error"],
    ]);
  const programs = new Map([["aggregator", start("aggregator", "aggregator")]]);
  const counted = new CountedWindows();
  const ended = new AbortController();
  try {
    await programs.get("aggregator")?.answersAt(`${address}/healthz`);
    for (const id of AGENTS) programs.set(id, start("agent", id));
    const sampling = sample(programs, { counted, address }, ended.signal);
    const logs = AGENTS.map((id) => new RotatingLog(join(folder, `${id}.log`), counted));
    await write(logs);
    ended.abort();
    const growth = grown(await sampling);
    const stoppingMs = performance.now();
    for (const id of AGENTS) {
      await programs.get(id)?.stop();
      const words = ["agent", "--config", join(folder, `${id}.yaml`), "--once"];
      const { code, stderr } = await runProgram([...words, "--timeout", "300s"]);
      if (code !== 0) return [`${id} ended with ${code}: ${stderr}`];
    }
    await drained(address);
    say(
      `all delivered ${((performance.now() - stoppingMs) / 1_000).toFixed(1)} s after the last line`,
    );
    const faults = await faultsOf(folder, { ...receivers, counted, address });
    await programs.get("aggregator")?.stop();
    const archived = counted.differences(await held.inArchive(folder), 1);
    say(`the archive: ${archived.length} windows differ`);
    return [...growth, ...faults, ...archived.slice(0, 3)];
  } finally {
    ended.abort();
    for (const program of programs.values()) await program.stop("SIGKILL");
  }
}

say(`${minutes} minutes of ${linesPerSecond} lines/s over ${AGENTS.length} agents, with all sinks`);
const folder = await mkdtemp(join(tmpdir(), "soak-"));
const stores = await Stores.start();
const webhook = await WebhookReceiver.start();
try {
  const faults = await soak(folder, { stores, webhook });
  for (const fault of faults) say(`FAULT: ${fault}`);
  if (faults.length === 0) say("everything is where it belongs, once");
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  webhook.close();
  await stores.remove();
  await rm(folder, { recursive: true, force: true });
}
