/** Faults in how the kernel reads strings, numbers and times. */
import type { PlantedFault } from "./kernel-fault.ts";

const text: readonly PlantedFault[] = [
  {
    name: "strings go on after a backslash",
    file: "text.ts",
    find: "i8x16.eq(text, v128.load(CONSTANTS + 32)),",
    replace: "i8x16.splat(0),",
  },
  {
    name: "strings may hold control bytes",
    file: "text.ts",
    find: "i8x16.eq(i8x16.min_u(flipped, v128.load(CONSTANTS + 16)), flipped),",
    replace: "i8x16.eq(flipped, v128.load(CONSTANTS + 16)),",
  },
  {
    name: "0x02 is no control byte",
    file: "text.ts",
    find: "const flipped = v128.xor(text, v128.load(CONSTANTS));",
    replace:
      "const odd = v128.and(i8x16.eq(text, i8x16.splat(2)), i8x16.splat(0x40));\n" +
      "  const flipped = v128.xor(v128.or(text, odd), v128.load(CONSTANTS));",
  },
  {
    name: "a \\u escape has three digits",
    file: "text.ts",
    find: "isHex(load<u8>(at, 2)) && isHex(load<u8>(at, 3));",
    replace: "isHex(load<u8>(at, 2));",
  },
  {
    name: "g is a hex digit",
    file: "text.ts",
    find: "(byte | 32) - 97 < 6",
    replace: "(byte | 32) - 97 < 7",
  },
  {
    name: "any letter can be escaped",
    file: "text.ts",
    find: "escaped != 0x6e && escaped != 0x72 && escaped != 0x74",
    replace: "escaped != 0x6e && escaped != 0x72 && escaped < 0x74",
  },
  {
    name: "a vertical tab is white space",
    file: "text.ts",
    find: "byte != 32 && byte != 9 && byte != 13",
    replace: "byte != 32 && byte != 9 && byte != 13 && byte != 11",
  },
  {
    name: "numbers may begin with zeros",
    file: "text.ts",
    find: "at = load<u8>(at) == 0x30 ? at + 1 : skipDigits(at);",
    replace: "at = skipDigits(at);",
  },
  {
    name: "a point needs no digits",
    file: "text.ts",
    find: "if (!isDigit(load<u8>(++at))) return 0;\n    at = skipDigits(at);",
    replace: "at = skipDigits(at + 1);",
  },
  {
    name: "an exponent needs no digits",
    file: "text.ts",
    find: "if (!isDigit(load<u8>(at))) return 0;\n    at = skipDigits(at);\n  }\n  return at;",
    replace: "at = skipDigits(at);\n  }\n  return at;",
  },
];

const numbers: readonly PlantedFault[] = [
  {
    name: "durations may begin with zeros",
    file: "numbers.ts",
    find: "(whole > 1 && load<u8>(at) == 0x30)",
    replace: "false",
  },
  {
    name: "durations may end in a point",
    file: "numbers.ts",
    find: "decimals < hasPoint ||",
    replace: "",
  },
  {
    name: "durations may have two points",
    file: "numbers.ts",
    find: "(point & (point - 1)) != 0 ||",
    replace: "",
  },
  {
    name: "halves are rounded down",
    file: "numbers.ts",
    find: "floor<f64>(value * unitUs + 0.5)",
    replace: "floor<f64>(value * unitUs + 0.4999999)",
  },
  {
    name: "any duration is in range",
    file: "numbers.ts",
    find: "if (!(us < durationLimit)) return 0;",
    replace: "",
  },
  {
    name: "long numbers are cut",
    file: "numbers.ts",
    find: "low != toUs(mantissa + 1, decimals) ||",
    replace: "",
  },
  {
    name: "long numbers may begin with zeros",
    file: "numbers.ts",
    find: "if (load<u8>(start) == 0x30 && load<u8>(start, 1) != 0x2e) return 0;",
    replace: "",
  },
  {
    name: "the point counts as a digit",
    file: "numbers.ts",
    find: "i8x16.splat(<i8>(length - hasPoint - 16))",
    replace: "i8x16.splat(<i8>(length - 16))",
  },
  {
    name: "fours weigh wrong",
    file: "numbers.ts",
    find: "(both & 0xffffffff) * 100000000",
    replace: "(both & 0xffffffff) * 10000000",
  },
];

