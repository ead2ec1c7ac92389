/** What `tailrace query` asks a running aggregator for, and how it is shown. */
import type { ColumnAlignment } from "../../shared/text-table.ts";

/** A column: its title, and where in an item its value stands. */
export interface ListColumn {
  readonly title: string;
  readonly value: (item: unknown) => unknown;
}

/** A column of a table for people. */
export interface TableColumn extends ListColumn {
  readonly alignment: ColumnAlignment;
}

/** One kind of items. */
export interface QueryList {
  readonly path: string;
  /** Key of the answer that holds them. */
  readonly key: string;
  /** Options of the command that are parameters of the query. */
  readonly parameters: readonly string[];
  /** Most items of one answer. */
  readonly pageCountMax: number;
  readonly table: readonly TableColumn[];
  readonly csv: readonly ListColumn[];
}

/** The value at a path such as `latency.p99`; undefined where there is none. */
function at(path: string): (item: unknown) => unknown {
  const keys = path.split(".");
  return (item) => {
    let value = item;
    for (const key of keys) {
      if (typeof value !== "object" || value === null) return undefined;
      value = Reflect.get(value, key);
    }
    return value;
  };
}

const left = (title: string, value: ListColumn["value"]) =>
  ({ title, value, alignment: "left" }) as const;
const right = (title: string, value: ListColumn["value"]) =>
  ({ title, value, alignment: "right" }) as const;
const column = (path: string): ListColumn => ({ title: path, value: at(path) });

/** A number of three digits, or all before the point, with a unit behind it; a dash where there is none. */
function rounded(path: string, factor: number, unit: string): (item: unknown) => string {
  const read = at(path);
  return (item) => {
    const value = read(item);
    if (typeof value !== "number") return "-";
    const shown = value * factor;
    return `${shown >= 100 ? shown.toFixed(0) : shown.toPrecision(3)} ${unit}`;
  };
}

/** The dimensions of a window as `host=a path=/b`. */
function dimensionsText(item: unknown): string {
  const dimensions = at("dimensions")(item);
  if (typeof dimensions !== "object" || dimensions === null) return "";
  return Object.entries(dimensions)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

/** See the head of this file. */
export const QUERY_LISTS: Readonly<Record<string, QueryList>> = {
  windows: {
    path: "/v1/windows",
    key: "windows",
    parameters: ["service", "stream", "step", "by", "from", "to"],
    pageCountMax: 10_000,
    table: [
      left("window start", at("windowStart")),
      left("service", at("service")),
      left("dimensions", dimensionsText),
      right("requests", at("requestCount")),
      right("errors", at("errorCount")),
      right("rate", rounded("errorRate", 100, "%")),
      right("mean", rounded("avgLatency", 1, "ms")),
      right("p50", rounded("latency.p50", 1, "ms")),
      right("p99", rounded("latency.p99", 1, "ms")),
      left("state", at("state")),
    ],
    csv: [
      ...["stream", "service", "windowStart", "windowEnd", "requestCount", "errorCount"],
      ...["errorRate", "avgLatency", "latency.min", "latency.p50", "latency.p95", "latency.p99"],
      ...["latency.max", "levels.TRACE", "levels.DEBUG", "levels.INFO", "levels.WARN"],
      ...["levels.ERROR", "levels.FATAL", "levels.OTHER", "dimensions", "measures"],
      ...["folded", "state", "revision"],
    ].map(column),
  },
  lines: {
    path: "/v1/lines",
    key: "lines",
    parameters: ["service", "stream", "level", "contains", "from", "to"],
    pageCountMax: 10_000,
    table: [
      left("time", at("timestamp")),
      left("service", at("service")),
      left("level", at("level")),
      left("agent", at("agent")),
      left("line", at("line")),
    ],
    csv: [
      ...["id", "timestamp", "stream", "service", "level", "weight", "agent", "source", "line"],
    ].map(column),
  },
  alerts: {
    path: "/v1/alerts",
    key: "alerts",
    parameters: ["rule", "type", "from", "to"],
    pageCountMax: 1_000,
    table: [
      left("time", at("timestamp")),
      left("severity", at("severity")),
      left("type", at("alertType")),
      left("rule", at("details.rule")),
      left("key", at("details.key")),
      left("message", at("message")),
    ],
    csv: [
      ...["id", "timestamp", "alertType", "severity", "details.rule", "details.key", "message"],
      "details",
    ].map(column),
  },
};
