/**
 * How long a line takes from its file into real servers: an agent with a `flush_interval` of a second and an aggregator, each a process of its own, a
 * hash of Redis as it is by default, and a topic of Kafka with the same `flush_interval`. Every line has a service of its own, by which it is known again.
 * Run: `npx node test/benchmark/line-latency.ts [LINES, default 300]`, after test/integration/setup.
 */
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { freePort } from "../end-to-end/program.ts";
import { KafkaCluster } from "../integration/kafka-cluster.ts";
import { testClient } from "../integration/kafka-topic.ts";
import { RealServer } from "../integration/real-server.ts";
import { redis } from "../integration/server-plans.ts";
import { percentile, RunningProgram } from "./running-program.ts";

const lineCount = Number(process.argv[2] ?? "300");
const LINE_MS_MEAN = 150;
const LOOK_MS = 10;
const ARRIVE_MS_MAX = 30_000;
const TOPIC = "tailrace-windows";

/** When lines were written, and how long each took. */
class Arrivals {
  readonly latenciesMs: number[] = [];
  readonly #waiting = new Map<string, number>();

  wrote(service: string, atMs: number): void {
    this.#waiting.set(service, atMs);
  }

  get waiting(): string[] {
    return [...this.#waiting.keys()];
  }

  arrived(service: string): void {
    const wroteMs = this.#waiting.get(service);
    if (wroteMs === undefined) return;
    this.#waiting.delete(service);
    this.latenciesMs.push(performance.now() - wroteMs);
  }

  /** What to print. */
  get text(): string {
    const at = (percent: number) => `${percentile(this.latenciesMs, percent).toFixed(0)} ms`;
    const lost = this.#waiting.size === 0 ? "" : `, ${this.#waiting.size} never came`;
    return `p50 ${at(50)}, p99 ${at(99)}, longest ${at(100)} of ${this.latenciesMs.length} lines${lost}`;
  }
}

async function configure(folder: string, redisUrl: string, brokers: readonly string[]) {
  const port = await freePort();
  const aggregator = {
    ...{ listen: `127.0.0.1:${port}`, data_dir: join(folder, "aggregator") },
    sinks: [
      { name: "hot", type: "redis", url: redisUrl },
      { name: "bus", type: "kafka", brokers, topic: TOPIC, flush_interval: "500ms" },
    ],
  };
  const agent = {
    ...{ id: "web-1", data_dir: join(folder, "agent"), flush_interval: "1s" },
    sources: [{ name: "app", type: "file", paths: [join(folder, "app.log")], format: "json" }],
    ship: { endpoints: [`http://127.0.0.1:${port}`] },
  };
  await writeFile(join(folder, "aggregator.yaml"), JSON.stringify(aggregator));
  await writeFile(join(folder, "agent.yaml"), JSON.stringify(agent));
  await writeFile(join(folder, "app.log"), "");
  return `http://127.0.0.1:${port}`;
}

/** Looks for lines in Redis until `signal` aborts. */
async function watchRedis(url: string, arrivals: Arrivals, signal: AbortSignal): Promise<void> {
  const client = createClient({ url });
  await client.connect();
  while (!signal.aborted) {
    const fields = await client.hKeys("service_metrics");
    for (const field of fields) arrivals.arrived(field.slice(0, field.indexOf(":")));
    await sleep(LOOK_MS);
  }
  client.destroy();
}

async function watchKafka(brokers: readonly string[], arrivals: Arrivals) {
  const client = testClient(brokers);
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC }], waitForLeaders: true });
  await admin.disconnect();
  const consumer = client.consumer({ groupId: "latency", maxWaitTimeInMs: LOOK_MS });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      arrivals.arrived(JSON.parse(message.value?.toString() ?? "{}").service);
    },
  });
  return consumer;
}

async function writeLines(path: string, watchers: readonly Arrivals[]): Promise<void> {
  for (let number = 0; number < lineCount; number++) {
    const service = `s${number}`;
    const timestamp = new Date().toISOString();
    const line = JSON.stringify({ timestamp, service, level: "INFO", duration: 12.5 });
    await appendFile(path, `${line}\n`);
    const wroteMs = performance.now();
    for (const arrivals of watchers) arrivals.wrote(service, wroteMs);
    await sleep(2 * Math.random() * LINE_MS_MEAN);
  }
}

async function measure(folder: string): Promise<void> {
  const [server, cluster] = await Promise.all([RealServer.start(redis), KafkaCluster.start(1)]);
  const address = await configure(folder, server.url, cluster.addresses);
  const start = (kind: string) =>
    RunningProgram.start([
      ...[kind, "--config", join(folder, `${kind}.yaml`), "--log-level", "error"],
    ]);
  const [inRedis, inKafka] = [new Arrivals(), new Arrivals()];
  const aggregator = start("aggregator");
  const stopped = new AbortController();
  try {
    await aggregator.answersAt(`${address}/healthz`);
    const watching = watchRedis(server.url, inRedis, stopped.signal);
    const consumer = await watchKafka(cluster.addresses, inKafka);
    const agent = start("agent");
    // Until the agent has found its file.
    await sleep(3_000);
    await writeLines(join(folder, "app.log"), [inRedis, inKafka]);
    const endMs = performance.now() + ARRIVE_MS_MAX;
    while (inRedis.waiting.length + inKafka.waiting.length > 0 && performance.now() < endMs) {
      await sleep(LOOK_MS);
    }
    stopped.abort();
    await watching;
    await agent.stop();
    await consumer.disconnect();
  } finally {
    await aggregator.stop();
    await server.remove();
    await cluster.remove();
  }
  process.stdout.write(`line to Redis: ${inRedis.text}\nline to Kafka: ${inKafka.text}\n`);
}

const folder = await mkdtemp(join(tmpdir(), "line-latency-"));
try {
  await measure(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
