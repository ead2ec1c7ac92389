import type { Clock } from "../../shared/platform/clock.ts";

const REDRAW_MS = 100;
const BAR_WIDTH = 24;
/** Back to the beginning of the line, and clear it. */
const ERASE_LINE = "\r\u001b[K";

/** A bar on the terminal that says how far reading is; draws nothing unless `isTerminal`. */
export class ProgressBar {
  readonly #write: (text: string) => void;
  readonly #clock: Clock;
  readonly #isTerminal: boolean;
  /** 0 when it is not known. */
  readonly #bytesTotal: number;
  #bytes = 0;
  readonly #startedMs: number;
  #drawnMs: number;

  constructor(options: {
    readonly write: (text: string) => void;
    readonly clock: Clock;
    readonly isTerminal: boolean;
    readonly bytesTotal: number;
  }) {
    this.#write = options.write;
    this.#clock = options.clock;
    this.#isTerminal = options.isTerminal;
    this.#bytesTotal = options.bytesTotal;
    this.#startedMs = options.clock.monotonic();
    this.#drawnMs = this.#startedMs;
  }

  /** Says that more was read; draws when the last drawing is old enough. */
  advance(bytes: number): void {
    this.#bytes += bytes;
    if (!this.#isTerminal) return;
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const mib = this.#bytes / 2 ** 20;
    const speed = `${mib.toFixed(0)} MiB, ${(mib / ((nowMs - this.#startedMs) / 1000)).toFixed(0)} MiB/s`;
    if (this.#bytesTotal === 0) {
      this.#write(`${ERASE_LINE}${speed}`);
      return;
    }
    const share = Math.min(1, this.#bytes / this.#bytesTotal);
    const filled = Math.round(share * BAR_WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
    this.#write(`${ERASE_LINE}${bar} ${(share * 100).toFixed(0).padStart(3)} %  ${speed}`);
  }

  /** Removes the bar. */
  clear(): void {
    if (this.#isTerminal) this.#write(ERASE_LINE);
  }
}
