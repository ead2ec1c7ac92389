// Lines of logfmt: agent/parsers/logfmt.ts, byte for byte, where values with a meaning have no escapes and times a usual form.
import { COMMON_WORDS, levelOfWord } from "./level-words";
import { readIsoTime, TIME_READ, timeEnd, timeMinute, timeRest } from "./line-times";
import {
  EVENT, LEVEL_INFO, setDuration, setLevel, setService, setTime, UNPROVEN,
} from "./measured";
import { findBlank, findEither } from "./search";
import { firstBytes, isDigit } from "./text";
import { readDuration, UNIT_OF_SOURCE } from "./text-durations";

const SPACE: u32 = 32;
const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;

/** Keys with a meaning: 48 bytes each: the key (at most 32), its length, meaning, rank (0 wins). */
const KEY_BYTES: usize = 48;
const KEYS_MAX: u32 = 32;
const KEYS: usize = memory.data(48 * 32, 64);
let keyCount: u32 = 0;
/** One bit for each length that a key has. */
let keyLengths: u64 = 0;

/**
 * The keys of the line before, by their place in it: up to 16 bytes with the equals sign, a bit for each of them (none: no such key), their
 * count, where a value of that meaning is noted (0: the key has none), rank + 1. Nearly every line has the same keys in the same order.
 */
const PAIR_BYTES: usize = 32;
const PAIRS_MAX: usize = 64;
const PAIRS: usize = memory.data(32 * 65, 64);
const PAIR_MASK: usize = 16;
const PAIR_LENGTH: usize = 20;
const PAIR_FOUND: usize = 24;
const PAIR_RANK: usize = 28;

/** Meanings, as the host numbers them. */
const TIME: usize = 0;
const SERVICE: usize = 1;
const LEVEL: usize = 2;
const DURATION: usize = 3;
/** What was found of each meaning: rank + 1 (0: nothing), where the value lies and ends, whether it has escapes. */
const FOUND_BYTES: usize = 16;
const FOUND: usize = memory.data(16 * 4, 64);

/** True when the lines stand in others that have the time. */
let isTimeGiven = false;
/** Longer texts are no times. */
const TIME_BYTES_MAX: usize = 64;

export function setTimeGiven(isGiven: bool): void {
  isTimeGiven = isGiven;
}

/** Adds a key with a meaning; false when there are too many. */
export function addKey(at: usize, length: u32, meaning: u32, rank: u32): bool {
  if (keyCount == KEYS_MAX || length > 32) return false;
  const key = KEYS + <usize>(keyCount++) * KEY_BYTES;
  memory.copy(key, at, length);
  store<u32>(key, length, 32);
  store<u32>(key, meaning, 36);
  store<u32>(key, rank, 40);
  keyLengths |= <u64>1 << length;
  return true;
}

/** Keeps a value at `found` unless a better key had one. */
// @ts-ignore: decorator
@inline function note(found: usize, rank: u32, from: usize, to: usize, isEscaped: bool): void {
  if (!found || (load<u32>(found) && rank > load<u32>(found))) return;
  store<u32>(found, rank);
  store<u32>(found, <u32>from, 4);
  store<u32>(found, <u32>to, 8);
  store<u32>(found, <u32>isEscaped, 12);
}

/** Where a value of the key is noted, and its rank + 1, by its known name; 0: the key has no meaning. */
let keyFound: usize = 0, keyRank: u32 = 0;

function findKey(key: usize, length: usize): void {
  keyFound = 0;
  keyRank = 0;
  if (length > 32 || ((keyLengths >>> length) & 1) == 0) return;
  for (let number: u32 = 0; number < keyCount; number++) {
    const known = KEYS + <usize>number * KEY_BYTES;
    if (load<u32>(known, 32) != <u32>length || load<u8>(known) != load<u8>(key)) continue;
    if (memory.compare(known, key, length) != 0) continue;
    keyFound = FOUND + <usize>load<u32>(known, 36) * FOUND_BYTES;
    keyRank = load<u32>(known, 40) + 1;
    return;
  }
}

/** Remembers the key of {@link findKey} for the next line. `length`: with the equals sign. */
// @ts-ignore: decorator
@inline function expectKey(pair: usize, key: usize, length: usize): void {
  if (length > 16) return;
  v128.store(pair, v128.and(v128.load(key), firstBytes(length)));
  store<u32>(pair, (1 << <u32>length) - 1, PAIR_MASK);
  store<u32>(pair, <u32>length, PAIR_LENGTH);
  store<u32>(pair, <u32>keyFound, PAIR_FOUND);
  store<u32>(pair, keyRank, PAIR_RANK);
}

/** Where the key at `at` may end: at a byte up to the space, an equals sign or a quote; or `end`. */
// @ts-ignore: decorator
@inline function endOfKey(at: usize, end: usize): usize {
  while (at < end) {
    const text = v128.load(at);
    const found = i8x16.bitmask(v128.or(
      i8x16.le_u(text, i8x16.splat(32)),
      v128.or(i8x16.eq(text, i8x16.splat(0x3d)), i8x16.eq(text, i8x16.splat(0x22))),
    ));
    if (found) return min(at + ctz(found), end);
    at += 16;
  }
  return end;
}

