/**
 * Druid reads the windows that an aggregator writes to Kafka, as `packaging/druid` says, and answers what the archive answers in SQL; both
 * as the logs' publishers counted. It takes a minute: only in long runs.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { runProgram } from "../end-to-end/program.ts";
import { RunningAggregator } from "../end-to-end/running-aggregator.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { csvRows, requestLines } from "./real-logs.ts";
import { RealServer } from "./real-server.ts";
import { druid, taskAddressOf } from "./server-plans.ts";
import { getJson } from "./store-contents.ts";

const PACKAGING = join(import.meta.dirname, "../../packaging/druid");
const TRUTH = ["train-ticket-requests-1m.csv.gz", "boutique-requests-1m.csv"];
/** Services, not their parts by dimension. */
const WHOLE = "dimensions = '{}'";
/** Windows come in so many pieces, so that they have several revisions. */
const PIECES = 4;
const READY_MS_MAX = 180_000;

describe("Druid and the archive", () => {
  let server: RealServer;
  let cluster: KafkaCluster;
  let aggregator: RunningAggregator;

  beforeAll(async () => {
    [server, cluster] = await Promise.all([RealServer.start(druid), KafkaCluster.start(1)]);
    const brokers = cluster.addresses;
    aggregator = await RunningAggregator.start((folder) => ({
      windows_retention: "3650d",
      archive: { dir: join(folder, "archive"), retention: "36500d" },
      sinks: [{ name: "bus", type: "kafka", brokers, flush_interval: "50ms" }],
    }));
    const lines = requestLines();
    for (let piece = 0; piece < PIECES; piece++) {
      const body = lines.filter((_, index) => index % PIECES === piece).join("\n");
      const headers = { "content-type": "application/x-ndjson" };
      const { status } = await aggregator.postTo("/v1/events", headers, Buffer.from(body));
      expect(status).toBe(200);
      await delivered();
    }
    await supervise(brokers.join(","));
  }, READY_MS_MAX);
  afterAll(async () => {
    await aggregator?.remove();
    await cluster?.remove();
    await server?.remove();
  });

  /** Waits until Kafka has what is counted so far. */
  async function delivered(): Promise<void> {
    for (;;) {
      const { body }: { body: any } = await aggregator.get("/v1/sinks");
      if (body.sinks.every(({ behind }: any) => behind === 0)) return;
      await realPlatform.timers.sleep(20);
    }
  }

  /** Gives Druid the supervisor as it is packaged, but for the brokers. */
  async function supervise(brokers: string): Promise<void> {
    const spec = JSON.parse(await readFile(join(PACKAGING, "tailrace-windows.json"), "utf8"));
    spec.spec.ioConfig.consumerProperties["bootstrap.servers"] = brokers;
    const answer = await fetch(`${taskAddressOf(server.url)}/druid/indexer/v1/supervisor`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(spec),
    });
    expect(await answer.text()).toContain("tailrace-windows");
    expect(answer.status).toBe(200);
  }

  /** Asks Druid; `WINDOWS` stands for each window in its newest revision. */
  async function askDruid(sql: string): Promise<any[]> {
    const newest = await readFile(join(PACKAGING, "newest-windows.sql"), "utf8");
    const query = sql.replace("WINDOWS", `(${newest.replace(/^--.*$/gm, "")})`);
    const answer = await fetch(`${server.url}/druid/v2/sql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, context: { sqlTimeZone: "UTC" } }),
    });
    const rows: any = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(rows));
    return rows;
  }

  async function askArchive(sql: string): Promise<any[]> {
    const archive = join(aggregator.folder, "archive");
    const words = ["query", "--archive", archive, "--output", "ndjson", "--sql", sql];
    const { code, stdout, stderr } = await runProgram(words);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  it(
    "give the same answers, which are the publishers'",
    async () => {
      const total = requestLines().length;
      let read = 0;
      for (let waitedMs = 0; read < total && waitedMs < READY_MS_MAX; waitedMs += 500) {
        // There is no such table before the first row.
        const [row] = await askDruid(
          `SELECT SUM(request_count) AS requests FROM WINDOWS WHERE ${WHOLE}`,
        ).catch((error: unknown) => {
          if (String(error).includes("not found")) return [];
          throw error;
        });
        read = Number(row?.requests ?? 0);
        await realPlatform.timers.sleep(500);
      }
      const status = `${taskAddressOf(server.url)}/druid/indexer/v1/supervisor/tailrace-windows/status`;
      expect(read, JSON.stringify(await getJson(status))).toBe(total);
      const [rows] = await askDruid('SELECT COUNT(*) AS held FROM "tailrace-windows"');
      const truth = TRUTH.flatMap(csvRows);
      // Some windows stand there in several revisions.
      expect(rows.held).toBeGreaterThan(truth.length);
      await aggregator.stop();
      try {
        await compareAnswers(truth);
      } finally {
        await aggregator.begin();
      }
    },
    READY_MS_MAX + 60_000,
  );

  async function compareAnswers(truth: readonly Record<string, string>[]): Promise<void> {
    const byService = `service, SUM(request_count) AS requests, SUM(error_count) AS errors`;
    const services = await askDruid(
      `SELECT ${byService} FROM WINDOWS WHERE ${WHOLE} GROUP BY 1 ORDER BY 1`,
    );
    const counted = Map.groupBy(truth, (row) => row["service"] ?? "");
    const sum = (group: readonly Record<string, string>[], name: string) =>
      group.reduce((total, row) => total + Number(row[name]), 0);
    const expected = [...counted].map(([service, group]) => {
      const [requests, errors] = [sum(group, "request_count"), sum(group, "error_count")];
      return { service, requests, errors };
    });
    expect(services).toEqual(expected.toSorted((a, b) => (a.service < b.service ? -1 : 1)));
    const archived = await askArchive(
      `SELECT service, sum(request_count)::INT AS requests, sum(error_count)::INT AS errors
       FROM deltas WHERE fate <> 'too_late' GROUP BY 1 ORDER BY 1`,
    );
    expect(archived).toEqual(services);

    const worst = await askDruid(
      `SELECT TIME_FLOOR(window_start, 'PT5M') AS start_time, SUM(error_count) * 1.0 / SUM(request_count) AS rate,
       MAX(latency_max) AS slowest FROM WINDOWS WHERE ${WHOLE} GROUP BY 1 HAVING SUM(error_count) > 0 ORDER BY 1`,
    );
    const archivedWorst = await askArchive(
      `SELECT strftime(time_bucket(INTERVAL 5 minutes, window_start), '%Y-%m-%dT%H:%M:%S.000Z') AS start_time,
       sum(error_count) / sum(request_count) AS rate, max(duration_us_max) / 1000 AS slowest
       FROM deltas WHERE fate <> 'too_late' GROUP BY 1 HAVING sum(error_count) > 0 ORDER BY 1`,
    );
    expect(worst.length).toBeGreaterThan(5);
    expect(archivedWorst).toEqual(worst);
  }
});
