// Times as lines of text write them. A layout (shared/time/time-layout.ts) comes from the host as a small program, which is run over
// the bytes; the forms that nearly all lines have are read without it, from minutes met before.
//
// What a wall clock's minute is in UTC, and in which year a time without one is, the host knows: it teaches it, minute by minute.
import { fourDigits, minuteOf, monthOf, NO_MINUTE, twoDigits, YEAR_MAX, YEAR_MIN } from "./calendar";
import { digitBits, digitValues, isDigit, isLetter } from "./text";
import { isWordEnd, mayBeZone, ZONE_NAME_MAX } from "./zone-names";

/** The time was read. */
export const TIME_READ: u32 = 0;
/** There is surely no time. */
export const TIME_NONE: u32 = 1;
/** The host has to say; perhaps it can teach. */
export const TIME_UNKNOWN: u32 = 2;

/** What the last time that was read gave: minutes since the epoch, the rest in milliseconds, and where it ends. */
export let timeMinute: i32 = 0;
/** See {@link timeMinute}. */
export let timeRest: i32 = 0;
/** See {@link timeMinute}. */
export let timeEnd: usize = 0;

/** Value of {@link wallAsked} when there is no question. */
export const NOTHING_ASKED: i32 = NO_MINUTE;
/** What the host may teach: a wall clock's minute since the epoch, or month, day, hour and minute packed. */
export let wallAsked: i32 = NO_MINUTE;
/** True when {@link wallAsked} has no year. */
export let isYearAsked: bool = false;

export function forgetQuestion(): void {
  wallAsked = NO_MINUTE;
}

/** True when the time that was read last names its zone. */
export function hadZone(): bool {
  return hasOffset;
}

/** 256 places: the minute that was asked for, its minute in UTC. One table for minutes with a year, one for those without. */
const WALL_PLACES: u32 = 256;
const WALL: usize = memory.data(8 * 256, 64);
const YEARLESS: usize = memory.data(8 * 256, 64);
/** Stands in a place of {@link YEARLESS}: there is no such minute in any year. */
const NEVER: i32 = NO_MINUTE + 1;
/** Stands in a place of {@link WALL}: the host alone can say. */
const UNTEACHABLE: i32 = NO_MINUTE + 2;

// @ts-ignore: decorator
@inline function placeOfWall(table: usize, wall: i32): usize {
  return table + (<usize>(<u32>wall & (WALL_PLACES - 1)) << 3);
}

function forgetTable(table: usize): void {
  for (let number: u32 = 0; number < WALL_PLACES; number++) {
    store<i32>(table + (<usize>number << 3), NO_MINUTE);
  }
}

/** Teaches a minute in UTC, of one without a year that there is none, or that it cannot be taught. */
export function learnWall(wall: i32, isYearless: bool, minute: i32): void {
  const place = placeOfWall(isYearless ? YEARLESS : WALL, wall);
  store<i32>(place, wall);
  store<i32>(place, minute, 4);
}

/** Forgets what depends on the clock: the years of times without one. */
export function forgetYears(): void {
  forgetTable(YEARLESS);
  forgetHeads(SYSLOG_HEADS);
}

/** The minute in UTC, NEVER, or NO_MINUTE: then the host has to say, and is asked unless that was tried. */
function taughtMinute(wall: i32, isYearless: bool): i32 {
  const place = placeOfWall(isYearless ? YEARLESS : WALL, wall);
  if (load<i32>(place) == wall) {
    const known = load<i32>(place, 4);
    return known == UNTEACHABLE ? NO_MINUTE : known;
  }
  wallAsked = wall;
  isYearAsked = isYearless;
  return NO_MINUTE;
}

/** Heads of times met last, by the last digit of their minute: sixteen bytes of text, the minute that they are, and what it is without a zone. */
const HEAD_BYTES: usize = 32;
/** Only of ISO 8601; NO_MINUTE: that is not known. */
const HEAD_LOCAL: usize = 20;
const HEADS: u32 = 32;
const ISO_HEADS: usize = memory.data(32 * 32, 64);
const SYSLOG_HEADS: usize = memory.data(32 * 32, 64);

