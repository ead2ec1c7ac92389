// Lines of containers: the envelopes of CRI and of Docker's json-file, and lines of any format inside (agent/parsers/container.ts).
// Pieces of lines, traces, and what no reader here proves go to the host.
import { accessLine } from "./access-log";
import { monthOf } from "./calendar";
import { hadZone, readIsoTime, TIME_READ, timeEnd, timeMinute, timeRest } from "./line-times";
import { jsonText } from "./json-text";
import { logfmtLine } from "./logfmt";
import { CONTINUES, EVENT, LEVEL_INFO, setDuration, setLevel, setService, setTime, UNPROVEN } from "./measured";
import { find } from "./search";
import { readShapes } from "./shape-tree";
import { syslogLine } from "./syslog";
import { asciiEscape, isDigit, stops } from "./text";
import { walkEscapedText } from "./walk-text";

const SPACE: u32 = 32;
const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;

/** What is known of the last line of a stream: whether the runtime cut it. */
const STREAM_UNKNOWN: u32 = 0;
const STREAM_WHOLE: u32 = 1;
const STREAM_CUT: u32 = 2;
/** Of stdout and stderr, before and behind the line at {@link lineAt}. */
let outBefore: u32 = 0, errBefore: u32 = 0, out: u32 = 0, err: u32 = 0;
let lineAt: usize = 0;

/** Forgets the lines before: their streams are not known, unless there are none. */
export function beginContainers(isFirst: bool): void {
  out = isFirst ? STREAM_WHOLE : STREAM_UNKNOWN;
  err = out;
  lineAt = 0;
}

/** Begins a line, also for the second time. */
function beginLine(at: usize): void {
  if (at == lineAt) {
    out = outBefore;
    err = errBefore;
    return;
  }
  lineAt = at;
  plainText = PLAIN_TEXTS + PLAIN_TEXTS + TEXT_BYTES - plainText;
  outBefore = out;
  errBefore = err;
}

/** Notes what a line is to its stream; true when the one before it there was whole. */
function noteStream(isErr: bool, state: u32): bool {
  const before = isErr ? err : out;
  if (isErr) err = state;
  else out = state;
  return before == STREAM_WHOLE;
}

function unreadable(): u32 {
  out = STREAM_UNKNOWN;
  err = STREAM_UNKNOWN;
  return UNPROVEN;
}

/** "stdout " and "stderr ", of which the first six bytes are the name. */
const STDOUT: u64 = 0x2074756f647473;
const STDERR: u64 = 0x20727265647473;
const NAME_MASK: u64 = 0xffffffffffff;
/** Longer times are none. */
const TIME_BYTES_MAX: usize = 64;

/** Reads a line of CRI: time, stream, tag, text. */
export function criLine(from: usize, end: usize): u32 {
  beginLine(from);
  if (end > from && load<u8>(end - 1) == 13) end--;
  const outcome = readIsoTime(from, end);
  if (outcome != TIME_READ || !hadZone() || timeEnd - from > TIME_BYTES_MAX) return unreadable();
  const minute = timeMinute, rest = timeRest;
  const at = timeEnd;
  const stream = load<u64>(at, 1) & 0xffffffffffffff;
  if (at + 10 > end || load<u8>(at) != SPACE || (stream != STDOUT && stream != STDERR)) return unreadable();
  const tag: u32 = load<u8>(at, 8);
  if ((tag != 0x46 && tag != 0x50) || load<u8>(at, 9) != SPACE) return unreadable();
  const isAfterWhole = noteStream(stream == STDERR, tag == 0x46 ? STREAM_WHOLE : STREAM_CUT);
  if (tag != 0x46 || !isAfterWhole || !readText(at + 10, end)) return UNPROVEN;
  setTime(minute, rest);
  return EVENT;
}

/** `{"log":"` and what stands between the text, the stream and the time, in words. */
const LOG_HEAD: u64 = 0x223a22676f6c227b;
/** `\n`. */
const LINE_FEED_ESCAPE: u32 = 0x6e5c;
/** `","strea`. */
const STREAM_HEAD: u64 = 0x6165727473222c22;
/** `","time"`. */
const TIME_HEAD: u64 = 0x22656d6974222c22;

