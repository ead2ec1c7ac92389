/** Small questions about the bytes of a line, asked without making a string of them. */

const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** True when there is nothing but white space: spaces, tabs, carriage returns, form feeds, vertical tabs. */
export function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte !== SPACE && (byte < 0x09 || byte > CARRIAGE_RETURN)) return false;
  }
  return true;
}

/** Where a line's content ends: before the carriage return that ends it, if one does. */
export function lineContentEnd(bytes: Uint8Array, from: number, to: number): number {
  return to > from && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
}

/** Count of the bytes of a UTF-8 byte order mark at `from`: 3 or 0. */
export function byteOrderMarkBytes(bytes: Uint8Array, from: number, to: number): number {
  const isMark =
    to - from >= 3 && bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf;
  return isMark ? 3 : 0;
}

/** True when `bytes[from, to)` are the bytes of `word`. */
export function equalBytes(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let at = 0; at < word.length; at++) {
    if (bytes[from + at] !== word[at]) return false;
  }
  return true;
}

/** Largest integer that decimal digits may reach here and still be exact when divided by a power of ten. */
const EXACT_DIGITS_MAX = 15;
const POWERS_OF_TEN = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/**
 * The number that `bytes[from, to)` writes in the form of JSON (leading zeros allowed), correctly rounded; NaN when it writes none.
 * Up to 15 digits are read here: an exact integer divided once by an exact power of ten is correctly rounded.
 */
export function decimalNumber(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  const isNegative = at < to && bytes[at] === 0x2d;
  if (isNegative) at++;
  const start = at;
  let value = 0;
  let point = -1;
  for (; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) value = value * 10 + (byte - 0x30);
    else if (byte === 0x2e && point < 0 && at > start) point = at;
    else break;
  }
  const fraction = point < 0 ? 0 : at - point - 1;
  const count = at - start - (point < 0 ? 0 : 1);
  if (count === 0 || (point >= 0 && fraction === 0)) return Number.NaN;
  if (at === to && count <= EXACT_DIGITS_MAX) {
    const number = value / (POWERS_OF_TEN[fraction] ?? 1);
    return isNegative ? -number : number;
  }
  return longNumber(bytes, from, to, at);
}

/** Numbers with an exponent or many digits; everything before `at` is known to be digits and a point. */
function longNumber(bytes: Uint8Array, from: number, to: number, at: number): number {
  let next = at;
  if (next < to) {
    if (((bytes[next] ?? 0) | 0x20) !== 0x65) return Number.NaN;
    next++;
    if (bytes[next] === 0x2b || bytes[next] === 0x2d) next++;
    if (next >= to) return Number.NaN;
    for (; next < to; next++) {
      const byte = bytes[next] ?? 0;
      if (byte < 0x30 || byte > 0x39) return Number.NaN;
    }
  }
  return Number(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1"));
}
