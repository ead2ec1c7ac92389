/**
 * Moments as logs write them, read from bytes.
 *
 * - ISO 8601: `2026-11-20T10:00:00.123Z`; also a space for the `T`, `/` for the `-`, a comma before the fraction, no seconds, no zone,
 *   the basic form `20261120T100000Z`, and zones as `+01:00`, `+0100`, `+01`, ` UTC`, ` CEST`, ` +0100 CET`. A date alone is no moment.
 * - The common log format: `20/Nov/2026:10:00:00 +0000`.
 * - Time since the epoch as text of digits: see {@link epochMs}.
 *
 * Dates that do not exist, second 60 and hour 24 are refused. A time without a zone is a wall clock's: see {@link TimeZone}.
 */
import { digits, monthOf, wallMinuteMs, zoneNameOffsetMs, zoneOffsetMs } from "./calendar.ts";
import type { TimeZone } from "./time-zone.ts";

const MINUTE_MS = 60_000;
/** Longer texts are no times; also the room in which strings are laid out as bytes. */
const TEXT_BYTES_MAX = 64;
/** `2026-11-20T10:00`: what lines of the same minute have in common. */
const ISO_MINUTE_BYTES = 16;
/** `20/Nov/2026:10:00`. */
const CLF_MINUTE_BYTES = 17;

const ZERO = 0x30;
const COLON = 0x3a;
const DASH = 0x2d;
const SLASH = 0x2f;
const SPACE = 0x20;
const DOT = 0x2e;
const COMMA = 0x2c;
const PLUS = 0x2b;
const EQUALS = 0x3d;
const LETTER_M = 0x6d;
/** Turns an ASCII letter into its lower case. */
const LOWER = 0x20;

/**
 * Milliseconds of a number that counts from the epoch, parts cut off; NaN when it can be none.
 * Its size tells the unit: from 10^8 seconds, from 10^11 milliseconds, from 10^14 microseconds, from 10^17 nanoseconds, each up to a
 * hundredfold (1973 to 2286). Numbers in between are refused, because they could be two things, or a date such as 20261120103000.
 */
export function epochMs(value: number): number {
  if (value >= 1e8 && value < 1e10) {
    const seconds = Math.floor(value);
    // The binary fraction of .123 may lie just below it; half a microsecond is more than that error and never reaches the next second.
    return seconds * 1000 + Math.min(999, Math.floor((value - seconds) * 1000 + 0.0005));
  }
  if (value >= 1e11 && value < 1e13) return Math.floor(value);
  if (value >= 1e14 && value < 1e16) return Math.floor(value / 1000);
  if (value >= 1e17 && value < 1e19) return Math.floor(value / 1e6);
  return Number.NaN;
}

/** Reads times. Keeps the last minute seen, because most lines of a log share it with the line before. */
export class TimeReader {
  readonly #zone: TimeZone;
  readonly #scratch: Buffer = Buffer.alloc(TEXT_BYTES_MAX);
  readonly #isoMinute: Uint8Array = new Uint8Array(ISO_MINUTE_BYTES);
  #isoMinuteMs = Number.NaN;
  readonly #clfMinute: Uint8Array = new Uint8Array(CLF_MINUTE_BYTES);
  #clfMinuteMs = Number.NaN;

  /** `zone` is that of times without one. */
  constructor(zone: TimeZone) {
    this.#zone = zone;
  }

  /** Milliseconds since the epoch of the time that `bytes[from, to)` writes, parts cut off; NaN when it is none. */
  read(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    if (length < 9 || length > TEXT_BYTES_MAX) return Number.NaN;
    const fifth = bytes[from + 4];
    if (length >= ISO_MINUTE_BYTES && (fifth === DASH || fifth === SLASH)) {
      return this.#readIso(bytes, from, to);
    }
    if (bytes[from + 2] === SLASH) return this.readCommonLog(bytes, from, to);
    if (length >= 13 && ((bytes[from + 8] ?? 0) | LOWER) === 0x74) {
      return this.#readBasic(bytes, from, to);
    }
    return readEpoch(bytes, from, to);
  }

