/** What the kernel for lines of text does not know of times: what a wall clock's minute is in UTC, and in which year a time without one is. */

import { assert } from "../../shared/assert.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { LayoutReader } from "../../shared/time/layout-reader.ts";
import { parseLayout } from "../../shared/time/time-layout.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";
import type { TextKernel } from "./kernel-module.ts";

const MINUTE_MS = 60_000;
/** What the kernel keeps instead of a minute; `assembly/line-times.ts` says the same. */
const NEVER = -(2 ** 31) + 1;
const UNTEACHABLE = -(2 ** 31) + 2;
const YEARLESS_LAYOUT = "MM-dd HH:mm";

/** Answers a kernel's questions. */
export class MinuteLessons {
  readonly #kernel: TextKernel;
  readonly #zone: TimeZone;
  readonly #nowMs: (() => number) | undefined;
  readonly #yearless: LayoutReader;
  /** Minute of the clock in which years were taught. */
  #clockMinute = Number.NaN;

  constructor(kernel: TextKernel, options: EventOptions) {
    this.#kernel = kernel;
    this.#zone = new TimeZone(options.timezone);
    this.#nowMs = options.nowMs;
    const layout = parseLayout(YEARLESS_LAYOUT);
    assert(typeof layout !== "string", "the layout of times without a year is right");
    this.#yearless = new LayoutReader(layout, this.#zone, options.nowMs);
  }

  /**
   * Has the kernel forget years when the clock's minute is another one: which year a time is in changes only with it, because such times are
   * whole minutes and zones are, too.
   */
  useClock(): void {
    const now = this.#nowMs?.();
    if (now === undefined) return;
    const minute = Math.floor(now / MINUTE_MS);
    if (minute === this.#clockMinute) return;
    this.#clockMinute = minute;
    this.#kernel.call.forgetYears();
  }

  /** Answers what the kernel asked last. */
  teach(): void {
    const { call } = this.#kernel;
    const wall = call.wallAsked();
    const isYearless = call.isYearAsked();
    call.learnWall(wall, isYearless, isYearless === 0 ? this.#utcOf(wall) : this.#yearOf(wall));
  }

  #utcOf(wallMinute: number): number {
    const offsetMs = this.#zone.offsetMs(wallMinute);
    return offsetMs % MINUTE_MS === 0 ? wallMinute - offsetMs / MINUTE_MS : UNTEACHABLE;
  }

  /** The minute in UTC of month, day, hour and minute, packed. */
  #yearOf(packed: number): number {
    const minute = packed % 60;
    const hour = Math.floor(packed / 60) % 24;
    const day = Math.floor(packed / 1440) % 32;
    const month = Math.floor(packed / (1440 * 32));
    const two = (value: number): string => String(value).padStart(2, "0");
    const text = Buffer.from(`${two(month)}-${two(day)} ${two(hour)}:${two(minute)}`);
    const ms = this.#yearless.read(text, 0, text.length);
    if (Number.isNaN(ms)) return NEVER;
    return ms % MINUTE_MS === 0 ? ms / MINUTE_MS : UNTEACHABLE;
  }
}