/** Room for texts without their escapes: of the line at hand, and of the event that waits for the next one to begin. */
const TEXT_BYTES: usize = 65536;
const PLAIN_TEXTS: usize = memory.data(2 * 65536 + 64, 64);
let plainText: usize = PLAIN_TEXTS;

let textFrom: usize = 0, textTo: usize = 0, isCut = false;

/** Reads a line of Docker's json-file, written as Docker writes it. */
export function dockerLine(from: usize, end: usize): u32 {
  beginLine(from);
  if (end > from && load<u8>(end - 1) == 13) end--;
  if (end < from + 60 || load<u64>(from) != LOG_HEAD) return unreadable();
  // A text of a known shape is measured as it stands.
  const walked = load<u8>(from, 8) == 0x7b ? walkEscapedText(from + 8) : 0;
  const isWalked = walked != 0 && walked + 3 < end && load<u16>(walked) == LINE_FEED_ESCAPE && load<u8>(walked, 2) == QUOTE;
  const close = isWalked ? walked + 2 : readString(from + 8, end);
  // `","stream":"stdout","time":"`: 28 bytes.
  if (!close || close + 28 > end) return unreadable();
  const stream = load<u64>(close, 12) & NAME_MASK;
  const isErr = stream == (STDERR & NAME_MASK);
  if (
    load<u64>(close) != STREAM_HEAD || (load<u64>(close, 8) & 0xffffffff) != 0x223a226d ||
    (!isErr && stream != (STDOUT & NAME_MASK)) || load<u64>(close, 18) != TIME_HEAD || load<u16>(close, 26) != 0x223a
  ) return unreadable();
  const at = close + 28;
  const outcome = readIsoTime(at, end);
  if (outcome != TIME_READ || !hadZone() || timeEnd - at > TIME_BYTES_MAX) return unreadable();
  if (timeEnd + 2 != end || load<u16>(timeEnd) != 0x7d22) return unreadable();
  const minute = timeMinute, rest = timeRest;
  const isWhole = isWalked || !isCut;
  const isAfterWhole = noteStream(isErr, isWhole ? STREAM_WHOLE : STREAM_CUT);
  if (!isWhole || !isAfterWhole || !(isWalked || readText(textFrom, textTo))) return UNPROVEN;
  setTime(minute, rest);
  return EVENT;
}

/**
 * Finds the text of the string at `at`, which ends in the escape of a line feed unless the runtime cut it; returns its closing quote, or
 * 0 when the host has to read it. A text with other escapes is laid out without them.
 */
function readString(at: usize, end: usize): usize {
  textFrom = at;
  let to = stopAt(at, end);
  if (load<u8>(to) == BACKSLASH && to + 2 < end && load<u8>(to, 1) != 0x6e) return readEscapes(at, to, end);
  if (load<u8>(to) == BACKSLASH && load<u8>(to, 2) != QUOTE) return readEscapes(at, to, end);
  textTo = to;
  isCut = load<u8>(to) != BACKSLASH;
  if (!isCut) to += 2;
  return to < end && load<u8>(to) == QUOTE ? to : 0;
}

/** The first byte that is not simply itself, or `end`. */
// @ts-ignore: decorator
@inline function stopAt(at: usize, end: usize): usize {
  while (at < end) {
    const found = stops(at);
    if (found) return min(at + ctz(found), end);
    at += 16;
  }
  return end;
}

