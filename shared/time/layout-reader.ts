/**
 * Reads times by a layout, from bytes, wherever in a line they begin.
 *
 * A layout may lack the year, as syslog's and logcat's do. Such a time is in the latest year that does not put it in the future, seen
 * from the clock that the reader is given; a day of grace keeps a log whose clock is a little ahead from falling back by a year.
 * Without a clock such times are refused.
 */
import { assert } from "../assert.ts";
import {
  digits,
  isAmbiguousZone,
  matchesLower,
  monthOf,
  wallMinuteMs,
  zoneNameOffsetMs,
  zoneOffsetMs,
} from "./calendar.ts";
import {
  fieldsOf,
  ISO_PREFIX_LAYOUT,
  type LayoutField,
  type LayoutStep,
  parseLayout,
} from "./time-layout.ts";
import { readEpoch } from "./time-text.ts";
import { isTimeZone, TimeZone } from "./time-zone.ts";

type FieldStep = Extract<LayoutStep, { readonly kind: "field" }>;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const HALF_DAY_MS = 12 * HOUR_MS;
const DAY_MS = 86_400_000;
/** How far ahead of the clock a time without a year may lie before it is taken for last year's. */
const GRACE_MS = DAY_MS;
/** A leap day is at most eight years back. */
const YEARS_BACK_MAX = 8;
const ZERO = 0x30;
const SPACE = 0x20;
const COLON = 0x3a;
const DASH = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const COMMA = 0x2c;
const SLASH = 0x2f;
/** The letter Z: letters beyond it are small. */
const UPPER_MAX = 0x5a;
const LOWER = 0x20;
const ZONE_NAME_BYTES_MAX = 5;
/** The longest name of the IANA database has 32 letters. */
const REGION_BYTES_MAX = 40;
/** Most zones by region that are remembered. */
const REGIONS_MAX = 64;

/** What follows the minute in {@link ISO_PREFIX_LAYOUT}. */
const PLAIN_TAIL = JSON.stringify(isoTail());

function isoTail(): readonly LayoutStep[] {
  const layout = parseLayout(ISO_PREFIX_LAYOUT);
  assert(typeof layout !== "string", "the layout of ISO 8601 is right");
  return layout.slice(headCount(layout));
}

/** See the head of the file. Keeps the last minute read, because most lines of a log share it with the line before. */
export class LayoutReader {
  /** Where the time that was read last ends. */
  end = 0;
  /** Digits of a number since the epoch; undefined when the time is none. */
  readonly #epochDigits: number | undefined;
  readonly #zone: TimeZone;
  readonly #nowMs: (() => number) | undefined;
  /** Steps before the seconds, when they say the whole minute; their bytes are remembered. */
  readonly #headSteps: readonly LayoutStep[];
  readonly #tailSteps: readonly LayoutStep[];
  /** True when the steps after the minute are those of ISO 8601: seconds, a fraction and a zone, each of which may be missing. */
  readonly #hasPlainTail: boolean;
  #head: Uint8Array = new Uint8Array(0);
  #headMs = Number.NaN;
  /** Until this moment of the clock the remembered minute is in the right year. */
  #headUntilMs = Number.POSITIVE_INFINITY;
  #zoneMinute = Number.NaN;
  #zoneMs = 0;

  // What the steps found so far.
  #year = 0;
  #month = 0;
  #day = 0;
  #hour = 0;
  #minute = 0;
  #ms = 0;
  #offsetMs = Number.NaN;
  /** The zone that the time names by its region. */
  #region: TimeZone | undefined;
  /** True when a zone stands there that could be several. */
  #isAmbiguous = false;
  readonly #regions = new Map<string, TimeZone | undefined>();

