// Lines of access logs: agent/parsers/access-log.ts, byte for byte, where the time has the form that servers write.
import { fourDigits, minuteOf, monthOf, NO_MINUTE, twoDigits, YEAR_MAX, YEAR_MIN } from "./calendar";
import {
  EVENT, LEVEL_ERROR, LEVEL_INFO, LEVEL_WARN, setDuration, setLevel, setService, setTime, UNPROVEN,
} from "./measured";
import { find, findEither } from "./search";
import { isDigit } from "./text";
import { readDuration, UNIT_OF_SOURCE, UNIT_SECONDS } from "./text-durations";

const SPACE: u32 = 32;
const QUOTE: u8 = 0x22;
const DASH: u32 = 0x2d;
const BACKSLASH: u8 = 0x5c;
/** Longest text before the time. */
const HEAD_BYTES_MAX: usize = 1024;
/** Bytes of `20/Nov/2026:10:00:00 +0000`. */
const TIME_BYTES: usize = 26;

/** True when a number with three decimals at the end is nginx's time in seconds. */
let isNginxTime = true;

export function setNginxTime(isNginx: bool): void {
  isNginxTime = isNginx;
}

/** What the tail begins behind; status and the end of the byte count, as {@link isStatusAt} left them. */
let tailFrom: usize = 0, status: i32 = 0, bytesTo: usize = 0;

/** Reads a line of an access log. */
export function accessLine(from: usize, end: usize): u32 {
  const limit = min(end, from + HEAD_BYTES_MAX);
  let at = from + 1;
  while (true) {
    at = find(at, limit, 0x5b);
    if (at >= limit) return UNPROVEN;
    if (load<u8>(at - 1) == SPACE) break;
    at++;
  }
  const close = at + 1 + TIME_BYTES;
  if (close + 3 >= end || load<u8>(close) != 0x5d || load<u8>(close, 1) != SPACE || load<u8>(close, 2) != QUOTE) {
    return UNPROVEN;
  }
  if (!findRequest(close + 3, end) || !readTime(at + 1) || !findTail(bytesTo, end)) return UNPROVEN;
  setLevel(status >= 500 ? LEVEL_ERROR : status >= 400 ? LEVEL_WARN : LEVEL_INFO);
  setService(0, 0);
  return readRequestTime(end) ? EVENT : UNPROVEN;
}

/** Sixteen minutes met last, by their last digit: 17 bytes of the minute (the last one at 24), zone and bracket, minute in UTC. */
const PLACE_BYTES: usize = 48;
const PLACES: usize = memory.data(48 * 16, 64);

/** Reads `20/Nov/2026:10:00:00 +0000]`. */
function readTime(at: usize): bool {
  const place = PLACES + <usize>(load<u8>(at, 16) & 15) * PLACE_BYTES;
  const seconds = twoDigits(at + 18);
  if (load<u8>(at, 17) != 0x3a || seconds < 0 || seconds > 59) return false;
  const isKnown = i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(place))) == 0xffff &&
    load<u64>(at, 20) == load<u64>(place, 16) && load<u8>(at, 16) == load<u8>(place, 24);
  if (!isKnown) {
    const minute = readMinute(at);
    if (minute == NO_MINUTE) return false;
    v128.store(place, v128.load(at));
    store<u64>(place, load<u64>(at, 20), 16);
    store<u8>(place, load<u8>(at, 16), 24);
    store<i32>(place, minute, 28);
  }
  setTime(load<i32>(place, 28), seconds * 1000);
  return true;
}

function readMinute(at: usize): i32 {
  const year = fourDigits(at + 7), hours = twoDigits(at + 22), minutes = twoDigits(at + 24);
  const sign: u32 = load<u8>(at, 21);
  if (
    load<u8>(at, 2) != 0x2f || load<u8>(at, 6) != 0x2f || load<u8>(at, 11) != 0x3a || load<u8>(at, 14) != 0x3a ||
    load<u8>(at, 20) != SPACE || (sign != 0x2b && sign != DASH) ||
    year < YEAR_MIN || year > YEAR_MAX || hours < 0 || hours > 23 || minutes < 0 || minutes > 59
  ) return NO_MINUTE;
  const wall = minuteOf(year, monthOf(at + 3), twoDigits(at), twoDigits(at + 12), twoDigits(at + 15));
  if (wall == NO_MINUTE) return NO_MINUTE;
  const offset = hours * 60 + minutes;
  return sign == DASH ? wall + offset : wall - offset;
}

/** Finds the quote behind which status and byte count stand; a quote behind a backslash is none. */
function findRequest(at: usize, end: usize): bool {
  while (true) {
    at = findEither(at, end, QUOTE, BACKSLASH);
    if (at >= end) return false;
    if (load<u8>(at) == BACKSLASH) at += 2;
    else {
      at++;
      if (isStatusAt(at, end)) return true;
    }
  }
}

/** True when ` STATUS BYTES` stands at `at`, where each may be `-`. */
function isStatusAt(at: usize, end: usize): bool {
  if (load<u8>(at) != SPACE) return false;
  at++;
  if (load<u8>(at) == DASH) {
    status = 0;
    at++;
  } else {
    const hundreds: u32 = <u32>load<u8>(at) - 48, rest = twoDigits(at + 1);
    if (hundreds > 9 || rest < 0) return false;
    status = <i32>hundreds * 100 + rest;
    at += 3;
  }
  if (at >= end || load<u8>(at) != SPACE) return false;
  at++;
  if (load<u8>(at) == DASH) at++;
  else {
    const from = at;
    while (isDigit(load<u8>(at))) at++;
    if (at == from) return false;
  }
  if (at > end || (at < end && load<u8>(at) > SPACE)) return false;
  bytesTo = at;
  return true;
}

/** Finds what stands behind referrer and agent; false when a quote is not closed. */
function findTail(at: usize, end: usize): bool {
  tailFrom = at;
  if (at + 3 < end && load<u8>(at, 1) == DASH && load<u8>(at, 2) == SPACE && load<u8>(at, 3) == QUOTE) {
    tailFrom = closingQuote(at + 4, end) + 1;
    return tailFrom != 1;
  }
  if (at + 1 >= end || load<u8>(at, 1) != QUOTE) return true;
  const referrerTo = closingQuote(at + 2, end);
  if (!referrerTo) return false;
  tailFrom = referrerTo + 1;
  if (referrerTo + 2 >= end || load<u8>(referrerTo, 2) != QUOTE) return true;
  tailFrom = closingQuote(referrerTo + 3, end) + 1;
  return tailFrom != 1;
}

/** The next quote that is not escaped and that a space or the end follows, or 0. */
function closingQuote(at: usize, end: usize): usize {
  while (true) {
    at = findEither(at, end, QUOTE, BACKSLASH);
    if (at >= end) return 0;
    if (load<u8>(at) == BACKSLASH) at += 2;
    else if (at + 1 == end || load<u8>(at, 1) <= SPACE) return at;
    else at++;
  }
}

/** Reads a duration at the very end, if there is one; false when the host has to say. */
function readRequestTime(end: usize): bool {
  while (end > tailFrom && load<u8>(end - 1) <= SPACE) end--;
  let start = end;
  while (start > tailFrom && load<u8>(start - 1) > SPACE) start--;
  setDuration(-1);
  if (start == end || !isDigit(load<u8>(start))) return true;
  const isSeconds = isNginxTime && end - start >= 5 && load<u8>(end - 4) == 0x2e;
  const us = readDuration(start, end, isSeconds ? UNIT_SECONDS : UNIT_OF_SOURCE);
  setDuration(us);
  return us >= 0;
}
