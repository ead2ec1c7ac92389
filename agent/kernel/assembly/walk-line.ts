// The walk: compares a line with the shapes learnt. Each literal is one comparison of sixteen bytes, each string one search for its
// end, times and numbers are read by arithmetic on all their digits at once. A line whose literals all fit and whose values are well
// formed is valid JSON by construction, with the same keys at the same depth as the line that the shape stems from.
import { defaultLevel, defaultService } from "./parse-line";
import { forgetKept, keep, KEPT_NUMBER, KEPT_STRING, keptCount, keyOf, KEY_NO_ROOM, KEY_TOO_LONG } from "./kept";
import { note } from "./noted";
import { durationUs, endOfDuration } from "./numbers";
import {
  firstNode, fits, KIND_BITS, KIND_DURATION, KIND_EPOCH_TIME, KIND_KEPT_NUMBER, KIND_KEPT_STRING, KIND_LEVEL, KIND_MORE, KIND_NUMBER, KIND_NUMBER_LEVEL, KIND_SERVICE, KIND_STRING,
  KIND_TIME, NODE_KIND, NODE_LENGTH, NODE_NEXT, NODE_OTHER, otherNode,
} from "./shapes";
import {
  digitBits, digitValues, endOfNumber, endOfString, firstBytes, isDigit, stopBytes, stops,
} from "./text";
import { endOfEpochTime, endOfTime, timeMinute, timeRest } from "./times";
import { levelOf, likelyService, numberLevel, SERVICE_NAME_MAX, serviceOf, tally } from "./windows";

/** Result of {@link walkLine}: no shape fits. */
export const NO_SHAPE: usize = 0;
/** Result of {@link walkLine}: a table is full, nothing was counted. */
export const WALK_NO_ROOM: usize = 1;

/** Where the service's name ends that begins at `at`, when it has 16 bytes or more; 0 when it is too long. */
function endOfLongName(at: usize): usize {
  const limit = at + SERVICE_NAME_MAX;
  while (at <= limit) {
    const found = stops(at);
    if (found) return at + ctz(found) <= limit ? at + ctz(found) : 0;
    at += 16;
  }
  return 0;
}

/**
 * Counts the line at `start` and returns the address of the next one; or one of the two results above. One long function, so that the
 * position and what was read stay in registers.
 */
