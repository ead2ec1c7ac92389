// Small pieces of JSON text, sixteen bytes at a time.

/** Sixteen bytes of ones, then sixteen of zeros: a load at MASKS + 16 - n gives a mask of the first n bytes. */
const MASKS: usize = memory.data<u64>([-1, -1, 0, 0], 16);

/**
 * Constants for comparisons. They are loaded from memory, one instruction each: V8 builds the constant of an instruction like
 * i8x16.splat(0x5c) anew each time with three (the scan gains 5 %).
 */
const CONSTANTS: usize = memory.data<u64>([
  0x0202020202020202, 0x0202020202020202,
  0x2020202020202020, 0x2020202020202020,
  0x5c5c5c5c5c5c5c5c, 0x5c5c5c5c5c5c5c5c,
  0x3030303030303030, 0x3030303030303030,
  0x0909090909090909, 0x0909090909090909,
  0x0a0a0a0a0a0a0a0a, 0x0a0a0a0a0a0a0a0a,
], 64);

/** Values of sixteen bytes as digits: 0 to 9, or something larger. */
// @ts-ignore: decorator
@inline export function digitValues(text: v128): v128 {
  return i8x16.sub(text, v128.load(CONSTANTS + 48));
}

/** One bit for each of {@link digitValues} that is a digit. */
// @ts-ignore: decorator
@inline export function digitBits(values: v128): i32 {
  return i8x16.bitmask(i8x16.eq(i8x16.min_u(values, v128.load(CONSTANTS + 64)), values));
}

/** Mask of the first `count` (0 to 16) bytes. */
// @ts-ignore: decorator
@inline export function firstBytes(count: usize): v128 {
  return v128.load(MASKS + 16 - count);
}

/**
 * One bit for each byte that ends or breaks a string: quote, backslash, control byte.
 * Quote and control bytes need one comparison: with bit 1 flipped, they are the bytes up to 0x20 (0x22 becomes 0x20, and the
 * control bytes only change places among themselves).
 */
// @ts-ignore: decorator
@inline export function stopBytes(text: v128): v128 {
  const flipped = v128.xor(text, v128.load(CONSTANTS));
  return v128.or(
    i8x16.eq(i8x16.min_u(flipped, v128.load(CONSTANTS + 16)), flipped),
    i8x16.eq(text, v128.load(CONSTANTS + 32)),
  );
}

/** One bit for each of the sixteen bytes at `at` that is {@link stopBytes}. */
// @ts-ignore: decorator
@inline export function stops(at: usize): i32 {
  return i8x16.bitmask(stopBytes(v128.load(at)));
}

// @ts-ignore: decorator
@inline export function isDigit(byte: u32): bool {
  return byte - 48 < 10;
}

// @ts-ignore: decorator
@inline export function isLetter(byte: u32): bool {
  return (byte | 32) - 97 < 26;
}

// @ts-ignore: decorator
@inline function isHex(byte: u32): bool {
  return byte - 48 < 10 || (byte | 32) - 97 < 6;
}

/** True when four hexadecimal digits stand at `at`. */
// @ts-ignore: decorator
@inline export function isHexAt(at: usize): bool {
  return isHex(load<u8>(at)) && isHex(load<u8>(at, 1)) && isHex(load<u8>(at, 2)) && isHex(load<u8>(at, 3));
}

/** The byte of four hexadecimal digits at `at` when it is one of ASCII, not 0; else 0. */
export function asciiEscape(at: usize): u32 {
  if (load<u16>(at) != 0x3030) return 0;
  const high = hexadecimal(load<u8>(at, 2)), low = hexadecimal(load<u8>(at, 3));
  return high < 8 && low < 16 ? high * 16 + low : 0;
}

/** The value of a hexadecimal digit, or 16. */
function hexadecimal(byte: u32): u32 {
  if (byte - 48 < 10) return byte - 48;
  const letter = (byte | 32) - 97;
  return letter < 6 ? letter + 10 : 16;
}

/** First byte at or after `at` that is no JSON white space. The line feed is none here: it ends the line. */
// @ts-ignore: decorator
@inline export function skipBlanks(at: usize): usize {
  while (true) {
    const byte = load<u8>(at);
    if (byte != 32 && byte != 9 && byte != 13) return at;
    at++;
  }
}

/** Address of the quote that closes the string whose inside begins at `at`, or 0 when it is no JSON string. */
export function endOfString(at: usize): usize {
  while (true) {
    const found = stops(at);
    if (found == 0) {
      at += 16;
      continue;
    }
    at += ctz(found);
    const byte = load<u8>(at);
    if (byte == 0x22) return at;
    if (byte != 0x5c) return 0;
    const escaped: u32 = load<u8>(at, 1);
    if (escaped == 0x75) {
      if (!isHexAt(at + 2)) return 0;
      at += 6;
    } else {
      if (
        escaped != 0x22 && escaped != 0x5c && escaped != 0x2f && escaped != 0x62 &&
        escaped != 0x66 && escaped != 0x6e && escaped != 0x72 && escaped != 0x74
      ) return 0;
      at += 2;
    }
  }
}

// @ts-ignore: decorator
@inline function skipDigits(at: usize): usize {
  while (isDigit(load<u8>(at))) at++;
  return at;
}

/** First byte behind the JSON number at `at`, or 0 when there is none. What follows is not looked at. */
export function endOfNumber(at: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  if (!isDigit(load<u8>(at))) return 0;
  at = load<u8>(at) == 0x30 ? at + 1 : skipDigits(at);
  if (load<u8>(at) == 0x2e) {
    if (!isDigit(load<u8>(++at))) return 0;
    at = skipDigits(at);
  }
  if ((load<u8>(at) | 32) == 0x65) {
    const sign = load<u8>(++at);
    if (sign == 0x2b || sign == 0x2d) at++;
    if (!isDigit(load<u8>(at))) return 0;
    at = skipDigits(at);
  }
  return at;
}

/** Address of the line feed that ends the line at `at`. */
// @ts-ignore: decorator
@inline export function endOfLine(at: usize): usize {
  const lineFeed = v128.load(CONSTANTS + 80);
  while (true) {
    const first = i8x16.eq(v128.load(at), lineFeed), second = i8x16.eq(v128.load(at, 16), lineFeed);
    if (v128.any_true(v128.or(first, second))) {
      return at + ctz(i8x16.bitmask(first) | (i8x16.bitmask(second) << 16));
    }
    at += 32;
  }
}
