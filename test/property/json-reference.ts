/**
 * What JSON lines mean, written once more and plainly: JSON.parse, regular expressions, BigInt. Slow, and independent of the parsers,
 * so that an error would have to be made twice.
 */
import { CubicallyInterpolatedMapping } from "@datadog/sketches-js/dist/ddsketch/mapping/index.js";
import type { CountContext, Counted, LineCounter } from "../../agent/window/line-counter.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";

const mapping = new CubicallyInterpolatedMapping(0.01);
const LEVELS = [
  /^(trace|v|verbose|fine)$/i,
  /^(debug|d)$/i,
  /^(info|notice|information|i)$/i,
  /^(warn|warning|w)$/i,
  /^(error|severe|err|e)$/i,
  /^(fatal|critical|crit|alert|emerg|panic|f)$/i,
];
const SYSLOG_LEVELS = [5, 5, 5, 4, 3, 2, 2, 1];
const INFO = 2;
const OTHER = 6;
const ISO =
  /^(\d{4})([-/])(\d\d)\2(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?( ?[Zz]| (?:UTC|GMT|CET)| ?[+-]\d\d(?::?\d\d)?(?: CET)?)?$/i;
const EPOCH_TEXT = /^([1-9]\d*)(?:\.(\d+))?$/;
const NAMES = {
  time: ["timestamp", "@timestamp", "time", "ts"],
  service: ["service", "service.name"],
  level: ["level", "severity", "lvl"],
  duration: ["duration", "duration_ms"],
};

interface Window {
  readonly levels: number[];
  sum: bigint;
  readonly durations: number[];
}

/** One text for everything that was counted: two results are equal when their texts are. */
interface Result {
  readonly windows: Map<string, Window>;
  readonly entries: Map<string, { lines: number; bytes: number }>;
  timeMaxMs: number;
}

const emptyResult = (): Result => ({
  windows: new Map(),
  entries: new Map(),
  timeMaxMs: -Infinity,
});

function resultText(
  windows: readonly unknown[][],
  entries: readonly string[],
  max: unknown,
): string {
  const lines = windows.map((window) => JSON.stringify(window)).sort();
  return [...lines, ...[...entries].sort(), `time ${String(max)}`].join("\n");
}

/** The text of what a counter took. */
export function countedText(counted: Counted): string {
  return resultText(
    counted.deltas.map(({ service, minute, aggregate }) => {
      const { sketch } = aggregate;
      const bins = sketch.bins.flatMap((count, at) =>
        count > 0 ? [[sketch.first + at, count]] : [],
      );
      const high = BigInt(aggregate.durationSumHigh) << 32n;
      return [
        service,
        minute,
        aggregate.levels,
        String(high + BigInt(aggregate.durationSumLow)),
        sketch.count === 0 ? "" : [aggregate.durationMin, aggregate.durationMax],
        sketch.count,
        sketch.zeroCount,
        bins,
      ];
    }),
    counted.entries.map(({ kind, reason, lines, bytes }) => `${kind} ${reason} ${lines} ${bytes}`),
    counted.eventTimeMaxMs,
  );
}

/** Counts as a LineCounter does; {@link takeText} instead of `take`. */
export class JsonReference implements Pick<LineCounter, "count" | "countUnterminated"> {
  readonly #options: EventOptions;
  readonly #zone: TimeZone;
  #result = emptyResult();

  constructor(options: EventOptions) {
    this.#options = options;
    this.#zone = new TimeZone(options.timezone);
  }

  count(buffer: Buffer, from: number, to: number, context: CountContext): void {
    const text = buffer.subarray(from, to);
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf(10, at);
      const next = end < 0 ? text.length : end + 1;
      const isMarked = at === 0 && context.fileStart === true && text.indexOf("\ufeff") === 0;
      const line = text.subarray(isMarked ? at + 3 : at, end < 0 ? next : end).toString("utf8");
      const rejection = this.#countLine(line, next - at, context);
      if (rejection !== undefined) context.onRejected?.(rejection, from + at);
      at = next;
    }
  }

  countUnterminated(line: Buffer, context: CountContext): void {
    this.count(line, 0, line.length, context);
  }

  takeText(): string {
    const { windows, entries, timeMaxMs } = this.#result;
    this.#result = emptyResult();
    return resultText(
      [...windows].map(([key, { levels, sum, durations }]) => {
        const bins = new Map<number, number>();
        let zeros = 0;
        for (const us of durations) {
          const bin = us === 0 ? Number.NaN : mapping.key(us);
          if (us === 0) zeros++;
          else bins.set(bin, (bins.get(bin) ?? 0) + 1);
        }
        const sorted = [...bins].sort(([left], [right]) => left - right);
        const extremes = durations.length === 0 ? "" : [min(durations), max(durations)];
        const [service, minute] = JSON.parse(key);
        return [service, minute, levels, String(sum), extremes, durations.length, zeros, sorted];
      }),
      [...entries].map(([key, { lines, bytes }]) => `${key} ${lines} ${bytes}`),
      timeMaxMs === -Infinity ? undefined : timeMaxMs,
    );
  }

  #enter(key: string, bytes: number): void {
    const entry = this.#result.entries.get(key) ?? { lines: 0, bytes: 0 };
    entry.lines++;
    entry.bytes += bytes;
    this.#result.entries.set(key, entry);
  }

  #countLine(text: string, bytes: number, context: CountContext): string | undefined {
    const event = this.#event(text);
    if (typeof event === "string") {
      this.#enter(event === "blank" ? "filtered blank" : `rejected ${event}`, bytes);
      return event === "blank" ? undefined : event;
    }
    this.#enter("aggregated ", bytes);
    const service = event.service === "" ? context.service : event.service;
    const key = JSON.stringify([service, Math.floor(event.timeMs / 60_000)]);
    let window = this.#result.windows.get(key);
    if (window === undefined) {
      window = { levels: [0, 0, 0, 0, 0, 0, 0], sum: 0n, durations: [] };
      this.#result.windows.set(key, window);
    }
    window.levels[event.level] = (window.levels[event.level] ?? 0) + 1;
    if (event.us === "out of range") this.#enter("noted duration_out_of_range", bytes);
    else if (event.us !== undefined) {
      window.sum += BigInt(event.us);
      window.durations.push(event.us);
    }
    if (event.timeMs > context.eventTimeLimitMs) this.#enter("noted clock_ahead", bytes);
    else this.#result.timeMaxMs = Math.max(this.#result.timeMaxMs, event.timeMs);
    return undefined;
  }

  #event(text: string) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return /^[ \t\r\v\f]*$/.test(text) ? "blank" : "not_json";
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "not_json";
    const fields = new Map<string, unknown>(Object.entries(value));
    const first = (meaning: keyof typeof NAMES): unknown =>
      (this.#options.fields[meaning] ?? NAMES[meaning])
        .map((name) => fields.get(name) ?? undefined)
        .find((found) => found !== undefined);
    const time = first("time");
    if (time === undefined) return "no_time";
    const timeMs = this.#timeMs(time);
    if (Number.isNaN(timeMs)) return "bad_time";
    const service = first("service");
    return {
      timeMs,
      service: typeof service === "string" ? service.slice(0, 1024).toWellFormed() : "",
      level: levelOf(first("level")),
      us: this.#us(first("duration")),
    };
  }

  #us(duration: unknown): number | "out of range" | undefined {
    if (typeof duration !== "number" || duration < 0) return undefined;
    const us = { ns: duration / 1000, us: duration, ms: duration * 1000, s: duration * 1e6 };
    const value = us[this.#options.durationUnit];
    return value < 2 ** 30 * 1000 ? Math.floor(value + 0.5) : "out of range";
  }

  #timeMs(time: unknown): number {
    if (typeof time === "number") return epochMs(time);
    if (typeof time !== "string" || Buffer.byteLength(time) > 64) return Number.NaN;
    const digits = EPOCH_TEXT.exec(time);
    if (digits !== null) return epochTextMs(digits[1] ?? "", digits[2] ?? "");
    const parts = ISO.exec(time);
    if (parts === null) return Number.NaN;
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = [
      ...[parts[1], parts[3], parts[4], parts[5], parts[6], parts[7] ?? "0"].map(Number),
    ];
    const moment = new Date(0);
    moment.setUTCFullYear(year, month - 1, day);
    const isDate = moment.getUTCMonth() === month - 1 && moment.getUTCDate() === day;
    if (!isDate || month === 0 || hour > 23 || minute > 59 || second > 59) return Number.NaN;
    const wallMinute = moment.getTime() / 60_000 + hour * 60 + minute;
    const rest = second * 1000 + Number((parts[8] ?? "").padEnd(3, "0").slice(0, 3));
    // Of the names of zones only those that the nasty lines have.
    const zone = (parts[9] ?? "").trim().replace(/ CET$/i, "").replace(/^CET$/i, "+01:00");
    if (zone === "") return wallMinute * 60_000 + rest - this.#zone.offsetMs(wallMinute);
    const offset = /^([+-])(\d\d):?(\d\d)?$/.exec(zone);
    if (offset === null) return wallMinute * 60_000 + rest;
    const [hours, minutes] = [Number(offset[2]), Number(offset[3] ?? "0")];
    if (hours > 23 || minutes > 59) return Number.NaN;
    const shift = (hours * 60 + minutes) * (offset[1] === "-" ? -1 : 1);
    return (wallMinute - shift) * 60_000 + rest;
  }
}

