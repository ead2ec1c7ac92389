/** What each store holds in the end, read with the store's own means, all in one shape. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { runProgram } from "../end-to-end/program.ts";
import { readTopic } from "./kafka-topic.ts";
import { STREAMS, type Stores } from "./stores.ts";

/** Quantiles in milliseconds. */
export interface Latency {
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What every store keeps of a window. */
export interface HeldWindow {
  readonly stream: string;
  readonly service: string;
  readonly windowStart: string;
  readonly requestCount: number;
  readonly errorCount: number;
  readonly errorRate: number;
  /** Undefined where the store keeps none. */
  readonly levels: Readonly<Record<string, number>> | undefined;
  readonly avgLatency: number | null;
  readonly latency: Latency | null;
}

/** A window of the lines of an API, a file or a topic. */
export function heldWindow(json: any): HeldWindow {
  const { stream, service, windowStart, requestCount, errorCount, errorRate } = json;
  const { levels, avgLatency, latency } = json;
  const counts = { requestCount, errorCount, errorRate, levels, avgLatency, latency };
  return { stream, service, windowStart, ...counts };
}

/** Each window in its newest revision; throws when an older one came after a newer one, or the same one twice where `isOnce`. */
function newestOf(
  lines: readonly { readonly key: string; readonly json: string }[],
  isOnce: boolean,
): HeldWindow[] {
  const newest = new Map<string, any>();
  for (const { key, json } of lines) {
    const window = JSON.parse(json);
    const before = newest.get(key)?.revision ?? 0;
    if (window.revision < before || (isOnce && window.revision === before)) {
      throw new Error(`${key}: revision ${window.revision} after ${before}`);
    }
    newest.set(key, window);
  }
  return [...newest.values()].map(heldWindow);
}

/** Every line of the file sink: each revision once, rising. */
export async function inFile(folder: string): Promise<HeldWindow[]> {
  const text = await readFile(join(folder, "windows.ndjson"), "utf8");
  const lines = text.trimEnd().split("\n");
  return newestOf(
    lines.map((json) => {
      const { stream, service, windowStart } = JSON.parse(json);
      return { key: `${stream} ${service} ${windowStart}`, json };
    }),
    true,
  );
}

/** Every record of the topic; one may come again, but none after a newer one. */
export async function inKafka({ kafka }: Stores, run: string): Promise<HeldWindow[]> {
  const records = await readTopic(kafka.addresses, `${run}-windows`);
  return newestOf(
    records.map(({ key, value }) => ({ key, json: value })),
    false,
  );
}

/** Windows of five minutes. */
export async function inRedis({ redis }: Stores, run: string): Promise<HeldWindow[]> {
  const client = createClient({ url: redis.url });
  await client.connect();
  const hashes = [await client.hGetAll(run), await client.hGetAll(`${run}-pods`)];
  client.destroy();
  return hashes.flatMap((fields) =>
    Object.values(fields).map((json) => heldWindow(JSON.parse(json))),
  );
}

/** All documents, of whatever month. */
export async function inElasticsearch(stores: Stores, run: string): Promise<HeldWindow[]> {
  const { url } = stores.elasticsearch;
  await fetch(`${url}/${run}-windows-*/_refresh`, { method: "POST" });
  const found = await getJson(`${url}/${run}-windows-*/_search?size=10000`);
  return found.hits.hits.map(({ _source }: any) =>
    heldWindow({ ..._source, service: _source.service.name }),
  );
}

/** All points; the store keeps no levels. */
export async function inInfluxdb({ influxdb }: Stores, run: string): Promise<HeldWindow[]> {
  const found: HeldWindow[] = [];
  for (const [measurement, stream] of [
    ["service_metrics", STREAMS.requests],
    ["pod_metrics", STREAMS.pods],
  ]) {
    const query = new URLSearchParams({ db: run, epoch: "ms", q: `SELECT * FROM ${measurement}` });
    const answer = await getJson(`${influxdb.url}/query?${query}`);
    // Without a point there is no series.
    const { columns, values } = answer.results[0].series?.[0] ?? { columns: [], values: [] };
    for (const cells of values) {
      const row: any = Object.fromEntries(
        columns.map((name: string, at: number) => [name, cells[at]]),
      );
      const { latencyMin: min, latencyP50: p50, latencyP95: p95, latencyP99: p99 } = row;
      const latency = typeof min === "number" ? { min, p50, p95, p99, max: row.latencyMax } : null;
      const windowStart = new Date(row.time - 60_000).toISOString();
      const avgLatency = row.avgLatency ?? null;
      found.push(heldWindow({ ...row, stream, windowStart, avgLatency, latency }));
    }
  }
  return found;
}

/** All samples of a series, by `STREAM SERVICE WINDOW_START NAME [QUANTILE]`: several where a final window was corrected. */
export async function inVictoriametrics(
  { victoriametrics: { url } }: Stores,
  run: string,
): Promise<Map<string, number[]>> {
  await fetch(`${url}/internal/force_flush`);
  const query = new URLSearchParams({ "match[]": `{run="${run}"}`, start: "0" });
  const text = await (await fetch(`${url}/api/v1/export?${query}`)).text();
  const found = new Map<string, number[]>();
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const { metric, values, timestamps } = JSON.parse(line);
    const { __name__: name, stream, service, quantile = "" } = metric;
    for (const [at, value] of values.entries()) {
      const windowStart = new Date(timestamps[at] - 60_000).toISOString();
      const key = `${stream} ${service} ${windowStart} ${name} ${quantile}`.trim();
      found.set(key, [...(found.get(key) ?? []), value]);
    }
  }
  return found;
}

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OTHER"];

