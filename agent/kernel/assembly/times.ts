// Times: ISO 8601 with a zone, and whole numbers of milliseconds or seconds since the epoch. Others are left to the host.
import { minuteOf, NO_MINUTE, twoDigits, YEAR_MAX, YEAR_MIN } from "./calendar";
import { decimal } from "./numbers";
import { isDigit } from "./text";

/**
 * The minutes met last: sixteen places by the last digit of the minute, each the 16 bytes "YYYY-MM-DDTHH:MM", the minute's number if
 * they are UTC, and its number if they are a time without a zone (known only when the host taught it).
 * An empty place holds a text that belongs to another place, so that nothing is ever found there.
 */
const MINUTES: usize = memory.data(32 * 16, 64);
const MINUTE_UTC: usize = 16;
const MINUTE_LOCAL: usize = 20;

/** What the last successful reading of a time gave: minutes since the epoch, and the rest in milliseconds. */
export let timeMinute: i32 = 0;
/** See {@link timeMinute}. */
export let timeRest: i32 = 0;
/** Set when a time had no zone and its minute was not taught: then the reading failed for that reason. */
export let isLocalUnknown: bool = false;

export function clearLocalUnknown(): void {
  isLocalUnknown = false;
}

export function forgetTimes(): void {
  for (let place = 0; place < 16; place++) {
    memory.fill(MINUTES + (<usize>place << 5), <u8>((place + 1) & 15), 32);
  }
}

/** Minutes since the epoch of "YYYY-MM-DDTHH:MM" at `at` (or with a space for the T), years 1970 to 2199, or NO_MINUTE. */
function readMinute(at: usize): i32 {
  if (
    load<u8>(at, 4) != 0x2d || load<u8>(at, 7) != 0x2d ||
    (load<u8>(at, 10) != 0x54 && load<u8>(at, 10) != 0x20) || load<u8>(at, 13) != 0x3a
  ) return NO_MINUTE;
  const year = twoDigits(at) * 100 + twoDigits(at + 2);
  const month = twoDigits(at + 5), day = twoDigits(at + 8);
  const hour = twoDigits(at + 11), minute = twoDigits(at + 14);
  return year < YEAR_MIN || year > YEAR_MAX ? NO_MINUTE : minuteOf(year, month, day, hour, minute);
}

/** What each byte of ":SS.mmmZ" weighs in milliseconds. */
const WEIGHTS: usize = memory.data<i16>([0, 10000, 1000, 0, 100, 10, 1, 0], 16);

// @ts-ignore: decorator
@inline function placeOf(at: usize): usize {
  return MINUTES + (<usize>(load<u8>(at, 15) & 15) << 5);
}

/** The place of the minute of the 16 bytes at `at`, made if need be; 0 when they are none. */
function knownMinute(at: usize): usize {
  const place = placeOf(at);
  const text = v128.load(at);
  if (i8x16.bitmask(i8x16.eq(text, v128.load(place))) == 0xffff) return place;
  const minute = readMinute(at);
  if (minute == NO_MINUTE) return 0;
  v128.store(place, text);
  store<i32>(place, minute, MINUTE_UTC);
  store<i32>(place, NO_MINUTE, MINUTE_LOCAL);
  return place;
}

/** The minute that the 16 bytes at `at` are in UTC; for the host, which then teaches what they are without a zone. */
export function wallMinute(at: usize): i32 {
  const place = knownMinute(at);
  return place ? load<i32>(place, MINUTE_UTC) : NO_MINUTE;
}

export function learnLocalMinute(at: usize, minute: i32): void {
  const place = knownMinute(at);
  if (place) store<i32>(place, minute, MINUTE_LOCAL);
}

/**
 * First byte behind the ISO time at `at`, which {@link timeMinute} and {@link timeRest} then hold; 0 when it is none.
 * Nearly always it is "YYYY-MM-DDTHH:MM:SS.mmmZ" in a minute met before.
 */
