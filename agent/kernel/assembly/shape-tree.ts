// Lines of formats that shapes describe: agent/parsers/shape-parser.ts, step for step. The host lays the tree of a format's shapes out
// (agent/kernel/encode-shapes.ts), with the numbers below.
import { levelOfWord } from "./level-words";
import { readTime, TIME_READ, TIME_UNKNOWN, timeEnd, timeMinute, timeRest } from "./line-times";
import {
  CONTINUES, EVENT, LEVEL_ERROR, LEVEL_INFO, LEVEL_OTHER, LEVEL_WARN, setDuration, setLevel, setService, setTime, UNPROVEN,
} from "./measured";
import { find, findBlank, findEither } from "./search";
import { isDigit } from "./text";
import { readDuration } from "./text-durations";

/** Where the host puts trees. */
export const TREE_BYTES: u32 = 1048576;
export const TREE: usize = memory.data(1048576, 64);
/** Values by slot: where they begin and end, what they are (a level, or a minute and the rest). */
export const SLOTS_MAX: u32 = 4096;
const SLOT_BYTES: usize = 16;
const SLOTS: usize = memory.data(16 * 4096, 64);

/** Words of a node. */
const NODE_SLOT: usize = 4;
const NODE_DETAIL: usize = 8;
const NODE_TEXT: usize = 12;
const NODE_TEXT_BYTES: usize = 16;
const NODE_FIRST: usize = 20;
const NODE_CHOICES: usize = 24;
/** Kinds of nodes. */
const KIND_TEXT: u32 = 0;
const KIND_SPACE: u32 = 1;
const KIND_TIME: u32 = 2;
const KIND_CLOCK: u32 = 3;
const KIND_LEVEL: u32 = 4;
const KIND_STATUS: u32 = 5;
const KIND_WORD: u32 = 6;
const KIND_NAME: u32 = 7;
const KIND_INT: u32 = 8;
const KIND_NUMBER: u32 = 9;
const KIND_UNTIL: u32 = 10;
const KIND_LAST: u32 = 11;
const KIND_REST: u32 = 12;
const KIND_END: u32 = 13;
/** Details of levels. */
const LEVEL_UPPER: u32 = 1;
const LEVEL_LETTER: u32 = 2;
const LEVEL_MARK: u32 = 3;
/** A level somewhere among the words that follow, which the host looks for. */
const LEVEL_NEAR: u32 = 4;
/** Colours begin with it; the host takes them out. */
const ESCAPE: u32 = 0x1b;
const LEVEL_BYTES_MIN: usize = 3;
const LEVEL_BYTES_MAX: usize = 12;
/** Stands for the byte behind the last one. */
const AT_END: usize = 256;

const SPACE: u32 = 32;
const TAB: u32 = 9;
const LINE_FEED: u8 = 10;

/** Where two trees begin; their words for levels are those of the sets 1 and 2. */
let firstRoots: usize = 0, secondRoots: usize = 0;
let levelSet: u32 = 0;
/** True when the lines stand in others that have the time: then nothing stands before a line. */
let isTimeGiven = false;
let isUnknown = false;
let leaf: usize = 0;

export function setShapes(first: usize, second: usize, isGiven: bool): void {
  firstRoots = first;
  secondRoots = second;
  isTimeGiven = isGiven;
}

/** Reads a line, or the lines of an event, by the first tree. */
export function shapeLine(from: usize, end: usize): u32 {
  return readShapes(0, from, end);
}

/** Reads a text by the first or second tree; CONTINUES when no shape fits. */
export function readShapes(tree: u32, from: usize, end: usize): u32 {
  const roots = tree ? secondRoots : firstRoots;
  levelSet = tree + 1;
  if (end > from && load<u8>(from) == ESCAPE) return UNPROVEN;
  if (end > from && load<u8>(end - 1) == 13) end--;
  isUnknown = false;
  if (!walkAny(roots, from, end)) {
    if (isUnknown) return UNPROVEN;
    const start = isTimeGiven ? from : endOfPrefix(from, end);
    if (start == from || !walkAny(roots, start, end)) return isUnknown ? UNPROVEN : CONTINUES;
  }
  return readLeaf() ? EVENT : UNPROVEN;
}

// @ts-ignore: decorator
@inline function slotAt(slot: u32): usize {
  return SLOTS + <usize>slot * SLOT_BYTES;
}

/** Time, level, then lists of slots, each after its length: services, durations with their units. */
function readLeaf(): bool {
  const time: i32 = load<i32>(leaf), level: i32 = load<i32>(leaf, 4);
  if (time >= 0) setTime(load<i32>(slotAt(time), 8), load<i32>(slotAt(time), 12));
  else if (!isTimeGiven) return false;
  setLevel(level < 0 ? LEVEL_INFO : load<u32>(slotAt(level), 8));
  let at = leaf + 8;
  let count = load<u32>(at);
  setService(0, 0);
  for (let number: u32 = 0; number < count; number++) {
    at += 4;
    const slot = slotAt(load<u32>(at));
    const from: usize = load<u32>(slot), to: usize = load<u32>(slot, 4);
    if (to > from) {
      setService(from, to - from);
      break;
    }
  }
  at = leaf + 12 + (<usize>count << 2);
  count = load<u32>(at);
  setDuration(-1);
  for (let number: u32 = 0; number < count; number++) {
    const slot = slotAt(load<u32>(at, 4));
    const from: usize = load<u32>(slot), to: usize = load<u32>(slot, 4);
    if (to > from) {
      const us = readDuration(from, to, load<u32>(at, 8));
      setDuration(us);
      return us >= 0;
    }
    at += 8;
  }
  return true;
}

