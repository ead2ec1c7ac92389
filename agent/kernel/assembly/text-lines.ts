// The door to the kernel for lines of text; see text-line-counter.ts for the whole story.
import { accessLine, setNginxTime } from "./access-log";
import { beginContainers, criLine, dockerLine } from "./containers";
import { addJsonName, FIELD_MARK, setInString } from "./json-text";
import { addLevelWord as addLevelWordAt } from "./level-words";
import * as times from "./line-times";
import { addKey as addKeyAt, logfmtLine, setTimeGiven } from "./logfmt";
import * as measured from "./measured";
import { CONTINUES, EVENT } from "./measured";
import {
  PAGES, SCRATCH, SLOTS, TEXT, TEXT_BYTES, UNPROVEN as UNPROVEN_LINES, UNPROVEN_MAX,
} from "./memory";
import { renewShapes } from "./shapes";
import { setHasLines, setShapes as setShapesAt, shapeLine, TREE, TREE_BYTES } from "./shape-tree";
import { syslogLine } from "./syslog";
import { endOfLine, firstBytes } from "./text";
import { setSourceUnit } from "./text-durations";
import { clearSlots, likelyService, SERVICE_NAME_MAX, serviceOf, setBuckets, setTimeLimit as setTimeLimitMs, tally } from "./windows";
import * as windows from "./windows";
import { addZone as addZoneName } from "./zone-names";

/** Results of {@link run}. */
const RUN_DONE: u32 = 0;
const RUN_LIST_FULL: u32 = 1;
const RUN_NO_ROOM: u32 = 2;
const RUN_ASKS: u32 = 3;

/** Formats, as the host numbers them. */
const FORMAT_ACCESS_LOG: u32 = 0;
const FORMAT_SYSLOG: u32 = 1;
const FORMAT_LOGFMT: u32 = 2;
const FORMAT_SHAPES: u32 = 3;
const FORMAT_CRI: u32 = 4;
const FORMAT_DOCKER: u32 = 5;

/** Reads the line `[from, end)`; its bytes stand before a line feed, perhaps with a carriage return between. */
let readLine: (from: usize, end: usize) => u32 = accessLine;
/** True when lines may go on with an event before. */
let isJoining = false;
/** True when the lines of several formats stand in others, which have the time. */
let isInside = false;
/** Of longer events not all lines are looked at: these are the host's. */
let eventBytesMax: u32 = 0;

/** Sets the module up; once. `multiplier`, `divisor`, `limitUs`: see setDurations in numbers.ts. */
export function start(bucketMultiplier: f64, multiplier: f64, divisor: f64, limitUs: f64): void {
  setBuckets(bucketMultiplier);
  setSourceUnit(multiplier, divisor, limitUs);
  times.startTimes();
}

/** Says what the lines are. `bytesMax`: size of an event of several lines, 0 when there are none. */
export function setFormat(format: u32, bytesMax: u32): void {
  isJoining = bytesMax > 0;
  eventBytesMax = bytesMax;
  isInside = format == FORMAT_CRI || format == FORMAT_DOCKER;
  setTimeGiven(isInside);
  setInString(format == FORMAT_DOCKER);
  if (format == FORMAT_ACCESS_LOG) readLine = accessLine;
  else if (format == FORMAT_SYSLOG) readLine = syslogLine;
  else if (format == FORMAT_LOGFMT) readLine = logfmtLine;
  else if (format == FORMAT_SHAPES) readLine = shapeLine;
  else if (format == FORMAT_CRI) readLine = criLine;
  else if (format == FORMAT_DOCKER) readLine = dockerLine;
}

export { setNginxTime };

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

/** Where the host lays the trees of shapes out, and how much room there is. */
export function treeAddress(): usize {
  return TREE;
}

/** See {@link treeAddress}. */
export function treeBytes(): u32 {
  return TREE_BYTES;
}

/** Says where the trees of shapes begin; the second is that of texts that no strict format knows. */
export function setShapes(first: usize, second: usize): void {
  setShapesAt(first, second, isInside);
}