function forgetHeads(heads: usize): void {
  // A text that belongs to another place is never found in this one.
  for (let place: u32 = 0; place < HEADS; place++) {
    memory.fill(heads + <usize>place * HEAD_BYTES, <u8>((place + 1) & (HEADS - 1)), HEAD_BYTES);
  }
}

export function startTimes(): void {
  forgetTable(WALL);
  forgetHeads(ISO_HEADS);
  forgetYears();
}

// What the steps of a layout found.
let year: i32 = 0, month: i32 = 0, day: i32 = 0, hour: i32 = 0, minute: i32 = 0, ms: i32 = 0;
let hasYear = false, hasOffset = false, isUnknown = false;
let offset: i32 = 0;

/** Steps of a layout: a byte that says what, then what it needs; `agent/kernel/encode-shapes.ts` writes them. */
const STEP_TEXT: u32 = 0;
const STEP_POINT: u32 = 1;
const STEP_OPTIONAL: u32 = 2;
const STEP_YEAR: u32 = 3;
const STEP_SHORT_YEAR: u32 = 4;
const STEP_MONTH: u32 = 5;
const STEP_MONTH_NAME: u32 = 6;
const STEP_DAY: u32 = 7;
const STEP_WEEKDAY: u32 = 8;
const STEP_HOUR: u32 = 9;
const STEP_HALF_DAY_HOUR: u32 = 10;
const STEP_HALF_DAY: u32 = 11;
const STEP_MINUTE: u32 = 12;
const STEP_SECOND: u32 = 13;
const STEP_FRACTION: u32 = 14;
const STEP_ZONE: u32 = 15;
/** A number since the epoch, which the kernel does not read. */
const STEP_EPOCH: u32 = 16;

/** Kinds of layouts that have a fast way. */
export const LAYOUT_OTHER: u32 = 0;
/** ISO 8601 before a space and a word. */
export const LAYOUT_ISO_PREFIX: u32 = 1;

/** Reads a time of the layout whose steps lie at `[steps, stepsEnd)`, from `at`, not beyond `end`. */
export function readTime(kind: u32, steps: usize, stepsEnd: usize, at: usize, end: usize): u32 {
  if (kind == LAYOUT_ISO_PREFIX) {
    const outcome = readIsoTime(at, end, true);
    if (outcome != TIME_NONE) return outcome;
  }
  ms = 0;
  hasYear = false;
  hasOffset = false;
  isUnknown = false;
  const to = runSteps(steps, stepsEnd, at, end);
  if (isUnknown) return TIME_UNKNOWN;
  if (!to) return TIME_NONE;
  return finishTime(to);
}

/** From the fields found to a minute in UTC. */
function finishTime(to: usize): u32 {
  timeEnd = to;
  timeRest = ms;
  if (!hasYear) {
    if (month < 1 || month > 12 || day > 31 || hour > 23 || minute > 59) return TIME_NONE;
    // The year depends on the zone of the source, whatever zone stands behind.
    if (hasOffset) return TIME_UNKNOWN;
    const known = taughtMinute(((month * 32 + day) * 24 + hour) * 60 + minute, true);
    if (known == NEVER) return TIME_NONE;
    timeMinute = known;
    return known == NO_MINUTE ? TIME_UNKNOWN : TIME_READ;
  }
  const wall = minuteOf(year, month, day, hour, minute);
  if (wall == NO_MINUTE) return TIME_NONE;
  if (year < YEAR_MIN || year > YEAR_MAX) return TIME_UNKNOWN;
  return finishWall(wall);
}

// @ts-ignore: decorator
@inline function finishWall(wall: i32): u32 {
  if (hasOffset) {
    timeMinute = wall - offset;
    return TIME_READ;
  }
  const known = taughtMinute(wall, false);
  timeMinute = known;
  return known == NO_MINUTE ? TIME_UNKNOWN : TIME_READ;
}

/**
 * The form of ISO 8601 that nearly all lines have: `YYYY-MM-DD`, T or a space, `HH:MM:SS`, perhaps a fraction, and a zone or none.
 * TIME_NONE: it is not of this form, which says nothing. `isPrefix`: a line begins with it, and the zone may stand behind a space.
 */
