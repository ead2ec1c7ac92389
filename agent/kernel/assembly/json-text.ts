// JSON inside of other lines that have the time: agent/parsers/json-dialects.ts, where the line is of no dialect and is simple. What was read
// here once teaches its shape to the walk (walk-text.ts).
import {
  addName, FIELD_DURATION, FIELD_KEPT, FIELD_LEVEL, FIELD_SERVICE, FOUND, FOUND_BYTES, hasBackslash, literalAt, readObject, TYPE_NUMBER,
  TYPE_OTHER, TYPE_STRING,
} from "./json-object";
import { COMMON_WORDS, levelOfWord } from "./level-words";
import { EVENT, LEVEL_INFO, LEVEL_OTHER, setDuration, setLevel, setService, UNPROVEN } from "./measured";
import {
  addSegment, escapeSegments, KIND_DURATION, KIND_END, KIND_LEVEL, KIND_NUMBER_LEVEL, KIND_SERVICE, learnShape, setSegmentKind,
} from "./shapes";
import { isDigit } from "./text";
import { readDuration, UNIT_OF_SOURCE } from "./text-durations";
import { LEVEL_DIGITS_MAX, walkText } from "./walk-text";

/** Fields that mark a line as one of a dialect, which has names of its own. */
export const FIELD_MARK: u32 = FIELD_KEPT;

/** False until the names are known. */
let hasNames = false;

/** Adds a name of a field, or of a mark. False when there are too many. */
export function addJsonName(at: usize, length: u32, field: u32, rank: u32): bool {
  hasNames = true;
  return addName(at, length, field, rank);
}

// @ts-ignore: decorator
@inline function foundAt(field: u32): usize {
  return FOUND + <usize>field * FOUND_BYTES;
}

/** True when the lines hold their texts as strings, which are walked before they are laid out without escapes. */
let isInString = false;

export function setInString(isString: bool): void {
  isInString = isString;
}

/** Reads a text that begins with a brace. */
export function jsonText(at: usize, end: usize): u32 {
  if (!isInString && walkText(at) == end) return EVENT;
  if (!hasNames || !readObject(at, end) || load<u32>(foundAt(FIELD_MARK))) return UNPROVEN;
  if (!readFoundLevel() || !readFoundDuration() || !readFoundService()) return UNPROVEN;
  addSegment(literalAt, end, KIND_END);
  // A level that is an object, or true, is OTHER: the walk would not see it.
  const isWalkable = !load<u32>(foundAt(FIELD_LEVEL)) || load<u32>(foundAt(FIELD_LEVEL), 12) != TYPE_OTHER;
  if (isWalkable && (!isInString || escapeSegments())) learnShape();
  return EVENT;
}

/** Says what the value that was found means to the walk. */
// @ts-ignore: decorator
@inline function teach(found: usize, kind: u32): void {
  setSegmentKind(load<u32>(found, 16), kind);
}

function readFoundLevel(): bool {
  setLevel(LEVEL_INFO);
  const found = foundAt(FIELD_LEVEL);
  if (!load<u32>(found)) return true;
  const from: usize = load<u32>(found, 4), to: usize = load<u32>(found, 8), type = load<u32>(found, 12);
  if (type == TYPE_OTHER) {
    setLevel(LEVEL_OTHER);
    return true;
  }
  if (type == TYPE_NUMBER) {
    if (<i32>(to - from) > LEVEL_DIGITS_MAX || !isDigit(load<u8>(from)) || !isDigit(load<u8>(to - 1))) return false;
  } else if (hasBackslash(from, to)) return false;
  setLevel(levelOfWord(from, to - from, COMMON_WORDS));
  teach(found, type == TYPE_NUMBER ? KIND_NUMBER_LEVEL : KIND_LEVEL);
  return true;
}

function readFoundDuration(): bool {
  setDuration(-1);
  const found = foundAt(FIELD_DURATION);
  if (!load<u32>(found) || load<u32>(found, 12) != TYPE_NUMBER) return true;
  const us = readDuration(load<u32>(found, 4), load<u32>(found, 8), UNIT_OF_SOURCE);
  setDuration(us);
  teach(found, KIND_DURATION);
  return us >= 0;
}

function readFoundService(): bool {
  setService(0, 0);
  const found = foundAt(FIELD_SERVICE);
  if (!load<u32>(found) || load<u32>(found, 12) != TYPE_STRING) return true;
  const from: usize = load<u32>(found, 4), to: usize = load<u32>(found, 8);
  if (hasBackslash(from, to)) return false;
  setService(from, to - from);
  teach(found, KIND_SERVICE);
  return true;
}