/** Adds the word in the scratch bytes, at most 14 of them, as one for a level: to the common set (0) or that of a tree (1, 2). */
export function addLevelWord(length: u32, level: u32, set: u32): void {
  addLevelWordAt(SCRATCH, length, level, set);
}

/** Adds the name of a zone, its letters packed. */
export function addZone(packed: u32): bool {
  return addZoneName(packed);
}

/** Adds the name in the scratch bytes as a key of logfmt and of JSON for a meaning: time, service, level, duration from 0. */
export function addKey(length: u32, meaning: u32, rank: u32): bool {
  return addKeyAt(SCRATCH, length, meaning, rank) && addJsonName(SCRATCH, length, meaning, rank);
}

/** Adds the name in the scratch bytes as one that JSON inside of other lines does not have unless it is of a dialect. */
export function addMark(length: u32): bool {
  return addJsonName(SCRATCH, length, FIELD_MARK, 0);
}

let defaultService: usize = 0;

/** As in json-lines.ts. */
export function setDefault(length: u32): bool {
  defaultService = length ? serviceOf(SCRATCH, length) : 0;
  return length == 0 || defaultService != 0;
}

export function setTimeLimit(limitMs: f64): void {
  setTimeLimitMs(limitMs >= 9e15 ? i64.MAX_VALUE : limitMs <= -9e15 ? i64.MIN_VALUE : <i64>floor<f64>(limitMs));
}

/** The next line, and the end of the text; true when the last event there is whole. */
let lineAt: usize = 0, textEnd: usize = 0, isWhole = true;
let unprovenCount: u32 = 0;
/** Where the lines begin that go to the host, up to the next that surely begins an event; 0: there are none. */
let rangeAt: usize = 0;

/** The event that may go on: where it begins (0: there is none), what its first line says, and the lines that go on with it. */
let eventAt: usize = 0, eventLineTo: usize = 0;
let eventMinute: i32 = 0, eventRest: i32 = 0, eventLevel: u32 = 0, eventUs: f64 = -1;
let eventServiceAt: usize = 0, eventServiceLength: usize = 0;
let eventJoinedLines: u32 = 0;
/** Bytes of lines behind the first of the event that was counted last; -1 when the host got what came last. */
let lastJoinedBytes: i32 = -1;
/** The line that last asked the host, and how often. */
let askedAt: usize = 0, askCount: u32 = 0;
/** Times that a line may ask: one that reads several times could forget the first answer. */
const ASKS_MAX: u32 = 3;

let countedByteCount: u32 = 0, joinedLineCount: u32 = 0, joinedByteCount: u32 = 0;

/**
 * Prepares to scan whole lines from `from` to `to`. Unless `isLast`, the last event is left for the next call: see {@link heldFrom}. `before`:
 * where the line before begins, `from` when there is none, 0 when it is not known.
 */
export function begin(from: usize, to: usize, isLast: bool, before: usize): void {
  unprovenCount = 0;
  lineAt = from;
  textEnd = to;
  isWhole = isLast;
  rangeAt = 0;
  eventAt = 0;
  askedAt = 0;
  lastJoinedBytes = -1;
  renewShapes();
  if (!isInside) return;
  beginContainers(before == from);
  // Of it only the stream counts, and whether it was cut.
  if (before && before < from) readLine(before, from - 1);
}

/**
 * Goes on scanning. After RUN_LIST_FULL the host takes the list, after RUN_NO_ROOM the counts, after RUN_ASKS it teaches a minute, and
 * calls again.
 */
export function run(): u32 {
  if (unprovenCount == UNPROVEN_MAX) unprovenCount = 0;
  times.forgetQuestion();
  return isJoining ? runEvents() : runLines();
}

/** True when the host should be asked before the line at `at` is given up. */
function asks(at: usize): bool {
  if (times.wallAsked == times.NOTHING_ASKED) return false;
  if (at != askedAt) {
    askedAt = at;
    askCount = 0;
  }
  return ++askCount <= ASKS_MAX;
}

