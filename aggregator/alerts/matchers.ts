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
  const wanted = value.isRegex ? wantedPattern(value.value) : undefined;
  if (wanted === undefined) return;
  const message = `expected ${wanted}`;
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
  const read = readMatcher(text);
  return read === undefined || wantedOf(read) !== undefined ? undefined : read;
}

/** What is wanted instead of a text that {@link parseMatcher} does not take, to stand behind "expected". */
export function wantedMatcher(text: string): string {
  const read = readMatcher(text);
  const wanted = read === undefined ? undefined : wantedOf(read);
  return wanted ?? 'a matcher such as service="orders" or severity=~"warning|info"';
}

function readMatcher(text: string): Matcher | undefined {
  const [, name, operator = "", rest = ""] = MATCHER_TEXT.exec(text) ?? [];
  const value = unquoted(rest);
  if (name === undefined || value === undefined) return undefined;
  return { name, value, isRegex: operator.endsWith("~"), isEqual: operator.startsWith("=") };
}

function wantedOf({ value, isRegex }: Matcher): string | undefined {
  if (value.length > VALUE_LENGTH_MAX) return `a value of at most ${VALUE_LENGTH_MAX} characters`;
  return isRegex ? wantedPattern(value) : undefined;
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

/** A pattern, or what is wanted instead. */
interface Compiled {
  readonly pattern?: RE2JS;
  readonly wanted?: string;
}

const patterns = new Map<string, Compiled>();
const PATTERN_COUNT_MAX = 1_000;

function wantedPattern(value: string): string | undefined {
  return patternOf(value).wanted;
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
    return { wanted: "a shorter regular expression: this one repeats too much" };
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    // The library writes the flag in front.
    const reason = told.replace(/^error parsing regexp: /, "").replace("`(?s)", "`");
    return { wanted: `a regular expression as RE2 knows them (${reason})` };
  }
}
