/**
 * Windows per second from a state store into real servers, through a delivery as an aggregator runs it (reading the changes, merging, writing,
 * keeping the cursor), against the server's own driver that sends the same texts from memory in batches of the same size.
 * Run: `npx node test/benchmark/sinks.ts [WINDOWS, default 50000] [BATCH…, default 100 2000]`,
 * after test/integration/setup.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@elastic/elasticsearch";
import { createClient } from "redis";
import { Delivery } from "../../aggregator/sinks/deliver.ts";
import { sink as elasticsearchSink } from "../../aggregator/sinks/elasticsearch.ts";
import { sink as redisSink } from "../../aggregator/sinks/redis.ts";
import type { Result, SinkKind } from "../../aggregator/sinks/sink.ts";
import { StoreFeed } from "../../aggregator/sinks/store-feed.ts";
import { ByteWriter } from "../../aggregator/state/byte-writer.ts";
import { Contributors } from "../../aggregator/state/contributors.ts";
import {
  changeKey,
  makeSeries,
  PROCESS_KEY,
  serviceKey,
  windowKey,
} from "../../aggregator/state/keys.ts";
import { encodeServiceRow } from "../../aggregator/state/service-row.ts";
import { openSqliteStore } from "../../aggregator/state/sqlite-store.ts";
import { decodeProcessRow, encodeProcessRow } from "../../aggregator/state/stage-rows.ts";
import type { StateStore } from "../../aggregator/state/state-store.ts";
import { encodeWindowRow } from "../../aggregator/state/window-row.ts";
import { Aggregate, LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { RealServer } from "../integration/real-server.ts";
import { elasticsearch, redis } from "../integration/server-plans.ts";

const windowCount = Number(process.argv[2] ?? "50000");
const SERVICES = 100;
const FIRST_MINUTE = 29_919_480;
const batchCounts = process.argv.length > 3 ? process.argv.slice(3).map(Number) : [100, 2_000];

const logger: Logger = {
  error: (message, facts) => say(message, JSON.stringify(facts)),
  warn: (message, facts) => say(message, JSON.stringify(facts)),
  info() {},
  debug() {},
};

function say(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(48)} ${value}\n`);
}

/** A store with so many windows of one minute, twenty requests each, in the order of their change. */
async function fill(store: StateStore): Promise<void> {
  const stream = "application-logs";
  const rows: { key: string; value: Buffer }[] = [];
  for (let index = 0; index < windowCount; index++) {
    const service = `service-${index % SERVICES}`;
    const series = makeSeries("", stream, service);
    const aggregate = new Aggregate();
    for (let request = 0; request < 20; request++) {
      const level = request === 0 ? LEVEL_INDEX.ERROR : LEVEL_INDEX.INFO;
      aggregate.add(level, 1_000 * (request + 1) + (index % 997));
    }
    const changeNumber = index + 1;
    const row = { state: "final", revision: 2, changeNumber, aggregate } as const;
    const key = windowKey(series.key, FIRST_MINUTE + Math.floor(index / SERVICES));
    const value = encodeWindowRow({ ...row, contributors: new Contributors() }, new ByteWriter());
    rows.push({ key, value });
    const change = new ByteWriter();
    change.byte(1);
    rows.push({
      key: changeKey(changeNumber),
      value: Buffer.concat([change.finish(), Buffer.from(key)]),
    });
    const names = { tenant: "", stream, service };
    if (index < SERVICES) {
      rows.push({ key: serviceKey(series.key), value: encodeServiceRow(names, new ByteWriter()) });
    }
  }
  const processed = { ...decodeProcessRow(undefined), changeNumber: windowCount };
  rows.push({ key: PROCESS_KEY, value: encodeProcessRow(processed) });
  await store.commit(rows);
}

