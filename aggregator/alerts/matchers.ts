/** Alertmanager's matchers: `name="value"`, `!=`, `=~`, `!~`; several must all fit. A label that is absent has an empty value. */
import { z } from "zod";

/** Longer patterns are refused: they are for names, and every alert is tested with them. */
const VALUE_LENGTH_MAX = 1_024;

/** A matcher as Alertmanager's API writes it. */
export const matcherSchema = z
  .strictObject({
    name: z.string().min(1).max(VALUE_LENGTH_MAX),
    value: z.string().max(VALUE_LENGTH_MAX),
    isRegex: z.boolean().prefault(false),
    isEqual: z.boolean().prefault(true),
  })
  .check(({ value, issues }) => {
    if (!value.isRegex || compilePattern(value.value) !== undefined) return;
    const message = "expected a regular expression";
    issues.push({ code: "custom", message, path: ["value"], input: value });
  });

/** See {@link matcherSchema}. */
export type Matcher = z.output<typeof matcherSchema>;

/** What alerts are told apart by. */
export type Labels = Readonly<Record<string, string>>;

/** States whether all matchers fit. */
export function matches(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every(({ name, value, isRegex, isEqual }) => {
    const label = labels[name] ?? "";
    const fits = isRegex ? (patternOf(value)?.test(label) ?? false) : label === value;
    return fits === isEqual;
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
  if (isRegex && compilePattern(value) === undefined) return undefined;
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

const patterns = new Map<string, RegExp | undefined>();
const PATTERN_COUNT_MAX = 1_000;

function patternOf(value: string): RegExp | undefined {
  if (!patterns.has(value)) {
    if (patterns.size >= PATTERN_COUNT_MAX) patterns.clear();
    patterns.set(value, compilePattern(value));
  }
  return patterns.get(value);
}

/** Anchored, as Alertmanager does. */
function compilePattern(value: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${value})$`, "u");
  } catch {
    // Not a regular expression; the caller says so.
    return undefined;
  }
}
