// Durations: a plain decimal number to microseconds, to the bit as JSON.parse and floor(x * unit + 0.5) would give.
import { digitBits, digitValues } from "./text";

/** 10^0 to 10^15, all exact. */
const POWERS: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
], 64);

let unitUs: f64 = 1000;
let unitsPerUs: f64 = 0;
let durationLimit: f64 = 0;

/**
 * Microseconds per unit, or units per microsecond where that is the whole number (the other is 0), and the first count of
 * microseconds that is not for the kernel.
 */
export function setDurations(multiplier: f64, divisor: f64, limitUs: f64): void {
  unitUs = multiplier;
  unitsPerUs = divisor;
  durationLimit = limitUs;
}

/** The double nearest to mantissa / 10^decimals: a mantissa below 2^53 divided by an exact power of ten is rounded once. */
// @ts-ignore: decorator
@inline export function decimal(mantissa: i64, decimals: i32): f64 {
  return <f64>mantissa / load<f64>(POWERS + (<usize>decimals << 3));
}

/** What the last successful {@link endOfDuration} read: a whole number, which is why a double will do. */
export let durationUs: f64 = 0;

/** Shifts and factors for {@link endOfDuration}. */
const CONSTANTS: usize = memory.data<u64>([
  0x0706050403020100, 0x0f0e0d0c0b0a0908,
  0x00ff00ff00ff00ff, 0x00ff00ff00ff00ff,
  0x000a000a000a000a, 0x000a000a000a000a,
  0x0001006400010064, 0x0001006400010064,
  0x0001271000012710, 0x0001271000012710,
  0xfefefefefefefefe, 0xfefefefefefefefe,
], 64);

/** The number that up to sixteen digits spell; `digits` holds their values, right-aligned. */
// @ts-ignore: decorator
@inline function digitsValue(digits: v128): i64 {
  // Pairs (10 * left + right), fours (100, 1), eights (10000, 1): each step joins neighbours.
  const pairs = i16x8.add(
    i16x8.mul(v128.and(digits, v128.load(CONSTANTS + 16)), v128.load(CONSTANTS + 32)),
    i16x8.shr_u(digits, 8),
  );
  const fours = i32x4.dot_i16x8_s(pairs, v128.load(CONSTANTS + 48));
  const eights = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_u(fours, fours), v128.load(CONSTANTS + 64));
  const both = i64x2.extract_lane(eights, 0);
  return (both & 0xffffffff) * 100000000 + (both >>> 32);
}

/** Microseconds of a number, rounded half up; not yet checked against the limit. */
// @ts-ignore: decorator
@inline function toUs(mantissa: i64, decimals: i32): f64 {
  const value = decimal(mantissa, decimals);
  if (unitsPerUs != 0) return dividedUs(value);
  return floor<f64>(value * unitUs + 0.5);
}

/** A function of its own, so that the division is only made where it is needed. */
function dividedUs(value: f64): f64 {
  return floor<f64>(value / unitsPerUs + 0.5);
}

/**
 * First byte behind the duration at `at`, which {@link durationUs} then holds; 0 when it is not a plain decimal number (digits,
 * perhaps a point and digits) of at most 15 significant characters in range. The byte behind is not part of the number.
 */
// @ts-ignore: decorator
@inline export function endOfDuration(at: usize): usize {
  const bytes = digitValues(v128.load(at));
  const points = i8x16.bitmask(i8x16.eq(bytes, v128.load(CONSTANTS + 80)));
  const digits = digitBits(bytes);
  const length = ctz(~(digits | points));
  const point = points & ((1 << length) - 1);
  const whole = ctz(point | (1 << length));
  const hasPoint = <i32>(point != 0);
  const decimals = length - whole - hasPoint;
  if (
    length > 15 || whole == 0 || (point & (point - 1)) != 0 || decimals < hasPoint ||
    (whole > 1 && load<u8>(at) == 0x30) || (load<u8>(at + length) | 32) == 0x65
  ) return length > 15 ? endOfLongDuration(at) : 0;
  // Digit i (from the right end) lies at i, or one further when it stands behind the point.
  const place = i8x16.add(
    v128.load(CONSTANTS),
    i8x16.splat(<i8>(length - hasPoint - 16)),
  );
  const source = i8x16.sub(place, i8x16.ge_s(place, i8x16.splat(<i8>whole)));
  const us = toUs(digitsValue(i8x16.swizzle(bytes, source)), decimals);
  if (!(us < durationLimit)) return 0;
  durationUs = us;
  return at + length;
}

/**
 * The same for a number of more characters, such as 12.345678901234567. Its double is not computed: cut after 14 digits it gives a
 * lower bound, one more in the last place an upper one, and rounding, multiplying and flooring never change an order. When both
 * bounds give the same microseconds, so does what lies between.
 */
function endOfLongDuration(at: usize): usize {
  let mantissa: i64 = 0, taken = 0, decimals = 0, isBehindPoint = false;
  const start = at;
  while (true) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x2e) {
      if (isBehindPoint || at == start) return 0;
      isBehindPoint = true;
    } else if (byte - 48 < 10) {
      if (taken < 14) {
        mantissa = mantissa * 10 + (byte - 48);
        taken++;
        if (isBehindPoint) decimals++;
      } else if (!isBehindPoint) return 0;
    } else break;
    at++;
  }
  if ((load<u8>(at) | 32) == 0x65 || load<u8>(at - 1) == 0x2e) return 0;
  if (load<u8>(start) == 0x30 && load<u8>(start, 1) != 0x2e) return 0;
  const low = toUs(mantissa, decimals);
  if (low != toUs(mantissa + 1, decimals) || !(low < durationLimit)) return 0;
  durationUs = low;
  return at;
}