export function readIsoTime(at: usize, end: usize, isPrefix: bool = false): u32 {
  if (at + 19 > end) return TIME_NONE;
  // The time of a line and that of its envelope differ in what stands between date and clock.
  const place = ISO_HEADS + <usize>((load<u8>(at, 15) & 15) | (load<u8>(at, 10) & 16)) * HEAD_BYTES;
  const text = v128.load(at);
  if (i8x16.bitmask(i8x16.eq(text, v128.load(place))) != 0xffff) {
    if (
      load<u8>(at, 4) != 0x2d || load<u8>(at, 7) != 0x2d ||
      (load<u8>(at, 10) != 0x54 && load<u8>(at, 10) != 0x20) || load<u8>(at, 13) != 0x3a
    ) return TIME_NONE;
    const years = fourDigits(at);
    if (years < YEAR_MIN || years > YEAR_MAX) return TIME_NONE;
    const found = minuteOf(
      years, twoDigits(at + 5), twoDigits(at + 8), twoDigits(at + 11), twoDigits(at + 14),
    );
    if (found == NO_MINUTE) return TIME_NONE;
    v128.store(place, text);
    store<i32>(place, found, 16);
    store<i32>(place, NO_MINUTE, HEAD_LOCAL);
  }
  const wall = load<i32>(place, 16);
  // ":SS.mmm": as in times.ts; a comma differs from the point by one bit.
  const rest = load<u64>(at, 16) ^ 0x003030302e30303a;
  if (at + 24 <= end && ((rest | (rest + 0x0006060600060a00)) & 0x00f0f0f0fdf0f0ff) == 0) {
    const digits = i16x8.extend_low_i8x16_u(i64x2.splat(rest));
    const parts = i32x4.dot_i16x8_s(digits, v128.load(WEIGHTS));
    const sums = i64x2.extract_lane(parts, 0) + i64x2.extract_lane(parts, 1);
    timeRest = <i32>sums + <i32>(sums >>> 32);
    at = endOfDigits(at + 23, end);
  } else {
    const seconds = twoDigits(at + 17);
    if (load<u8>(at, 16) != 0x3a || seconds < 0 || seconds > 59) return TIME_NONE;
    ms = seconds * 1000;
    at += 19;
    if (at < end && (load<u8>(at) == 0x2e || load<u8>(at) == 0x2c) && isDigit(load<u8>(at, 1))) {
      at = readFraction(at + 1, end);
    }
    timeRest = ms;
  }
  hasOffset = false;
  if (at < end && load<u8>(at) > 32) {
    if (load<u8>(at) == 0x5a && isBehindZ(at + 1, end)) {
      hasOffset = true;
      timeMinute = wall;
      timeEnd = at + 1;
      return TIME_READ;
    }
    isUnknown = false;
    const behind = readZone(at, end);
    if (isUnknown) return TIME_UNKNOWN;
    if (behind) at = behind;
  } else if (isPrefix && at + 1 < end && load<u8>(at) == 32 && mayBeZone(at + 1, end)) {
    isUnknown = false;
    const behind = readZone(at + 1, end);
    if (isUnknown) return TIME_UNKNOWN;
    if (behind) at = behind;
  }
  timeEnd = at;
  if (hasOffset) {
    timeMinute = wall - offset;
    return TIME_READ;
  }
  timeMinute = load<i32>(place, HEAD_LOCAL);
  if (timeMinute != NO_MINUTE) return TIME_READ;
  const outcome = finishWall(wall);
  store<i32>(place, timeMinute, HEAD_LOCAL);
  return outcome;
}

