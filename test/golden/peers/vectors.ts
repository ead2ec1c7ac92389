/**
 * Test vectors of other log tools, run through the parsers of this program: what a producer's own test expects of an input is compared
 * with the event that the parser makes of it, by neutral names.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { compileGrok } from "../../../agent/parsers/grok.ts";
import { GROK_PATTERNS } from "../../../agent/parsers/grok-patterns.ts";
import type { EventOptions, LineOptions } from "../../../shared/events/event-options.ts";
import type { ParsedEvent, Rejection } from "../../../shared/events/parser.ts";
import { type ParserName, parsers } from "../../../agent/parsers/registry.ts";
import { AnyTimeReader } from "../../../shared/time/any-time.ts";
import { TimeZone } from "../../../shared/time/time-zone.ts";
import { assert } from "../../../shared/assert.ts";

/** One case of a producer. */
export interface Vector {
  readonly case: string;
  readonly parser: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly input: unknown;
  readonly expected: unknown;
  readonly norm?: unknown;
  readonly producer: string;
}

/** What became of a case: how many of its events are as expected, and what differs. */
export interface Outcome {
  readonly case: string;
  readonly format: ParserName;
  readonly differences: readonly string[];
}

type Values = Readonly<Record<string, unknown>>;

const read = (name: string) => readFileSync(new URL(name, import.meta.url));
const nowMs = () => Date.UTC(2026, 11, 25);
const OPTIONS: EventOptions = { fields: {}, durationUnit: "ms", timezone: "UTC", nowMs };
/** Names that occur in no vector, so that every value stays a field. */
const NO_MEANING: EventOptions["fields"] = {
  time: ["t0"],
  service: ["s0"],
  level: ["l0"],
  message: ["m0"],
  duration: ["d0"],
};
const times = new AnyTimeReader(new TimeZone("UTC"), nowMs);

/** All vectors. */
export function readVectors(): Vector[] {
  return gunzipSync(read("parser-vectors.ndjson.gz"))
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Why cases differ on purpose, by their names. */
export function readReasons(): ReadonlyMap<string, string> {
  const groups: readonly { readonly reason: string; readonly cases: readonly string[] }[] =
    JSON.parse(read("differences.json").toString());
  return new Map(groups.flatMap(({ reason, cases }) => cases.map((name) => [name, reason])));
}

/** Runs a case; undefined when there is nothing that both sides say. */
export function runVector(vector: Vector): Outcome | undefined {
  const plan = planOf(vector);
  if (plan === undefined) return undefined;
  return { case: vector.case, format: plan.format, differences: compare(plan) };
}

/** What is compared: texts, and what each should say; in a loose plan texts that nothing is said of may stand between. */
interface Plan {
  readonly format: ParserName;
  readonly options: EventOptions;
  readonly texts: readonly Buffer[];
  /** Undefined: the text is refused. */
  readonly expected: readonly (Values | undefined)[];
  readonly isLoose: boolean;
}

const isValues = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function bytesOf(input: unknown): Buffer | undefined {
  if (typeof input === "string") return Buffer.from(input);
  const latin = isValues(input) ? input["__bytes_latin1__"] : undefined;
  return typeof latin === "string" ? Buffer.from(latin, "latin1") : undefined;
}

function withoutLineEnd(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
}

function linesOf(bytes: Buffer): Buffer[] {
  return withoutLineEnd(bytes)
    .toString("latin1")
    .split("\n")
    .map((line) => Buffer.from(line, "latin1"));
}

/** Formats whose vectors have neutral names. */
function formatOf(vector: Vector, norm: Values): ParserName | undefined {
  const first = String(vector.input).trimStart()[0];
  if (vector.parser === "syslog" || ("hostname" in norm && vector.parser !== "fastly"))
    return "syslog";
  if ("client" in norm && "path" in norm) return "access-log";
  if (/^(elasticsearch-(server|slowlog|deprecation)|kafka-log)$/.test(vector.parser)) {
    return first === "{" ? "json" : "log4j";
  }
  if (vector.parser === "redis-log") return "redis";
  if (vector.parser === "nginx-error") return "nginx-error";
  if (vector.parser === "mysql-error") return "mysql-error";
  if (vector.parser === "mysql-slowlog") return "mysql-slow";
  if (vector.parser === "cri" || vector.parser === "docker") return vector.parser;
  if (vector.parser === "csv" || vector.parser === "json") return vector.parser;
  return undefined;
}

function planOf(vector: Vector): Plan | undefined {
  const bytes = bytesOf(vector.input);
  if (bytes === undefined) return undefined;
  const { norm = metronNorm(vector) } = vector;
  if (norm === undefined) return planWithoutNorm(vector, bytes);
  const list = Array.isArray(norm) ? norm.filter(isValues) : [norm].filter(isValues);
  const [first] = list;
  if (first === undefined) return undefined;
  const format = formatOf(vector, first);
  if (format === undefined || isElsewhere(vector, format, first)) return undefined;
  const isTimeGiven = !("timestamp" in first || "timestamp_ns" in first);
  const options = { ...OPTIONS, isTimeGiven, ...extraOptions(format) };
  const expected = list.map((values) => (values["error"] === true ? undefined : values));
  const offsets = list.map((values) => values["offset"]).filter((at) => typeof at === "number");
  if (offsets.length === list.length) {
    // Events of several lines: each goes up to the next one.
    const texts = offsets.map((at, index) =>
      Buffer.from(
        withoutLineEnd(bytes.subarray(at, offsets[index + 1]))
          .toString()
          .trimEnd(),
      ),
    );
    return { format, options, texts, expected, isLoose: false };
  }
  const isPieces = linesOf(bytes).every((line) => / (?:stdout|stderr) [PF] /.test(line.toString()));
  const isOne = list.length === 1 && !("index" in first) && !isPieces;
  const texts = isOne ? [withoutLineEnd(bytes)] : linesOf(bytes);
  return { format, options, texts, expected, isLoose: "index" in first };
}

function extraOptions(format: ParserName): Partial<EventOptions> {
  if (format === "csv") return { columns: ["a", "b"] };
  // The text as it stands.
  if (format === "cri" || format === "docker") return { inner: "dissect", pattern: "%{message}" };
  return {};
}

/** Access logs of other shapes than nginx's and Apache's, and framing, which is the business of a source. */
const OTHER_SHAPES = new Set([
  "base-upsun-httplog",
  "bunkerweb",
  "bunkerweb-http-malformed",
  "envoy",
  "nginx-proxy-manager",
  "nginx_http-catch-npm",
  "syslog-framing",
  "zoraxy-http",
]);

/** True when the lines are not for the parsers of this program, or a producer's strictness about missing times is all that is checked. */
function isElsewhere(vector: Vector, format: ParserName, norm: Values): boolean {
  return OTHER_SHAPES.has(vector.parser) || (format === "json" && norm["error"] === true);
}

/** The fields that Metron's syslog parser expects, by neutral names. */
function metronNorm(vector: Vector): Values | undefined {
  const isSyslog = String(vector.options["producer_parser"]).startsWith("syslog");
  if (vector.producer !== "apache/metron" || !isSyslog) return undefined;
  if (!isValues(vector.expected)) return undefined;
  const { expected } = vector;
  const text = (name: string) => expected[`syslog.header.${name}`];
  const entries: [string, unknown][] = [
    ["hostname", text("hostName")],
    ["appname", text("appName")],
    ["procid", text("procId")],
    ["msgid", text("msgId")],
    ["priority", Number(text("pri"))],
    ["message", String(expected["syslog.message"]).trim()],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== "-"));
}