// @ts-ignore: decorator
@inline export function endOfTime(at: usize): usize {
  const place = placeOf(at);
  const minuteBits = i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(place)));
  // ":SS.mmmZ": after the exclusive or, what is fixed is zero and digits are 0 to 9; adding 6 (10 for the tens of seconds)
  // carries into the upper half of a byte that is no digit.
  const rest = load<u64>(at, 16) ^ 0x5a3030302e30303a;
  if (((rest | (rest + 0x0006060600060a00)) & 0xfff0f0f0fff0f0ff) == 0 && minuteBits == 0xffff) {
    const digits = i16x8.extend_low_i8x16_u(i64x2.splat(rest));
    const parts = i32x4.dot_i16x8_s(digits, v128.load(WEIGHTS));
    const sums = i64x2.extract_lane(parts, 0) + i64x2.extract_lane(parts, 1);
    timeRest = <i32>sums + <i32>(sums >>> 32);
    timeMinute = load<i32>(place, MINUTE_UTC);
    return at + 24;
  }
  return endOfAnyTime(at);
}

/** Seconds with or without a fraction of up to nine digits; `Z`, an offset, or (before the closing quote) no zone. */
function endOfAnyTime(at: usize): usize {
  const place = knownMinute(at);
  if (!place || load<u8>(at, 16) != 0x3a) return 0;
  const seconds = twoDigits(at + 17);
  if (seconds < 0 || seconds > 59) return 0;
  at += 19;
  let milliseconds: i32 = 0;
  if (load<u8>(at) == 0x2e || load<u8>(at) == 0x2c) {
    const first = ++at;
    let weight = 100;
    for (; isDigit(load<u8>(at)); at++) {
      milliseconds += weight * (<i32>load<u8>(at) - 48);
      weight /= 10;
    }
    if (at == first || at - first > 9) return 0;
  }
  let minute = load<i32>(place, MINUTE_UTC);
  const zone = load<u8>(at);
  if (zone == 0x5a) at++;
  else if (zone == 0x2b || zone == 0x2d) {
    const behindHours: usize = load<u8>(at, 3) == 0x3a ? 4 : 3;
    const hours = twoDigits(at + 1), minutes = twoDigits(at + behindHours);
    if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return 0;
    const offset = hours * 60 + minutes;
    minute -= zone == 0x2b ? offset : -offset;
    at += behindHours + 2;
  } else if (zone == 0x22) {
    minute = load<i32>(place, MINUTE_LOCAL);
    if (minute == NO_MINUTE) {
      isLocalUnknown = true;
      return 0;
    }
  } else return 0;
  timeMinute = minute;
  timeRest = seconds * 1000 + milliseconds;
  return at;
}

/** Most digits that surely make an integer below 2^53. */
const DIGITS_MAX: i32 = 16;
const MANTISSA_MAX: i64 = 9007199254740991;

/** Milliseconds of a count of seconds, cut off: the arithmetic of epochMs in shared/time/time-text.ts. */
function secondsToMs(value: f64): i64 {
  const whole = floor<f64>(value);
  return <i64>(whole * 1000.0 + min<f64>(999.0, floor<f64>((value - whole) * 1000.0 + 0.0005)));
}

/**
 * The same for a number: 13 digits are milliseconds since the epoch, 10 are seconds and may have decimals. Of many decimals the last
 * are left out as in numbers.ts: when the number so cut and the next one in its last place give the same millisecond, that is it.
 */
export function endOfEpochTime(at: usize): usize {
  const first = at;
  let mantissa: i64 = 0;
  for (; isDigit(load<u8>(at)); at++) {
    if (at - first == 13) return 0;
    mantissa = mantissa * 10 + (<i64>load<u8>(at) - 48);
  }
  const count = at - first;
  if (load<u8>(first) == 0x30) return 0;
  let ms = mantissa;
  if (count == 10) {
    let decimals: i32 = 0, isCut = false;
    if (load<u8>(at) == 0x2e) {
      if (!isDigit(load<u8>(++at))) return 0;
      for (; isDigit(load<u8>(at)); at++) {
        if (decimals + 10 == DIGITS_MAX) isCut = true;
        else {
          mantissa = mantissa * 10 + (<i64>load<u8>(at) - 48);
          decimals++;
        }
      }
    }
    if (mantissa >= MANTISSA_MAX) return 0;
    ms = secondsToMs(decimal(mantissa, decimals));
    if (isCut && ms != secondsToMs(decimal(mantissa + 1, decimals))) return 0;
  } else if (count != 13 || load<u8>(at) == 0x2e) return 0;
  if ((load<u8>(at) | 32) == 0x65) return 0;
  timeMinute = <i32>(ms / 60000);
  timeRest = <i32>(ms - <i64>timeMinute * 60000);
  return at;
}
