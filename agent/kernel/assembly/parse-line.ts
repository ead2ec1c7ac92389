// The parser: a line that fits no shape is parsed as JSON, which proves it and teaches its shape.
import {
  addSegment, beginSegments, KIND_DURATION, KIND_BITS, KIND_END, KIND_EPOCH_TIME, KIND_KEPT_NUMBER, KIND_KEPT_STRING, KIND_LEVEL, KIND_NUMBER, KIND_NUMBER_LEVEL, KIND_SERVICE,
  KIND_STRING, KIND_TIME, learnShape, setSegmentKind,
} from "./shapes";
import { forgetKept, keep, KEPT_MAX, KEPT_NUMBER, KEPT_STRING, keptCount, keyOf, KEY_NO_ROOM, KEY_TOO_LONG } from "./kept";
import { note } from "./noted";
import { durationUs, endOfDuration } from "./numbers";
import { endOfNumber, endOfString, firstBytes, isDigit, skipBlanks } from "./text";
import { clearLocalUnknown, endOfEpochTime, endOfTime, isLocalUnknown, timeMinute, timeRest } from "./times";
import { levelOf, numberLevel, SERVICE_NAME_MAX, serviceOf, tally } from "./windows";

/** The line was counted. */
export const PROVEN: u32 = 0;
/** The line is for the host. */
export const UNPROVEN: u32 = 1;
/** A table is full; nothing was counted. */
export const NO_ROOM: u32 = 2;

export const FIELD_TIME: u32 = 0;
export const FIELD_SERVICE: u32 = 1;
export const FIELD_LEVEL: u32 = 2;
export const FIELD_DURATION: u32 = 3;
/** The first of the kept fields. */
export const FIELD_KEPT: u32 = 4;

/** Names of fields with a meaning: 48 bytes each: the name (at most 32), its length, field, rank (0 wins). */
const NAME_BYTES: usize = 48;
const NAMES_MAX: u32 = 32;
const NAMES: usize = memory.data(48 * 32, 64);
let nameCount: u32 = 0;
/** One bit for each length that a name has. */
let nameLengths: u64 = 0;

/** What was found of the four fields and the kept ones: rank + 1 of the name (0: not there), address of the value, its end, its type, its segment. */
const FOUND_BYTES: usize = 20;
const FOUND: usize = memory.data(20 * 12, 64);

const TYPE_STRING: u32 = 0;
const TYPE_NUMBER: u32 = 1;
/** true, false, an object or an array. */
const TYPE_OTHER: u32 = 2;
/** As good as absent. */
const TYPE_NULL: u32 = 3;

/** Service of events that name none; 0: such lines are for the host. */
export let defaultService: usize = 0;
/** Index of the level of events that name none. */
export let defaultLevel: u32 = 0;
/** What the host may teach after the last UNPROVEN line, so that the next such line is proven. */
export const LESSON_NONE: u32 = 0;
/** The level of a text. */
export const LESSON_LEVEL: u32 = 1;
/** The level of a number. */
export const LESSON_NUMBER_LEVEL: u32 = 2;
/** What minute a time without a zone is. */
export const LESSON_MINUTE: u32 = 3;
export let lesson: u32 = 0;
/** Where the text lies that is not known, and its length. */
export let lessonAt: usize = 0;
/** See {@link lessonAt}. */
export let lessonLength: u32 = 0;

function ask(what: u32, at: usize, length: u32): void {
  lesson = what;
  lessonAt = at;
  lessonLength = length;
}

export function setDefaults(service: usize, level: u32): void {
  defaultService = service;
  defaultLevel = level;
}

/** Adds a name; false when there are too many. */
export function addName(at: usize, length: u32, field: u32, rank: u32): bool {
  if (nameCount == NAMES_MAX || length > 32) return false;
  const name = NAMES + <usize>(nameCount++) * NAME_BYTES;
  memory.copy(name, at, length);
  store<u32>(name, length, 32);
  store<u32>(name, field, 36);
  store<u32>(name, rank, 40);
  nameLengths |= <u64>1 << length;
  return true;
}

/** Number of the name with these bytes, or -1. */
function nameOf(at: usize, length: u32): i32 {
  if (length > 32 || ((nameLengths >>> length) & 1) == 0) return -1;
  for (let number: u32 = 0; number < nameCount; number++) {
    const name = NAMES + <usize>number * NAME_BYTES;
    if (load<u32>(name, 32) == length && memory.compare(name, at, length) == 0) return <i32>number;
  }
  return -1;
}

function hasBackslash(from: usize, to: usize): bool {
  for (; from < to; from++) if (load<u8>(from) == 0x5c) return true;
  return false;
}

