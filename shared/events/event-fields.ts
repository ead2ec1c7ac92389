/**
 * What fields mean: the one place that says it for every parser.
 *
 * - Names: JSON has a list per meaning, and the first that is present wins; a field that is null is not present.
 * - Level: text in any case or a number of pino/bunyan, syslog or OpenTelemetry; missing is INFO, unknown is OTHER.
 * - Service: text; missing, empty or something else means the default of the source.
 * - Duration: a finite number >= 0 in the source's unit; from 2^30 ms on it is not counted but noted.
 * - Time: see `shared/time/time-text.ts`.
 */
import { LEVEL_INDEX, LEVELS, type Level } from "../aggregates/aggregate.ts";
import type { DurationUnit, EventOptions, FieldMeaning } from "./event-options.ts";

/** The names that a meaning has in JSON and logfmt unless configured; the first present wins. */
export const FIELD_NAMES_DEFAULT: Readonly<Record<FieldMeaning, readonly string[]>> = {
  time: ["timestamp", "@timestamp", "time", "ts"],
  service: ["service", "service.name"],
  level: ["level", "severity", "lvl"],
  message: ["message", "msg"],
  duration: ["duration", "duration_ms"],
};

/** The names of every meaning under these options. */
export function fieldNames(options: EventOptions): Record<FieldMeaning, readonly string[]> {
  return { ...FIELD_NAMES_DEFAULT, ...options.fields };
}

/** Longer names of services are cut: a name is part of every key, and keys must stay small. */
export const SERVICE_LENGTH_MAX = 1024;

/**
 * The name that a text gives a service: well-formed, at most {@link SERVICE_LENGTH_MAX} UTF-16 units; empty means none. `cut` is the
 * options' {@link EventOptions.cutService}.
 */
export function serviceName(text: string, cut?: EventOptions["cutService"]): string {
  if (text.length <= SERVICE_LENGTH_MAX) return text.toWellFormed();
  return (cut?.(text) ?? text).slice(0, SERVICE_LENGTH_MAX).toWellFormed();
}

const LEVEL_NAMES: Readonly<Record<Level, readonly string[]>> = {
  TRACE: ["TRACE", "V", "VERBOSE", "FINE"],
  DEBUG: ["DEBUG", "D"],
  INFO: ["INFO", "NOTICE", "INFORMATION", "I"],
  WARN: ["WARN", "WARNING", "W"],
  ERROR: ["ERROR", "SEVERE", "ERR", "E"],
  FATAL: ["FATAL", "CRITICAL", "CRIT", "ALERT", "EMERG", "PANIC", "F"],
  OTHER: [],
};

const levelsByName = new Map<string, number>();
for (const level of LEVELS) {
  for (const name of LEVEL_NAMES[level]) levelsByName.set(name, LEVEL_INDEX[level]);
}
const LEVEL_NAME_LENGTH_MAX = Math.max(...[...levelsByName.keys()].map((name) => name.length));

/** Every word, in capitals, that is a level, with its position in LEVELS: what {@link levelOfText} knows beside numbers. */
export const LEVEL_WORDS: ReadonlyMap<string, number> = levelsByName;

/** Syslog severities 0 to 7 (RFC 5424, section 6.2.1). */
const SYSLOG_LEVELS: readonly Level[] = [
  "FATAL",
  "FATAL",
  "FATAL",
  "ERROR",
  "WARN",
  "INFO",
  "INFO",
  "DEBUG",
];
/** pino and bunyan: 10, 20, … 60. */
const PINO_LEVELS: readonly Level[] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
/** OpenTelemetry severity numbers 1 to 24, four to a level. */
const OTEL_LEVELS: readonly Level[] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** Position in LEVELS of a level written as text; case does not matter, digits are read as {@link levelOfNumber} does. */
export function levelOfText(text: string): number {
  if (text.length === 0 || text.length > LEVEL_NAME_LENGTH_MAX) return LEVEL_INDEX.OTHER;
  let upper = "";
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // ASCII only: other alphabets have letters whose upper case is an ASCII letter.
    upper += code >= 0x61 && code <= 0x7a ? String.fromCharCode(code - 0x20) : text[at];
  }
  const known = levelsByName.get(upper);
  if (known !== undefined) return known;
  return /^(0|[1-9]\d?)$/.test(text) ? levelOfNumber(Number(text)) : LEVEL_INDEX.OTHER;
}

/**
 * Position in LEVELS of a level written as a number: 0 to 7 are syslog's, multiples of ten up to 60 pino's and bunyan's, what is left
 * up to 24 OpenTelemetry's. Where they overlap the order is this, because log libraries write the former two under these names.
 */
export function levelOfNumber(value: number): number {
  let level: Level | undefined = SYSLOG_LEVELS[value];
  if (level === undefined && value % 10 === 0) level = PINO_LEVELS[value / 10 - 1];
  return level === undefined ? levelOfOtelNumber(value) : LEVEL_INDEX[level];
}

/** Position in LEVELS of an OpenTelemetry severity number. */
export function levelOfOtelNumber(value: number): number {
  const isKnown = Number.isInteger(value) && value >= 1 && value <= 24;
  return LEVEL_INDEX[(isKnown ? OTEL_LEVELS[Math.floor((value - 1) / 4)] : undefined) ?? "OTHER"];
}

/** Position in LEVELS of an HTTP status: 500 and above ERROR, 400 to 499 WARN, else INFO. */
export function levelOfStatus(status: number): number {
  if (status >= 500) return LEVEL_INDEX.ERROR;
  return status >= 400 ? LEVEL_INDEX.WARN : LEVEL_INDEX.INFO;
}

/** The level at a position in LEVELS. */
export function levelAt(index: number): Level {
  return LEVELS[index] ?? "OTHER";
}

/** What {@link durationUs} returns for no duration; also how {@link Measure} says it. */
export const DURATION_NONE = -1;
/** What {@link durationUs} returns for a duration too long to count. */
export const DURATION_OUT_OF_RANGE = -2;
/** Durations from 2^30 ms (twelve days) on are not counted. */
const DURATION_US_LIMIT = 2 ** 30 * 1000;

/** Microseconds of a duration of 1 in each unit. */
export const UNIT_US: Readonly<Record<DurationUnit, number>> = {
  ns: 0.001,
  us: 1,
  ms: 1000,
  s: 1_000_000,
};

/** Whole microseconds of a number in a unit, rounded half up; {@link DURATION_NONE} or {@link DURATION_OUT_OF_RANGE} where it cannot count. */
export function durationUs(value: number, unit: DurationUnit): number {
  if (!(value >= 0)) return DURATION_NONE;
  // Nanoseconds are divided, because × 0.001 would round twice.
  const us = unit === "ns" ? value / 1000 : value * UNIT_US[unit];
  return us < DURATION_US_LIMIT ? Math.floor(us + 0.5) : DURATION_OUT_OF_RANGE;
}
