/** All stores at once: started together, fed by one aggregator, stopped and started again one by one. */
import { join } from "node:path";
import { KafkaCluster } from "./kafka-cluster.ts";
import { RealServer } from "./real-server.ts";
import * as plans from "./server-plans.ts";

/** Names of what can be stopped. */
export type StoreName = "elasticsearch" | "influxdb" | "kafka" | "redis" | "victoriametrics";

/** Streams that the logs of tests belong to. */
export const STREAMS = { requests: "application-logs", pods: "pod-logs" } as const;

/** See the head of this file. */
export class Stores {
  readonly elasticsearch: RealServer;
  readonly influxdb: RealServer;
  readonly redis: RealServer;
  readonly victoriametrics: RealServer;
  readonly kafka: KafkaCluster;

  private constructor(
    servers: Record<Exclude<StoreName, "kafka">, RealServer>,
    kafka: KafkaCluster,
  ) {
    this.elasticsearch = servers.elasticsearch;
    this.influxdb = servers.influxdb;
    this.redis = servers.redis;
    this.victoriametrics = servers.victoriametrics;
    this.kafka = kafka;
  }

  /** Starts them all; each on free ports of 127.0.0.1, with its data in a temporary folder. */
  static async start(): Promise<Stores> {
    const [elasticsearch, influxdb, redis, victoriametrics, kafka] = await Promise.all([
      RealServer.start(plans.elasticsearch),
      RealServer.start(plans.influxdb),
      RealServer.start(plans.durableRedis),
      RealServer.start(plans.victoriametrics),
      KafkaCluster.start(1),
    ]);
    return new Stores({ elasticsearch, influxdb, redis, victoriametrics }, kafka);
  }

  /** The addresses, by name. */
  get addresses(): Readonly<Record<StoreName, string>> {
    return {
      elasticsearch: this.elasticsearch.url,
      influxdb: this.influxdb.url,
      kafka: this.kafka.addresses.join(","),
      redis: this.redis.url,
      victoriametrics: this.victoriametrics.url,
    };
  }

  /** Makes what stores want to be there, under names that nobody used before. */
  async prepare(run: string): Promise<void> {
    const query = new URLSearchParams({ q: `CREATE DATABASE "${run}"` });
    await fetch(`${this.influxdb.url}/query?${query}`, { method: "POST" });
  }

  /** The sinks of an aggregator's configuration; `run` is in every name, so that one run does not see another's data. */
  sinks(run: string, folder: string): object[] {
    const common = { flush_interval: "100ms", write_timeout: "15s" };
    const retention = "3650d";
    const { redis, elasticsearch, influxdb, victoriametrics } = this;
    const points = { ...common, type: "influxdb", url: influxdb.url, database: run };
    const hot = { ...common, type: "redis", url: redis.url, retention };
    return [
      { ...common, name: "out", type: "file", path: join(folder, "windows.ndjson") },
      { ...hot, name: "hot", key: run, stream: STREAMS.requests },
      { ...hot, name: "hot-pods", key: `${run}-pods`, stream: STREAMS.pods },
      {
        ...{ ...common, name: "search", type: "elasticsearch", url: elasticsearch.url },
        ...{ index_prefix: run, retention },
      },
      {
        ...{ ...common, name: "bus", type: "kafka", brokers: this.kafka.addresses },
        ...{ topic: `${run}-windows`, alerts_topic: `${run}-alerts` },
      },
      { ...points, name: "points", stream: STREAMS.requests },
      { ...points, name: "pod-points", stream: STREAMS.pods, measurement: "pod_metrics" },
      {
        ...{ ...common, name: "series", type: "prometheus", labels: { run } },
        url: `${victoriametrics.url}/api/v1/write`,
      },
    ];
  }

  /** Ends a store as an operator would. */
  async stop(name: StoreName): Promise<void> {
    if (name === "kafka") await this.kafka.brokers[0]?.stop("SIGTERM");
    else await this[name].end("SIGTERM");
  }

  /** Starts it again with what it holds. */
  async begin(name: StoreName): Promise<void> {
    if (name === "kafka") await this.kafka.brokers[0]?.start();
    else await this[name].begin();
  }

  async remove(): Promise<void> {
    const { elasticsearch, influxdb, redis, victoriametrics } = this;
    const servers = [elasticsearch, influxdb, redis, victoriametrics];
    await Promise.all([...servers.map((server) => server.remove()), this.kafka.remove()]);
  }
}
