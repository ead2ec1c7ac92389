/** All parsers by name. A new one is a line here. */
import { parser as accessLog } from "./access-log.ts";
import { AnyLineParser } from "./any-line.ts";
import { ContainerParser } from "./container.ts";
import { DockerLineReader, readCriLine } from "./container-line.ts";
import type { EventOptions } from "./event-options.ts";
import { parser as json } from "./json.ts";
import { parser as logfmt } from "./logfmt.ts";
import { defineParser, type LineParser, type ParserDefinition } from "./parser.ts";
import { shapeFormats } from "./shape-formats.ts";
import { defineShapeParser } from "./shape-parser.ts";
import { parser as syslog } from "./syslog.ts";

/** Parsers of plain lines. */
const lineParsers = {
  "access-log": accessLog,
  android: defineShapeParser(shapeFormats.android),
  "apache-error": defineShapeParser(shapeFormats["apache-error"]),
  haproxy: defineShapeParser(shapeFormats.haproxy),
  hdfs: defineShapeParser(shapeFormats.hdfs),
  json,
  klog: defineShapeParser(shapeFormats.klog),
  log4j: defineShapeParser(shapeFormats.log4j),
  logfmt,
  "mysql-error": defineShapeParser(shapeFormats["mysql-error"]),
  "mysql-slow": defineShapeParser(shapeFormats["mysql-slow"]),
  "nginx-error": defineShapeParser(shapeFormats["nginx-error"]),
  openstack: defineShapeParser(shapeFormats.openstack),
  postgres: defineShapeParser(shapeFormats.postgres),
  python: defineShapeParser(shapeFormats.python),
  redis: defineShapeParser(shapeFormats.redis),
  spark: defineShapeParser(shapeFormats.spark),
  syslog,
  text: defineShapeParser(shapeFormats.text),
  "windows-cbs": defineShapeParser(shapeFormats["windows-cbs"]),
} as const satisfies Record<string, ParserDefinition>;

/** Parsers of lines in which other lines are wrapped. */
const containerParsers = {
  cri: defineParser({
    summary: "Lines of containerd and CRI-O, with a line of any format inside.",
    compile: (options) => new ContainerParser(readCriLine, innerParser(options)),
  }),
  docker: defineParser({
    summary: "Docker's json-file, with a line of any format inside.",
    compile: (options) => {
      const reader = new DockerLineReader();
      return new ContainerParser(reader.read.bind(reader), innerParser(options));
    },
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
  "cri",
  "docker",
  "haproxy",
  "hdfs",
  "json",
  "klog",
  "log4j",
  "logfmt",
  "mysql-error",
  "mysql-slow",
  "nginx-error",
  "openstack",
  "postgres",
  "python",
  "redis",
  "spark",
  "syslog",
  "text",
  "windows-cbs",
] as const satisfies readonly ParserName[];

/** Formats that can be told by their lines, the strictest first: of two that know a line the earlier one is right. */
export const STRICTEST_FIRST = [
  "docker",
  "cri",
  "json",
  "access-log",
  "haproxy",
  "apache-error",
  "nginx-error",
  "klog",
  "redis",
  "postgres",
  "mysql-error",
  "mysql-slow",
  "android",
  "hdfs",
  "spark",
  "windows-cbs",
  "openstack",
  "python",
  "log4j",
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

/** The parser of lines inside of others. */
function innerParser(options: EventOptions): LineParser {
  const inner = { ...options, isTimeGiven: true };
  const formats: ParserDefinition[] = [];
  for (const name of STRICTEST_FIRST) {
    if (name !== "docker" && name !== "cri") formats.push(lineParsers[name]);
  }
  return new AnyLineParser(formats, inner);
}
