// The calendar: minutes since the epoch of a date and a time of day.
import { isDigit } from "./text";

/** Stands for a minute that there is not, or that is not known. */
export const NO_MINUTE: i32 = i32.MIN_VALUE;
/** Years that the kernel reads; others are left to the host. */
export const YEAR_MIN: i32 = 1970;
export const YEAR_MAX: i32 = 2199;

/** The number of two digits at `at`, or something below zero. */
// @ts-ignore: decorator
@inline export function twoDigits(at: usize): i32 {
  const tens: u32 = <u32>load<u8>(at) - 48, ones: u32 = <u32>load<u8>(at, 1) - 48;
  return tens < 10 && ones < 10 ? <i32>(tens * 10 + ones) : -100000;
}

/** Minutes since the epoch of a minute that exists, of any year from 0 on; else NO_MINUTE. */
export function minuteOf(year: i32, month: i32, day: i32, hour: i32, minute: i32): i32 {
  if (
    month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59
  ) return NO_MINUTE;
  const isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const days = month == 2 ? (isLeap ? 29 : 28) : 30 + ((month + (month >>> 3)) & 1);
  if (day > days) return NO_MINUTE;
  // Days before the year and the month, counted from March so that the leap day comes last.
  const fromMarch = month > 2 ? month - 3 : month + 9;
  const years = month > 2 ? year : year - 1;
  const epochDay = years * 365 + years / 4 - years / 100 + years / 400 +
    (153 * fromMarch + 2) / 5 + day - 1 - 719468;
  return epochDay * 1440 + hour * 60 + minute;
}

/** "jan" to "dec", three bytes each. */
const MONTHS: usize = memory.data<u8>([
  0x6a, 0x61, 0x6e, 0x66, 0x65, 0x62, 0x6d, 0x61, 0x72, 0x61, 0x70, 0x72, 0x6d, 0x61, 0x79, 0x6a, 0x75, 0x6e,
  0x6a, 0x75, 0x6c, 0x61, 0x75, 0x67, 0x73, 0x65, 0x70, 0x6f, 0x63, 0x74, 0x6e, 0x6f, 0x76, 0x64, 0x65, 0x63,
]);

/** The month, from 1, that three letters in any case name; 0 when it is none. */
export function monthOf(at: usize): i32 {
  for (let month: usize = 0; month < 12; month++) {
    const name = MONTHS + month * 3;
    if (
      (load<u8>(at) | 32) == load<u8>(name) && (load<u8>(at, 1) | 32) == load<u8>(name, 1) &&
      (load<u8>(at, 2) | 32) == load<u8>(name, 2)
    ) return <i32>month + 1;
  }
  return 0;
}

/** The number of four digits at `at`, or something below zero. */
export function fourDigits(at: usize): i32 {
  for (let index: usize = 0; index < 4; index++) if (!isDigit(load<u8>(at + index))) return -1;
  return twoDigits(at) * 100 + twoDigits(at + 2);
}