  /** As {@link read}, of a text. */
  readText(text: string): number {
    if (text.length > TEXT_BYTES_MAX) return Number.NaN;
    const length = this.#scratch.write(text, "utf8");
    return this.read(this.#scratch, 0, length);
  }

  /** As {@link read}, of `20/Nov/2026:10:00:00 +0000` and nothing else. */
  readCommonLog(bytes: Uint8Array, from: number, to: number): number {
    if (to - from < 20) return Number.NaN;
    const minuteMs = this.#commonLogMinute(bytes, from);
    if (Number.isNaN(minuteMs)) return Number.NaN;
    if (bytes[from + 17] !== COLON) return Number.NaN;
    return this.#withSeconds(bytes, from + 18, to, minuteMs);
  }

  #commonLogMinute(bytes: Uint8Array, from: number): number {
    const known = this.#clfMinute;
    let at = CLF_MINUTE_BYTES - 1;
    while (at >= 0 && bytes[from + at] === known[at]) at--;
    if (at < 0) return this.#clfMinuteMs;
    const separators =
      bytes[from + 2] === SLASH &&
      bytes[from + 6] === SLASH &&
      bytes[from + 11] === COLON &&
      bytes[from + 14] === COLON;
    if (!separators) return Number.NaN;
    const date = [
      digits(bytes, from + 7, 4),
      monthOf(bytes, from + 3),
      digits(bytes, from, 2),
    ] as const;
    const ms = wallMinuteMs(date, digits(bytes, from + 12, 2), digits(bytes, from + 15, 2));
    if (!Number.isNaN(ms)) {
      for (let index = 0; index < CLF_MINUTE_BYTES; index++)
        known[index] = bytes[from + index] ?? 0;
      this.#clfMinuteMs = ms;
    }
    return ms;
  }

  #readIso(bytes: Uint8Array, from: number, to: number): number {
    const minuteMs = this.#isoMinuteOf(bytes, from);
    if (Number.isNaN(minuteMs)) return Number.NaN;
    const at = from + ISO_MINUTE_BYTES;
    if (bytes[at] !== COLON || at >= to) return this.#withZone(bytes, at, to, minuteMs);
    return this.#withSeconds(bytes, at + 1, to, minuteMs);
  }

  #isoMinuteOf(bytes: Uint8Array, from: number): number {
    const known = this.#isoMinute;
    let at = ISO_MINUTE_BYTES - 1;
    while (at >= 0 && bytes[from + at] === known[at]) at--;
    if (at < 0) return this.#isoMinuteMs;
    const between = bytes[from + 10] ?? 0;
    const separators =
      bytes[from + 7] === bytes[from + 4] &&
      (between === SPACE || (between | LOWER) === 0x74) &&
      bytes[from + 13] === COLON;
    if (!separators) return Number.NaN;
    const date = [
      digits(bytes, from, 4),
      digits(bytes, from + 5, 2),
      digits(bytes, from + 8, 2),
    ] as const;
    const ms = wallMinuteMs(date, digits(bytes, from + 11, 2), digits(bytes, from + 14, 2));
    if (!Number.isNaN(ms)) {
      for (let index = 0; index < ISO_MINUTE_BYTES; index++)
        known[index] = bytes[from + index] ?? 0;
      this.#isoMinuteMs = ms;
    }
    return ms;
  }

  #readBasic(bytes: Uint8Array, from: number, to: number): number {
    const date = [
      digits(bytes, from, 4),
      digits(bytes, from + 4, 2),
      digits(bytes, from + 6, 2),
    ] as const;
    const ms = wallMinuteMs(date, digits(bytes, from + 9, 2), digits(bytes, from + 11, 2));
    if (Number.isNaN(ms)) return Number.NaN;
    const at = from + 13;
    const next = (bytes[at] ?? 0) - ZERO;
    if (at < to && next >= 0 && next <= 9) return this.#withSeconds(bytes, at, to, ms);
    return this.#withZone(bytes, at, to, ms);
  }

  /** Reads `SS`, a fraction if there is one, and the zone. */
  #withSeconds(bytes: Uint8Array, from: number, to: number, minuteMs: number): number {
    if (from + 2 > to) return Number.NaN;
    const seconds = digits(bytes, from, 2);
    if (!(seconds <= 59)) return Number.NaN;
    let ms = minuteMs + seconds * 1000;
    let at = from + 2;
    if (at < to && (bytes[at] === DOT || bytes[at] === COMMA)) {
      const fraction = ++at;
      let weight = 100;
      for (; at < to; at++) {
        const digit = (bytes[at] ?? 0) - ZERO;
        if (digit < 0 || digit > 9) break;
        if (weight >= 1) ms += digit * weight;
        weight /= 10;
      }
      if (at === fraction) return Number.NaN;
    }
    return this.#withZone(bytes, at, to, ms);
  }

  /** Reads what is left as a zone and returns the moment in UTC. */
  #withZone(bytes: Uint8Array, from: number, to: number, wallMs: number): number {
    if (from === to) return wallMs - this.#zone.offsetMs(Math.floor(wallMs / MINUTE_MS));
    const at = bytes[from] === SPACE ? from + 1 : from;
    const first = bytes[at] ?? 0;
    const length = to - at;
    if (length === 1) return (first | LOWER) === 0x7a ? wallMs : Number.NaN;
    if (first === PLUS || first === DASH) {
      const end = wordEnd(bytes, at, to);
      return end === to || isZoneRepeated(bytes, end + 1, to)
        ? wallMs - zoneOffsetMs(bytes, at, end)
        : Number.NaN;
    }
    if (at === from || !areLetters(bytes, at, to)) return Number.NaN;
    return wallMs - zoneNameOffsetMs(bytes, at, to);
  }
}

