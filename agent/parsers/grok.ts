/**
 * Lines that a grok expression describes: a regular expression that names others, `%{PATTERN:field}`, for users of Logstash.
 *
 * `%{PATTERN:field:int}` and `:float` are understood, but fields stay texts: what a number means is said by the meaning of the field.
 * `[a][b]` names the field `a.b`. Atomic groups are read as ordinary ones. What holds of `regex` holds here too.
 */
import { assert } from "../../shared/assert.ts";
import { defineParser } from "../../shared/events/parser.ts";
import { GROK_PATTERNS } from "./grok-patterns.ts";
import { NamedValuesParser } from "./named-values.ts";
import { findByExpression } from "./regex.ts";

/** Patterns may name patterns this deep. */
const DEPTH_MAX = 32;
const REFERENCE = /%\{(\w+)(?::([^:{}]+))?(?::(?:int|float|string))?\}/g;

/** A compiled expression. */
interface GrokExpression {
  readonly expression: RegExp;
  /** Names of fields by the names of groups. */
  readonly names: ReadonlyMap<string, string>;
}

/** Fails with its message for the user. */
class GrokFault extends Error {}

/** The expression that `pattern` writes, or what is wrong with it. */
export function compileGrok(
  pattern: string,
  patterns: Readonly<Record<string, string>> = {},
): GrokExpression | string {
  const names = new Map<string, string>();
  const known = new Map([...Object.entries(GROK_PATTERNS), ...Object.entries(patterns)]);
  const group = (field: string): string => {
    const name = `g${names.size}`;
    names.set(name, field.replace(/^\[(.*)\]$/, "$1").replaceAll("][", "."));
    return `(?<${name}>`;
  };
  const expand = (text: string, depth: number): string => {
    if (depth > DEPTH_MAX) throw new GrokFault("its patterns name each other in a circle");
    // Groups with names of their own first, because references bring new ones.
    const own = text
      .replaceAll("(?>", "(?:")
      .replace(/\(\?P?<([A-Za-z_@[][^>]*)>/g, (_, field: string) => group(field));
    return own.replace(REFERENCE, (_, name: string, field?: string) => {
      const found = known.get(name);
      if (found === undefined) throw new GrokFault(`it names the unknown pattern ${name}`);
      return `${field === undefined ? "(?:" : group(field)}${expand(found, depth + 1)})`;
    });
  };
  try {
    const source = expand(pattern, 0);
    if (names.size === 0) return "it names no field, such as %{TIMESTAMP_ISO8601:time}";
    return { expression: new RegExp(source, "s"), names };
  } catch (error) {
    if (error instanceof GrokFault || error instanceof SyntaxError) return error.message;
    throw error;
  }
}

/** Reads lines by a grok expression. */
export const parser = defineParser({
  summary: "A grok expression of Logstash, from the configuration.",
  needs: ["pattern"],
  takes: ["patterns", "timeFormats"],
  check: ({ pattern = "", patterns }) => {
    const grok = compileGrok(pattern, patterns);
    return typeof grok === "string" ? { option: "pattern", fault: grok } : undefined;
  },
  compile: (options) => {
    const grok = compileGrok(options.pattern ?? "", options.patterns);
    assert(typeof grok !== "string", "the pattern was checked before");
    const { expression, names } = grok;
    return new NamedValuesParser(
      findByExpression(expression, (name) => names.get(name) ?? name),
      options,
    );
  },
});