/** Keeps the value of a field, unless one with a better name is there. */
function find(name: i32, from: usize, to: usize, type: u32, segment: u32): void {
  const entry = NAMES + <usize>name * NAME_BYTES;
  const found = FOUND + <usize>load<u32>(entry, 36) * FOUND_BYTES;
  const rank = load<u32>(entry, 40) + 1;
  if (load<u32>(found) && load<u32>(found) < rank) return;
  store<u32>(found, rank);
  store<u32>(found, <u32>from, 4);
  store<u32>(found, <u32>to, 8);
  store<u32>(found, type, 12);
  store<u32>(found, segment, 16);
}

const AT_KEY_OR_END: u32 = 0;
const AT_KEY: u32 = 1;
const AT_VALUE_OR_END: u32 = 2;
const AT_VALUE: u32 = 3;
const AFTER_VALUE: u32 = 4;
const DEPTH_MAX: u32 = 63;

/** Parses and counts the line at `start`, whose line feed is at `end`. */
export function parseLine(start: usize, end: usize): u32 {
  lesson = LESSON_NONE;
  memory.fill(FOUND, 0, FOUND_BYTES * (FIELD_KEPT + KEPT_MAX));
  beginSegments();
  let at = skipBlanks(start);
  if (load<u8>(at) != 0x7b) return UNPROVEN;
  at++;
  // One bit a level of depth: set when it is an object.
  let depth: u32 = 1, objects: u64 = 2, state = AT_KEY_OR_END, literal = start;
  let name: i32 = -1, seen: u32 = 0;
  while (depth) {
    at = skipBlanks(at);
    const byte: u32 = load<u8>(at);
    if (state <= AT_KEY) {
      if (byte == 0x7d && state == AT_KEY_OR_END) {
        at++;
        depth--;
        state = AFTER_VALUE;
        continue;
      }
      if (byte != 0x22) return UNPROVEN;
      const key = at + 1;
      at = endOfString(key);
      if (!at) return UNPROVEN;
      if (depth == 1) {
        if (hasBackslash(key, at)) return UNPROVEN;
        name = nameOf(key, <u32>(at - key));
        if (name >= 0) {
          if (seen & (1 << name)) return UNPROVEN;
          seen |= 1 << name;
        }
      }
      at = skipBlanks(at + 1);
      if (load<u8>(at) != 0x3a) return UNPROVEN;
      at++;
      state = AT_VALUE;
      continue;
    }
    if (state == AFTER_VALUE) {
      const isObject = (objects >>> depth) & 1;
      if (byte == 0x2c) state = isObject ? AT_KEY : AT_VALUE;
      else if (byte == (isObject ? 0x7d : 0x5d)) depth--;
      else return UNPROVEN;
      at++;
      continue;
    }
    const from = at;
    let type = TYPE_OTHER, segment: u32 = 0;
    let isContainer = false;
    if (byte == 0x22) {
      at = endOfString(from + 1);
      if (!at) return UNPROVEN;
      type = TYPE_STRING;
      segment = addSegment(literal, from + 1, KIND_STRING);
      literal = at++;
    } else if (byte == 0x2d || isDigit(byte)) {
      at = endOfNumber(from);
      if (!at) return UNPROVEN;
      type = TYPE_NUMBER;
      segment = addSegment(literal, from, KIND_NUMBER);
      literal = at;
    } else if (byte == 0x7b || byte == 0x5b) {
      if (++depth > DEPTH_MAX) return UNPROVEN;
      const bit = <u64>1 << depth;
      objects = byte == 0x7b ? objects | bit : objects & ~bit;
      state = byte == 0x7b ? AT_KEY_OR_END : AT_VALUE_OR_END;
      at++;
      isContainer = true;
    } else if (byte == 0x5d && state == AT_VALUE_OR_END) {
      at++;
      depth--;
      state = AFTER_VALUE;
      continue;
    } else if (load<u32>(at) == 0x6c6c756e) {
      at += 4;
      type = TYPE_NULL;
    } else if (load<u32>(at) == 0x65757274) at += 4; // true
    else if (load<u32>(at) == 0x736c6166 && load<u8>(at, 4) == 0x65) at += 5; // false
    else return UNPROVEN;
    if (name >= 0) {
      if (type != TYPE_NULL) find(name, type == TYPE_STRING ? from + 1 : from, literal, type, segment);
      name = -1;
    }
    if (!isContainer) state = AFTER_VALUE;
  }
  if (skipBlanks(at) != end) return UNPROVEN;
  addSegment(literal, end + 1, KIND_END);
  return countFound(start, end + 1);
}

