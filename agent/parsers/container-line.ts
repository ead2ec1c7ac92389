/**
 * The envelopes that container runtimes put around lines: where the time, the stream and the line itself stand.
 *
 *     {"log":"text\n","stream":"stdout","time":"2026-11-20T10:00:00.123456789Z"}     Docker's json-file
 *     2026-11-20T10:00:00.123456789Z stdout F text                                   CRI: containerd, CRI-O
 *
 * Runtimes cut long lines: with CRI the tag is P but for the last piece, with Docker only the last piece ends in a line feed.
 */
import type { RejectionReason } from "../../shared/events/parser.ts";

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const SPACE = 0x20;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const LETTER_F = 0x46;
const LETTER_N = 0x6e;
const LETTER_P = 0x50;
const STDOUT = Buffer.from("stdout");
const STDERR = Buffer.from("stderr");
/** Strings up to this length are read byte by byte: names, times, streams. */
const SHORT_BYTES = 48;
const KEY_LOG = Buffer.from("log");
const KEY_STREAM = Buffer.from("stream");
const KEY_TIME = Buffer.from("time");

/** What an envelope holds. The one that reads a line fills it in; it means nothing after the next line. */
export class ContainerLine {
  /** Holds the time: the line's own buffer, or a copy. */
  timeBuffer: Buffer = Buffer.alloc(0);
  timeFrom = 0;
  timeTo = 0;
  /** True when the line was written to stderr. */
  isStderr = false;
  /** True when the runtime cut the line and more of it follows. */
  isPartial = false;
  /** Holds the text: the line's own buffer, or a copy without escapes. */
  textBuffer: Buffer = Buffer.alloc(0);
  textFrom = 0;
  textTo = 0;
}

/** Reads an envelope; returns why there is none. */
export type ContainerLineReader = (
  buffer: Buffer,
  from: number,
  to: number,
  target: ContainerLine,
) => RejectionReason | undefined;

/** Reads CRI's envelope. */
export function readCriLine(
  buffer: Buffer,
  from: number,
  to: number,
  target: ContainerLine,
): RejectionReason | undefined {
  let at = from;
  while (at < to && buffer[at] !== SPACE) at++;
  const streamFrom = at + 1;
  const tagFrom = streamFrom + STDOUT.length + 1;
  if (tagFrom >= to || buffer[tagFrom - 1] !== SPACE) return "unparsed";
  target.isStderr = isAt(buffer, streamFrom, STDERR);
  if (!target.isStderr && !isAt(buffer, streamFrom, STDOUT)) return "unparsed";
  const tag = buffer[tagFrom];
  if (tag !== LETTER_F && tag !== LETTER_P) return "unparsed";
  // Further tags may follow behind colons.
  let tagTo = tagFrom + 1;
  if (tagTo < to && buffer[tagTo] === COLON) while (tagTo < to && buffer[tagTo] !== SPACE) tagTo++;
  if (tagTo < to && buffer[tagTo] !== SPACE) return "unparsed";
  target.isPartial = tag === LETTER_P;
  target.timeBuffer = buffer;
  target.timeFrom = from;
  target.timeTo = at;
  target.textBuffer = buffer;
  target.textFrom = Math.min(to, tagTo + 1);
  target.textTo = to;
  return undefined;
}

/** Reads the envelope of Docker's json-file. Keeps a copy of the last text with escapes, so one reader serves one parser. */
export class DockerLineReader {
  #scratch: Buffer = Buffer.alloc(4096);
  /** End of the string that was read last, and the place of its first escape; -1 when it has none. */
  #stringTo = 0;
  #escapeAt = -1;

  /** As {@link ContainerLineReader}. */
  read(
    buffer: Buffer,
    from: number,
    to: number,
    target: ContainerLine,
  ): RejectionReason | undefined {
    return this.#readSimple(buffer, from, to, target)
      ? undefined
      : this.#readAny(buffer, from, to, target);
  }

