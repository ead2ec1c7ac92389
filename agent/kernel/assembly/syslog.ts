// Lines of syslog: agent/parsers/syslog.ts, byte for byte, where the time has the form that programs write.
import { readIsoTime, readSyslogTime, TIME_READ, timeEnd, timeMinute, timeRest } from "./line-times";
import {
  EVENT, LEVEL_DEBUG, LEVEL_ERROR, LEVEL_FATAL, LEVEL_INFO, LEVEL_WARN, setDuration, setLevel, setService, setTime, UNPROVEN,
} from "./measured";
import { isDigit } from "./text";

const SPACE: u32 = 32;
const COLON: u32 = 0x3a;
const OPEN: u32 = 0x5b;
const CLOSE: u32 = 0x5d;
const DASH: u32 = 0x2d;
const DOT: u32 = 0x2e;
const QUOTE: u32 = 0x22;
const EQUALS: u32 = 0x3d;
const BACKSLASH: u32 = 0x5c;
const PRIORITY_MAX: i32 = 191;
/** Longest names in the newer form. */
const HOST_BYTES_MAX: usize = 255;
const PROGRAM_BYTES_MAX: usize = 48;
const PROCESS_BYTES_MAX: usize = 128;
const MESSAGE_ID_BYTES_MAX: usize = 32;
const DATA_NAME_BYTES_MAX: usize = 32;
/** Longest time in the newer form; longest program in the older one. */
const TIME_BYTES_MAX: usize = 35;
const TAG_BYTES_MAX: usize = 128;
const LETTER_T: u32 = 0x54;

/** -1 when there is none. */
let priority: i32 = -1;
/** The program, and where a host before it ends; a host that is missing is empty. */
let programFrom: usize = 0, programTo: usize = 0, hasHost = false;

/** Reads a line of syslog. */
export function syslogLine(from: usize, end: usize): u32 {
  if (end > from && load<u8>(end - 1) == 13) end--;
  let at = endOfPriority(from, end);
  if (!at) return UNPROVEN;
  let digits: usize = 0;
  while (digits < 4 && at + digits < end && isDigit(load<u8>(at + digits))) digits++;
  let isRead: bool;
  if (digits >= 1 && digits <= 3 && load<u8>(at) != 0x30 && load<u8>(at + digits) == SPACE) {
    isRead = readNewer(at + digits + 1, end);
  } else {
    if (digits == 4 ? load<u8>(at, 10) != LETTER_T : digits != 0) return UNPROVEN;
    isRead = readOlder(at, end, digits == 4);
  }
  if (!isRead) return UNPROVEN;
  setLevel(levelOfPriority());
  setDuration(-1);
  setService(programFrom, programTo - programFrom);
  return EVENT;
}

function levelOfPriority(): u32 {
  if (priority < 0) return LEVEL_INFO;
  const severity = priority & 7;
  if (severity < 3) return LEVEL_FATAL;
  if (severity == 3) return LEVEL_ERROR;
  if (severity == 4) return LEVEL_WARN;
  return severity == 7 ? LEVEL_DEBUG : LEVEL_INFO;
}

/** Reads `<PRI>` if it is there; where it ends, or 0 when it is wrong. */
function endOfPriority(from: usize, end: usize): usize {
  priority = -1;
  if (from >= end || load<u8>(from) != 0x3c) return from;
  let at = from + 1, value: i32 = 0;
  while (at < end && at - from < 4 && isDigit(load<u8>(at))) value = value * 10 + <i32>load<u8>(at++) - 48;
  if (at == from + 1 || at >= end || load<u8>(at) != 0x3e) return 0;
  if ((load<u8>(from, 1) == 0x30 && at > from + 2) || value > PRIORITY_MAX) return 0;
  priority = value;
  return at + 1;
}

/** Reads the newer form from behind the version. */
function readNewer(from: usize, end: usize): bool {
  if (readIsoTime(from, end) != TIME_READ) return false;
  const behind = timeEnd;
  if (load<u8>(from, 10) != LETTER_T || behind >= end || load<u8>(behind) != SPACE) return false;
  if (behind - from > TIME_BYTES_MAX) return false;
  setTime(timeMinute, timeRest);
  const hostTo = endOfName(behind + 1, end, HOST_BYTES_MAX);
  if (!hostTo) return false;
  programFrom = hostTo + 1;
  programTo = endOfName(programFrom, end, PROGRAM_BYTES_MAX);
  if (!programTo) return false;
  const processTo = endOfName(programTo + 1, end, PROCESS_BYTES_MAX);
  if (!processTo) return false;
  const idTo = endOfName(processTo + 1, end, MESSAGE_ID_BYTES_MAX);
  if (!idTo) return false;
  const dataTo = endOfData(idTo + 1, end);
  if (!dataTo || (dataTo < end && load<u8>(dataTo) != SPACE)) return false;
  if (programTo - programFrom == 1 && load<u8>(programFrom) == DASH) programTo = programFrom;
  return true;
}

