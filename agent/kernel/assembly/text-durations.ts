// Durations in lines of text: a number in the source's unit, or with a unit of its own.
import { durationUs, endOfDuration, setDurations } from "./numbers";
import { digitBits, digitValues } from "./text";

let sourceMultiplier: f64 = 1000;
let sourceDivisor: f64 = 0;
let limit: f64 = 0;

/** The source's unit: see setDurations in numbers.ts. */
export function setSourceUnit(multiplier: f64, divisor: f64, limitUs: f64): void {
  sourceMultiplier = multiplier;
  sourceDivisor = divisor;
  limit = limitUs;
}

/** Numbers of units, for {@link readDuration}. */
export const UNIT_OF_SOURCE: u32 = 0;
export const UNIT_SECONDS: u32 = 1;
export const UNIT_MILLISECONDS: u32 = 2;
export const UNIT_MICROSECONDS: u32 = 3;
export const UNIT_NANOSECONDS: u32 = 4;

/** From here on a number is read in the source's unit. */
// @ts-ignore: decorator
@inline export function useSourceUnit(): void {
  setDurations(sourceMultiplier, sourceDivisor, limit);
}

function useUnit(unit: u32): void {
  if (unit == UNIT_OF_SOURCE) useSourceUnit();
  else if (unit == UNIT_SECONDS) setDurations(1000000, 0, limit);
  else if (unit == UNIT_MILLISECONDS) setDurations(1000, 0, limit);
  else if (unit == UNIT_MICROSECONDS) setDurations(1, 0, limit);
  else setDurations(0, 1000, limit);
}

/** Unit of the letters `[at, end)`; UNIT_OF_SOURCE when there are none; -1 when the host has to say. */
function unitOf(at: usize, end: usize): i32 {
  const length = end - at;
  if (length == 0) return UNIT_OF_SOURCE;
  const first: u32 = load<u8>(at);
  if (length == 1) return first == 0x73 ? UNIT_SECONDS : -1;
  if (length != 2 || load<u8>(at, 1) != 0x73) return -1;
  if (first == 0x6d) return UNIT_MILLISECONDS;
  if (first == 0x75) return UNIT_MICROSECONDS;
  return first == 0x6e ? UNIT_NANOSECONDS : -1;
}

/** Microseconds of the duration that `[at, end)` writes, a bare number being in `unit`; -1 when the host has to say. */
export function readDuration(at: usize, end: usize, unit: u32): f64 {
  const behind = min(endOfDecimal(at), end);
  if (behind < end) {
    const own = unitOf(behind, end);
    if (own < 0) return -1;
    unit = <u32>own;
  }
  useUnit(unit);
  return endOfDuration(at) == behind ? durationUs : -1;
}

/** Where the digits and points at `at` end. */
// @ts-ignore: decorator
@inline function endOfDecimal(at: usize): usize {
  while (true) {
    const text = v128.load(at);
    const others = ~(digitBits(digitValues(text)) | i8x16.bitmask(i8x16.eq(text, i8x16.splat(0x2e))));
    if (others & 0xffff) return at + ctz(others);
    at += 16;
  }
}