/** Reads the fields found, counts the event and learns the shape. */
function countFound(start: usize, next: usize): u32 {
  if (!readTime(FOUND + <usize>FIELD_TIME * FOUND_BYTES)) return UNPROVEN;
  const minute = timeMinute, rest = timeRest;
  const level = readLevel(FOUND + <usize>FIELD_LEVEL * FOUND_BYTES);
  if (level < 0) return UNPROVEN;
  let us: f64 = -1;
  const duration = FOUND + <usize>FIELD_DURATION * FOUND_BYTES;
  if (load<u32>(duration) && load<u32>(duration, 12) == TYPE_NUMBER) {
    if (endOfDuration(load<u32>(duration, 4)) != load<u32>(duration, 8)) return UNPROVEN;
    us = durationUs;
    setSegmentKind(load<u32>(duration, 16), KIND_DURATION);
  }
  let service = defaultService;
  const named = FOUND + <usize>FIELD_SERVICE * FOUND_BYTES;
  if (load<u32>(named) && load<u32>(named, 12) == TYPE_STRING) {
    const from: usize = load<u32>(named, 4), length = load<u32>(named, 8) - load<u32>(named, 4);
    if (hasBackslash(from, from + length) || length > SERVICE_NAME_MAX) return UNPROVEN;
    if (length) {
      service = serviceOf(from, length);
      if (!service) return NO_ROOM;
    }
    setSegmentKind(load<u32>(named, 16), KIND_SERVICE);
  }
  if (!service) return UNPROVEN;
  if (keptCount) {
    if (!readKept()) return UNPROVEN;
    service = keyOf(service);
    if (service == KEY_TOO_LONG) return UNPROVEN;
    if (service == KEY_NO_ROOM) return NO_ROOM;
  }
  if (!tally(service, minute, rest, <u32>level, us, <u32>(next - start))) return NO_ROOM;
  note(start, next, service, <u32>level, minute, rest);
  learnShape();
  return PROVEN;
}

/** Keeps the values of the fields found; false when one has no plain text. */
function readKept(): bool {
  forgetKept();
  for (let number: u32 = 0; number < keptCount; number++) {
    const found = FOUND + <usize>(FIELD_KEPT + number) * FOUND_BYTES;
    if (!load<u32>(found)) continue;
    const from: usize = load<u32>(found, 4), to: usize = load<u32>(found, 8);
    const type = load<u32>(found, 12);
    if (type == TYPE_OTHER || (type == TYPE_STRING && hasBackslash(from, to))) return false;
    keep(number, type == TYPE_STRING ? KEPT_STRING : KEPT_NUMBER, from, to);
    const kind = type == TYPE_STRING ? KIND_KEPT_STRING : KIND_KEPT_NUMBER;
    setSegmentKind(load<u32>(found, 16), kind | (number << KIND_BITS));
  }
  return true;
}

function readTime(found: usize): bool {
  if (!load<u32>(found)) return false;
  const from: usize = load<u32>(found, 4), to: usize = load<u32>(found, 8);
  if (load<u32>(found, 12) == TYPE_STRING) {
    setSegmentKind(load<u32>(found, 16), KIND_TIME);
    clearLocalUnknown();
    if (endOfTime(from) == to) return true;
    if (isLocalUnknown) ask(LESSON_MINUTE, from, 16);
    return false;
  }
  setSegmentKind(load<u32>(found, 16), KIND_EPOCH_TIME);
  return load<u32>(found, 12) == TYPE_NUMBER && endOfEpochTime(from) == to;
}

/** Index of the level, or -1. */
function readLevel(found: usize): i32 {
  if (!load<u32>(found)) return <i32>defaultLevel;
  const from: usize = load<u32>(found, 4), length = load<u32>(found, 8) - load<u32>(found, 4);
  const type = load<u32>(found, 12);
  if (type == TYPE_OTHER || length > 15 || hasBackslash(from, from + length)) return -1;
  let key = v128.and(v128.load(from), firstBytes(length));
  if (type == TYPE_NUMBER) {
    if (length > 8) return -1;
    for (let i: usize = 0; i < length; i++) if (!isDigit(load<u8>(from + i))) return -1;
    key = numberLevel(key);
  }
  const level = levelOf(key);
  if (level < 0) {
    ask(type == TYPE_NUMBER ? LESSON_NUMBER_LEVEL : LESSON_LEVEL, from, length);
  }
  setSegmentKind(load<u32>(found, 16), type == TYPE_NUMBER ? KIND_NUMBER_LEVEL : KIND_LEVEL);
  return level;
}