const min = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.min(a, b), Infinity);
const max = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b), -1);

function epochMs(value: number): number {
  const inRange = (power: number) => value >= 10 ** power && value < 10 ** (power + 2);
  if (inRange(8)) {
    const whole = Math.trunc(value);
    return whole * 1000 + Math.min(999, Math.trunc((value - whole) * 1000 + 0.0005));
  }
  if (inRange(11)) return Math.trunc(value);
  if (inRange(14)) return Math.trunc(value / 1e3);
  return inRange(17) ? Math.trunc(value / 1e6) : Number.NaN;
}

function epochTextMs(whole: string, fraction: string): number {
  const unit = { 9: -3, 10: -3, 12: 0, 13: 0, 15: 3, 16: 3, 18: 6, 19: 6 }[whole.length];
  if (unit === undefined) return Number.NaN;
  if (unit >= 0) return Number(whole.slice(0, whole.length - unit));
  return Number(whole + fraction.padEnd(3, "0").slice(0, 3));
}

function levelOf(level: unknown): number {
  if (level === undefined) return INFO;
  if (typeof level === "number") return levelOfNumber(level);
  if (typeof level !== "string") return OTHER;
  const found = LEVELS.findIndex((pattern) => pattern.test(level));
  if (found >= 0) return found;
  return /^(0|[1-9]\d?)$/.test(level) ? levelOfNumber(Number(level)) : OTHER;
}

function levelOfNumber(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > 60) return OTHER;
  if (value <= 7) return SYSLOG_LEVELS[value] ?? OTHER;
  if (value % 10 === 0) return value / 10 - 1;
  return value <= 24 ? Math.floor((value - 1) / 4) : OTHER;
}