/** Every line is an event. */
function runLines(): u32 {
  let at = lineAt;
  while (at < textEnd) {
    const end = endOfLine(at);
    const next = end + 1;
    if (readLine(at, end) == EVENT && isCountable(measured.serviceLength)) {
      if (!count(next - at)) {
        lineAt = at;
        return RUN_NO_ROOM;
      }
    } else {
      if (asks(at)) {
        lineAt = at;
        return RUN_ASKS;
      }
      addUnproven(at, next);
      if (unprovenCount == UNPROVEN_MAX) {
        lineAt = next;
        return RUN_LIST_FULL;
      }
    }
    at = next;
  }
  lineAt = at;
  return RUN_DONE;
}

/** False when the service's name is too long, or there is none and no other is known to the kernel: such lines are the host's. */
// @ts-ignore: decorator
@inline function isCountable(serviceLength: usize): bool {
  return serviceLength <= SERVICE_NAME_MAX && (serviceLength != 0 || defaultService != 0);
}

/** The service of this name, of length 0 the default one; 0 when there is no room. Nearly all names are short and were met before. */
// @ts-ignore: decorator
@inline function serviceOfText(at: usize, length: u32): usize {
  if (!length) return defaultService;
  if (length > 15) return serviceOf(at, length);
  const service = likelyService(v128.and(v128.load(at), firstBytes(length)), length);
  return service ? service : serviceOf(at, length);
}

/** Counts what was measured; false when there is no room. */
// @ts-ignore: decorator
@inline function count(bytes: usize): bool {
  const service = serviceOfText(measured.serviceAt, <u32>measured.serviceLength);
  if (!service || !tally(service, measured.minute, measured.rest, measured.level, measured.us, <u32>bytes)) return false;
  countedByteCount += <u32>bytes;
  return true;
}

/** An event is the line that begins it and all that go on with it. */
function runEvents(): u32 {
  let at = lineAt;
  while (at < textEnd) {
    const end = endOfLine(at);
    const next = end + 1;
    let outcome = readLine(at, end);
    if (outcome == EVENT) {
      const outcomeOfLast = takeOver(at, next);
      if (outcomeOfLast == RUN_NO_ROOM) {
        lineAt = at;
        return RUN_NO_ROOM;
      }
      if (outcomeOfLast == RUN_LIST_FULL) {
        lineAt = next;
        return RUN_LIST_FULL;
      }
    } else if (outcome == CONTINUES && eventAt) eventJoinedLines++;
    else if (outcome != CONTINUES && asks(at)) {
      lineAt = at;
      return RUN_ASKS;
    } else if (!rangeAt) {
      rangeAt = eventAt ? eventAt : at;
      eventAt = 0;
    }
    at = next;
  }
  lineAt = at;
  return isWhole ? finish() : RUN_DONE;
}

/** The line at hand begins an event: what came before is whole, and it waits in its place. */
// @ts-ignore: decorator
@inline function takeOver(at: usize, next: usize): u32 {
  let result = RUN_DONE;
  if (eventAt && !eventJoinedLines) {
    if (!isCountable(eventServiceLength)) result = close(at);
    else if (!countWaiting(at)) return RUN_NO_ROOM;
  } else if (eventAt || rangeAt) {
    result = closeBefore(at);
    if (result == RUN_NO_ROOM) return result;
  }
  noteEvent();
  eventAt = at;
  eventLineTo = next;
  eventJoinedLines = 0;
  return result;
}

/** What was measured is of the event that waits. */
// @ts-ignore: decorator
@inline function noteEvent(): void {
  eventMinute = measured.minute;
  eventRest = measured.rest;
  eventLevel = measured.level;
  eventUs = measured.us;
  eventServiceAt = measured.serviceAt;
  eventServiceLength = measured.serviceLength;
}

/** As {@link close}, which may measure the event before; what was measured of the line at hand stays. */
function closeBefore(at: usize): u32 {
  const minute = measured.minute, rest = measured.rest, level = measured.level, us = measured.us;
  const serviceAt = measured.serviceAt, serviceLength = measured.serviceLength;
  const result = close(at);
  measured.setTime(minute, rest);
  measured.setLevel(level);
  measured.setDuration(us);
  measured.setService(serviceAt, serviceLength);
  return result;
}

