import type { SinkKind } from "./sink.ts";

/** Every kind of sink, in alphabetical order; the key is the `type` in configuration files. Drivers load only when a sink opens. */
export const sinks = {
  alertmanager: () => import("./alertmanager.ts"),
  elasticsearch: () => import("./elasticsearch.ts"),
  file: () => import("./file.ts"),
  influxdb: () => import("./influxdb.ts"),
  kafka: () => import("./kafka.ts"),
  prometheus: () => import("./prometheus.ts"),
  redis: () => import("./redis.ts"),
  webhook: () => import("./webhook.ts"),
} as const satisfies Record<string, () => Promise<{ readonly sink: SinkKind }>>;