/** Lays the text out that begins at `from` and has its first escape at `at`. */
function readEscapes(from: usize, at: usize, end: usize): usize {
  const limit = plainText + TEXT_BYTES - 32;
  let target = plainText, isLineFeed = false;
  if (at - from > TEXT_BYTES - 64) return 0;
  memory.copy(target, from, at - from);
  target += at - from;
  while (at < end) {
    if (target >= limit) return 0;
    const found = stops(at);
    const plain: usize = found ? <usize>ctz(found) : 16;
    v128.store(target, v128.load(at));
    target += plain;
    at += plain;
    if (plain > 0) isLineFeed = false;
    if (!found) continue;
    if (at >= end) return 0;
    const byte: u32 = load<u8>(at);
    if (byte == QUOTE) break;
    if (byte != BACKSLASH) return 0;
    const escaped: u32 = load<u8>(at, 1);
    let value = simpleEscape(escaped);
    at += 2;
    if (escaped == 0x75) {
      value = asciiEscape(at);
      at += 4;
    }
    if (!value) return 0;
    isLineFeed = escaped == 0x6e;
    store<u8>(target++, <u8>value);
  }
  if (at >= end) return 0;
  isCut = !isLineFeed;
  textFrom = plainText;
  textTo = isLineFeed ? target - 1 : target;
  // As behind a line: no reader goes on.
  store<u64>(textTo, 0x0a0a0a0a0a0a0a0a);
  return at;
}

/** The byte that an escape of one letter stands for, or 0. */
function simpleEscape(letter: u32): u32 {
  switch (letter) {
    case 0x22:
    case 0x5c:
    case 0x2f:
      return letter;
    case 0x6e:
      return 10;
    case 0x74:
      return 9;
    case 0x72:
      return 13;
    case 0x62:
      return 8;
    case 0x66:
      return 12;
    default:
      return 0;
  }
}

/** The first four letters of words that parts of traces begin with: Caused, Suppressed, Traceback, During, The, goroutine, created, Stack, exit. */
const TRACE_WORDS: usize = memory.data<u32>([
  0x73756143, 0x70707553, 0x63617254, 0x69727544, 0x20656854, 0x6f726f67, 0x61657263, 0x63617453, 0x74697865,
]);

// @ts-ignore: decorator
@inline function isWordByte(byte: u32): bool {
  return byte - 48 < 10 || (byte | 32) - 97 < 26 || byte == 0x5f;
}

/** True when a text surely goes on with no event before: agent/parsers/container-events.ts, its rules turned round. */
function surelyBegins(at: usize, end: usize): bool {
  if (at >= end) return false;
  const first: u32 = load<u8>(at);
  if (first == 0x7b || isDigit(first)) return true;
  if (first == 0x5b) {
    if (at + 1 >= end || !isDigit(load<u8>(at, 1))) return false;
    const space = find(at, end, 32);
    return find(at, space, 0x28) == space;
  }
  if (!isWordByte(first)) return false;
  const letters = load<u32>(at);
  for (let number: usize = 0; number < 9; number++) {
    if (load<u32>(TRACE_WORDS + (number << 2)) == letters) return false;
  }
  let hasLower = false;
  while (at < end && isWordByte(load<u8>(at))) {
    if (<u32>load<u8>(at) - 97 < 26) hasLower = true;
    at++;
  }
  if (at >= end) return false;
  const next: u32 = load<u8>(at);
  return next == 0x3d || next == SPACE || (next == 0x3a && !hasLower);
}

/** Reads what was written inside, as the first format that knows it; false when the host has to. */
function readText(at: usize, end: usize): bool {
  if (!surelyBegins(at, end)) return false;
  if (load<u8>(at) == 0x7b) return jsonText(at, end) == EVENT;
  const strict = readShapes(0, at, end);
  if (strict != CONTINUES) return strict == EVENT;
  if (mayBeAccessLog(at, end)) return accessLine(at, end) == EVENT;
  const first: u32 = load<u8>(at);
  if (first == 0x3c || isDigit(first) || monthOf(at)) return syslogLine(at, end) == EVENT;
  if (find(at, end, 0x3d) < end) return logfmtLine(at, end) == EVENT;
  const loose = readShapes(1, at, end);
  if (loose != CONTINUES) return loose == EVENT;
  setLevel(LEVEL_INFO);
  setService(0, 0);
  setDuration(-1);
  return true;
}

/** True when a bracket stands behind a space, as the time of an access log does. */
function mayBeAccessLog(from: usize, end: usize): bool {
  let at = find(from, end, 0x5b);
  while (at < end) {
    if (at > from && load<u8>(at - 1) == SPACE) return true;
    at = find(at + 1, end, 0x5b);
  }
  return false;
}
