/** Durations and sizes as people write them: `250ms`, `10s`, `1h`, `30d`; `64KiB`, `1GiB`, `500MB`. */
import { z } from "zod";

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
const DURATION_PATTERN = /^\d+(\.\d+)?(ms|s|m|h|d)$/;
const BYTES_PATTERN = /^\d+(\.\d+)?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;

/** Milliseconds of a text such as `1.5s`, or undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  return scaled(text, DURATION_UNITS_MS);
}

/** Bytes of a text such as `64MiB`, or undefined when it is none. */
export function parseBytes(text: string): number | undefined {
  if (!BYTES_PATTERN.test(text)) return undefined;
  return scaled(text, BYTE_UNITS);
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const unit = text.replace(/^[\d.]+/, "");
  const factor = units[unit];
  return factor === undefined ? undefined : Math.round(Number.parseFloat(text) * factor);
}

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
    .regex(pattern, { error: `expected ${expected}${bounds}` })
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
