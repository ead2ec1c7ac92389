// Reads a JSON object: proves that it is one, and finds the fields with a meaning at its top. What stands between its values is noted as
// segments, from which shapes are learnt.
import { KEPT_MAX } from "./kept";
import { addSegment, beginSegments, KIND_NUMBER, KIND_STRING } from "./shapes";
import { endOfNumber, endOfString, isDigit, skipBlanks } from "./text";

export const FIELD_TIME: u32 = 0;
export const FIELD_SERVICE: u32 = 1;
export const FIELD_LEVEL: u32 = 2;
export const FIELD_DURATION: u32 = 3;
/** The first of the kept fields. */
export const FIELD_KEPT: u32 = 4;

/** Names of fields with a meaning: 48 bytes each: the name (at most 32), its length, field, rank (0 wins), the next of the same length. */
const NAME_BYTES: usize = 48;
const NAMES_MAX: u32 = 32;
const NAMES: usize = memory.data(48 * 32, 64);
let nameCount: u32 = 0;
/** By length, the number + 1 of the name added last; 0: there is none. */
const NAMES_OF_LENGTH: usize = memory.data(4 * 33, 64);

/** What was found of the four fields and the kept ones: rank + 1 of the name (0: not there), address of the value, its end, its type, its segment. */
export const FOUND_BYTES: usize = 20;
export const FOUND: usize = memory.data(20 * 12, 64);

export const TYPE_STRING: u32 = 0;
export const TYPE_NUMBER: u32 = 1;
/** true, false, an object or an array. */
export const TYPE_OTHER: u32 = 2;
/** As good as absent. */
const TYPE_NULL: u32 = 3;

/** Adds a name; false when there are too many. */
export function addName(at: usize, length: u32, field: u32, rank: u32): bool {
  if (nameCount == NAMES_MAX || length > 32) return false;
  const name = NAMES + <usize>(nameCount++) * NAME_BYTES;
  memory.copy(name, at, length);
  store<u32>(name, length, 32);
  store<u32>(name, field, 36);
  store<u32>(name, rank, 40);
  const head = NAMES_OF_LENGTH + (<usize>length << 2);
  store<u32>(name, load<u32>(head), 44);
  store<u32>(head, nameCount);
  return true;
}

/** Number of the name with these bytes, or -1. */
function nameOf(at: usize, length: u32): i32 {
  if (length > 32) return -1;
  let number = load<u32>(NAMES_OF_LENGTH + (<usize>length << 2));
  while (number) {
    const name = NAMES + <usize>(number - 1) * NAME_BYTES;
    if (memory.compare(name, at, length) == 0) return <i32>number - 1;
    number = load<u32>(name, 44);
  }
  return -1;
}

export function hasBackslash(from: usize, to: usize): bool {
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

/** Where the literal text begins behind the last string or number of the object that was read. */
export let literalAt: usize = 0;

/**
 * Reads the object that is all of `[start, end)`, and finds the fields that have names. False when it is none, or not a simple one: a name
 * twice, escapes in names. From `end` on stand blanks, if anything, and then a byte that goes on with no object.
 */
export function readObject(start: usize, end: usize): bool {
  memory.fill(FOUND, 0, FOUND_BYTES * (FIELD_KEPT + KEPT_MAX));
  beginSegments();
  let at = skipBlanks(start);
  if (load<u8>(at) != 0x7b) return false;
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
      if (byte != 0x22) return false;
      const key = at + 1;
      at = endOfString(key);
      if (!at) return false;
      if (depth == 1) {
        if (hasBackslash(key, at)) return false;
        name = nameOf(key, <u32>(at - key));
        if (name >= 0) {
          if (seen & (1 << name)) return false;
          seen |= 1 << name;
        }
      }
      at = skipBlanks(at + 1);
      if (load<u8>(at) != 0x3a) return false;
      at++;
      state = AT_VALUE;
      continue;
    }
    if (state == AFTER_VALUE) {
      const isObject = (objects >>> depth) & 1;
      if (byte == 0x2c) state = isObject ? AT_KEY : AT_VALUE;
      else if (byte == (isObject ? 0x7d : 0x5d)) depth--;
      else return false;
      at++;
      continue;
    }
    const from = at;
    let type = TYPE_OTHER, segment: u32 = 0;
    let isContainer = false;
    if (byte == 0x22) {
      at = endOfString(from + 1);
      if (!at) return false;
      type = TYPE_STRING;
      segment = addSegment(literal, from + 1, KIND_STRING);
      literal = at++;
    } else if (byte == 0x2d || isDigit(byte)) {
      at = endOfNumber(from);
      if (!at) return false;
      type = TYPE_NUMBER;
      segment = addSegment(literal, from, KIND_NUMBER);
      literal = at;
    } else if (byte == 0x7b || byte == 0x5b) {
      if (++depth > DEPTH_MAX) return false;
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
    else return false;
    if (name >= 0) {
      if (type != TYPE_NULL) find(name, type == TYPE_STRING ? from + 1 : from, literal, type, segment);
      name = -1;
    }
    if (!isContainer) state = AFTER_VALUE;
  }
  literalAt = literal;
  return skipBlanks(at) >= end;
}
