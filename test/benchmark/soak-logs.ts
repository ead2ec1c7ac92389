/** Logs that a soak writes, and a count of what is in them, made while they are written. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { HeldWindow } from "../integration/store-contents.ts";
import { STREAMS } from "../integration/stores.ts";

const SERVICES = 50;
const ROTATE_BYTES = 32 * 1024 * 1024;
/** Rotated files that are kept: minutes of lines, at any rate that a disk takes. */
const GENERATIONS = 20;
const MINUTE_MS = 60_000;

/** What is in one window. */
interface Count {
  lines: number;
  errors: number;
  sumUs: number;
  minUs: number;
  maxUs: number;
}

/** Counts by service and minute. */
export class CountedWindows {
  lineCount = 0;
  readonly #counts = new Map<string, Count>();

  add(service: string, timeMs: number, isError: boolean, durationUs: number): void {
    this.lineCount++;
    const key = `${service} ${Math.floor(timeMs / MINUTE_MS)}`;
    const count = this.#counts.get(key);
    if (count === undefined) {
      const [minUs, maxUs] = [durationUs, durationUs];
      this.#counts.set(key, { lines: 1, errors: isError ? 1 : 0, sumUs: durationUs, minUs, maxUs });
      return;
    }
    count.lines++;
    if (isError) count.errors++;
    count.sumUs += durationUs;
    count.minUs = Math.min(count.minUs, durationUs);
    count.maxUs = Math.max(count.maxUs, durationUs);
  }

  /** How windows of so many minutes differ from what was counted. */
  differences(windows: readonly HeldWindow[], minutes: number): string[] {
    const expected = this.#merged(minutes);
    const differences: string[] = [];
    for (const window of windows.filter(({ stream }) => stream === STREAMS.requests)) {
      const minute = Date.parse(window.windowStart) / MINUTE_MS;
      const key = `${window.service} ${minute}`;
      const count = expected.get(key);
      expected.delete(key);
      const is = [window.requestCount, window.errorCount, window.avgLatency];
      is.push(window.latency?.min ?? null, window.latency?.max ?? null);
      const must = count && [
        ...[count.lines, count.errors, count.sumUs / 1_000 / count.lines],
        ...[count.minUs / 1_000, count.maxUs / 1_000],
      ];
      if (JSON.stringify(is) !== JSON.stringify(must)) {
        differences.push(`${key} is ${JSON.stringify(is)}, must be ${JSON.stringify(must)}`);
      }
    }
    return [...differences, ...[...expected.keys()].map((key) => `${key} is missing`)];
  }

  /** The windows of a minute for which `holds` is not true. */
  missing(
    holds: (service: string, windowStart: string, lines: number) => boolean | undefined,
  ): string[] {
    return [...this.#counts].flatMap(([key, { lines }]) => {
      const [service = "", minute = ""] = key.split(" ");
      const windowStart = new Date(Number(minute) * MINUTE_MS).toISOString();
      return holds(service, windowStart, lines) === true ? [] : [key];
    });
  }

  #merged(minutes: number): Map<string, Count> {
    const merged = new Map<string, Count>();
    for (const [key, count] of this.#counts) {
      const [service = "", minute = ""] = key.split(" ");
      const start = `${service} ${Math.floor(Number(minute) / minutes) * minutes}`;
      const before = merged.get(start);
      if (before === undefined) merged.set(start, { ...count });
      else {
        before.lines += count.lines;
        before.errors += count.errors;
        before.sumUs += count.sumUs;
        before.minUs = Math.min(before.minUs, count.minUs);
        before.maxUs = Math.max(before.maxUs, count.maxUs);
      }
    }
    return merged;
  }
}

/** A log file that is renamed when it is large, as `logrotate` does. */
export class RotatingLog {
  readonly #path: string;
  readonly #counted: CountedWindows;
  #file: number;
  #bytes = 0;
  #generation = 0;
  #number = 0;

  constructor(path: string, counted: CountedWindows) {
    this.#path = path;
    this.#counted = counted;
    this.#file = openSync(path, "a");
  }

  /** Writes so many lines of now. */
  append(count: number): void {
    const timeMs = Date.now();
    const timestamp = new Date(timeMs).toISOString();
    const lines: string[] = [];
    for (let line = 0; line < count; line++) {
      const number = this.#number++;
      const service = `service-${(number * 7) % SERVICES}`;
      const isError = number % 41 === 0;
      const durationUs = 500 + ((number * 7_919) % 1_000_003);
      this.#counted.add(service, timeMs, isError, durationUs);
      lines.push(
        `{"timestamp":"${timestamp}","service":"${service}","level":"${isError ? "ERROR" : "INFO"}","message":"GET /orders/${number} answered","duration":${durationUs / 1_000}}\n`,
      );
    }
    this.#bytes += writeSync(this.#file, lines.join(""));
    if (this.#bytes > ROTATE_BYTES) this.#rotate();
  }

  #rotate(): void {
    closeSync(this.#file);
    renameSync(this.#path, `${this.#path}.${++this.#generation}`);
    rmSync(`${this.#path}.${this.#generation - GENERATIONS}`, { force: true });
    this.#file = openSync(this.#path, "a");
    this.#bytes = 0;
  }
}