/** What the parts of each window in the archive add up to; it holds no quantiles but in sketches. */
export async function inArchive(folder: string): Promise<HeldWindow[]> {
  const levels = LEVELS.map((level) => `sum((levels->>'${level}')::BIGINT)::BIGINT AS "${level}"`);
  const sql = `SELECT stream, service, epoch_ms(window_start) AS "startMs",
    sum(request_count)::BIGINT AS "requestCount", sum(error_count)::BIGINT AS "errorCount",
    sum(duration_count)::BIGINT AS "durationCount", sum(duration_us_sum)::BIGINT AS "sumUs",
    min(duration_us_min)::BIGINT AS "minUs", max(duration_us_max)::BIGINT AS "maxUs", ${levels.join(", ")}
    FROM deltas GROUP BY ALL`;
  const words = ["query", "--archive", join(folder, "archive"), "--output", "ndjson", "--sql", sql];
  const { code, stdout, stderr } = await runProgram(words);
  if (code !== 0) throw new Error(stderr);
  const lines = stdout.trimEnd().split("\n");
  return lines.map((line) => {
    const row = JSON.parse(line);
    const [requestCount, errorCount] = [Number(row.requestCount), Number(row.errorCount)];
    const count = Number(row.durationCount);
    const counted = LEVELS.map((level) => [level, Number(row[level] ?? 0)] as const);
    const { stream, service } = row;
    return {
      ...{ stream, service, requestCount, errorCount, errorRate: errorCount / requestCount },
      windowStart: new Date(Number(row.startMs)).toISOString(),
      levels: Object.fromEntries(counted.filter(([, lineCount]) => lineCount > 0)),
      avgLatency: count === 0 ? null : Number(row.sumUs) / 1_000 / count,
      latency:
        count === 0
          ? null
          : {
              ...{ min: Number(row.minUs) / 1_000, max: Number(row.maxUs) / 1_000 },
              ...{ p50: Number.NaN, p95: Number.NaN, p99: Number.NaN },
            },
    };
  });
}

/** Windows of a stream as the API answers, with their states. */
export async function inApi(
  address: string,
  stream: string,
): Promise<(HeldWindow & { readonly state: string })[]> {
  const { windows } = await getJson(`${address}/v1/windows?stream=${stream}&limit=10000`);
  return windows.map((window: any) => ({ ...heldWindow(window), state: window.state }));
}

/** The answer to a GET as JSON. */
export async function getJson(url: string): Promise<any> {
  return (await fetch(url)).json();
}

/** The streams of all that is read here. */
export const ALL_STREAMS: readonly string[] = Object.values(STREAMS);