/** Where a name of printable bytes ends that a space follows, or 0. */
function endOfName(from: usize, end: usize, bytesMax: usize): usize {
  let at = from;
  while (at < end && load<u8>(at) > SPACE && load<u8>(at) < 0x7f) at++;
  return at > from && at - from <= bytesMax && at < end && load<u8>(at) == SPACE ? at : 0;
}

/** Where the structured data at `from` ends, or 0: agent/parsers/structured-data.ts. */
function endOfData(from: usize, end: usize): usize {
  if (from < end && load<u8>(from) == DASH) return from + 1;
  let at = from;
  while (at < end && load<u8>(at) == OPEN) {
    at = endOfDataName(at + 1, end);
    while (at && at < end && load<u8>(at) == SPACE) {
      at = endOfDataName(at + 1, end);
      if (!at || load<u8>(at) != EQUALS || load<u8>(at, 1) != QUOTE) return 0;
      at = endOfDataValue(at + 2, end);
    }
    if (!at || at >= end || load<u8>(at) != CLOSE) return 0;
    at++;
  }
  return at > from ? at : 0;
}

function endOfDataName(from: usize, end: usize): usize {
  let at = from;
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte <= SPACE || byte >= 0x7f || byte == EQUALS || byte == CLOSE || byte == QUOTE) break;
  }
  return at == from || at - from > DATA_NAME_BYTES_MAX ? 0 : at;
}

/** Behind the quote that ends a value, or 0. */
function endOfDataValue(at: usize, end: usize): usize {
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == QUOTE) return at + 1;
    if (byte == CLOSE) return 0;
    if (byte == BACKSLASH) at++;
  }
  return 0;
}

/** Reads the older form, from its time on. */
function readOlder(from: usize, end: usize, isIso: bool): bool {
  if ((isIso ? readIsoTime(from, end) : readSyslogTime(from, end)) != TIME_READ) return false;
  let at = timeEnd;
  setTime(timeMinute, timeRest);
  if (at >= end || load<u8>(at) != SPACE) {
    if (at + 1 >= end || load<u8>(at) != COLON || load<u8>(at, 1) != SPACE) return false;
    at++;
  }
  at = skipSpaces(at, end);
  hasHost = false;
  programFrom = at;
  programTo = at;
  if (isTagAt(at, end)) return !isIso;
  const start = at;
  if (load<u8>(at) != DASH || at >= end) {
    if (programFrom == at && programTo > at) at = programTo;
    while (at < end && load<u8>(at) > SPACE) at++;
    if (at == start) return false;
    hasHost = true;
    at = skipSpaces(at, end);
  }
  if (at >= end) return false;
  if (isTagAt(at, end)) return true;
  if (mayBePriority(end)) return false;
  programTo = programFrom;
  return !isIso;
}

/** True when the word that was looked at may be `facility.severity`, which the parser reads. */
function mayBePriority(end: usize): bool {
  if (priority >= 0 || programTo >= end || load<u8>(programTo) != SPACE) return false;
  for (let at = programFrom; at < programTo; at++) if (load<u8>(at) == DOT) return true;
  return false;
}

/** Finds `program[process]:` or `program:` or, behind a host, `program[process]`. What it looked at stays noted as the program. */
function isTagAt(from: usize, end: usize): bool {
  if (from >= end || load<u8>(from) == 0x25 || load<u8>(from) == OPEN) return false;
  let at = from;
  const limit = min(end, from + TAG_BYTES_MAX);
  while (at < limit) {
    const byte: u32 = load<u8>(at);
    if (byte <= SPACE || byte == COLON || byte == OPEN) break;
    at++;
  }
  programFrom = from;
  programTo = at;
  if (at == from || at >= end) return false;
  let hasColon = load<u8>(at) == COLON;
  if (load<u8>(at) == OPEN) {
    while (at < limit && load<u8>(at) != CLOSE && load<u8>(at) != SPACE) at++;
    if (at >= limit || load<u8>(at) != CLOSE) return false;
    at++;
    hasColon = at < end && load<u8>(at) == COLON;
    if (!hasColon && !hasHost) return false;
  } else if (!hasColon) return false;
  if (hasColon) at++;
  return at >= end || load<u8>(at) <= SPACE;
}

function skipSpaces(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) == SPACE) at++;
  return at;
}
