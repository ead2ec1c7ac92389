// Lines of formats that shapes describe: agent/parsers/shape-parser.ts, step for step. The host lays the tree of a format's shapes out
// (agent/kernel/encode-shapes.ts), with the numbers below.
import { levelOfWord } from "./level-words";
import { readTime, TIME_READ, TIME_UNKNOWN, timeEnd, timeMinute, timeRest } from "./line-times";
import {
  CONTINUES, EVENT, LEVEL_ERROR, LEVEL_INFO, LEVEL_OTHER, LEVEL_WARN, setDuration, setLevel, setService, setTime, UNPROVEN,
} from "./measured";
import { find, findBlank } from "./search";
import { digitBits, digitValues, isDigit } from "./text";
import { readDuration } from "./text-durations";

/** Where the host puts trees. */
export const TREE_BYTES: u32 = 1048576;
export const TREE: usize = memory.data(1048576, 64);
/** Values by slot: where they begin and end, what they are (a level, or a minute and the rest). */
export const SLOTS_MAX: u32 = 4096;
const SLOT_BYTES: usize = 16;
const SLOTS: usize = memory.data(16 * 4096, 64);

/** A node fills a line of the processor's cache: a byte each for kind, flags, detail and the length of its text, then words. */
const NODE_FLAGS: usize = 1;
const NODE_DETAIL: usize = 2;
const NODE_TEXT_BYTES: usize = 3;
/** Where in {@link SLOTS} its value is kept; what no end asks for lies in the first place. */
const NODE_SLOT: usize = 4;
const NODE_CHOICES: usize = 8;
/** Its text, or the steps of a layout; of what ends a line what is found where. */
const NODE_TEXT: usize = 12;
/** The first sixteen bytes of the text, then one bit for each byte that it can begin with. */
const NODE_HEAD: usize = 16;
const NODE_FIRST: usize = 32;
/** Spaces have to follow, which are taken with it. */
const FLAG_SPACED: u32 = 1;
/** It may stand where the line has ended. */
const FLAG_AT_END: u32 = 2;
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
/** True when an event of several lines is read. */
let hasLines = false;

export function setHasLines(has: bool): void {
  hasLines = has;
}

export function setShapes(first: usize, second: usize, isGiven: bool): void {
  firstRoots = first;
  secondRoots = second;
  isTimeGiven = isGiven;
}

/** Reads a line by the first tree. */
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
  if (!walk(roots, from, end)) {
    if (isUnknown) return UNPROVEN;
    const start = isTimeGiven ? from : endOfPrefix(from, end);
    if (start == from || !walk(roots, start, end)) return isUnknown ? UNPROVEN : CONTINUES;
  }
  return readLeaf() ? EVENT : UNPROVEN;
}

