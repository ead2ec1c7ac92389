/** How each real server is started; what it is stands beside its `fetch`. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { freePort } from "../end-to-end/program.ts";
import { isAnswering, type ServerPlan } from "./real-server.ts";

/** In memory only: it starts empty. */
export const redis: ServerPlan = {
  name: "redis",
  scheme: "redis",
  words: async (folder, port) => {
    const address = ["--port", String(port), "--bind", "127.0.0.1"];
    return [...address, "--save", "", "--appendonly", "no", "--dir", folder];
  },
  isReady: async (url) => {
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    // The rejection of connect says the same.
    client.on("error", () => undefined);
    await client.connect();
    client.destroy();
    return true;
  },
};

/** Keeps what it acknowledged when it is stopped. */
export const durableRedis: ServerPlan = {
  ...redis,
  words: async (folder, port) => [
    ...(await redis.words(folder, port)),
    ...["--appendonly", "yes", "--appendfsync", "always"],
  ],
};

/** One node with a heap of 512 MiB. */
export const elasticsearch: ServerPlan = {
  name: "elasticsearch",
  scheme: "http",
  words: async (folder, port) => [folder, String(port)],
  isReady: (url) => isAnswering(`${url}/_cluster/health?wait_for_status=yellow&timeout=1s`),
};

/** Version 1. */
export const influxdb: ServerPlan = {
  name: "influxdb",
  scheme: "http",
  words: async (folder, port) => {
    const file = join(folder, "influxdb.conf");
    const lines = [
      "reporting-disabled = true",
      `bind-address = "127.0.0.1:${await freePort()}"`,
      `[meta]\ndir = "${join(folder, "meta")}"`,
      `[data]\ndir = "${join(folder, "data")}"\nwal-dir = "${join(folder, "wal")}"`,
      `[http]\nbind-address = "127.0.0.1:${port}"\nlog-enabled = false`,
      "[monitor]\nstore-enabled = false",
    ];
    await writeFile(file, `${lines.join("\n")}\n`);
    return ["run", "-config", file];
  },
  isReady: (url) => isAnswering(`${url}/ping`),
};

/** Keeps data of any age, and shows it at once. */
export const victoriametrics: ServerPlan = {
  name: "victoriametrics",
  scheme: "http",
  words: async (folder, port) => [
    `-httpListenAddr=127.0.0.1:${port}`,
    `-storageDataPath=${join(folder, "data")}`,
    "-retentionPeriod=100y",
    "-search.latencyOffset=0s",
  ],
  isReady: (url) => isAnswering(`${url}/health`),
};

/** All its services; SQL at its address, tasks on the next port. It uses the eight ports after that, too. */
export const druid: ServerPlan = {
  name: "druid",
  scheme: "http",
  words: async (folder, port) => [folder, String(port)],
  isReady: async (url) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ query: "SELECT 1" });
    const asked = await fetch(`${url}/druid/v2/sql`, { method: "POST", headers, body });
    const workers = await (await fetch(`${taskAddressOf(url)}/druid/indexer/v1/workers`)).json();
    return asked.ok && Array.isArray(workers) && workers.length > 0;
  },
};

/** Where Druid takes tasks and supervisors. */
export function taskAddressOf(druidUrl: string): string {
  const { hostname, port } = new URL(druidUrl);
  return `http://${hostname}:${Number(port) + 1}`;
}

/** Scrapes a program at `target` (`HOST:PORT`) every second and evaluates the rules of these files as often. */
export function prometheus(target: string, ruleFiles: readonly string[]): ServerPlan {
  return {
    name: "prometheus",
    scheme: "http",
    words: async (folder, port) => {
      const file = join(folder, "prometheus.yaml");
      const config = {
        global: { scrape_interval: "1s", evaluation_interval: "1s" },
        rule_files: ruleFiles,
        scrape_configs: [{ job_name: "tailrace", static_configs: [{ targets: [target] }] }],
      };
      await writeFile(file, JSON.stringify(config));
      return [
        ...["prometheus", `--config.file=${file}`, `--storage.tsdb.path=${join(folder, "data")}`],
        `--web.listen-address=127.0.0.1:${port}`,
      ];
    },
    isReady: (url) => isAnswering(`${url}/-/ready`),
  };
}
