/** What all readers of times share: digits, names of months, days that exist, zones written beside a time. */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ZERO = 0x30;
const COLON = 0x3a;
const DASH = 0x2d;
/** Turns an ASCII letter into its lower case. */
const LOWER = 0x20;
const MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec";
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The number that `count` digits at `at` write, or NaN when one of them is none. */
export function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index++) {
    const digit = (bytes[index] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** True when the letters at `at`, in any case, are those of `word`, which is in lower case. */
export function matchesLower(bytes: Uint8Array, at: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) {
    if (((bytes[at + index] ?? 0) | LOWER) !== word.charCodeAt(index)) return false;
  }
  return true;
}

/** The month, from 1, that three letters name; NaN when it is none. */
export function monthOf(bytes: Uint8Array, at: number): number {
  for (let month = 0; month < 12; month++) {
    if (matchesLower(bytes, at, MONTHS.slice(month * 3, month * 3 + 3))) return month + 1;
  }
  return Number.NaN;
}

/** Milliseconds of a wall clock's minute as if it were UTC; NaN when there is no such minute. Months count from 1. */
export function wallMinuteMs(
  date: readonly [number, number, number],
  hour: number,
  minute: number,
): number {
  const [year, month, day] = date;
  const daysMax = DAYS_OF_MONTH[month - 1];
  // Written so that a NaN is refused as well.
  if (!(daysMax !== undefined && day >= 1 && day <= daysMax && hour <= 23 && minute <= 59)) {
    return Number.NaN;
  }
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2 && day === 29 && !isLeapYear) return Number.NaN;
  // Days since 1970-03-01 of a calendar whose years begin in March (Howard Hinnant, days_from_civil).
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return (era * 146_097 + dayOfEra - 719_468) * DAY_MS + hour * 3_600_000 + minute * MINUTE_MS;
}

/** The offset that `+hh`, `+hhmm` or `+hh:mm` in `bytes[from, to)` writes, in milliseconds; NaN when it is none. */
export function zoneOffsetMs(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  const hasColon = length === 6 && bytes[from + 3] === COLON;
  if (length !== 3 && length !== 5 && !hasColon) return Number.NaN;
  const hours = digits(bytes, from + 1, 2);
  const minutes = length === 3 ? 0 : digits(bytes, to - 2, 2);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  const ms = (hours * 60 + minutes) * MINUTE_MS;
  return bytes[from] === DASH ? -ms : ms;
}

/** Hours that abbreviations stand for. Those that mean several zones are missing: a guess could be wrong by hours. */
const ZONE_HOURS: Readonly<Record<string, number>> = {
  Z: 0,
  UT: 0,
  UTC: 0,
  GMT: 0,
  WET: 0,
  WEST: 1,
  CET: 1,
  CEST: 2,
  MET: 1,
  MEST: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  JST: 9,
  KST: 9,
  HKT: 8,
  SGT: 8,
  AEST: 10,
  AEDT: 11,
  NZST: 12,
  NZDT: 13,
  HST: -10,
  AKST: -9,
  AKDT: -8,
  // RFC 2822, section 4.3.
  PST: -8,
  PDT: -7,
  MST: -7,
  MDT: -6,
  CDT: -5,
  EST: -5,
  EDT: -4,
};

/** The hours by the letters packed into a number: looked up for every line, without making a text of it. */
const hoursByLetters = new Map<number, number>();
for (const [name, hours] of Object.entries(ZONE_HOURS)) {
  hoursByLetters.set(packedLetters(Buffer.from(name), 0, name.length), hours);
}

/** Abbreviations of several zones. */
const ambiguousLetters = new Set(
  ["CST", "IST", "BST", "AST", "ADT", "SST", "GST", "ECT", "AMT"].map((name) =>
    packedLetters(Buffer.from(name), 0, name.length),
  ),
);

function packedLetters(bytes: Uint8Array, from: number, to: number): number {
  let packed = 0;
  for (let at = from; at < to; at++) packed = packed * 32 + ((bytes[at] ?? 0) & 31);
  return packed;
}

/** The offset of the zone that the letters `bytes[from, to)`, such as `CEST`, abbreviate, in milliseconds; NaN when it is unknown or several. */
export function zoneNameOffsetMs(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 5) return Number.NaN;
  return (hoursByLetters.get(packedLetters(bytes, from, to)) ?? Number.NaN) * 3_600_000;
}

/** All names of zones that are known, also those of several zones: the lowest five bits of their letters, the last letter in the lowest ones. */
export function packedZoneNames(): number[] {
  return [...hoursByLetters.keys(), ...ambiguousLetters];
}

/** True when the letters `bytes[from, to)`, such as `CST`, abbreviate several zones, hours apart. */
export function isAmbiguousZone(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from === 3 && ambiguousLetters.has(packedLetters(bytes, from, to));
}