/** Counts the event that waits, or hands the lines that wait to the host; they end at `to`. */
function close(to: usize): u32 {
  if (eventAt && !isHostEvent(to)) return countWaiting(to) ? RUN_DONE : RUN_NO_ROOM;
  if (eventAt) rangeAt = eventAt;
  eventAt = 0;
  if (!rangeAt) return RUN_DONE;
  addUnproven(rangeAt, to);
  rangeAt = 0;
  lastJoinedBytes = -1;
  return unprovenCount == UNPROVEN_MAX ? RUN_LIST_FULL : RUN_DONE;
}

/** Counts the event that waits, which ends at `to`; false when there is no room. */
// @ts-ignore: decorator
@inline function countWaiting(to: usize): bool {
  const service = serviceOfText(eventServiceAt, <u32>eventServiceLength);
  const bytes = <u32>(eventLineTo - eventAt);
  if (!service || !tally(service, eventMinute, eventRest, eventLevel, eventUs, bytes)) return false;
  countedByteCount += bytes;
  joinedLineCount += eventJoinedLines;
  lastJoinedBytes = <i32>(to - eventLineTo);
  joinedByteCount += <u32>lastJoinedBytes;
  eventAt = 0;
  return true;
}

/** Measures the event that waits, which ends at `to`, when it has several lines; true when the host has to say what it is. */
function isHostEvent(to: usize): bool {
  if (eventJoinedLines) {
    if (to - eventAt > eventBytesMax || !readEvent(to - 1)) return true;
    noteEvent();
  }
  return !isCountable(eventServiceLength);
}

/** Reads the lines of the event that waits, which end at `end`; false when the host has to. */
function readEvent(end: usize): bool {
  setHasLines(true);
  const outcome = readLine(eventAt, end);
  setHasLines(false);
  return outcome == EVENT;
}

/** The text is at its end, and so is its last event. */
function finish(): u32 {
  const result = close(textEnd);
  return result == RUN_NO_ROOM ? result : RUN_DONE;
}

function addUnproven(from: usize, to: usize): void {
  const entry = UNPROVEN_LINES + (<usize>(unprovenCount++) << 4);
  store<u32>(entry, <u32>from);
  store<u32>(entry, <u32>to, 4);
}

/** Where the event begins that was left because more of it may follow; the end of the text when there is none. */
export function heldFrom(): usize {
  return eventAt ? eventAt : rangeAt ? rangeAt : textEnd;
}

/** Bytes of lines behind the first of the event that was counted last; -1 when the host got what came last. */
export function lastJoined(): i32 {
  return lastJoinedBytes;
}

/** Count of pieces in the list for the host: from, to, and two words that are not used. */
export function unproven(): u32 {
  return unprovenCount;
}

/** A wall clock's minute that the host may teach, or the smallest integer. */
export function wallAsked(): i32 {
  return times.wallAsked;
}

/** True when it lacks the year and is month, day, hour and minute, packed. */
export function isYearAsked(): bool {
  return times.isYearAsked;
}

export function learnWall(wall: i32, isYearless: bool, minute: i32): void {
  times.learnWall(wall, isYearless, minute);
}

export function forgetYears(): void {
  times.forgetYears();
}

export function slots(): u32 {
  return windows.slotCount;
}

export function pages(): u32 {
  return windows.pageCount;
}

export function services(): u32 {
  return windows.serviceCount;
}

export function events(): u32 {
  return windows.eventCount;
}

/** Bytes of the lines that {@link events} counts; of events of several lines those of the first. */
export function countedBytes(): u32 {
  return countedByteCount;
}

/** Lines that went on with events, and their bytes. */
export function joinedLines(): u32 {
  return joinedLineCount;
}

/** See {@link joinedLines}. */
export function joinedBytes(): u32 {
  return joinedByteCount;
}

export function aheadEvents(): u32 {
  return windows.aheadCount;
}

export function aheadBytes(): u32 {
  return windows.aheadBytes;
}

export function timeMax(): f64 {
  return <f64>windows.timeMax;
}

/** Forgets all counts, and with `isWithServices` the services (the default one, too: set it again). */
export function clear(isWithServices: bool): void {
  clearSlots(isWithServices);
  countedByteCount = 0;
  joinedLineCount = 0;
  joinedByteCount = 0;
  if (isWithServices) defaultService = 0;
}
