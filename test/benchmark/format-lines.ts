/** The lines of `log-lines.ts` as other formats write them: the same events, services, levels and times, about as long as such lines are. */
import type { ParserName } from "../../agent/parsers/registry.ts";
import { logChunks } from "./log-lines.ts";

interface Line {
  readonly timestamp: string;
  readonly service: string;
  readonly level: string;
  readonly message: string;
  readonly duration: number;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const SEVERITIES: Readonly<Record<string, number>> = { INFO: 6, WARN: 4, ERROR: 3, FATAL: 2 };
const AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0";

const day = ({ timestamp }: Line) => timestamp.slice(8, 10);
const month = ({ timestamp }: Line) => MONTHS[Number(timestamp.slice(5, 7)) - 1] ?? "";
const clock = ({ timestamp }: Line) => timestamp.slice(11, 19);
const log4jText = (line: Line) =>
  `${line.timestamp.slice(0, 10)} ${line.timestamp.slice(11, 23).replace(".", ",")} ${line.level.padEnd(5)} [worker-${line.message.length % 8}] shop.${line.service}.Handler: ${line.message}`;

const TRACE = Array.from(
  { length: 20 },
  (_, depth) =>
    `\n\tat com.example.shop.module${depth}.Service${depth}.call(Service${depth}.java:${depth * 7})`,
).join("");

/** A line as shippers in clusters write it: what an application says, and where it runs. */
function wideText(line: Line): string {
  const { timestamp, service, level, message, duration } = line;
  const id = message.length * 7919;
  return JSON.stringify({
    timestamp,
    ...{ level, logger: `shop.${service}.Handler`, thread: `worker-${id % 8}`, message, duration },
    http: { method: "GET", route: "/api/v1/orders/{id}", status: 200, bytes: id, version: "1.1" },
    user: { id: `u-${id}`, tenant: "eu-42", roles: ["buyer", "reviewer"] },
    trace: { id: id.toString(16).padStart(32, "0"), span: id.toString(16).padStart(16, "0") },
    ...{ region: "eu-west-1", zone: "eu-west-1b", build: "2026.11.20-7", retries: 0, cached: true },
    kubernetes: {
      namespace: "shop",
      pod: `${service}-7d4b9c6f5d-x2x${id % 10}p`,
      node: `ip-10-4-2-${id % 255}`,
      labels: { app: service, "app.kubernetes.io/version": "3.14.1", tier: "backend" },
    },
    ...{ service, host: `ip-10-4-2-${id % 255}`, pid: 1, schema: "1.4", sampled: false },
  });
}

/** How each format writes a line; one of ten events of `log4j-traces` has a stack trace. */
export const FORMAT_LINES = {
  "access-log": (line) => {
    const [method = "", path = "", status = ""] = line.message.split(" ");
    const time = `${day(line)}/${month(line)}/${line.timestamp.slice(0, 4)}:${clock(line)} +0000`;
    return `10.0.3.${status.slice(0, 2)} - - [${time}] "${method} ${path} HTTP/1.1" ${status} 5316 "https://shop.example/" "${AGENT}" ${(line.duration / 1000).toFixed(3)}`;
  },
  cri: (line) => `${line.timestamp.slice(0, -1)}123456Z stdout F ${log4jText(line)}`,
  "cri-json": (line) => `${line.timestamp.slice(0, -1)}123456Z stdout F ${JSON.stringify(line)}`,
  docker: (line) =>
    JSON.stringify({
      log: `${log4jText(line)}\n`,
      stream: "stdout",
      time: `${line.timestamp.slice(0, -1)}123456Z`,
    }),
  "docker-json": (line) =>
    JSON.stringify({
      log: `${JSON.stringify(line)}\n`,
      stream: "stdout",
      time: `${line.timestamp.slice(0, -1)}123456Z`,
    }),
  json: (line) => JSON.stringify(line),
  "json-wide": wideText,
  log4j: log4jText,
  "log4j-traces": (line) =>
    log4jText(line) +
    (line.timestamp.charCodeAt(22) % 10 === 0
      ? `\njava.lang.IllegalStateException: ${line.message}${TRACE}\nCaused by: java.io.IOException: disk\n\t... 12 more`
      : ""),
  logfmt: (line) =>
    `time=${line.timestamp} level=${line.level} service=${line.service} msg=${JSON.stringify(line.message)} duration=${line.duration}ms region=eu-west-1`,
  syslog: (line) =>
    `<${16 * 8 + (SEVERITIES[line.level] ?? 6)}>${month(line)} ${day(line)} ${clock(line)} web-${line.service.length}.example ${line.service}[${1000 + line.message.length}]: ${line.message}`,
} as const satisfies Record<string, (line: Line) => string>;

/** A format that can be measured. */
export type MeasuredFormat = keyof typeof FORMAT_LINES;

/** The parser of a format that is measured. */
export function parserOf(format: MeasuredFormat): ParserName {
  if (format === "log4j-traces") return "log4j";
  if (format === "cri-json") return "cri";
  if (format === "docker-json") return "docker";
  return format === "json-wide" ? "json" : format;
}

/** Chunks of whole lines of a format, from about `bytes` bytes of JSON lines. */
export function* formatChunks(
  format: MeasuredFormat,
  bytes: number,
  seed: number,
): Generator<Buffer> {
  const write = FORMAT_LINES[format];
  for (const chunk of logChunks(bytes, seed)) {
    const lines = chunk.toString().trimEnd().split("\n");
    // Line feeds in messages would make several lines of one.
    const texts = lines.map((line) => write(JSON.parse(line.replaceAll("\\n", " "))));
    yield Buffer.from(`${texts.join("\n")}\n`);
  }
}
