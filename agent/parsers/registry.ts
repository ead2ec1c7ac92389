import { parser as json } from "../../shared/events/json.ts";
import type { ParserDefinition } from "../../shared/events/parser.ts";
import { parser as accessLog } from "./access-log.ts";
import { parser as logfmt } from "./logfmt.ts";

/** All parsers: the key is the name in configuration files and of `--format`. */
export const parsers = {
  "access-log": accessLog,
  json,
  logfmt,
} as const satisfies Record<string, ParserDefinition>;

/** The name of a parser. */
export type ParserName = keyof typeof parsers;

/** What `format:` may say: a parser, or `auto` to find out. */
export type FormatName = ParserName | "auto";

/** The names of all parsers. */
export const PARSER_NAMES = [
  "access-log",
  "json",
  "logfmt",
] as const satisfies readonly ParserName[];

/** Everything that `format:` may say. */
export const FORMAT_NAMES = ["auto", ...PARSER_NAMES] as const;

/** True when `name` is one of {@link FORMAT_NAMES}. */
export function isFormatName(name: string): name is FormatName {
  return name === "auto" || Object.hasOwn(parsers, name);
}