/** Reads `MMM dd HH:mm:ss`, the day with a space for a missing digit: syslog's form. TIME_NONE: it is not of this form. */
export function readSyslogTime(at: usize, end: usize): u32 {
  if (at + 15 > end) return TIME_NONE;
  const seconds = twoDigits(at + 13);
  if (load<u8>(at, 12) != 0x3a || seconds < 0 || seconds > 59) return TIME_NONE;
  const place = SYSLOG_HEADS + <usize>(load<u8>(at, 11) & 15) * HEAD_BYTES;
  timeRest = seconds * 1000;
  timeEnd = at + 15;
  if (load<u64>(at) == load<u64>(place) && load<u32>(at, 8) == load<u32>(place, 8)) {
    timeMinute = load<i32>(place, 16);
    return TIME_READ;
  }
  const months = monthOf(at);
  const days = load<u8>(at, 4) == 32 && isDigit(load<u8>(at, 5)) ? load<u8>(at, 5) - 48 : twoDigits(at + 4);
  const hours = twoDigits(at + 7), minutes = twoDigits(at + 10);
  if (
    !months || load<u8>(at, 3) != 32 || load<u8>(at, 6) != 32 || load<u8>(at, 9) != 0x3a ||
    days < 1 || days > 31 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59
  ) return TIME_NONE;
  const known = taughtMinute(((months * 32 + days) * 24 + hours) * 60 + minutes, true);
  if (known == NO_MINUTE) return TIME_UNKNOWN;
  if (known == NEVER) return TIME_NONE;
  store<u64>(place, load<u64>(at));
  store<u32>(place, load<u32>(at, 8), 8);
  store<i32>(place, known, 16);
  timeMinute = known;
  return TIME_READ;
}

/** Runs steps one after the other; returns where they end, or 0. What steps of a group found that failed stays found, as on the host. */
function runSteps(step: usize, stepsEnd: usize, at: usize, end: usize): usize {
  while (step < stepsEnd) {
    const what: u32 = load<u8>(step);
    const detail: u32 = load<u8>(step, 1);
    step += 2;
    if (what == STEP_TEXT) {
      if (at + detail > end || memory.compare(at, step, detail) != 0) return 0;
      step += detail;
      at += detail;
    } else if (what == STEP_OPTIONAL) {
      const behind = runSteps(step, step + detail, at, end);
      if (behind) at = behind;
      step += detail;
    } else at = readField(what, detail != 0, at, end);
    if (!at || isUnknown) return 0;
  }
  return at;
}

function readField(what: u32, isLoose: bool, at: usize, end: usize): usize {
  switch (what) {
    case STEP_POINT:
      return at < end && (load<u8>(at) == 0x2e || load<u8>(at) == 0x2c) ? at + 1 : 0;
    case STEP_YEAR: {
      const value = fourDigits(at);
      if (at + 4 > end || value < 0) return 0;
      year = value;
      hasYear = true;
      return at + 4;
    }
    case STEP_MONTH_NAME: {
      const to = endOfLetters(at, end, isLoose);
      month = to ? monthOf(at) : 0;
      return month ? to : 0;
    }
    case STEP_WEEKDAY:
      return endOfLetters(at, end, isLoose);
    case STEP_HALF_DAY: {
      if (at + 2 > end || (load<u8>(at, 1) | 32) != 0x6d) return 0;
      const first: u32 = load<u8>(at) | 32;
      if (first == 0x70) hour += 12;
      else if (first != 0x61) return 0;
      return at + 2;
    }
    case STEP_SECOND: {
      const value = at + 2 <= end ? twoDigits(at) : -1;
      if (value < 0 || value > 59) return 0;
      ms += value * 1000;
      return at + 2;
    }
    case STEP_FRACTION:
      return at < end && isDigit(load<u8>(at)) ? readFraction(at, end) : 0;
    case STEP_ZONE:
      return readZone(at, end);
    case STEP_EPOCH:
      isUnknown = true;
      return 0;
    default:
      return readNumber(what, isLoose, at, end);
  }
}

/** Reads a field of two digits; of a loose one a digit may be missing, or a space stand for it. */
function readNumber(what: u32, isLoose: bool, at: usize, end: usize): usize {
  const hasSpace = isLoose && load<u8>(at) == 32;
  const from = hasSpace ? at + 1 : at;
  const isShort = hasSpace || (isLoose && !isDigit(load<u8>(from, 1)));
  const to = from + (isShort ? 1 : 2);
  if (to > end || !isDigit(load<u8>(from))) return 0;
  const value = isShort ? <i32>load<u8>(from) - 48 : twoDigits(from);
  if (value < 0) return 0;
  if (what == STEP_SHORT_YEAR) {
    year = value < 69 ? 2000 + value : 1900 + value;
    hasYear = true;
  } else if (what == STEP_MONTH) month = value;
  else if (what == STEP_DAY) day = value;
  else if (what == STEP_HOUR) hour = value;
  else if (what == STEP_MINUTE) minute = value;
  else {
    hour = value % 12;
    if (value < 1 || value > 12) return 0;
  }
  return to;
}