/** What it took until everything was delivered. */
interface Took {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function timed(work: () => Promise<void>): Promise<Took> {
  const [cpu, startedMs] = [process.cpuUsage(), performance.now()];
  await work();
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Delivers everything. */
async function deliver(
  store: StateStore,
  kind: SinkKind,
  settings: Readonly<Record<string, unknown>>,
): Promise<Took> {
  const sink = kind.schema.parse({ flush_interval: "10ms", ...settings });
  const feed = new StoreFeed({
    view: () => store,
    nextCommit: (signal) => realPlatform.timers.sleep(5, signal),
  });
  const parts = { feed, store, platform: realPlatform, logger };
  const delivery = new Delivery({ ...parts, sink, place: sink.name, results: "windows" });
  const took = await timed(async () => {
    while (delivery.status.change < windowCount) await realPlatform.timers.sleep(2);
  });
  await delivery.close(1_000);
  const { written, ...others } = delivery.status.outcomes;
  if (Object.values(others).some((count) => count > 0)) say("not written", JSON.stringify(others));
  say(`${sink.name}: written`, String(written));
  return took;
}

/** The results that a delivery would give to a sink, in batches. */
function batches(store: StateStore, windowMinutes: number, batchCount: number): Result[][] {
  const feed = new StoreFeed({ view: () => store, nextCommit: async () => undefined });
  const found: Result[][] = [];
  for (let after = 0; ; ) {
    const changes = feed.changes(after, batchCount);
    const last = changes.at(-1);
    if (last === undefined) return found;
    const results = changes.flatMap((change) => change.result(windowMinutes) ?? []);
    found.push([...new Map(results.map((result) => [result.id, result])).values()]);
    after = last.change;
  }
}

function report(name: string, ours: Took, bare: Took): void {
  const rate = (windowCount / ours.seconds).toFixed(0);
  const share = ((100 * bare.seconds) / ours.seconds).toFixed(0);
  const ofCpu = (windowCount / ours.cpuSeconds).toFixed(0);
  say(name, `${rate} windows/s, ${share} % of the bare driver; ${ofCpu} a second of our CPU`);
}

async function measureElasticsearch(store: StateStore): Promise<void> {
  const server = await RealServer.start(elasticsearch);
  try {
    for (const batchCount of batchCounts) {
      const common = { type: "elasticsearch", url: server.url, batch_count: batchCount };
      // The first round warms the server up.
      for (const round of ["warm", "measured"]) {
        const name = `elasticsearch-${batchCount}-${round}`;
        const client = new Client({ node: server.url, compression: true });
        const given = batches(store, 1, batchCount);
        const bare = await timed(async () => {
          for (const batch of given) {
            const operations = batch.flatMap(({ id, json }) => [
              JSON.stringify({ index: { _index: `bare-${batchCount}-${round}`, _id: id } }),
              json.replace(/"service":"[^"]*"/, '"service":{"name":"orders"}'),
            ]);
            await client.bulk({ operations });
          }
        });
        await client.close();
        const settings = { ...common, name, index_prefix: name };
        const ours = await deliver(store, elasticsearchSink, settings);
        if (round === "measured") report(`elasticsearch, batches of ${batchCount}`, ours, bare);
      }
    }
  } finally {
    await server.remove();
  }
}

async function measureRedis(store: StateStore): Promise<void> {
  const server = await RealServer.start(redis);
  try {
    for (const batchCount of batchCounts) {
      const name = `redis-${batchCount}`;
      const client = createClient({ url: server.url });
      await client.connect();
      const given = batches(store, 5, batchCount);
      const bare = await timed(async () => {
        for (const batch of given) {
          const fields = batch.map(({ id, json }) => [id, json] as const);
          await client.hSet(`bare-${batchCount}`, Object.fromEntries(fields));
        }
      });
      client.destroy();
      const settings = { type: "redis", url: server.url, key: name, name, batch_count: batchCount };
      report(`redis, batches of ${batchCount}`, await deliver(store, redisSink, settings), bare);
    }
  } finally {
    await server.remove();
  }
}

// The server as it runs for real, not as tests start it.
process.env["JAVA_OPTS"] = "";
const directory = await mkdtemp(join(tmpdir(), "sinks-"));
const store = await openSqliteStore(realPlatform.disk, join(directory, "state.db"));
try {
  await fill(store);
  await measureRedis(store);
  await measureElasticsearch(store);
} finally {
  await store.close();
  await rm(directory, { recursive: true, force: true });
}
