/** Durations in text formats: a bare number in the source's unit, or with its own unit as Go writes it: `12.5ms`, `1m30s`. */
import { DURATION_NONE, durationUs, UNIT_US } from "../../shared/events/event-fields.ts";
import type { DurationUnit } from "../../shared/events/event-options.ts";
import { decimalNumber } from "../../shared/events/line-bytes.ts";

/** Microseconds of 1 in the units that {@link DurationUnit} does not have. */
const MINUTE_US = 60_000_000;
const HOUR_US = 3_600_000_000;

/** As `durationUs`, of the text `bytes[from, to)`; DURATION_NONE when it is no duration. */
export function durationTextUs(
  bytes: Uint8Array,
  from: number,
  to: number,
  unit: DurationUnit,
): number {
  const value = decimalNumber(bytes, from, to);
  if (!Number.isNaN(value)) return durationUs(value, unit);
  let us = 0;
  let at = from;
  while (at < to) {
    const start = at;
    while (at < to && isNumberByte(bytes[at] ?? 0)) at++;
    const part = decimalNumber(bytes, start, at);
    const unitFrom = at;
    while (at < to && !isNumberByte(bytes[at] ?? 0)) at++;
    const partUs = inUs(part, bytes, unitFrom, at);
    if (Number.isNaN(partUs)) return DURATION_NONE;
    us += partUs;
  }
  return at === from ? DURATION_NONE : durationUs(us, "us");
}

function isNumberByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2e;
}

function inUs(value: number, bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  const first = bytes[from];
  const second = bytes[from + 1];
  if (length === 1 && first === 0x73) return value * UNIT_US.s;
  if (length === 1 && first === 0x6d) return value * MINUTE_US;
  if (length === 1 && first === 0x68) return value * HOUR_US;
  if (length === 2 && second === 0x73) {
    if (first === 0x6d) return value * UNIT_US.ms;
    if (first === 0x75) return value;
    if (first === 0x6e) return value / 1000;
  }
  // The micro sign and the Greek letter that looks like it.
  const isMicro = (first === 0xc2 && second === 0xb5) || (first === 0xce && second === 0xbc);
  return length === 3 && isMicro && bytes[from + 2] === 0x73 ? value : Number.NaN;
}