function endOfLetters(at: usize, end: usize, isLoose: bool): usize {
  const from = at;
  while (at < end && isLetter(load<u8>(at)) && (isLoose || at - from < 3)) at++;
  return at - from < 3 ? 0 : at;
}

/** What each byte of ":SS.mmm" weighs in milliseconds. */
const WEIGHTS: usize = memory.data<i16>([0, 10000, 1000, 0, 100, 10, 1, 0], 16);

// @ts-ignore: decorator
@inline function endOfDigits(at: usize, end: usize): usize {
  let to = at + ctz(~digitBits(digitValues(v128.load(at))));
  if (to - at == 16) while (to < end && isDigit(load<u8>(to))) to++;
  return min(to, end);
}

// @ts-ignore: decorator
@inline function readFraction(at: usize, end: usize): usize {
  const to = endOfDigits(at, end);
  if (to > at) ms += 100 * (<i32>load<u8>(at) - 48);
  if (to > at + 1) ms += 10 * (<i32>load<u8>(at, 1) - 48);
  if (to > at + 2) ms += <i32>load<u8>(at, 2) - 48;
  return to;
}

/** True when a zone that begins with Z is that letter alone. */
// @ts-ignore: decorator
@inline function isBehindZ(at: usize, end: usize): bool {
  return at >= end || !(isLetter(load<u8>(at)) || load<u8>(at) == 0x2f);
}

/** Reads `Z`, an offset of hours or hours and minutes, UTC and GMT; other names of zones are the host's. 0: there is none. */
function readZone(at: usize, end: usize): usize {
  const from = at;
  while (at < end && isLetter(load<u8>(at)) && at - from <= ZONE_NAME_MAX) at++;
  const length = at - from;
  if (length) {
    const isUtc = length == 1
      ? (load<u8>(from) | 32) == 0x7a
      : length == 3 && ((load<u32>(from) | 0x202020) & 0xffffff) == 0x637475;
    // Behind a space it is one only in capitals and as a whole word.
    const isSure = load<u8>(from - 1) != 32 ||
      (isWordEnd(at, end) && load<u8>(from) < 97 && load<u8>(at - 1) < 97);
    const isRegion = at < end && load<u8>(at) == 0x2f;
    if (!isUtc || !isSure || isRegion) {
      isUnknown = true;
      return 0;
    }
    hasOffset = true;
    offset = 0;
    if (length == 1) return at;
  }
  const sign: u32 = load<u8>(at);
  if (at >= end || (sign != 0x2b && sign != 0x2d)) return length ? at : 0;
  const to = endOfZone(at, end);
  if (to - at == 3 && load<u8>(at - 1) == 32) return 0;
  // `UTC+1`, an hour ahead of Greenwich.
  if (length && to == at && isDigitAt(at + 1, end)) {
    isUnknown = true;
    return 0;
  }
  const hours = to > at ? twoDigits(at + 1) : -1;
  const minutes = to - at == 3 ? 0 : twoDigits(to - 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return length ? at : 0;
  hasOffset = true;
  offset = (hours * 60 + minutes) * (sign == 0x2d ? -1 : 1);
  return to;
}

function isDigitAt(at: usize, end: usize): bool {
  return at < end && isDigit(load<u8>(at));
}

/** Where `+01`, `+0100` or `+01:00` at `at` ends; `at` when it is none. */
function endOfZone(at: usize, end: usize): usize {
  if (!isDigitAt(at + 1, end) || !isDigitAt(at + 2, end)) return at;
  if (load<u8>(at, 3) == 0x3a && isDigitAt(at + 4, end) && isDigitAt(at + 5, end)) return at + 6;
  return isDigitAt(at + 3, end) && isDigitAt(at + 4, end) ? at + 5 : at + 3;
}