  /** Reads an object of strings as Docker writes it; false when it is anything else, which says nothing yet. */
  #readSimple(buffer: Buffer, from: number, to: number, target: ContainerLine): boolean {
    if (from >= to || buffer[from] !== OPEN) return false;
    let at = from + 1;
    let found = 0;
    for (;;) {
      if (buffer[at] !== QUOTE || !this.#string(buffer, at + 1, to) || this.#escapeAt >= 0)
        return false;
      const keyFrom = at + 1;
      const keyTo = this.#stringTo;
      at = keyTo + 3;
      if (buffer[keyTo + 1] !== COLON || buffer[keyTo + 2] !== QUOTE) return false;
      if (!this.#string(buffer, at, to)) return false;
      const valueTo = this.#stringTo;
      if (isKey(buffer, keyFrom, keyTo, KEY_LOG)) {
        if (!this.#setText(buffer, at, valueTo, target)) return false;
        found |= 1;
      } else if (this.#escapeAt >= 0) return false;
      else if (isKey(buffer, keyFrom, keyTo, KEY_STREAM)) {
        target.isStderr = isKey(buffer, at, valueTo, STDERR);
        if (!target.isStderr && !isKey(buffer, at, valueTo, STDOUT)) return false;
        found |= 2;
      } else if (isKey(buffer, keyFrom, keyTo, KEY_TIME)) {
        target.timeBuffer = buffer;
        target.timeFrom = at;
        target.timeTo = valueTo;
        found |= 4;
      }
      at = valueTo + 1;
      if (at >= to) return false;
      if (buffer[at] === CLOSE) return at + 1 === to && found === 7;
      if (buffer[at] !== COMMA) return false;
      at++;
    }
  }

  /** Finds the quote that ends a string; false when there is none, or when the string may be wrong. */
  #string(buffer: Buffer, from: number, to: number): boolean {
    this.#escapeAt = -1;
    let at = plainEnd(buffer, from, Math.min(to, from + SHORT_BYTES));
    if (at === from + SHORT_BYTES) {
      if (this.#longString(buffer, at, to)) return true;
      at = plainEnd(buffer, at, to);
    }
    if (at < to && buffer[at] === BACKSLASH) {
      this.#escapeAt = at;
      at = quoteAt(buffer, at, to);
    }
    this.#stringTo = at;
    return at < to && buffer[at] === QUOTE;
  }

  /**
   * Finds the end of a long string whose first quote is the last of it, by the searches of the platform: most texts have no escape but the
   * line feed at their end. The search for an escape stops there at the latest. False says nothing.
   */
  #longString(buffer: Buffer, from: number, to: number): boolean {
    const close = buffer.indexOf(QUOTE, from);
    if (close < from + 2 || close >= to || !isLineFeedEscape(buffer, from, close)) return false;
    this.#stringTo = close;
    this.#escapeAt = buffer.indexOf(BACKSLASH, from);
    return true;
  }

  /** Sets the text to the string at hand; false when its escapes are not simple. */
  #setText(buffer: Buffer, from: number, to: number, target: ContainerLine): boolean {
    const escapeAt = this.#escapeAt;
    const endsLine = escapeAt >= 0 && to - from >= 2 && isLineFeedEscape(buffer, from, to);
    target.isPartial = !endsLine;
    const textTo = endsLine ? to - 2 : to;
    target.textBuffer = buffer;
    target.textFrom = from;
    target.textTo = textTo;
    if (escapeAt < 0 || escapeAt >= textTo) return true;
    if (this.#scratch.length < to - from) this.#scratch = Buffer.alloc(2 * (to - from));
    buffer.copy(this.#scratch, 0, from, escapeAt);
    const length = unescape(buffer, escapeAt, textTo, {
      bytes: this.#scratch,
      from: escapeAt - from,
    });
    target.textBuffer = this.#scratch;
    target.textFrom = 0;
    target.textTo = length;
    return length >= 0;
  }

  /** Any other JSON object with these three strings. */
  #readAny(
    buffer: Buffer,
    from: number,
    to: number,
    target: ContainerLine,
  ): RejectionReason | undefined {
    let value: unknown;
    try {
      value = JSON.parse(buffer.toString("utf8", from, to));
    } catch {
      // Whatever is wrong, also a line that no string can hold: it is no JSON that could be read.
      return "not_json";
    }
    const log = textOf(value, "log");
    const stream = textOf(value, "stream");
    if (log === undefined || (stream !== "stdout" && stream !== "stderr")) return "unparsed";
    const time = textOf(value, "time");
    if (time === undefined) return "no_time";
    target.isStderr = stream === "stderr";
    target.isPartial = !log.endsWith("\n");
    target.textBuffer = Buffer.from(target.isPartial ? log : log.slice(0, -1));
    target.textFrom = 0;
    target.textTo = target.textBuffer.length;
    target.timeBuffer = Buffer.from(time);
    target.timeFrom = 0;
    target.timeTo = target.timeBuffer.length;
    return undefined;
  }
}

/** The position of the first byte of a string that is not simply itself: its closing quote, an escape, or what may not stand there. */
function plainEnd(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const byte = buffer[at] ?? 0;
    if (byte === QUOTE || byte === BACKSLASH || byte < SPACE) break;
    at++;
  }
  return at;
}

/** The position of the quote that closes a string, or of what may not stand in one. */
function quoteAt(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const byte = buffer[at] ?? 0;
    if (byte === QUOTE || byte < SPACE) break;
    at += byte === BACKSLASH ? 2 : 1;
  }
  return at;
}

