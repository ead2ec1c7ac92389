// Searches in a line, sixteen bytes at a time.

/** Where `byte` first stands in `[at, end)`, or `end`. */
// @ts-ignore: decorator
@inline export function find(at: usize, end: usize, byte: u8): usize {
  const wanted = i8x16.splat(<i8>byte);
  while (at < end) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (found) return min(at + ctz(found), end);
    at += 16;
  }
  return end;
}

/** Where one of two bytes first stands in `[at, end)`, or `end`. */
// @ts-ignore: decorator
@inline export function findEither(at: usize, end: usize, one: u8, other: u8): usize {
  const first = i8x16.splat(<i8>one), second = i8x16.splat(<i8>other);
  while (at < end) {
    const text = v128.load(at);
    const found = i8x16.bitmask(v128.or(i8x16.eq(text, first), i8x16.eq(text, second)));
    if (found) return min(at + ctz(found), end);
    at += 16;
  }
  return end;
}

/** Where a byte up to the space first stands in `[at, end)`, or `end`. */
// @ts-ignore: decorator
@inline export function findBlank(at: usize, end: usize): usize {
  const space = i8x16.splat(32);
  while (at < end) {
    const text = v128.load(at);
    const found = i8x16.bitmask(i8x16.eq(i8x16.min_u(text, space), text));
    if (found) return min(at + ctz(found), end);
    at += 16;
  }
  return end;
}

/** True when there is nothing but white space in `[at, end)`: spaces and the bytes from the tab to the carriage return. */
export function isBlank(at: usize, end: usize): bool {
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte != 32 && byte - 9 > 4) return false;
  }
  return true;
}
