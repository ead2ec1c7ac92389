// The kernel's door to the host; see json-line-counter.ts for the whole story.
import { addName as addNameAt } from "./json-object";
import { setKeptCount } from "./kept";
import {
  NOTED, PAGES, SCRATCH, SLOTS, TEXT, TEXT_BYTES, UNPROVEN as UNPROVEN_LINES, UNPROVEN_MAX,
} from "./memory";
import { forgetNoted, isNotedFull, notedCount, setNotedLevels } from "./noted";
import { setDurations } from "./numbers";
import { lesson, LESSON_NONE, lessonAt, lessonLength, NO_ROOM, parseLine, setDefaults, UNPROVEN } from "./parse-line";
import { renewShapes } from "./shapes";
import { endOfLine, firstBytes } from "./text";
import { forgetTimes, learnLocalMinute, wallMinute as wallMinuteAt } from "./times";
import { WALK_NO_ROOM, walkLine } from "./walk-line";
import {
  clearSlots, learnLevel as learnLevelKey, numberLevel, serviceOf, setBuckets, setTimeLimit as setTimeLimitMs,
} from "./windows";
import * as windows from "./windows";

/** Results of {@link run}. */
const RUN_DONE: u32 = 0;
const RUN_LIST: u32 = 1;
const RUN_NO_ROOM: u32 = 2;

/** The next line, and the end of the text. */
let lineAt: usize = 0, textEnd: usize = 0;
let unprovenCount: u32 = 0;
/** True when the host took the list. */
let isListTaken = false;
/** Lessons that the host was asked for at once since {@link begin}: what it cannot teach should not stop the scan at every line. */
let lessonCount: u32 = 0;
const LESSONS_MAX: u32 = 32;

/** Sets the module up; once. For the last three see setDurations. */
export function start(bucketMultiplier: f64, multiplier: f64, divisor: f64, limitUs: f64): void {
  setBuckets(bucketMultiplier);
  setDurations(multiplier, divisor, limitUs);
  forgetTimes();
}

export function textAddress(): usize {
  return TEXT;
}

export function textBytes(): u32 {
  return TEXT_BYTES;
}

export function scratchAddress(): usize {
  return SCRATCH;
}

export function unprovenAddress(): usize {
  return UNPROVEN_LINES;
}

export function slotsAddress(): usize {
  return SLOTS;
}

export function pagesAddress(): usize {
  return PAGES;
}

/** Adds the name in the scratch bytes as one of `field` (time, service, level, duration from 0, then kept ones). */
export function addName(length: u32, field: u32, rank: u32): bool {
  return addNameAt(SCRATCH, length, field, rank);
}

/** Says how many kept fields there are: their values keep counts apart, as kept.ts says. */
export function setKept(count: u32): void {
  setKeptCount(count);
}

/** Says of which levels lines are noted: one bit for each. */
export function noteLevels(mask: u32): void {
  setNotedLevels(mask);
}

/** Where lines are noted: from, to, key, level, minute, rest in milliseconds. */
export function notedAddress(): usize {
  return NOTED;
}

/** Count of noted lines, which are then forgotten. The host takes them after each {@link run}. */
export function takeNoted(): u32 {
  const count = notedCount;
  forgetNoted();
  return count;
}

/** Adds the level text in the scratch bytes; at most 15 bytes, 8 of a number. */
export function learnLevel(length: u32, isNumber: bool, level: u32): void {
  const key = v128.and(v128.load(SCRATCH), firstBytes(length));
  learnLevelKey(isNumber ? numberLevel(key) : key, level);
}

/** The minute that the 16 bytes at `at` are in UTC. */
export function wallMinute(at: usize): i32 {
  return wallMinuteAt(at);
}

/** Teaches what minute the 16 bytes at `at` are in a time without a zone. */
export function learnMinute(at: usize, minute: i32): void {
  learnLocalMinute(at, minute);
}

/** Makes the name in the scratch bytes the service of events that name none; length 0: there is no such. False when there is no room. */
export function setDefault(length: u32, level: u32): bool {
  const service: usize = length ? serviceOf(SCRATCH, length) : 0;
  setDefaults(service, level);
  return length == 0 || service != 0;
}

export function setTimeLimit(limitMs: f64): void {
  setTimeLimitMs(limitMs >= 9e15 ? i64.MAX_VALUE : limitMs <= -9e15 ? i64.MIN_VALUE : <i64>floor<f64>(limitMs));
}

/** Prepares to scan whole lines from `from` to `to`. */
export function begin(from: usize, to: usize): void {
  renewShapes();
  unprovenCount = 0;
  isListTaken = false;
  lessonCount = 0;
  lineAt = from;
  textEnd = to;
}

/**
 * Goes on scanning. After RUN_LIST the host takes the list, because it is full or because of a lesson, without which all further lines might
 * come on it; after RUN_NO_ROOM it takes the counts; and calls again.
 */
export function run(): u32 {
  if (isListTaken) unprovenCount = 0;
  isListTaken = false;
  let at = lineAt;
  const limit = textEnd;
  while (at < limit) {
    const next = walkLine(at);
    if (next > WALK_NO_ROOM) {
      at = next;
      if (isNotedFull()) {
        lineAt = at;
        isListTaken = true;
        return RUN_LIST;
      }
      continue;
    }
    lineAt = at;
    if (next == WALK_NO_ROOM) return RUN_NO_ROOM;
    const end = endOfLine(at);
    const outcome = parseLine(at, end);
    if (outcome == NO_ROOM) return RUN_NO_ROOM;
    at = end + 1;
    if (outcome == UNPROVEN) {
      addUnproven(lineAt, at);
      if (unprovenCount == UNPROVEN_MAX || isNotedFull() || (lesson != LESSON_NONE && lessonCount++ < LESSONS_MAX)) {
        lineAt = at;
        isListTaken = true;
        return RUN_LIST;
      }
    }
  }
  lineAt = at;
  return RUN_DONE;
}

function addUnproven(from: usize, to: usize): void {
  const entry = UNPROVEN_LINES + (<usize>(unprovenCount++) << 4);
  store<u32>(entry, <u32>from);
  store<u32>(entry, <u32>to, 4);
  store<u32>(entry, <u32>lessonAt, 8);
  store<u32>(entry, (lesson << 8) | lessonLength, 12);
}

/** Count of lines in the list for the host: from, to, address of what it may teach, kind of lesson * 256 + length. */
export function unproven(): u32 {
  return unprovenCount;
}

export function slots(): u32 {
  return windows.slotCount;
}

/** Count of pages of 64 buckets that are in use. */
export function pages(): u32 {
  return windows.pageCount;
}

export function services(): u32 {
  return windows.serviceCount;
}

export function events(): u32 {
  return windows.eventCount;
}

export function aheadEvents(): u32 {
  return windows.aheadCount;
}

export function aheadBytes(): u32 {
  return windows.aheadBytes;
}

/** Latest event time in milliseconds that was not beyond the limit; below -9e15 when there was none. */
export function timeMax(): f64 {
  return <f64>windows.timeMax;
}

/** Forgets all counts, and with `isWithServices` the services (the default one, too: set it again). */
export function clear(isWithServices: bool): void {
  clearSlots(isWithServices);
  if (isWithServices) setDefaults(0, 0);
}