/** True when the string ends in the escape of a line feed, and not in an escaped backslash and an n. */
function isLineFeedEscape(buffer: Buffer, from: number, to: number): boolean {
  if (buffer[to - 1] !== LETTER_N || buffer[to - 2] !== BACKSLASH) return false;
  let slashes = 1;
  while (to - 2 - slashes >= from && buffer[to - 2 - slashes] === BACKSLASH) slashes++;
  return slashes % 2 === 1;
}

/** The bytes that escapes of one character stand for, by that character; 0 for those that are none. */
const ESCAPES = new Uint8Array(256);
for (const [letter, byte] of Object.entries({
  '"': 34,
  "\\": 92,
  "/": 47,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
})) {
  ESCAPES[letter.charCodeAt(0)] = byte;
}

/** Writes the text of a JSON string into `target` and returns where it ends; -1 when an escape is wrong or one of a surrogate. */
function unescape(
  buffer: Buffer,
  from: number,
  to: number,
  { bytes: target, from: start }: { readonly bytes: Buffer; readonly from: number },
): number {
  let length = start;
  for (let at = from; at < to; at++) {
    const byte = buffer[at] ?? 0;
    if (byte !== BACKSLASH) {
      target[length++] = byte;
      continue;
    }
    at++;
    const plain = at < to ? (ESCAPES[buffer[at] ?? 0] ?? 0) : 0;
    if (plain > 0) {
      target[length++] = plain;
      continue;
    }
    const code = buffer[at] === 0x75 && at + 4 < to ? hexadecimal(buffer, at + 1) : -1;
    if (code < 0 || (code >= 0xd800 && code <= 0xdfff)) return -1;
    at += 4;
    if (code < 0x80) target[length++] = code;
    else {
      if (code < 0x800) target[length++] = 0xc0 | (code >> 6);
      else {
        target[length++] = 0xe0 | (code >> 12);
        target[length++] = 0x80 | ((code >> 6) & 0x3f);
      }
      target[length++] = 0x80 | (code & 0x3f);
    }
  }
  return length;
}

/** The number of four hexadecimal digits, or -1. */
function hexadecimal(buffer: Buffer, from: number): number {
  let value = 0;
  for (let at = from; at < from + 4; at++) {
    const byte = buffer[at] ?? 0;
    const lower = byte | 0x20;
    let digit = -1;
    if (byte >= 0x30 && byte <= 0x39) digit = byte - 0x30;
    else if (lower >= 0x61 && lower <= 0x66) digit = lower - 0x61 + 10;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function isAt(buffer: Buffer, at: number, text: Buffer): boolean {
  for (let index = 0; index < text.length; index++) {
    if (buffer[at + index] !== text[index]) return false;
  }
  return true;
}

function isKey(buffer: Buffer, from: number, to: number, text: Buffer): boolean {
  return to - from === text.length && isAt(buffer, from, text);
}

function textOf(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  const found: unknown = Reflect.get(value, name);
  return typeof found === "string" ? found : undefined;
}