// @ts-ignore: decorator
@inline function slotOf(node: usize): usize {
  return SLOTS + <usize>load<u32>(node, NODE_SLOT);
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

/** Ways not yet tried: the rest of a list, and where in the line. */
const WAY_BYTES: usize = 8;
const WAYS_MAX: usize = 512;
const WAYS: usize = memory.data(8 * 512, 64);
/** Marks an address as that of a table of choices by byte, or in it of a list of nodes up to a 0; else it is that of a single node. */
const IS_MANY: usize = 1;

/**
 * Walks down the tree as far as the line fits, each time by the first choice that can begin with the byte at hand; where it ends blindly, on
 * by the next choice of the last place that has one. One function, so that the position stays in registers.
 */
function walk(choices: usize, at: usize, end: usize): bool {
  let way = WAYS;
  untilText = 0;
  while (true) {
    const byte: usize = at < end ? <usize>load<u8>(at) : AT_END;
    let node = choices, others: usize = 0;
    if (choices & IS_MANY) {
      node = load<u32>(choices - IS_MANY + (byte << 2));
      if (node & IS_MANY) {
        others = node - IS_MANY + 4;
        node = load<u32>(node - IS_MANY);
      }
    } else if (!mayBegin(node, byte)) node = 0;
    while (true) {
      if (!node) {
        if (way == WAYS) return false;
        way -= WAY_BYTES;
        others = load<u32>(way);
        at = load<u32>(way, 4);
        node = load<u32>(others);
        others += 4;
      }
      const kind: u32 = load<u8>(node);
      if (kind == KIND_REST || (kind == KIND_END && at >= end)) {
        const slot = slotOf(node);
        store<u32>(slot, <u32>at);
        store<u32>(slot, <u32>end, 4);
        leaf = load<u32>(node, NODE_TEXT);
        return true;
      }
      if (kind != KIND_END) {
        let to = take(kind, node, at, end);
        if (to && load<u8>(node, NODE_FLAGS) & FLAG_SPACED) to = endOfSpaces(to, end);
        if (to) {
          if (others && load<u32>(others)) {
            store<u32>(way, <u32>others);
            store<u32>(way, <u32>at, 4);
            way += WAY_BYTES;
          }
          at = to;
          choices = load<u32>(node, NODE_CHOICES);
          break;
        }
        if (isUnknown) return false;
      }
      node = others ? <usize>load<u32>(others) : 0;
      others += 4;
    }
  }
}

/** True when a node can begin with a byte, or with the end of the line. */
// @ts-ignore: decorator
@inline function mayBegin(node: usize, byte: usize): bool {
  if (byte == AT_END) return (load<u8>(node, NODE_FLAGS) & FLAG_AT_END) != 0;
  return ((load<u8>(node + (byte >>> 3), NODE_FIRST) >>> <u8>(byte & 7)) & 1) != 0;
}

/** Where spaces and tabs end that begin at `at`, or 0: there are none. */
// @ts-ignore: decorator
@inline function endOfSpaces(at: usize, end: usize): usize {
  const from = at;
  while (at < end && (load<u8>(at) == SPACE || load<u8>(at) == TAB)) at++;
  return at > from ? at : 0;
}

/** Takes what a node stands for; where it ends, or 0. */
// @ts-ignore: decorator
@inline function take(kind: u32, node: usize, at: usize, end: usize): usize {
  if (kind == KIND_TEXT) {
    const length: usize = load<u8>(node, NODE_TEXT_BYTES);
    return at + length <= end && isTextAt(at, node, length) ? at + length : 0;
  }
  if (kind == KIND_SPACE) {
    const to = endOfSpaces(at, end);
    return !to && <u32>load<u8>(node, NODE_DETAIL) ? at : to;
  }
  const slot = slotOf(node);
  store<u32>(slot, <u32>at);
  if (kind == KIND_UNTIL || kind == KIND_LAST) {
    const found = kind == KIND_UNTIL ? indexOfText(node, at, end) : lastIndexOfText(node, at, end);
    if (!found) return 0;
    let to = found;
    while (to > at && load<u8>(to - 1) == SPACE) to--;
    store<u32>(slot, <u32>to, 4);
    return found + <usize>load<u8>(node, NODE_TEXT_BYTES);
  }
  const to = endOfValue(kind, node, slot, at, end);
  store<u32>(slot, <u32>to, 4);
  return to;
}

/** Levels met last, by their first letter: eight bytes, the node that took them, the length of the word, the level. */
const KNOWN_LEVELS: usize = memory.data(32 * 8, 64);

// @ts-ignore: decorator
@inline function endOfValue(kind: u32, node: usize, slot: usize, at: usize, end: usize): usize {
  switch (kind) {
    case KIND_TIME: {
      const steps: usize = load<u32>(node, NODE_TEXT);
      const outcome = readTime(
        <u32>load<u8>(node, NODE_DETAIL), steps, steps + <usize>load<u8>(node, NODE_TEXT_BYTES), at, end,
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
      if (<u32>load<u8>(node, NODE_DETAIL) == LEVEL_NEAR) {
        isUnknown = true;
        return 0;
      }
      const known = KNOWN_LEVELS + (<usize>(load<u8>(at) & 7) << 5);
      if (load<u64>(at) == load<u64>(known) && load<u32>(known, 8) == <u32>node && at + 8 <= end) {
        store<u32>(slot, load<u32>(known, 16), 8);
        return at + <usize>load<u32>(known, 12);
      }
      const to = endOfLevel(<u32>load<u8>(node, NODE_DETAIL), at, end);
      if (!to) return 0;
      const level = levelOfWord(at, to - at, levelSet);
      store<u32>(slot, level, 8);
      if (level == LEVEL_OTHER) return 0;
      // Only what stands in eight bytes is known by them: the word, and that it ends.
      if (to - at < 8 && at + 8 <= end) {
        store<u64>(known, load<u64>(at));
        store<u32>(known, <u32>node, 8);
        store<u32>(known, <u32>(to - at), 12);
        store<u32>(known, level, 16);
      }
      return to;
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

/** True when the text of a node stands at `at`; behind it at least fifteen bytes may be read. */
// @ts-ignore: decorator
@inline function isTextAt(at: usize, node: usize, length: usize): bool {
  if (length > 16) return memory.compare(at, load<u32>(node, NODE_TEXT), length) == 0;
  const mask = (1 << <u32>length) - 1;
  return (i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(node, NODE_HEAD))) & mask) == mask;
}

/** The last search of {@link indexOfText} in the line at hand: several shapes look for the same text from the same place. */
let untilText: usize = 0, untilDetail: u32 = 0, untilFrom: usize = 0, untilFound: usize = 0;

/** Where the text of a node first stands; where it may not lead over the end of a line, not behind it. */
function indexOfText(node: usize, from: usize, end: usize): usize {
  const text: usize = load<u32>(node, NODE_TEXT), detail = <u32>load<u8>(node, NODE_DETAIL);
  if (text == untilText && detail == untilDetail && from == untilFrom) return untilFound;
  untilText = text;
  untilDetail = detail;
  untilFrom = from;
  untilFound = findText(node, from, detail ? endOfFirstLine(from, end) : end);
  return untilFound;
}

/** Where the line that holds `from` ends, in an event that may have several. */
// @ts-ignore: decorator
@inline function endOfFirstLine(from: usize, end: usize): usize {
  return hasLines ? find(from, end, LINE_FEED) : end;
}

function findText(node: usize, at: usize, end: usize): usize {
  const length: usize = load<u8>(node, NODE_TEXT_BYTES);
  const skip = min(length - 1, 1);
  const first = i8x16.splat(load<i8>(node, NODE_HEAD)), second = i8x16.splat(load<i8>(node + skip, NODE_HEAD));
  while (at + length <= end) {
    let found = i8x16.bitmask(v128.and(i8x16.eq(v128.load(at), first), i8x16.eq(v128.load(at + skip), second)));
    while (found) {
      const place = at + ctz(found);
      if (place + length > end) return 0;
      if (isTextAt(place, node, length)) return place;
      found &= found - 1;
    }
    at += 16;
  }
  return 0;
}

function lastIndexOfText(node: usize, from: usize, end: usize): usize {
  const length: usize = load<u8>(node, NODE_TEXT_BYTES);
  if (<u32>load<u8>(node, NODE_DETAIL)) end = endOfFirstLine(from, end);
  for (let at = end - length; at >= from; at--) if (isTextAt(at, node, length)) return at;
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
  const text = v128.load(from);
  const letters = detail == LEVEL_UPPER ? text : v128.and(text, i8x16.splat(<i8>0xdf));
  const isLetter = i8x16.bitmask(i8x16.lt_u(i8x16.sub(letters, i8x16.splat(0x41)), i8x16.splat(26)));
  const length = min(<usize>ctz(~(isLetter | (digitBits(digitValues(text)) & ~1))), min(end - from, LEVEL_BYTES_MAX));
  return length < LEVEL_BYTES_MIN ? 0 : from + length;
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

/**
 * Bytes that end a name, by the halves of each: it is one when both have a bit in common. Up to the space (bits 0 and 1), quote, brackets and
 * comma (1), colon and equals sign (2), square brackets and braces (3).
 */
const NAME_LOW: usize = memory.data<u8>([3, 1, 3, 1, 1, 1, 1, 1, 3, 3, 5, 9, 3, 13, 1, 1], 16);
const NAME_HIGH: usize = memory.data<u8>([1, 1, 2, 4, 0, 8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0], 16);

/** Where a name ends: before what stands between parts of a line. A dash alone is no name. */
// @ts-ignore: decorator
@inline function endOfName(from: usize, end: usize): usize {
  if (load<u8>(from) == 0x2d) return 0;
  const low = v128.load(NAME_LOW), high = v128.load(NAME_HIGH);
  let at = from;
  while (at < end) {
    const text = v128.load(at);
    const kinds = v128.and(
      i8x16.swizzle(low, v128.and(text, i8x16.splat(15))),
      i8x16.swizzle(high, i8x16.shr_u(text, 4)),
    );
    const found = i8x16.bitmask(i8x16.ne(kinds, i8x16.splat(0)));
    if (found) {
      at = min(at + ctz(found), end);
      return at > from ? at : 0;
    }
    at += 16;
  }
  return end > from ? end : 0;
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
