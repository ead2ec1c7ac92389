/**
 * Three agents' worth of real logs, and what every window of them must be: requests of two systems, split over two agents line by line, and the
 * logs of seven pods. They lie months apart. What is expected comes from a recount of the lines and from counts that others made
 * (`test/golden/README.md`), never from this program's parsers.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { recount, type WrittenLine } from "../end-to-end/recount.ts";
import type { HeldWindow } from "./store-contents.ts";
import { STREAMS } from "./stores.ts";

const LOGS = join(import.meta.dirname, "../golden/logs");

/** A log file of an agent, with what its source says beside the path. */
interface LogFile {
  readonly agent: string;
  readonly name: string;
  readonly source: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
}

/** Lines of a packed file. */
function linesOf(name: string): string[] {
  return gunzipSync(readFileSync(join(LOGS, name)))
    .toString()
    .trimEnd()
    .split("\n");
}

/** Rows of a CSV file without quotes, packed or not. */
export function csvRows(name: string): Record<string, string>[] {
  const bytes = readFileSync(join(LOGS, name));
  const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  const [head = "", ...rows] = text.trim().split(/\r?\n/);
  const names = head.split(",");
  return rows.map((row) =>
    Object.fromEntries(row.split(",").map((cell, column) => [names[column] ?? "", cell])),
  );
}

/** Where requests and what others counted of them stand. */
export const REQUEST_LOGS = [
  {
    lines: "train-ticket-requests.ndjson.gz",
    truth: { 1: "train-ticket-requests-1m.csv.gz", 5: "train-ticket-requests-5m.csv.gz" },
  },
  {
    lines: "boutique-requests.ndjson.gz",
    truth: { 1: "boutique-requests-1m.csv", 5: "boutique-requests-5m.csv" },
  },
] as const;

/** All lines of requests. */
export function requestLines(): string[] {
  return REQUEST_LOGS.flatMap(({ lines }) => linesOf(lines));
}

/** A line of requests as a recount takes it. */
export function writtenLine(line: string): WrittenLine {
  const { timestamp, service, level, duration } = JSON.parse(line);
  return { service, level, timeMs: Date.parse(timestamp), durationMs: duration };
}

/** The log files of all agents. */
export function logFiles(): LogFile[] {
  const requests = requestLines();
  const source = { stream: STREAMS.requests, format: "json" };
  const halves = [0, 1].map((half) => ({
    agent: `web-${half + 1}`,
    name: `requests-${half + 1}.log`,
    source,
    lines: requests.filter((_, index) => index % 2 === half),
  }));
  const pods = readdirSync(join(LOGS, "pods")).filter((name) => name.endsWith(".gz"));
  return [
    ...halves,
    ...pods.map((name) => ({
      agent: "node-1",
      name: name.replace(/\.gz$/, ""),
      source: { stream: STREAMS.pods, format: "docker", service: serviceOfPod(name) },
      lines: linesOf(`pods/${name}`),
    })),
  ];
}

function serviceOfPod(name: string): string {
  return name.replace(/-[0-9a-f]{8,10}-[0-9a-z]{5}_.*/, "");
}

/** Log files on disk that grow piece by piece, and the configurations of the agents that read them. */
export class GrowingLogs {
  readonly configs: readonly string[];
  readonly lineCount: number;
  readonly #files: readonly LogFile[] = logFiles();
  readonly #folder: string;
  #written = 0;

  constructor(folder: string, endpoint: string) {
    this.#folder = folder;
    mkdirSync(join(folder, "logs"));
    const agents = Map.groupBy(this.#files, ({ agent }) => agent);
    this.configs = [...agents].map(([id, files]) => {
      const settings = {
        id,
        data_dir: join(folder, id),
        flush_interval: "200ms",
        poll_interval: "100ms",
        sources: files.map(({ name, source }) => ({
          ...{ name, type: "file", paths: [this.#path(name)], start_at: "beginning" },
          ...source,
        })),
        ship: { endpoints: [endpoint], timeout: "5s" },
      };
      const path = join(folder, `${id}.yaml`);
      writeFileSync(path, JSON.stringify(settings));
      return path;
    });
    for (const { name } of this.#files) writeFileSync(this.#path(name), "");
    this.lineCount = this.#files.reduce((sum, { lines }) => sum + lines.length, 0);
  }

  /** Writes on until this share of every file is written. */
  grow(share: number): void {
    for (const { name, lines } of this.#files) {
      const from = Math.floor(this.#written * lines.length);
      const piece = lines.slice(from, Math.floor(share * lines.length));
      if (piece.length > 0) appendFileSync(this.#path(name), `${piece.join("\n")}\n`);
    }
    this.#written = share;
  }

  #path(name: string): string {
    return join(this.#folder, "logs", name);
  }
}

/** What every window must be; of five minutes or one. */
export function expectedWindows(minutes: 1 | 5): HeldWindow[] {
  return [...expectedRequests(minutes), ...expectedPods(minutes)];
}

function expectedRequests(minutes: 1 | 5): HeldWindow[] {
  const truth = new Map(
    REQUEST_LOGS.flatMap((log) => csvRows(log.truth[minutes])).map((row) => [
      `${row["service"]} ${row["window_start"]}`,
      row,
    ]),
  );
  return recount(requestLines().map(writtenLine), minutes).map((window) => {
    const { min = Number.NaN, max = Number.NaN, ...rest } = window;
    const row = truth.get(`${window.service} ${window.windowStart.replace(".000Z", "Z")}`);
    const [p50, p95, p99] = ["p50_ms", "p95_ms", "p99_ms"].map((name) => Number(row?.[name]));
    return {
      ...{ stream: STREAMS.requests, ...rest },
      errorRate: rest.errorCount / rest.requestCount,
      latency: { min, p50: p50 ?? 0, p95: p95 ?? 0, p99: p99 ?? 0, max },
    };
  });
}

function expectedPods(minutes: 1 | 5): HeldWindow[] {
  const widthMs = minutes * 60_000;
  const rows = csvRows("pods/levels-1m.csv").map((row) => ({
    service: row["service"] ?? "",
    startMs: Math.floor(Date.parse(row["minute"] ?? "") / widthMs) * widthMs,
    // A line without a level is INFO here; the truth counts it apart.
    levels: {
      DEBUG: Number(row["debug"]),
      INFO: Number(row["info"]) + Number(row["unparsable"]),
      WARN: Number(row["warn"]),
      ERROR: Number(row["error"]),
    },
  }));
  const groups = Map.groupBy(rows, ({ service, startMs }) => `${service} ${startMs}`);
  return [...groups.values()].map((group) => {
    const { service, startMs } = group[0] ?? { service: "", startMs: 0 };
    const levels: Record<string, number> = {};
    for (const [level, lines] of group.flatMap((row) => Object.entries(row.levels))) {
      if (lines > 0) levels[level] = (levels[level] ?? 0) + lines;
    }
    const requestCount = Object.values(levels).reduce((sum, lines) => sum + lines, 0);
    const errorCount = levels["ERROR"] ?? 0;
    return {
      ...{ stream: STREAMS.pods, service, requestCount, errorCount, levels },
      windowStart: new Date(startMs).toISOString(),
      ...{ errorRate: errorCount / requestCount, avgLatency: null, latency: null },
    };
  });
}
