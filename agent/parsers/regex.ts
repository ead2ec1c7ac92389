/**
 * Lines that a regular expression of the user describes; its named groups are the fields: `(?<time>\S+) (?<level>\w+) (?<message>.*)`.
 *
 * Expressions are JavaScript's; a dot takes line feeds too, because events may hold several lines. They backtrack: one with nested
 * repetitions such as `(a+)+` can take very long on a line that nearly fits, and no check finds all of these. What bounds the time of
 * all others is that lines longer than {@link PATTERN_LINE_LENGTH_MAX} are rejected as `too_long`. The built-in formats, `dissect` and
 * `csv` never look back, and take lines of any length.
 */
import { assert } from "../../shared/assert.ts";
import { defineParser } from "../../shared/events/parser.ts";
import { type FindValues, type NamedValues, NamedValuesParser } from "./named-values.ts";

/** Longest line, in UTF-16 units, that an expression is tried on. */
export const PATTERN_LINE_LENGTH_MAX = 16_384;

/** Finds the groups of an expression in lines, each by the name that `nameOf` gives it. */
export function findByExpression(
  expression: RegExp,
  nameOf: (group: string) => string,
): FindValues {
  return (line) => {
    if (line.length > PATTERN_LINE_LENGTH_MAX) return "too_long";
    const groups = expression.exec(line)?.groups;
    if (groups === undefined) return "unparsed";
    const values: NamedValues = new Map();
    for (const group of Object.keys(groups)) {
      const name = nameOf(group);
      const value = groups[group];
      // Of several groups of a name the first that took part counts.
      if (value !== undefined && (values.get(name) ?? "") === "") values.set(name, value);
    }
    return values;
  };
}

/** The expression that `pattern` writes, or what is wrong with it. `(?P<name>…)`, as in Python and Go, is a named group as well. */
export function compileExpression(pattern: string): RegExp | string {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern.replaceAll("(?P<", "(?<"), "s");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return error.message;
  }
  return /\(\?<[A-Za-z_$]/.test(expression.source)
    ? expression
    : "it has no named group, such as (?<time>…)";
}

/** Reads lines by an expression. */
export const parser = defineParser({
  summary: "A regular expression with named groups, from the configuration.",
  needs: ["pattern"],
  takes: ["timeFormats"],
  check: ({ pattern = "" }) => {
    const expression = compileExpression(pattern);
    return typeof expression === "string" ? { option: "pattern", fault: expression } : undefined;
  },
  compile: (options) => {
    const expression = compileExpression(options.pattern ?? "");
    assert(typeof expression !== "string", "the pattern was checked before");
    return new NamedValuesParser(
      findByExpression(expression, (group) => group),
      options,
    );
  },
});
