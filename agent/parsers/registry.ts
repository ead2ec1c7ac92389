/** All parsers by name. A new one is a line here. */
import type { Level } from "../../shared/aggregates/aggregate.ts";
import { present } from "../../shared/assert.ts";
import {
  type EventOptions,
  LINE_OPTION_KEYS,
  LINE_OPTIONS,
} from "../../shared/events/event-options.ts";
import { parser as json } from "../../shared/events/json.ts";
import {
  defineParser,
  type LineParser,
  type OptionFault,
  type ParserDefinition,
} from "../../shared/events/parser.ts";
import { parser as accessLog } from "./access-log.ts";
import { AnyLineParser } from "./any-line.ts";
import { ContainerParser } from "./container.ts";
import { containerLines } from "./container-events.ts";
import { DockerLineReader, readCriLine } from "./container-line.ts";
import { parser as csv } from "./csv.ts";
import { parser as dissect } from "./dissect.ts";
import { parser as grok } from "./grok.ts";
import { JournaldParser } from "./journald.ts";
import { anyJson, jsonDialect } from "./json-dialects.ts";
import { parser as logfmt } from "./logfmt.ts";
import { parser as regex } from "./regex.ts";
import { ISO, shapeFormats } from "./shape-formats.ts";
import { defineShapeParser, type ShapeFormat } from "./shape-parser.ts";
import { parser as syslog } from "./syslog.ts";

/** Parsers of plain lines. */
const lineParsers = {
  "access-log": accessLog,
  android: defineShapeParser(shapeFormats.android),
  "apache-error": defineShapeParser(shapeFormats["apache-error"]),
  clef: jsonDialect("clef"),
  csv,
  dissect,
  ecs: jsonDialect("ecs"),
  grok,
  haproxy: defineShapeParser(shapeFormats.haproxy),
  hdfs: defineShapeParser(shapeFormats.hdfs),
  json,
  klog: defineShapeParser(shapeFormats.klog),
  log4j: defineShapeParser(shapeFormats.log4j),
  log4j2: jsonDialect("log4j2"),
  logfmt,
  mongodb: jsonDialect("mongodb"),
  "mysql-error": defineShapeParser(shapeFormats["mysql-error"]),
  "mysql-slow": defineShapeParser(shapeFormats["mysql-slow"]),
  "nginx-error": defineShapeParser(shapeFormats["nginx-error"]),
  openstack: defineShapeParser(shapeFormats.openstack),
  otel: jsonDialect("otel"),
  postgres: defineShapeParser(shapeFormats.postgres),
  python: defineShapeParser(shapeFormats.python),
  redis: defineShapeParser(shapeFormats.redis),
  regex,
  spark: defineShapeParser(shapeFormats.spark),
  syslog,
  text: defineShapeParser(shapeFormats.text),
  "windows-cbs": defineShapeParser(shapeFormats["windows-cbs"]),
} as const satisfies Record<string, ParserDefinition>;

/** Parsers of lines in which other lines are wrapped. */
const containerParsers = {
  cri: defineParser({
    summary: "Lines of containerd and CRI-O, with a line of any format inside.",
    takes: ["inner"],
    unwraps: (textBegins) => containerLines(readCriLine, textBegins),
    compile: (options) => new ContainerParser(readCriLine, innerParser(options)),
  }),
  docker: defineParser({
    summary: "Docker's json-file, with a line of any format inside.",
    takes: ["inner"],
    unwraps: (textBegins) => {
      const reader = new DockerLineReader();
      return containerLines(reader.read.bind(reader), textBegins);
    },
    compile: (options) => {
      const reader = new DockerLineReader();
      return new ContainerParser(reader.read.bind(reader), innerParser(options));
    },
  }),
  journald: defineParser({
    summary: "Entries of systemd's journal as JSON, with a message of any format inside.",
    takes: ["inner"],
    compile: (options) => new JournaldParser(innerParser(options), options.cutService),
  }),
} as const satisfies Record<string, ParserDefinition>;

/** All parsers: the key is the name in configuration files and of `--format`. */
export const parsers = { ...lineParsers, ...containerParsers };

/** The name of a parser. */
export type ParserName = keyof typeof parsers;

/** What `format:` may say: a parser, or `auto` to find out. */
export type FormatName = ParserName | "auto";

