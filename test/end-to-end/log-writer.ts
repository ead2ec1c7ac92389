/** Writes log files as applications and logrotate do: appends, half lines, renames, copies and truncations. */
import { appendFileSync, copyFileSync, existsSync, renameSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { WrittenLine } from "./recount.ts";

const LEVELS = ["INFO", "INFO", "INFO", "INFO", "WARN", "ERROR", "DEBUG", "FATAL"];
const SERVICES = ["orders", "payments", "cart", "größe", "a/b c"];

/** One log file and its rotated generations. */
export class LogWriter {
  readonly lines: WrittenLine[] = [];
  readonly #path: string;
  readonly #random: () => number;
  /** Bytes of a line that are not yet written. */
  #rest: Buffer = Buffer.alloc(0);
  #generation = 0;

  constructor(directory: string, name: string, random: () => number) {
    this.#path = join(directory, name);
    this.#random = random;
  }

  /** Appends up to `count` lines around `nowMs`; the last may be cut in two, its rest follows with the next call. */
  append(count: number, nowMs: number): void {
    let text = "";
    for (let index = 0; index < count; index++) text += this.#line(nowMs);
    const bytes = Buffer.concat([this.#rest, Buffer.from(text)]);
    const cut = this.#random() < 0.3 ? Math.floor(this.#random() * 60) : 0;
    const kept = Math.max(0, bytes.length - cut);
    appendFileSync(this.#path, bytes.subarray(0, kept));
    this.#rest = bytes.subarray(kept);
  }

  /** Writes what is left of a cut line. Called before the file is rotated, so that no line lies in two files. */
  finishLine(): void {
    if (this.#rest.length > 0) appendFileSync(this.#path, this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  /** Renames the file away; the next append makes a new one. Older generations move up, as logrotate moves them. */
  rotate(): void {
    this.finishLine();
    if (!existsSync(this.#path)) return;
    for (let index = this.#generation; index >= 1; index--) {
      renameSync(`${this.#path}.${index}`, `${this.#path}.${index + 1}`);
    }
    renameSync(this.#path, `${this.#path}.1`);
    this.#generation++;
  }

  /** Copies the file to the next generation's name and truncates it. */
  copyTruncate(): void {
    this.finishLine();
    if (!existsSync(this.#path)) return;
    for (let index = this.#generation; index >= 1; index--) {
      renameSync(`${this.#path}.${index}`, `${this.#path}.${index + 1}`);
    }
    copyFileSync(this.#path, `${this.#path}.1`);
    truncateSync(this.#path, 0);
    this.#generation++;
  }

  #line(nowMs: number): string {
    const pick = <T>(values: readonly T[]) => values[Math.floor(this.#random() * values.length)];
    const late = this.#random() < 0.1 ? this.#random() * 90_000 : this.#random() * 2000;
    const line: WrittenLine = {
      service: pick(SERVICES) ?? "orders",
      timeMs: Math.floor(nowMs - late),
      level: pick(LEVELS) ?? "INFO",
      durationMs: this.#random() < 0.1 ? undefined : Math.round(this.#random() ** 4 * 1e6) / 1000,
    };
    this.lines.push(line);
    return `${JSON.stringify({
      timestamp: new Date(line.timeMs).toISOString(),
      service: line.service,
      level: line.level,
      message: `request ${this.lines.length} of ${this.#path}`,
      duration: line.durationMs,
    })}\n`;
  }
}