/** Reads a line of logfmt. */
export function logfmtLine(at: usize, end: usize): u32 {
  for (let meaning: usize = 0; meaning < 4; meaning++) v128.store(FOUND + meaning * FOUND_BYTES, i64x2.splat(0));
  let pair = PAIRS;
  while (at < end) {
    if (load<u8>(at) <= SPACE) {
      at++;
      continue;
    }
    let found: usize, rank: u32;
    // No key leads over the end of the line: what stands behind it is part of none.
    const mask = load<u32>(pair, PAIR_MASK);
    if (mask && (i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(pair))) & mask) == mask) {
      at += <usize>load<u32>(pair, PAIR_LENGTH);
      found = load<u32>(pair, PAIR_FOUND);
      rank = load<u32>(pair, PAIR_RANK);
    } else {
      const key = at;
      at = endOfKey(at, end);
      if (at >= end || load<u8>(at) <= SPACE) continue;
      if (at == key || load<u8>(at) == QUOTE) return UNPROVEN;
      findKey(key, at - key);
      at++;
      expectKey(pair, key, at - key);
      found = keyFound;
      rank = keyRank;
    }
    // Behind so many pairs the last place is used for all others.
    if (pair < PAIRS + PAIR_BYTES * PAIRS_MAX) pair += PAIR_BYTES;
    if (at < end && load<u8>(at) == QUOTE) {
      const from = at + 1;
      at = findEither(from, end, QUOTE, BACKSLASH);
      let isEscaped = false;
      while (at < end && load<u8>(at) == BACKSLASH) {
        isEscaped = true;
        at = findEither(at + 2, end, QUOTE, BACKSLASH);
      }
      if (at >= end) return UNPROVEN;
      note(found, rank, from, at, isEscaped);
      at++;
      if (at < end && load<u8>(at) > SPACE) return UNPROVEN;
      continue;
    }
    const from = at;
    at = findBlank(at, end);
    note(found, rank, from, at, false);
  }
  if (pair == PAIRS || !readFoundTime() || !readFoundDuration()) return UNPROVEN;
  return readFoundNames() ? EVENT : UNPROVEN;
}

// @ts-ignore: decorator
@inline function fromOf(meaning: usize): usize {
  return load<u32>(FOUND + meaning * FOUND_BYTES, 4);
}

// @ts-ignore: decorator
@inline function toOf(meaning: usize): usize {
  return load<u32>(FOUND + meaning * FOUND_BYTES, 8);
}

// @ts-ignore: decorator
@inline function isFound(meaning: usize): bool {
  return load<u32>(FOUND + meaning * FOUND_BYTES) != 0;
}

// @ts-ignore: decorator
@inline function isEscapedValue(meaning: usize): bool {
  return load<u32>(FOUND + meaning * FOUND_BYTES, 12) != 0;
}

function readFoundTime(): bool {
  if (isTimeGiven) return isFound(TIME) || isFound(LEVEL);
  if (!isFound(TIME) || isEscapedValue(TIME)) return false;
  const from = fromOf(TIME), to = toOf(TIME);
  if (readIsoTime(from, to) == TIME_READ && timeEnd == to) {
    setTime(timeMinute, timeRest);
    return true;
  }
  return readEpoch(from, to);
}

/** Ten digits of seconds, perhaps with decimals, or thirteen of milliseconds. */
function readEpoch(from: usize, to: usize): bool {
  if (to - from > TIME_BYTES_MAX) return false;
  let at = from, value: i64 = 0;
  while (at < to && at - from < 14 && isDigit(load<u8>(at))) value = value * 10 + <i64>load<u8>(at++) - 48;
  const count = at - from;
  if (load<u8>(from) == 0x30 || (count != 10 && count != 13)) return false;
  let weight = 100, decimals: i64 = 0;
  if (at < to) {
    if (load<u8>(at++) != 0x2e || at == to) return false;
    for (; at < to; at++) {
      if (!isDigit(load<u8>(at))) return false;
      decimals += weight * (<i32>load<u8>(at) - 48);
      weight /= 10;
    }
  }
  const ms = count == 13 ? value : value * 1000 + decimals;
  setTime(<i32>(ms / 60000), <i32>(ms % 60000));
  return true;
}

function readFoundDuration(): bool {
  setDuration(-1);
  if (!isFound(DURATION)) return true;
  const us = readDuration(fromOf(DURATION), toOf(DURATION), UNIT_OF_SOURCE);
  setDuration(us);
  return us >= 0;
}

/** Reads level and service. */
function readFoundNames(): bool {
  setLevel(LEVEL_INFO);
  if (isFound(LEVEL)) {
    if (isEscapedValue(LEVEL)) return false;
    setLevel(levelOfWord(fromOf(LEVEL), toOf(LEVEL) - fromOf(LEVEL), COMMON_WORDS));
  }
  setService(0, 0);
  if (isFound(SERVICE)) {
    if (isEscapedValue(SERVICE)) return false;
    setService(fromOf(SERVICE), toOf(SERVICE) - fromOf(SERVICE));
  }
  return true;
}
