// Names of zones in lines of text, and what only looks like one: where a zone may stand, most lines have their level.
import { isDigit, isLetter } from "./text";

/** Names of zones that the host knows, packed; and one bit for each by its last bits. */
const ZONES_MAX: u32 = 64;
const ZONES: usize = memory.data(4 * 64, 64);
let zoneCount: u32 = 0;
let zoneBits: u64 = 0;
/** Longer words are no names of zones. */
export const ZONE_NAME_MAX: usize = 5;

/** Adds the name of a zone, its letters packed as in shared/time/calendar.ts; false when there are too many. */
export function addZone(packed: u32): bool {
  if (zoneCount == ZONES_MAX) return false;
  store<u32>(ZONES + (<usize>(zoneCount++) << 2), packed);
  zoneBits |= <u64>1 << (packed & 63);
  return true;
}

function isZoneName(packed: u32): bool {
  if (((zoneBits >>> (packed & 63)) & 1) == 0) return false;
  for (let number: u32 = 0; number < zoneCount; number++) {
    if (load<u32>(ZONES + (<usize>number << 2)) == packed) return true;
  }
  return false;
}

/** States whether a zone, or half a day, may stand at `at` behind a space, where most lines have their level. */
// @ts-ignore: decorator
@inline export function mayBeZone(at: usize, end: usize): bool {
  const first: u32 = load<u8>(at);
  return first == 0x2b || first == 0x2d || (first - 65 < 26 && mayBeZoneName(at, end));
}

/** One bit for each letter and for each digit more than {@link zoneBits}: the two letters that names of zones and halves of days end in. */
// @ts-ignore: decorator
@inline function mayEndZone(at: usize): bool {
  const last = ((<u32>load<u8>(at) & 1) << 5) | (<u32>load<u8>(at, 1) & 31);
  return (((zoneBits | HALF_DAY_BITS) >>> last) & 1) != 0;
}

/** States whether a word in capitals may be a zone. Most are levels: the letters that they end in, or their length, tell it at once. */
function mayBeZoneName(from: usize, end: usize): bool {
  const text = v128.load(from);
  const capitals = ctz(~i8x16.bitmask(i8x16.lt_u(i8x16.sub(text, i8x16.splat(65)), i8x16.splat(26))));
  const next: u32 = load<u8>(from + capitals);
  const isWord = next != 0x2f && !isLetter(next);
  if (isWord && capitals > 1 && from + capitals < end && (capitals > <i32>ZONE_NAME_MAX || !mayEndZone(from + capitals - 2))) return false;
  let at = from;
  let packed: u32 = 0;
  for (; at < end && <u32>load<u8>(at) - 65 < 26; at++) packed = (packed << 5) | (load<u8>(at) & 31);
  let to = at;
  while (to < end && isLetter(load<u8>(to))) to++;
  // A name with its region, such as `Europe/Berlin`.
  if (to < end && load<u8>(to) == 0x2f) return true;
  if (at - from > ZONE_NAME_MAX || !isWordEnd(at, end)) return false;
  return packed == AM || packed == PM || isZoneName(packed);
}

/** Halves of a day, packed. */
const AM: u32 = (1 << 5) | 13;
const PM: u32 = (16 << 5) | 13;
/** The bits of both, as in {@link zoneBits}. */
const HALF_DAY_BITS: u64 = (<u64>1 << (AM & 63)) | (<u64>1 << (PM & 63));

/** True when no letter, digit or underscore stands at `at`. */
export function isWordEnd(at: usize, end: usize): bool {
  if (at >= end) return true;
  const byte: u32 = load<u8>(at);
  return !isLetter(byte) && !isDigit(byte) && byte != 0x5f;
}