export function walkLine(start: usize): usize {
  let node = firstNode(), at = start;
  if (!node) return NO_SHAPE;
  forgetKept();
  let service = defaultService, level: i32 = defaultLevel, minute: i32 = 0, rest: i32 = 0, us: f64 = -1;
  while (true) {
    if (!fits(node, at)) {
      node = otherNode(node, at);
      if (!node) return NO_SHAPE;
    }
    const from = at;
    at += load<u32>(node, NODE_LENGTH);
    switch (<u32>load<u8>(node, NODE_KIND)) {
      case KIND_STRING: {
        let found = stops(at);
        while (found == 0) {
          at += 16;
          found = stops(at);
        }
        at += ctz(found);
        if (load<u8>(at) != 0x22) {
          at = endOfString(at);
          if (!at) return NO_SHAPE;
        }
        break;
      }
      case KIND_NUMBER: {
        const length = ctz(~digitBits(digitValues(v128.load(at))));
        const next: u32 = load<u8>(at + length);
        if (length == 0 && next != 0x2d) {
          // No number here: perhaps another shape has something else.
          node = otherNode(node, from);
          if (!node) return NO_SHAPE;
          at = from;
          continue;
        }
        if (
          length == 0 || length > 15 || next == 0x2e || (next | 32) == 0x65 ||
          (length > 1 && load<u8>(at) == 0x30)
        ) {
          at = endOfNumber(at);
          if (!at) return NO_SHAPE;
        } else at += length;
        break;
      }
      case KIND_TIME: {
        at = endOfTime(at);
        if (!at) return NO_SHAPE;
        minute = timeMinute;
        rest = timeRest;
        break;
      }
      case KIND_SERVICE: {
        const text = v128.load(at);
        const length = ctz(i8x16.bitmask(stopBytes(text)) | 0x10000);
        if (length == 0) {
          // An empty name is none. Anything but the closing quote fails at the next literal.
          service = defaultService;
        } else if (length < 16) {
          service = likelyService(v128.and(text, firstBytes(length)), length);
          if (!service) {
            // No half names: they would fill the table.
            if (load<u8>(at + length) != 0x22) return NO_SHAPE;
            service = serviceOf(at, length);
            if (!service) return WALK_NO_ROOM;
          }
          at += length;
        } else {
          const end = endOfLongName(at);
          if (!end || load<u8>(end) != 0x22) return NO_SHAPE;
          service = serviceOf(at, <u32>(end - at));
          if (!service) return WALK_NO_ROOM;
          at = end;
        }
        break;
      }
      case KIND_LEVEL: {
        const text = v128.load(at);
        const length = ctz(i8x16.bitmask(stopBytes(text)) | 0x10000);
        if (length > 15) return NO_SHAPE;
        level = levelOf(v128.and(text, firstBytes(length)));
        if (level < 0) return NO_SHAPE;
        at += length;
        break;
      }
      case KIND_DURATION: {
        const end = endOfDuration(at);
        if (!end) {
          if (load<u8>(at) == 0x2d || isDigit(load<u8>(at))) return NO_SHAPE;
          node = otherNode(node, from);
          if (!node) return NO_SHAPE;
          at = from;
          continue;
        }
        us = durationUs;
        at = end;
        break;
      }
      case KIND_MORE: {
        // A shorter literal with the same beginning may be an alternative: look ahead, because nothing is taken back later.
        const next: usize = load<u32>(node, NODE_NEXT);
        if (load<u32>(node, NODE_OTHER) && !fits(next, at) && !otherNode(next, at)) {
          node = otherNode(node, from);
          if (!node) return NO_SHAPE;
          at = from;
          continue;
        }
        break;
      }
      case KIND_EPOCH_TIME: {
        if (!isDigit(load<u8>(at))) {
          node = otherNode(node, from);
          if (!node) return NO_SHAPE;
          at = from;
          continue;
        }
        at = endOfEpochTime(at);
        if (!at) return NO_SHAPE;
        minute = timeMinute;
        rest = timeRest;
        break;
      }
      case KIND_NUMBER_LEVEL: {
        const text = v128.load(at);
        const length = ctz(~digitBits(digitValues(text)));
        const next: u32 = load<u8>(at + length);
        if (length == 0) {
          node = otherNode(node, from);
          if (!node) return NO_SHAPE;
          at = from;
          continue;
        }
        if (length > 8 || next == 0x2e || (next | 32) == 0x65) return NO_SHAPE;
        level = levelOf(numberLevel(v128.and(text, firstBytes(length))));
        if (level < 0) return NO_SHAPE;
        at += length;
        break;
      }
      case KIND_KEPT_STRING: {
        const value = at;
        let found = stops(at);
        while (found == 0) {
          at += 16;
          found = stops(at);
        }
        at += ctz(found);
        if (load<u8>(at) != 0x22) return NO_SHAPE;
        keep(load<u32>(node, NODE_KIND) >>> KIND_BITS, KEPT_STRING, value, at);
        break;
      }
      case KIND_KEPT_NUMBER: {
        const end = endOfNumber(at);
        if (!end) {
          node = otherNode(node, from);
          if (!node) return NO_SHAPE;
          at = from;
          continue;
        }
        keep(load<u32>(node, NODE_KIND) >>> KIND_BITS, KEPT_NUMBER, at, end);
        at = end;
        break;
      }
      default: {
        // The end of the line.
        if (!service) return NO_SHAPE;
        if (keptCount) {
          service = keyOf(service);
          if (service == KEY_TOO_LONG) return NO_SHAPE;
          if (service == KEY_NO_ROOM) return WALK_NO_ROOM;
        }
        if (!tally(service, minute, rest, level, us, <u32>(at - start))) return WALK_NO_ROOM;
        note(start, at, service, level, minute, rest);
        return at;
      }
    }
    node = load<u32>(node, NODE_NEXT);
  }
}
