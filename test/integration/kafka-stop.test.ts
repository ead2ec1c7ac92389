/** An aggregator stops when it is told to, whatever its brokers do. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Daemon, freePort } from "../end-to-end/program.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { getJson } from "./store-contents.ts";

/** The sinks' drain, the archive's, and what starts and ends besides. */
const STOP_MS_MAX = 20_000;

let cluster: KafkaCluster;
let folder: string;
let address: string;
let aggregator: Daemon;

beforeEach(async () => {
  cluster = await KafkaCluster.start(1);
  folder = await mkdtemp(join(tmpdir(), "tailrace-stop-"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  const brokers = cluster.addresses;
  const settings = {
    ...{ listen: `127.0.0.1:${port}`, data_dir: join(folder, "data") },
    sources: [{ name: "in", type: "kafka", brokers, topics: ["application-logs"] }],
    sinks: [{ name: "bus", type: "kafka", brokers, flush_interval: "50ms" }],
  };
  await writeFile(join(folder, "aggregator.yaml"), JSON.stringify(settings));
  aggregator = new Daemon(["aggregator", "--config", join(folder, "aggregator.yaml")]);
  aggregator.start();
});
afterEach(async () => {
  await aggregator.stop("SIGKILL");
  await cluster.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Counts an event, tried again until the aggregator listens. */
async function post(): Promise<void> {
  const body = JSON.stringify({ timestamp: "2026-11-20T10:00:00Z", service: "orders" });
  const headers = { "content-type": "application/x-ndjson" };
  for (;;) {
    const status = await fetch(`${address}/v1/events`, { method: "POST", headers, body }).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(50);
  }
}

async function behind(): Promise<number> {
  const { sinks } = await getJson(`${address}/v1/sinks`);
  return sinks[0].behind;
}

describe("an aggregator with topics", () => {
  it.each([
    ["hangs", async () => cluster.brokers[0]?.pause(true)],
    ["is gone", async () => cluster.brokers[0]?.stop("SIGKILL")],
  ] as const)(
    "stops in time when its broker %s",
    async (_name, harm) => {
      await post();
      await expect.poll(behind, { timeout: 30_000 }).toBe(0);
      await harm();
      await post();
      const late = sleep(STOP_MS_MAX).then(() => "still there");
      expect(await Promise.race([aggregator.stop("SIGTERM"), late])).toBe(0);
    },
    120_000,
  );
});
