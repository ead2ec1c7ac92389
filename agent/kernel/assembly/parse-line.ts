// The parser: a line that fits no shape is parsed as JSON, which proves it and teaches its shape.
import {
  FIELD_DURATION, FIELD_KEPT, FIELD_LEVEL, FIELD_SERVICE, FIELD_TIME, FOUND, FOUND_BYTES, hasBackslash, literalAt, readObject, TYPE_NUMBER,
  TYPE_OTHER, TYPE_STRING,
} from "./json-object";
import { forgetKept, keep, KEPT_NUMBER, KEPT_STRING, keptCount, keyOf, KEY_NO_ROOM, KEY_TOO_LONG } from "./kept";
import { note } from "./noted";
import { durationUs, endOfDuration } from "./numbers";
import {
  addSegment, KIND_BITS, KIND_DURATION, KIND_END, KIND_EPOCH_TIME, KIND_KEPT_NUMBER, KIND_KEPT_STRING, KIND_LEVEL, KIND_NUMBER_LEVEL,
  KIND_SERVICE, KIND_TIME, learnShape, setSegmentKind,
} from "./shapes";
import { firstBytes, isDigit } from "./text";
import { clearLocalUnknown, endOfEpochTime, endOfTime, isLocalUnknown, timeMinute, timeRest } from "./times";
import { levelOf, numberLevel, SERVICE_NAME_MAX, serviceOf, tally } from "./windows";

/** The line was counted. */
export const PROVEN: u32 = 0;
/** The line is for the host. */
export const UNPROVEN: u32 = 1;
/** A table is full; nothing was counted. */
export const NO_ROOM: u32 = 2;

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

/** Parses and counts the line at `start`, whose line feed is at `end`. */
export function parseLine(start: usize, end: usize): u32 {
  lesson = LESSON_NONE;
  if (!readObject(start, end)) return UNPROVEN;
  addSegment(literalAt, end + 1, KIND_END);
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