const times: readonly PlantedFault[] = [
  {
    name: "a minute has 99 seconds",
    file: "times.ts",
    find: "0x0006060600060a00",
    replace: "0x0006060600060600",
  },
  {
    name: "any byte is a Z",
    file: "times.ts",
    find: "0xfff0f0f0fff0f0ff",
    replace: "0x00f0f0f0fff0f0ff",
  },
  {
    name: "any byte separates seconds and milliseconds",
    file: "times.ts",
    find: "0xfff0f0f0fff0f0ff",
    replace: "0xfff0f0f000f0f0ff",
  },
  {
    name: "the hour is not compared",
    file: "times.ts",
    find: "& 0xfff0f0f0fff0f0ff) == 0 && minuteBits == 0xffff",
    replace: "& 0xfff0f0f0fff0f0ff) == 0 && (minuteBits | 0x1000) == 0xffff",
  },
  {
    name: "milliseconds weigh wrong",
    file: "times.ts",
    find: "[0, 10000, 1000, 0, 100, 10, 1, 0]",
    replace: "[0, 10000, 1000, 0, 100, 1, 1, 0]",
  },
  {
    name: "every fourth year is a leap year",
    file: "calendar.ts",
    find: "(year % 4 == 0 && year % 100 != 0) || year % 400 == 0",
    replace: "year % 4 == 0",
  },
  {
    name: "August has 30 days",
    file: "calendar.ts",
    find: "30 + ((month + (month >>> 3)) & 1)",
    replace: "30 + (month & 1)",
  },
  {
    name: "a day has 24:59",
    file: "calendar.ts",
    find: "hour > 23",
    replace: "hour > 24",
  },
  {
    name: "there is a month 0",
    file: "calendar.ts",
    find: "month < 1 ||",
    replace: "month < 0 ||",
  },
  {
    name: "offsets point the other way",
    file: "times.ts",
    find: "minute -= zone == 0x2b ? offset : -offset;",
    replace: "minute += zone == 0x2b ? offset : -offset;",
  },
  {
    name: "offsets have any number of minutes",
    file: "times.ts",
    find: "hours > 14 || minutes < 0 || minutes > 59",
    replace: "hours > 14 || minutes < 0",
  },
  {
    name: "offsets have any number of hours",
    file: "times.ts",
    find: "hours < 0 || hours > 14",
    replace: "hours < 0",
  },
  {
    name: "times without a zone are UTC",
    file: "times.ts",
    find: "minute = load<i32>(place, MINUTE_LOCAL);",
    replace: "minute = load<i32>(place, MINUTE_UTC);",
  },
  {
    name: "an old local minute stays",
    file: "times.ts",
    find: "  store<i32>(place, NO_MINUTE, MINUTE_LOCAL);\n",
    replace: "",
  },
  {
    name: "a fraction needs no digits",
    file: "times.ts",
    find: "if (at == first || at - first > 9) return 0;",
    replace: "if (at - first > 9) return 0;",
  },
  {
    name: "epoch times may have an exponent",
    file: "times.ts",
    find: "  if ((load<u8>(at) | 32) == 0x65) return 0;\n  timeMinute",
    replace:
      "  if ((load<u8>(at) | 32) == 0x65) { at++; while (isDigit(load<u8>(at))) at++; }\n  timeMinute",
  },
  {
    name: "epoch times may begin with zero",
    file: "times.ts",
    find: "  if (load<u8>(first) == 0x30) return 0;\n",
    replace: "",
  },
  {
    name: "epoch times are cut",
    file: "times.ts",
    find: "if (isCut && ms != secondsToMs(decimal(mantissa + 1, decimals))) return 0;",
    replace: "",
  },
  {
    name: "epoch fractions are cut without a margin",
    file: "times.ts",
    find: "* 1000.0 + 0.0005",
    replace: "* 1000.0",
  },
];

/** Faults in `text.ts`, `numbers.ts`, `times.ts` and `calendar.ts`. */
export const valueFaults: readonly PlantedFault[] = [...text, ...numbers, ...times];
