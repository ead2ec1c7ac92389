/**
 * Alertmanager's matchers: `name="value"`, `!=`, `=~`, `!~`; several must all fit. A label that is absent has an empty value.
 *
 * Patterns are RE2's, as Alertmanager's are: anchored, and matched in time linear in the label. Those of JavaScript backtrack, and one slip
 * in a silence (`(a+)+b`) would hold up every alert.
 */
import { RE2JS } from "re2js";
import { z } from "zod";

/** Longer patterns are refused: they are for names, and every alert is tested with them. */
const VALUE_LENGTH_MAX = 1_024;
/** Steps of a compiled pattern, each of which may be tried at every character of a label. */
const PROGRAM_SIZE_MAX = 2_000;

/** A matcher as it is stored. */
export const storedMatcherSchema = z.strictObject({
  name: z.string().min(1).max(VALUE_LENGTH_MAX),
  value: z.string().max(VALUE_LENGTH_MAX),
  isRegex: z.boolean().prefault(false),
  isEqual: z.boolean().prefault(true),
});

/** A matcher as Alertmanager's API writes it; its pattern is checked. */
export const matcherSchema = storedMatcherSchema.check(({ value, issues }) => {
  const message = value.isRegex ? patternFault(value.value) : undefined;
  if (message === undefined) return;
  issues.push({ code: "custom", message, path: ["value"], input: value });
});

/** See {@link matcherSchema}. */
export type Matcher = z.output<typeof storedMatcherSchema>;

/** What alerts are told apart by. */
export type Labels = Readonly<Record<string, string>>;

/** States whether all matchers fit. A pattern that cannot be compiled, which only an older program let through, fits nothing. */
export function matches(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every(({ name, value, isRegex, isEqual }) => {
    const label = labels[name] ?? "";
    if (!isRegex) return (label === value) === isEqual;
    const { pattern } = patternOf(value);
    return pattern !== undefined && pattern.testExact(label) === isEqual;
  });
}

const MATCHER_TEXT = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s;

/** The matcher that a text such as `service=~"ts-.*"` means (quotes may be left out); undefined when it means none. */
export function parseMatcher(text: string): Matcher | undefined {
  const [, name, operator = "", rest = ""] = MATCHER_TEXT.exec(text) ?? [];
  if (name === undefined) return undefined;
  const value = unquoted(rest);
  const isRegex = operator.endsWith("~");
  if (value === undefined || value.length > VALUE_LENGTH_MAX) return undefined;
  if (isRegex && patternFault(value) !== undefined) return undefined;
  return { name, value, isRegex, isEqual: operator.startsWith("=") };
}

/** The text of a matcher, as {@link parseMatcher} reads it. */
export function matcherText({ name, value, isRegex, isEqual }: Matcher): string {
  const operator = isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=";
  return `${name}${operator}${JSON.stringify(value)}`;
}

function unquoted(text: string): string | undefined {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    // Not closed, or badly escaped.
    return undefined;
  }
}

/** A pattern, or why it is none. */
interface Compiled {
  readonly pattern?: RE2JS;
  readonly fault?: string;
}

const patterns = new Map<string, Compiled>();
const PATTERN_COUNT_MAX = 1_000;

function patternFault(value: string): string | undefined {
  return patternOf(value).fault;
}

function patternOf(value: string): Compiled {
  let known = patterns.get(value);
  if (known === undefined) {
    if (patterns.size >= PATTERN_COUNT_MAX) patterns.clear();
    known = compilePattern(value);
    patterns.set(value, known);
  }
  return known;
}

/** `testExact` of the library is anchored, as Alertmanager's patterns are; a dot also fits a line end there. */
function compilePattern(value: string): Compiled {
  try {
    const pattern = RE2JS.compile(value, RE2JS.DOTALL);
    if (pattern.programSize() <= PROGRAM_SIZE_MAX) return { pattern };
    return { fault: "expected a shorter regular expression: this one repeats too much" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { fault: `expected a regular expression as RE2 knows them: ${reason}` };
  }
}