/** Choices: a list of nodes, and 0 or a table of lists by byte. */
function walkAny(choices: usize, at: usize, end: usize): bool {
  const byte: usize = at < end ? <usize>load<u8>(at) : AT_END;
  const table: usize = load<u32>(choices, 4);
  const list: usize = table ? load<u32>(table + (byte << 2)) : load<u32>(choices);
  const count = load<u32>(list);
  for (let number: u32 = 1; number <= count; number++) {
    const node: usize = load<u32>(list + (<usize>number << 2));
    if (load<u8>(<usize>load<u32>(node, NODE_FIRST) + byte) == 0) continue;
    if (walk(node, at, end)) return true;
    if (isUnknown) return false;
  }
  return false;
}

function walk(node: usize, at: usize, end: usize): bool {
  const kind = load<u32>(node);
  if (kind == KIND_END) {
    leaf = load<u32>(node, NODE_TEXT);
    return at >= end;
  }
  const next = take(kind, node, at, end);
  return next != 0 && walkAny(load<u32>(node, NODE_CHOICES), next, end);
}

/** Takes what a node stands for; where it ends, or 0. */
function take(kind: u32, node: usize, at: usize, end: usize): usize {
  if (kind == KIND_TEXT) {
    return isTextAt(at, end, load<u32>(node, NODE_TEXT), load<u32>(node, NODE_TEXT_BYTES))
      ? at + <usize>load<u32>(node, NODE_TEXT_BYTES)
      : 0;
  }
  if (kind == KIND_SPACE) {
    const from = at;
    while (at < end && (load<u8>(at) == SPACE || load<u8>(at) == TAB)) at++;
    return at > from || load<u32>(node, NODE_DETAIL) != 0 ? at : 0;
  }
  const slot = slotAt(load<u32>(node, NODE_SLOT));
  store<u32>(slot, <u32>at);
  if (kind == KIND_UNTIL || kind == KIND_LAST) {
    const found = kind == KIND_UNTIL ? indexOfText(node, at, end) : lastIndexOfText(node, at, end);
    if (!found) return 0;
    let to = found;
    while (to > at && load<u8>(to - 1) == SPACE) to--;
    store<u32>(slot, <u32>to, 4);
    return found + <usize>load<u32>(node, NODE_TEXT_BYTES);
  }
  const to = kind == KIND_REST ? end : endOfValue(kind, node, slot, at, end);
  store<u32>(slot, <u32>to, 4);
  return to;
}

function endOfValue(kind: u32, node: usize, slot: usize, at: usize, end: usize): usize {
  switch (kind) {
    case KIND_TIME: {
      const steps: usize = load<u32>(node, NODE_TEXT);
      const outcome = readTime(
        load<u32>(node, NODE_DETAIL), steps, steps + <usize>load<u32>(node, NODE_TEXT_BYTES), at, end,
      );
      if (outcome != TIME_READ) {
        isUnknown = outcome == TIME_UNKNOWN;
        return 0;
      }
      store<i32>(slot, timeMinute, 8);
      store<i32>(slot, timeRest, 12);
      return timeEnd;
    }
    case KIND_LEVEL: {
      if (load<u32>(node, NODE_DETAIL) == LEVEL_NEAR) {
        isUnknown = true;
        return 0;
      }
      const to = endOfLevel(load<u32>(node, NODE_DETAIL), at, end);
      if (!to) return 0;
      const level = levelOfWord(at, to - at, levelSet);
      store<u32>(slot, level, 8);
      return level == LEVEL_OTHER ? 0 : to;
    }
    case KIND_STATUS: {
      const to = endOfDigits(at, end, false);
      if (!to || to - at != 3) return 0;
      const hundreds = <u32>load<u8>(at) - 48;
      store<u32>(slot, hundreds >= 5 ? LEVEL_ERROR : hundreds == 4 ? LEVEL_WARN : LEVEL_INFO, 8);
      return to;
    }
    case KIND_CLOCK:
      return endOfClock(at, end);
    case KIND_WORD: {
      const to = findBlank(at, end);
      return to > at ? to : 0;
    }
    case KIND_NAME:
      return endOfName(at, end);
    default:
      return endOfDigits(at, end, kind == KIND_NUMBER);
  }
}

// @ts-ignore: decorator
@inline function isTextAt(at: usize, end: usize, text: usize, length: usize): bool {
  if (at + length > end) return false;
  for (let index: usize = 0; index < length; index++) {
    if (load<u8>(at + index) != load<u8>(text + index)) return false;
  }
  return true;
}