  /** `layout` is what `parseLayout` made; `zone` is that of times without one; `nowMs` gives the year of those without one. */
  constructor(layout: readonly LayoutStep[], zone: TimeZone, nowMs?: () => number) {
    const [first] = layout;
    this.#epochDigits = first?.kind === "epoch" ? first.digits : undefined;
    this.#zone = zone;
    this.#nowMs = nowMs;
    const split = headCount(layout);
    this.#headSteps = layout.slice(0, split);
    this.#tailSteps = layout.slice(split);
    this.#hasPlainTail = JSON.stringify(this.#tailSteps) === PLAIN_TAIL;
  }

  /**
   * Milliseconds since the epoch of the time at `from`, parts cut off; NaN when there is none. It may end before `to`: see {@link end}.
   */
  read(bytes: Uint8Array, from: number, to: number): number {
    const epochDigits = this.#epochDigits;
    if (epochDigits !== undefined) return this.#readEpoch(bytes, from, to, epochDigits);
    this.#ms = 0;
    this.#offsetMs = Number.NaN;
    this.#region = undefined;
    this.#isAmbiguous = false;
    let minuteMs = this.#knownMinute(bytes, from, to);
    let at = from + this.#head.length;
    if (Number.isNaN(minuteMs)) {
      this.#year = Number.NaN;
      at = this.#run(this.#headSteps, bytes, from, to);
      if (at < 0) return Number.NaN;
      if (this.#headSteps.length > 0) {
        minuteMs = this.#wallMinute();
        if (Number.isNaN(minuteMs)) {
          // Until when the remembered minute is right was just forgotten.
          this.#head = new Uint8Array(0);
          return Number.NaN;
        }
        // A copy: the caller fills its buffer anew, and the `slice` of a Buffer shares its bytes.
        this.#head = Uint8Array.prototype.slice.call(bytes, from, at);
        this.#headMs = minuteMs;
      }
    }
    at = this.#hasPlainTail
      ? this.#readPlainTail(bytes, at, to)
      : this.#run(this.#tailSteps, bytes, at, to);
    if (at < 0 || this.#isAmbiguous) return Number.NaN;
    if (this.#headSteps.length === 0) minuteMs = this.#wallMinute();
    this.end = at;
    const wallMs = minuteMs + this.#ms;
    return wallMs - (Number.isNaN(this.#offsetMs) ? this.#zoneOffset(wallMs) : this.#offsetMs);
  }

  /** As {@link #run} of such steps; most lines of most logs come here, and this takes half as long. */
  #readPlainTail(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (at < to && bytes[at] === COLON) {
      const seconds = this.#readSecond(bytes, at + 1, to);
      if (seconds >= 0) {
        at = seconds;
        if (at < to && isPoint(bytes[at] ?? 0)) {
          const fraction = this.#readFraction(bytes, at + 1, to);
          if (fraction >= 0) at = fraction;
        }
      }
    }
    if (at >= to) return at;
    const isBehindSpace = bytes[at] === SPACE;
    if (!isBehindSpace && (bytes[at] ?? 0) < SPACE) return at;
    if (isBehindSpace && this.#readClockHalf(bytes, at + 1, to)) return at + 3;
    const zone = this.#readZone(bytes, isBehindSpace ? at + 1 : at, to);
    return zone < 0 ? at : zone;
  }

  /** True when AM or PM stands there and the hour that was read is one of twelve. */
  #readClockHalf(bytes: Uint8Array, from: number, to: number): boolean {
    if (bytes[from + 1] !== 0x4d || (from + 2 < to && !isWordEnd(bytes[from + 2] ?? 0)))
      return false;
    const isAfternoon = bytes[from] === 0x50;
    if (from + 2 > to || (!isAfternoon && bytes[from] !== 0x41)) return false;
    const hour = Math.floor((((this.#headMs % DAY_MS) + DAY_MS) % DAY_MS) / HOUR_MS);
    if (hour === 0 || hour > 12) return false;
    if (isAfternoon && hour < 12) this.#ms += HALF_DAY_MS;
    else if (!isAfternoon && hour === 12) this.#ms -= HALF_DAY_MS;
    return true;
  }

  #knownMinute(bytes: Uint8Array, from: number, to: number): number {
    const known = this.#head;
    if (known.length === 0 || from + known.length > to) return Number.NaN;
    let at = known.length - 1;
    while (at >= 0 && bytes[from + at] === known[at]) at--;
    if (at >= 0) return Number.NaN;
    if (this.#headUntilMs < Number.POSITIVE_INFINITY && !this.#isHeadOfThisYear()) {
      return Number.NaN;
    }
    return this.#headMs;
  }

  /** Whether the remembered minute is still in the right year. */
  #isHeadOfThisYear(): boolean {
    return (this.#nowMs?.() ?? Number.POSITIVE_INFINITY) < this.#headUntilMs;
  }

  #zoneOffset(wallMs: number): number {
    const minute = Math.floor(wallMs / MINUTE_MS);
    if (this.#region !== undefined) return this.#region.offsetMs(minute);
    if (minute !== this.#zoneMinute) {
      this.#zoneMinute = minute;
      this.#zoneMs = Number.isNaN(minute) ? 0 : this.#zone.offsetMs(minute);
    }
    return this.#zoneMs;
  }

  /** The minute that the fields say, as if it were UTC. */
  #wallMinute(): number {
    this.#headUntilMs = Number.POSITIVE_INFINITY;
    if (!Number.isNaN(this.#year)) return this.#wallMinuteOf(this.#year);
    const nowMs = this.#nowMs?.();
    if (nowMs === undefined) return Number.NaN;
    const newest = new Date(nowMs + GRACE_MS).getUTCFullYear() + 1;
    for (let year = newest; year >= newest - 1 - YEARS_BACK_MAX; year--) {
      const wallMs = this.#wallMinuteOf(year);
      if (Number.isNaN(wallMs)) continue;
      const atMs = wallMs - this.#zone.offsetMs(Math.floor(wallMs / MINUTE_MS));
      if (atMs <= nowMs + GRACE_MS) return wallMs;
      this.#headUntilMs = atMs - GRACE_MS;
    }
    return Number.NaN;
  }

  #wallMinuteOf(year: number): number {
    return wallMinuteMs([year, this.#month, this.#day], this.#hour, this.#minute);
  }

  #readEpoch(bytes: Uint8Array, from: number, to: number, digitCount: number): number {
    let at = from;
    while (at < to && isDigit(bytes[at] ?? 0)) at++;
    const count = at - from;
    if (at + 1 < to && bytes[at] === DOT && isDigit(bytes[at + 1] ?? 0)) {
      at++;
      while (at < to && isDigit(bytes[at] ?? 0)) at++;
    }
    this.end = at;
    // Seconds have nine or ten digits, and so on by threes.
    if (digitCount > 0 && count !== digitCount && count !== digitCount - 1) return Number.NaN;
    return readEpoch(bytes, from, at);
  }

  /** Reads steps one after the other and returns where they end, or -1. */
  #run(steps: readonly LayoutStep[], bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    // By index: an iterator costs more than the steps.
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index];
      if (step === undefined) break;
      if (step.kind === "text") at = matchText(step.bytes, bytes, at, to);
      else if (step.kind === "point") at = at < to && isPoint(bytes[at] ?? 0) ? at + 1 : -1;
      else if (step.kind === "field") at = this.#readField(step, bytes, at, to);
      else if (step.kind === "optional") {
        const after = this.#run(step.steps, bytes, at, to);
        if (after >= 0) at = after;
      }
      if (at < 0) return -1;
    }
    return at;
  }

  #readField(step: FieldStep, bytes: Uint8Array, from: number, to: number): number {
    const { field, isLoose } = step;
    if (field === "second") return this.#readSecond(bytes, from, to);
    if (field === "zone") return this.#readZone(bytes, from, to);
    if (field === "fraction") return this.#readFraction(bytes, from, to);
    if (field === "weekday") return letters(bytes, from, to, isLoose);
    if (field === "monthName") {
      const end = letters(bytes, from, to, isLoose);
      this.#month = end < 0 ? Number.NaN : monthOf(bytes, from);
      return Number.isNaN(this.#month) ? -1 : end;
    }
    if (field === "halfDay") return this.#readHalfDay(bytes, from, to);
    if (field === "year") {
      this.#year = digits(bytes, from, 4);
      return from + 4 <= to && !Number.isNaN(this.#year) ? from + 4 : -1;
    }
    // A space may stand for the first of two digits.
    const start = isLoose && bytes[from] === SPACE ? from + 1 : from;
    const isShort = isLoose && !isDigit(bytes[start + 1] ?? 0);
    const end = start + (isShort || start > from ? 1 : 2);
    const value = end <= to ? digits(bytes, start, end - start) : Number.NaN;
    return Number.isNaN(value) || !this.#setNumber(field, value) ? -1 : end;
  }

  /** Keeps a number of up to two digits; false when there can be no such field. */
  #setNumber(field: LayoutField, value: number): boolean {
    if (field === "shortYear") this.#year = value < 69 ? 2000 + value : 1900 + value;
    else if (field === "month") this.#month = value;
    else if (field === "day") this.#day = value;
    else if (field === "hour") this.#hour = value;
    else if (field === "minute") this.#minute = value;
    else if (field === "halfDayHour") {
      this.#hour = value % 12;
      return value >= 1 && value <= 12;
    }
    return true;
  }

  #readSecond(bytes: Uint8Array, from: number, to: number): number {
    const tens = (bytes[from] ?? 0) - ZERO;
    const ones = (bytes[from + 1] ?? 0) - ZERO;
    if (from + 2 > to || tens < 0 || tens > 5 || ones < 0 || ones > 9) return -1;
    this.#ms += (tens * 10 + ones) * 1000;
    return from + 2;
  }

  #readHalfDay(bytes: Uint8Array, from: number, to: number): number {
    if (from + 2 > to) return -1;
    if (matchesLower(bytes, from, "pm")) this.#hour += 12;
    else if (!matchesLower(bytes, from, "am")) return -1;
    return from + 2;
  }

  #readFraction(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let weight = 100;
    for (; at < to; at++) {
      const digit = (bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      if (weight >= 1) this.#ms += digit * weight;
      weight /= 10;
    }
    return at === from ? -1 : at;
  }

  /** Behind a space, where a word could follow, names are in capitals and whole words. */
  #readZone(bytes: Uint8Array, from: number, to: number): number {
    const isBehindSpace = bytes[from - 1] === SPACE;
    let at = from;
    while (at < to && isLetter(bytes[at] ?? 0) && at - from <= ZONE_NAME_BYTES_MAX) {
      if (isBehindSpace && (bytes[at] ?? 0) > UPPER_MAX) break;
      at++;
    }
    const isName = at > from;
    if (isName) {
      if (isRegionAt(bytes, from, to)) return this.#readRegion(bytes, from, to);
      if (isBehindSpace && at < to && !isWordEnd(bytes[at] ?? 0)) return -1;
      this.#offsetMs = zoneNameOffsetMs(bytes, from, at);
      this.#isAmbiguous = Number.isNaN(this.#offsetMs) && isAmbiguousZone(bytes, from, at);
      if (Number.isNaN(this.#offsetMs)) return -1;
      // `GMT+1` is an hour ahead of Greenwich.
      if (this.#offsetMs !== 0 || at - from === 1) return at;
    }
    const sign = bytes[at];
    if (at >= to || (sign !== PLUS && sign !== DASH)) return isName ? at : -1;
    const end = zoneEnd(bytes, at, to);
    // Behind a space two digits alone are rather a number: `10:00:00 -10 degrees`.
    if (end - at === 3 && bytes[at - 1] === SPACE) return -1;
    if (isName && end === at && isDigit(bytes[at + 1] ?? 0)) {
      const hours = digits(bytes, at + 1, 1);
      this.#offsetMs = (sign === DASH ? -hours : hours) * HOUR_MS;
      return at + 2;
    }
    const offsetMs = zoneOffsetMs(bytes, at, end);
    if (Number.isNaN(offsetMs)) return isName ? at : -1;
    this.#offsetMs = offsetMs;
    return end;
  }

  /** A zone by its name in the IANA database, such as `Europe/Berlin`. */
  #readRegion(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    const limit = Math.min(to, from + REGION_BYTES_MAX);
    while (at < limit && isRegionByte(bytes[at] ?? 0)) at++;
    const name = Buffer.from(bytes.subarray(from, at)).toString("latin1");
    if (!this.#regions.has(name)) {
      if (this.#regions.size >= REGIONS_MAX) this.#regions.clear();
      this.#regions.set(name, isTimeZone(name) ? new TimeZone(name) : undefined);
    }
    this.#region = this.#regions.get(name);
    return this.#region === undefined ? -1 : at;
  }
}

/** How many of the steps say the whole minute and can be known again by their bytes; 0 when none can. */
function headCount(steps: readonly LayoutStep[]): number {
  const at = steps.findIndex((step) => fieldsOf([step]).some((field) => field === "second"));
  const count = at < 0 ? steps.length : at;
  const head = steps.slice(0, count);
  const late = fieldsOf(steps.slice(count));
  const isWhole = late.every((field) => ["second", "fraction", "zone"].includes(field));
  const last = head.at(-1);
  // What follows a loose field decides where it ends, so that its bytes alone do not say what they mean.
  const isFixed = last?.kind === "text" || (last?.kind === "field" && !last.isLoose);
  const hasZone = fieldsOf(head).some((field) => field === "zone" || field === "fraction");
  return isWhole && isFixed && !hasZone ? count : 0;
}

function matchText(text: Uint8Array, bytes: Uint8Array, from: number, to: number): number {
  if (from + text.length > to) return -1;
  for (let index = 0; index < text.length; index++) {
    if (text[index] !== bytes[from + index]) return -1;
  }
  return from + text.length;
}

function isPoint(byte: number): boolean {
  return byte === COMMA || byte === DOT;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** True of what cannot be part of a word. */
function isWordEnd(byte: number): boolean {
  return !isLetter(byte) && !isDigit(byte) && byte !== 0x5f;
}

/** True when a capital, letters and a slash stand there: `Europe/…`. */
function isRegionAt(bytes: Uint8Array, from: number, to: number): boolean {
  if ((bytes[from] ?? 0) > UPPER_MAX) return false;
  let at = from;
  while (at < to && at - from < REGION_BYTES_MAX && isLetter(bytes[at] ?? 0)) at++;
  return at - from >= 3 && bytes[at] === SLASH;
}

function isRegionByte(byte: number): boolean {
  return !isWordEnd(byte) || byte === SLASH || byte === DASH || byte === PLUS;
}

function isLetter(byte: number): boolean {
  const lower = byte | LOWER;
  return lower >= 0x61 && lower <= 0x7a;
}

/** Where three letters, or if there may be more all letters, end; -1 when there are too few. */
function letters(bytes: Uint8Array, from: number, to: number, isLoose: boolean): number {
  let at = from;
  while (at < to && isLetter(bytes[at] ?? 0) && (isLoose || at - from < 3)) at++;
  return at - from < 3 ? -1 : at;
}

/** Where an offset such as `+1`, `+01`, `+0100` or `+01:00` ends. */
function zoneEnd(bytes: Uint8Array, from: number, to: number): number {
  const isAt = (index: number): boolean => index < to && isDigit(bytes[index] ?? 0);
  if (!isAt(from + 1) || !isAt(from + 2)) return from;
  if (bytes[from + 3] === COLON && isAt(from + 4) && isAt(from + 5)) return from + 6;
  return isAt(from + 3) && isAt(from + 4) ? from + 5 : from + 3;
}
