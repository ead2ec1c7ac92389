/** Settings of a configuration file that are durations or sizes. */
import { z } from "zod";
import { BYTES_PATTERN, DURATION_PATTERN, parseBytes, parseDurationMs } from "./quantity.ts";

/** The smallest and largest value that a setting takes, written as people write them. */
export interface Limits {
  readonly min?: string;
  readonly max?: string;
}

/** A duration in a configuration file; the parsed value is in milliseconds. */
export function duration(limits: Limits = {}) {
  return quantity("a duration such as 10s, 250ms or 2h", DURATION_PATTERN, parseDurationMs, limits);
}

/** A number of bytes in a configuration file, as text with a unit; the parsed value is in bytes. */
export function byteSize(limits: Limits = {}) {
  return quantity("a size such as 64KiB, 256MiB or 1GB", BYTES_PATTERN, parseBytes, limits);
}

/** What was meant by a number whose unit is written otherwise: the first reading that the setting takes. */
function unitHint(input: unknown, pattern: RegExp): string {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(String(input)) ?? [];
  const [first = ""] = unit.toUpperCase();
  const word = Object.keys(LONG_UNITS).find((short) => LONG_UNITS[short]?.test(unit));
  const units = [`${first}iB`, unit.toUpperCase(), unit.toLowerCase(), word ?? ""];
  const meant = units.map((each) => digits + each).find((text) => pattern.test(text));
  return meant === undefined || digits === "" ? "" : ` (did you mean \`${meant}\`?)`;
}

const LONG_UNITS: Readonly<Record<string, RegExp>> = {
  ms: /^(?:msecs?|milliseconds?)$/i,
  s: /^(?:secs?|seconds?)$/i,
  m: /^(?:mins?|minutes?)$/i,
  h: /^(?:hrs?|hours?)$/i,
  d: /^days?$/i,
};

function quantity(
  expected: string,
  pattern: RegExp,
  parse: (text: string) => number | undefined,
  limits: Limits,
) {
  const min = limits.min === undefined ? 0 : (parse(limits.min) ?? 0);
  const max = limits.max === undefined ? Number.MAX_SAFE_INTEGER : (parse(limits.max) ?? 0);
  const bounds = `${limits.min === undefined ? "" : `, at least ${limits.min}`}${limits.max === undefined ? "" : `, at most ${limits.max}`}`;
  return z
    .string({ error: `expected ${expected}${bounds}` })
    .regex(pattern, {
      error: ({ input }) => `expected ${expected}${bounds}${unitHint(input, pattern)}`,
    })
    .transform((text, context) => {
      const value = parse(text);
      if (value !== undefined && value >= min && value <= max) return value;
      context.issues.push({
        code: "custom",
        message: `expected ${expected}${bounds}`,
        input: text,
        // Checks of whole lists still run, so that their faults are told in the same round.
        continue: true,
      });
      return z.NEVER;
    });
}