/** Where the text of a node first stands; where it may not lead over the end of a line, not behind it. */
function indexOfText(node: usize, at: usize, end: usize): usize {
  const text: usize = load<u32>(node, NODE_TEXT), length: usize = load<u32>(node, NODE_TEXT_BYTES);
  const first = load<u8>(text);
  const limit = load<u32>(node, NODE_DETAIL) ? LINE_FEED : first;
  while (true) {
    at = findEither(at, end, first, limit);
    if (at + length > end) return 0;
    if (isTextAt(at, end, text, length)) return at;
    if (load<u8>(at) != first) return 0;
    at++;
  }
}

function lastIndexOfText(node: usize, from: usize, end: usize): usize {
  const text: usize = load<u32>(node, NODE_TEXT), length: usize = load<u32>(node, NODE_TEXT_BYTES);
  if (load<u32>(node, NODE_DETAIL)) end = find(from, end, LINE_FEED);
  for (let at = end - length; at >= from; at--) if (isTextAt(at, end, text, length)) return at;
  return 0;
}

// @ts-ignore: decorator
@inline function isUpper(byte: u32): bool {
  return byte - 0x41 < 26;
}

/** Where a word that may be a level ends, or 0. */
function endOfLevel(detail: u32, from: usize, end: usize): usize {
  if (from >= end) return 0;
  const first: u32 = load<u8>(from);
  if (detail == LEVEL_MARK) return isUpper(first & 0xdf) || isDigit(first) ? 0 : from + 1;
  if (detail == LEVEL_LETTER) return isUpper(first) ? from + 1 : 0;
  const limit = min(end, from + LEVEL_BYTES_MAX);
  let at = from;
  while (at < limit) {
    const byte: u32 = load<u8>(at);
    if (!isUpper(detail == LEVEL_UPPER ? byte : byte & 0xdf) && !(at > from && isDigit(byte))) break;
    at++;
  }
  return at - from < LEVEL_BYTES_MIN ? 0 : at;
}

function endOfDigits(from: usize, end: usize, hasPoint: bool): usize {
  let at = from;
  while (at < end && (isDigit(load<u8>(at)) || (hasPoint && load<u8>(at) == 0x2e))) at++;
  return at > from ? at : 0;
}

/** Where `HH:mm:ss` and perhaps a fraction end, or 0. */
function endOfClock(at: usize, end: usize): usize {
  if (at + 8 > end) return 0;
  for (let index: usize = 0; index < 8; index++) {
    const byte: u32 = load<u8>(at + index);
    if (index % 3 == 2 ? byte != 0x3a : !isDigit(byte)) return 0;
  }
  const mark: u32 = load<u8>(at, 8);
  if (at + 8 == end || (mark != 0x2e && mark != 0x2c)) return at + 8;
  const to = endOfDigits(at + 9, end, false);
  return to ? to : at + 8;
}

/** Where a name ends: before what stands between parts of a line. A dash alone is no name. */
function endOfName(from: usize, end: usize): usize {
  if (load<u8>(from) == 0x2d) return 0;
  let at = from;
  while (at < end && isNameByte(load<u8>(at))) at++;
  return at > from ? at : 0;
}

/** Colon, comma, quote, equals sign, brackets of all kinds. */
// @ts-ignore: decorator
@inline function isNameByte(byte: u32): bool {
  if (byte <= SPACE) return false;
  return byte != 0x3a && byte != 0x2c && byte != 0x22 && byte != 0x3d && byte != 0x5b && byte != 0x5d &&
    byte != 0x28 && byte != 0x29 && byte != 0x7b && byte != 0x7d;
}

const PREFIX_BYTES_MAX: usize = 160;

/** Where the line itself begins behind the name of a file, a container or a pod: agent/parsers/line-prefix.ts. */
function endOfPrefix(from: usize, end: usize): usize {
  const limit = min(end, from + PREFIX_BYTES_MAX);
  let at = from;
  for (; at < limit && load<u8>(at) > SPACE; at++) {
    if (load<u8>(at) == 0x2e && at + 4 <= limit && load<u32>(at) == 0x676f6c2e) return endOfFileName(at + 4, limit, from);
  }
  if (at == from || at >= limit || load<u8>(at) != SPACE) return from;
  if (load<u8>(from) == 0x5b && load<u8>(at - 1) == 0x5d) {
    const isPod = from + 5 <= at && load<u32>(from) == 0x646f705b && load<u8>(from, 4) == 0x2f;
    return isPod ? at + 1 : from;
  }
  while (at < limit && load<u8>(at) == SPACE) at++;
  return load<u8>(at) == 0x7c && load<u8>(at, 1) == SPACE && at + 2 <= end ? at + 2 : from;
}

function endOfFileName(at: usize, limit: usize, from: usize): usize {
  if (at < limit && load<u8>(at) == 0x3a) return at + 1;
  at = findBlank(at, limit);
  return at < limit ? at + 1 : from;
}