/** Cases that say only what the producer's own names say. */
function planWithoutNorm(vector: Vector, bytes: Buffer): Plan | undefined {
  const one = (
    format: ParserName,
    values: unknown,
    options: Partial<EventOptions>,
    text = bytes,
  ): Plan => ({
    format,
    options: { ...OPTIONS, isTimeGiven: true, ...options },
    texts: [text],
    expected: [isValues(values) && values["error"] !== true ? values : undefined],
    isLoose: false,
  });
  const { expected } = vector;
  if (vector.producer.startsWith("logstash")) return grokPlan(vector, bytes);
  if (vector.parser === "logfmt" || vector.parser === "keyvalue") return logfmtPlan(vector, bytes);
  if (!isValues(expected)) return undefined;
  if (vector.parser === "json" && vector.producer !== "grafana/loki") {
    const record = isValues(expected["record"]) ? expected["record"] : expected;
    return one("json", record, { fields: { ...NO_MEANING, time: ["time", "t0"] } });
  }
  if (vector.parser === "apache-error" && isValues(expected["record"])) {
    return one("apache-error", { ...expected["record"], timestamp: expected["time"] }, {});
  }
  if (vector.parser === "csv" && vector.producer === "fluent/fluentd") {
    return one("csv", expected["record"], { columns: ["time", "c", "d"] });
  }
  return undefined;
}

function logfmtPlan(vector: Vector, bytes: Buffer): Plan | undefined {
  const { expected, options } = vector;
  const records =
    isValues(expected) && Array.isArray(expected["records"]) ? expected["records"] : undefined;
  const list = records ?? (Array.isArray(expected) ? expected : [expected]);
  if ("PairDelimiter" in options || "extracted" in options) return undefined;
  // Lines of the vectors have no time; with this one in front they are events.
  const texts = linesOf(bytes).map((line, index) => {
    const isRefused = isValues(list[index]) && list[index]["error"] === true;
    return isRefused ? line : Buffer.concat([Buffer.from("t0=2026-11-20T10:00:00Z "), line]);
  });
  return {
    format: "logfmt",
    options: { ...OPTIONS, fields: NO_MEANING },
    texts,
    expected: list.map((record) => {
      if (isValues(record)) return record["error"] === true ? undefined : record;
      return Array.isArray(record) ? Object.fromEntries(record) : {};
    }),
    isLoose: false,
  };
}

