// The walk over JSON inside of other lines that have the time: as walk-line.ts, over the text itself, or over the text as it stands in a
// string of Docker's, where each quote is written with a backslash. There nothing is laid out without its escapes.
import { COMMON_WORDS, levelOfWord } from "./level-words";
import { LEVEL_INFO, setDuration, setLevel, setService } from "./measured";
import { durationUs, endOfDuration } from "./numbers";
import {
  firstNode, fits, KIND_DURATION, KIND_LEVEL, KIND_MORE, KIND_NUMBER, KIND_NUMBER_LEVEL, KIND_SERVICE, KIND_STRING, NODE_KIND,
  NODE_LENGTH, NODE_NEXT, NODE_OTHER, otherNode,
} from "./shapes";
import { asciiEscape, digitBits, digitValues, endOfNumber, endOfString, isDigit, isHexAt, stops } from "./text";
import { useSourceUnit } from "./text-durations";

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
/** `\"`. */
const ESCAPED_QUOTE: u32 = 0x225c;
/** Longer numbers are no levels, or written oddly. */
export const LEVEL_DIGITS_MAX: i32 = 2;

/** Where the object at `start` ends, whose level, service and duration are then measured; 0 when it is of no known shape. */
export function walkText(start: usize): usize {
  return walk(start, false);
}

/** The same for an object in a string, its quotes escaped. */
export function walkEscapedText(start: usize): usize {
  return walk(start, true);
}

/** The first byte at or after `at` that ends or breaks a string. */
// @ts-ignore: decorator
@inline function stopAt(at: usize): usize {
  let found = stops(at);
  while (found == 0) {
    at += 16;
    found = stops(at);
  }
  return at + ctz(found);
}

/** States whether the string whose inside stopped at `at` ends there, without an escape before. */
// @ts-ignore: decorator
@inline function isClosed(at: usize, isEscaped: bool): bool {
  return isEscaped ? load<u16>(at) == ESCAPED_QUOTE : load<u8>(at) == QUOTE;
}

// @ts-ignore: decorator
@inline function walk(start: usize, isEscaped: bool): usize {
  let node = firstNode(), at = start;
  if (!node) return 0;
  let level = LEVEL_INFO, us: f64 = -1, serviceAt: usize = 0, serviceTo: usize = 0;
  while (true) {
    if (!fits(node, at)) {
      node = otherNode(node, at);
      if (!node) return 0;
    }
    const from = at;
    at += load<u32>(node, NODE_LENGTH);
    // Where the value ends; 0 when it is none of its kind.
    let to: usize;
    switch (load<u32>(node, NODE_KIND)) {
      case KIND_STRING: {
        to = stopAt(at);
        if (!isClosed(to, isEscaped)) to = isEscaped ? endOfEscapedString(to) : endOfString(to);
        if (!to) return 0;
        break;
      }
      case KIND_LEVEL: {
        to = stopAt(at);
        if (!isClosed(to, isEscaped)) return 0;
        level = levelOfWord(at, to - at, COMMON_WORDS);
        break;
      }
      case KIND_SERVICE: {
        to = stopAt(at);
        if (!isClosed(to, isEscaped)) return 0;
        serviceAt = at;
        serviceTo = to;
        break;
      }
      case KIND_NUMBER: {
        const length = ctz(~digitBits(digitValues(v128.load(at))));
        const next: u32 = load<u8>(at + length);
        const isPlain = length > 0 && length < 16 && next != 0x2e && (next | 32) != 0x65 && (length == 1 || load<u8>(at) != 0x30);
        to = isPlain ? at + length : endOfNumber(at);
        break;
      }
      case KIND_NUMBER_LEVEL: {
        const length = ctz(~digitBits(digitValues(v128.load(at))));
        const next: u32 = load<u8>(at + length);
        if (length > LEVEL_DIGITS_MAX || next == 0x2e || (next | 32) == 0x65 || (length > 1 && load<u8>(at) == 0x30)) return 0;
        to = length ? at + length : 0;
        level = levelOfWord(at, length, COMMON_WORDS);
        break;
      }
      case KIND_DURATION: {
        useSourceUnit();
        to = endOfDuration(at);
        us = durationUs;
        break;
      }
      case KIND_MORE: {
        // As in walk-line.ts: nothing is taken back later.
        const next: usize = load<u32>(node, NODE_NEXT);
        to = load<u32>(node, NODE_OTHER) && !fits(next, at) && !otherNode(next, at) ? 0 : at;
        break;
      }
      default: {
        setLevel(level);
        setDuration(us);
        setService(serviceAt, serviceTo - serviceAt);
        return at;
      }
    }
    if (to) {
      at = to;
      node = load<u32>(node, NODE_NEXT);
    } else {
      // Another shape may have something else here, but no number of another form.
      if (load<u32>(node, NODE_KIND) != KIND_MORE && (load<u8>(at) == 0x2d || isDigit(load<u8>(at)))) return 0;
      node = otherNode(node, from);
      if (!node) return 0;
      at = from;
    }
  }
}

/** Where the string ends, before `\"`, whose inside goes on at `at`; 0 when it is none, or written oddly. */
function endOfEscapedString(at: usize): usize {
  while (true) {
    at = stopAt(at);
    if (load<u8>(at) != BACKSLASH) return 0;
    const escaped: u32 = load<u8>(at, 1);
    if (escaped == QUOTE) return at;
    if (escaped == BACKSLASH) at = endOfEscape(at + 2);
    else {
      // Docker writes some letters so.
      const byte = escaped == 0x75 ? asciiEscape(at + 2) : 0;
      at = byte < 32 || byte == QUOTE || byte == BACKSLASH ? 0 : at + 6;
    }
    if (!at) return 0;
  }
}

/** Where an escape of the string inside ends, of which `at` stands behind the backslash; 0 when it is none. */
function endOfEscape(at: usize): usize {
  const letter: u32 = load<u8>(at);
  if (letter == BACKSLASH) {
    const own: u32 = load<u8>(at, 1);
    return own == QUOTE || own == BACKSLASH ? at + 2 : 0;
  }
  if (letter == 0x75) return isHexAt(at + 1) ? at + 5 : 0;
  const isKnown = letter == 0x2f || letter == 0x62 || letter == 0x66 || letter == 0x6e || letter == 0x72 || letter == 0x74;
  return isKnown ? at + 1 : 0;
}