/** Where the next space stands, or `to`. */
function wordEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== SPACE) at++;
  return at;
}

/** True when behind an offset its zone's name stands once more and perhaps a monotonic clock, as Go writes times: `+0300 MSK m=+0.000000001`. */
function isZoneRepeated(bytes: Uint8Array, from: number, to: number): boolean {
  const end = wordEnd(bytes, from, to);
  const isName = areLetters(bytes, from, end) || isOffsetAt(bytes, from, end);
  const isClock = bytes[end + 1] === LETTER_M && bytes[end + 2] === EQUALS;
  return isName && (end === to || (isClock && wordEnd(bytes, end + 1, to) === to));
}

/** True for `+03` and the like, which stands for the name of a zone that has none. */
function isOffsetAt(bytes: Uint8Array, from: number, to: number): boolean {
  const isSigned = bytes[from] === PLUS || bytes[from] === DASH;
  return isSigned && !Number.isNaN(zoneOffsetMs(bytes, from, to));
}

function areLetters(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const lower = (bytes[at] ?? 0) | LOWER;
    if (lower < 0x61 || lower > 0x7a) return false;
  }
  return to > from;
}

/** As {@link epochMs}, of the decimal text `bytes[from, to)` without sign or exponent; all digits count, also those that a double could not hold. */
export function readEpoch(bytes: Uint8Array, from: number, to: number): number {
  let point = from;
  while (point < to && bytes[point] !== DOT) point++;
  const count = point - from;
  if (bytes[from] === ZERO || count > 19) return Number.NaN;
  const unit = Math.floor((count - 9) / 3);
  // 9 and 10 digits, 12 and 13, and so on; 11, 14 and 17 could be two things.
  if (count < 9 || (count - 9) % 3 === 2) return Number.NaN;
  for (let at = point + 1; at < to; at++) {
    if (Number.isNaN(digits(bytes, at, 1))) return Number.NaN;
  }
  if (to === point + 1 || Number.isNaN(digits(bytes, from, count))) return Number.NaN;
  if (unit > 0) return digits(bytes, from, count - (unit - 1) * 3);
  let ms = digits(bytes, from, count) * 1000;
  for (let at = point + 1, weight = 100; at < to && weight >= 1; at++, weight /= 10) {
    ms += digits(bytes, at, 1) * weight;
  }
  return ms;
}
