// JSON inside of other lines that have the time: agent/parsers/json-dialects.ts, where the line is of no dialect and is simple.
import {
  addName, FIELD_DURATION, FIELD_KEPT, FIELD_LEVEL, FIELD_SERVICE, FOUND, FOUND_BYTES, hasBackslash, readObject, TYPE_NUMBER, TYPE_OTHER,
  TYPE_STRING,
} from "./json-object";
import { COMMON_WORDS, levelOfWord } from "./level-words";
import { EVENT, LEVEL_INFO, LEVEL_OTHER, setDuration, setLevel, setService, UNPROVEN } from "./measured";
import { isDigit } from "./text";
import { readDuration, UNIT_OF_SOURCE } from "./text-durations";

/** Fields that mark a line as one of a dialect, which has names of its own. */
export const FIELD_MARK: u32 = FIELD_KEPT;
/** Longer numbers are no levels, or written oddly. */
const LEVEL_DIGITS_MAX: usize = 2;

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

/** Reads a text that begins with a brace. */
export function jsonText(at: usize, end: usize): u32 {
  if (!hasNames || !readObject(at, end) || load<u32>(foundAt(FIELD_MARK))) return UNPROVEN;
  return readFoundLevel() && readFoundDuration() && readFoundService() ? EVENT : UNPROVEN;
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
    if (to - from > LEVEL_DIGITS_MAX || !isDigit(load<u8>(from)) || !isDigit(load<u8>(to - 1))) return false;
  } else if (hasBackslash(from, to)) return false;
  setLevel(levelOfWord(from, to - from, COMMON_WORDS));
  return true;
}

function readFoundDuration(): bool {
  setDuration(-1);
  const found = foundAt(FIELD_DURATION);
  if (!load<u32>(found) || load<u32>(found, 12) != TYPE_NUMBER) return true;
  const us = readDuration(load<u32>(found, 4), load<u32>(found, 8), UNIT_OF_SOURCE);
  setDuration(us);
  return us >= 0;
}

function readFoundService(): bool {
  setService(0, 0);
  const found = foundAt(FIELD_SERVICE);
  if (!load<u32>(found) || load<u32>(found, 12) != TYPE_STRING) return true;
  const from: usize = load<u32>(found, 4), to: usize = load<u32>(found, 8);
  if (hasBackslash(from, to)) return false;
  setService(from, to - from);
  return true;
}
