// Words for levels: the host lays all of them in, in capitals; any other text is no level. There are several sets, one for each tree of
// shapes and one for the others.

/** 1024 places of 32 bytes, less than half full: the word, its length, the level + 1. */
const PLACE_BYTES: usize = 32;
const PLACES: u32 = 1024;
const TABLE: usize = memory.data(32 * 1024, 64);
/** Longer words are no levels; the last bytes of a key are the set and the length. */
const WORD_BYTES_MAX: usize = 14;
/** Position of OTHER in LEVELS. */
const OTHER: u32 = 6;

const LOWER_A: u8 = 0x61;
const MASKS: usize = memory.data<u64>([-1, -1, 0, 0], 16);

/** The set of words that every format knows. */
export const COMMON_WORDS: u32 = 0;

/** The key of the `length` bytes at `at`: in capitals, zeros behind. */
// @ts-ignore: decorator
@inline function keyOf(at: usize, length: usize, set: u32): v128 {
  const text = v128.and(v128.load(at), v128.load(MASKS + 16 - length));
  const isLower = i8x16.lt_u(i8x16.sub(text, i8x16.splat(LOWER_A)), i8x16.splat(26));
  const upper = v128.xor(text, v128.and(isLower, i8x16.splat(32)));
  return i8x16.replace_lane(i8x16.replace_lane(upper, 14, <i8>set), 15, <i8>length);
}

// @ts-ignore: decorator
@inline function placeOf(key: v128): u32 {
  const folded = i64x2.extract_lane(key, 0) ^ rotl<i64>(i64x2.extract_lane(key, 1), 29);
  return <u32>((<u64>folded * 0x9e3779b97f4a7c15) >>> 54);
}

// @ts-ignore: decorator
@inline function isSame(left: v128, right: v128): bool {
  return i8x16.bitmask(i8x16.eq(left, right)) == 0xffff;
}

/** Adds a word to a set; one that is there keeps its level. */
export function addLevelWord(at: usize, length: usize, level: u32, set: u32): void {
  const key = keyOf(at, length, set);
  let number = placeOf(key);
  while (true) {
    const place = TABLE + <usize>number * PLACE_BYTES;
    if (!load<u32>(place, 16)) {
      v128.store(place, key);
      store<u32>(place, level + 1, 16);
      return;
    }
    if (isSame(key, v128.load(place))) return;
    number = (number + 1) & (PLACES - 1);
  }
}

/** The level of a text in a set, in any case; OTHER when it is none. */
export function levelOfWord(at: usize, length: usize, set: u32): u32 {
  if (length == 0 || length > WORD_BYTES_MAX) return OTHER;
  const key = keyOf(at, length, set);
  let number = placeOf(key);
  while (true) {
    const place = TABLE + <usize>number * PLACE_BYTES;
    const level = load<u32>(place, 16);
    if (!level) return OTHER;
    if (isSame(key, v128.load(place))) return level - 1;
    number = (number + 1) & (PLACES - 1);
  }
}