/** The names of all parsers. */
export const PARSER_NAMES = [
  "access-log",
  "android",
  "apache-error",
  "clef",
  "cri",
  "csv",
  "dissect",
  "docker",
  "ecs",
  "grok",
  "haproxy",
  "hdfs",
  "journald",
  "json",
  "klog",
  "log4j",
  "log4j2",
  "logfmt",
  "mongodb",
  "mysql-error",
  "mysql-slow",
  "nginx-error",
  "openstack",
  "otel",
  "postgres",
  "python",
  "redis",
  "regex",
  "spark",
  "syslog",
  "text",
  "windows-cbs",
] as const satisfies readonly ParserName[];

/** Formats that can be told by their lines, the strictest first: of two that know a line the earlier one is right. */
export const STRICTEST_FIRST = [
  "docker",
  "cri",
  "journald",
  "clef",
  "ecs",
  "mongodb",
  "log4j2",
  "otel",
  "json",
  "access-log",
  "haproxy",
  "apache-error",
  "nginx-error",
  "klog",
  "redis",
  "mysql-error",
  "mysql-slow",
  "android",
  "hdfs",
  "spark",
  "windows-cbs",
  "openstack",
  "python",
  "log4j",
  "postgres",
  "syslog",
  "logfmt",
  "text",
] as const satisfies readonly ParserName[];

/** Everything that `format:` may say. */
export const FORMAT_NAMES = ["auto", ...PARSER_NAMES] as const;

/** True when `name` is one of {@link FORMAT_NAMES}. */
export function isFormatName(name: string): name is FormatName {
  return name === "auto" || Object.hasOwn(parsers, name);
}

/** The parser of lines inside of others. Fails with AssertionError when the options were not checked before. */
function innerParser(options: EventOptions): LineParser {
  const inner = { ...options, isTimeGiven: true };
  const { inner: name = "auto" } = options;
  if (name !== "auto") return present(innerFormat(name), `the inner format ${name}`).compile(inner);
  const { text } = lineParsers;
  return new AnyLineParser([anyJson, anyShape, accessLog, syslog, logfmt, text], inner);
}

/** All strict shapes in one tree: what many of them begin with, such as a time, is read once and not for each format. */
export const anyShapeFormat: ShapeFormat = {
  summary: "Any of the formats that shapes describe.",
  ...joinedShapes(),
};
const anyShape = defineShapeParser(anyShapeFormat);

function joinedShapes(): Pick<ShapeFormat, "shapes" | "levels"> {
  const all: Readonly<Record<string, ShapeFormat>> = shapeFormats;
  const names: readonly string[] = STRICTEST_FIRST.filter((name) => name !== "text");
  // Those that begin with a time of ISO 8601 come first, because most lines do; no other strict format takes such lines.
  const begins = (name: string) =>
    all[name]?.shapes.some((shape) => shape.startsWith(ISO)) === true;
  const sorted = [...names.filter(begins), ...names.filter((name) => !begins(name))];
  const formats = sorted.flatMap((name) => all[name] ?? []);
  const levels: Record<string, Level> = {};
  for (const format of formats) Object.assign(levels, format.levels);
  return { shapes: formats.flatMap(({ shapes }) => shapes), levels };
}

function innerFormat(name: string): ParserDefinition | undefined {
  return Object.entries(lineParsers).find(([known]) => known === name)?.[1];
}

/** What is wrong with the options that only some formats have. */
export function lineOptionFaults(format: FormatName, options: EventOptions): OptionFault[] {
  const outer: ParserDefinition | undefined = format === "auto" ? undefined : parsers[format];
  const definitions = outer === undefined ? [] : [outer];
  const { inner } = options;
  if (inner !== undefined && inner !== "auto" && outer?.takes?.includes("inner") === true) {
    const definition = innerFormat(inner);
    if (definition === undefined) {
      return [{ option: "inner", fault: `expected the format of a plain line, not ${inner}` }];
    }
    definitions.push(definition);
  }
  const needed = definitions.flatMap(({ needs = [] }) => needs);
  const taken = definitions.flatMap(({ takes = [] }) => takes);
  const faults: OptionFault[] = [];
  for (const option of LINE_OPTIONS) {
    const isGiven = options[option] !== undefined;
    if (needed.includes(option) && !isGiven) {
      faults.push({
        option,
        fault: `expected ${LINE_OPTION_KEYS[option]}, which the format needs`,
      });
    } else if (isGiven && !needed.includes(option) && !taken.includes(option)) {
      faults.push({
        option,
        fault: `expected nothing here: the format ${format} has no such option`,
      });
    }
  }
  if (faults.length > 0) return faults;
  return definitions.flatMap((definition) => definition.check?.(options) ?? []);
}