function grokPlan(vector: Vector, bytes: Buffer): Plan | undefined {
  const { pattern, mode } = vector.options;
  const { expected } = vector;
  const isFlat =
    isValues(expected) && Object.values(expected).every((value) => typeof value !== "object");
  if (typeof pattern !== "string" || GROK_PATTERNS[pattern] === undefined) return undefined;
  if (mode === "ecs" || !isFlat) return undefined;
  const lineOptions: LineOptions = { pattern: `%{${pattern}}` };
  assert(typeof compileGrok(`%{${pattern}}`) !== "string", `the pattern ${pattern} is right`);
  return {
    format: "grok",
    options: { ...OPTIONS, ...lineOptions, fields: NO_MEANING, isTimeGiven: true },
    texts: [bytes],
    expected: [expected],
    isLoose: false,
  };
}

function compare(plan: Plan): string[] {
  const parser = parsers[plan.format].compile(plan.options);
  const events = joined(plan.texts.map((text) => parser.parse(text)));
  const differences: string[] = [];
  let at = 0;
  for (const expected of plan.expected) {
    if (plan.isLoose && expected !== undefined) {
      const found = events.findIndex(
        (event, index) =>
          index >= at && event.kind === "event" && differ(event, expected, plan) === undefined,
      );
      const next = events[at];
      if (found < 0) {
        differences.push(
          next?.kind === "event" ? (differ(next, expected, plan) ?? "?") : "refused",
        );
      } else at = found + 1;
      continue;
    }
    const event = events[at++];
    if (event === undefined || event.kind === "rejection") {
      if (expected !== undefined) differences.push(`refused: ${event?.reason ?? "no text"}`);
    } else if (expected === undefined) differences.push("taken");
    else {
      const difference = differ(event, expected, plan);
      if (difference !== undefined) differences.push(difference);
    }
  }
  return differences;
}

/** Pieces that a container's runtime cut, put together as a later stage does it. */
function joined(events: readonly (ParsedEvent | Rejection)[]): (ParsedEvent | Rejection)[] {
  const whole: (ParsedEvent | Rejection)[] = [];
  let before: ParsedEvent | undefined;
  for (const event of events) {
    if (event.kind === "rejection") {
      whole.push(event);
      continue;
    }
    const message = `${before?.message ?? ""}${event.message ?? ""}`;
    before = event.fields["partial"] === true ? { ...event, message } : undefined;
    if (before === undefined)
      whole.push(event.fields["stream"] === undefined ? event : { ...event, message });
  }
  return before === undefined ? whole : [...whole, before];
}

/** Names that say where an event stands, or how its producer was configured. */
const NOT_COMPARED = new Set(["offset", "index", "multiline", "k8s"]);

/** The first value that is not as expected. */
function differ(event: ParsedEvent, expected: Values, plan: Plan): string | undefined {
  for (const [name, value] of Object.entries(expected)) {
    if (NOT_COMPARED.has(name)) continue;
    if (!isSame(name, value, event, plan)) {
      return `${name}: ${JSON.stringify(found(name, event, plan))} instead of ${JSON.stringify(value)}`;
    }
  }
  return undefined;
}

function found(name: string, event: ParsedEvent, plan: Plan): unknown {
  if (name === "log" || (name === "message" && plan.format !== "grok")) return event.message;
  if (name === "level" && !["grok", "logfmt"].includes(plan.format)) return event.level;
  return event.fields[name];
}

function isSame(name: string, value: unknown, event: ParsedEvent, plan: Plan): boolean {
  const isNeutral = plan.format !== "grok" && plan.format !== "logfmt" && plan.format !== "csv";
  if (isNeutral && (name === "timestamp" || name === "time"))
    return isSameTime(String(value), event, plan);
  if (name === "timestamp_ns") return Math.floor(Number(value) / 1e6) === event.timeMs;
  if (isNeutral && name === "level") return sameLevel(String(value), event.level);
  return plain(found(name, event, plan)) === plain(value);
}

/** `YYYY` stands for the year that a parser assumes. Local times of producers stand as if they were UTC. */
function isSameTime(text: string, event: ParsedEvent, plan: Plan): boolean {
  const year = String(new Date(event.timeMs).getUTCFullYear());
  const expected = times.readText(text.replace(/^YYYY/, year).replace("  ", " "));
  // Where time is given a line without a time is fine, and docker's is exact.
  return expected === event.timeMs || (plan.format === "json" && Number.isNaN(expected));
}

const LEVELS: Readonly<Record<string, string>> = {
  DEPRECATION: "WARN",
  CRITICAL: "FATAL",
  NOTE: "INFO",
};

function sameLevel(expected: string, level: string): boolean {
  const upper = expected.toUpperCase();
  return (
    (LEVELS[upper] ?? upper).startsWith(level) || level.startsWith(upper) || upper === "NOTICE"
  );
}

/** A value for comparison: absent, empty, `-` and a key without a value are the same; one producer trims what was quoted. */
function plain(value: unknown): string {
  if (value === undefined || value === null || value === "-" || value === true) return "";
  if (typeof value === "object") return sortedText(value);
  return String(value)
    .replace(/^"(.*)"$/s, "$1")
    .trim();
}

/** JSON with the keys of every object in order. */
function sortedText(value: object): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isValues(inner) ? Object.fromEntries(Object.entries(inner).toSorted()) : inner,
  );
}
