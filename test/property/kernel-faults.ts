/**
 * Tests the test: plants faults in a copy of the kernel's sources, one at a time, and requires that the nasty lines find each of them.
 * `node test/property/kernel-faults.ts [name]` plants all, or those whose name contains a text.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { kernelTexts, nastyCase, parserTexts } from "./kernel-difference.ts";

/** One fault: `find` stands exactly once in the file and is replaced. */
export interface PlantedFault {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const SOURCES = new URL("../../agent/kernel/", import.meta.url);

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
    find: "digit < 6; digit++",
    replace: "digit < 5; digit++",
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
    file: "times.ts",
    find: "(year % 4 == 0 && year % 100 != 0) || year % 400 == 0",
    replace: "year % 4 == 0",
  },
  {
    name: "August has 30 days",
    file: "times.ts",
    find: "30 + ((month + (month >>> 3)) & 1)",
    replace: "30 + (month & 1)",
  },
  {
    name: "a day has 24:59",
    file: "times.ts",
    find: "hour > 23",
    replace: "hour > 24",
  },
  {
    name: "there is a month 0",
    file: "times.ts",
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

const windows: readonly PlantedFault[] = [
  {
    name: "the last slot of a service is taken for any minute",
    file: "windows.ts",
    find: "load<i32>(service, SERVICE_MINUTE) == minute",
    replace: "load<i32>(service, SERVICE_MINUTE) != NO_MINUTE",
  },
  {
    name: "long names are compared by their first 16 bytes",
    file: "windows.ts",
    find: "memory.compare(service, at, length) == 0",
    replace: "memory.compare(service, at, min<u32>(length, 16)) == 0",
  },
  {
    name: "slots keep what was there before",
    file: "windows.ts",
    find: "      memory.fill(slot, 0, SLOT_BYTES);\n",
    replace: "",
  },
  {
    name: "pages keep what was there before",
    file: "windows.ts",
    find: "  memory.fill(PAGES + page * PAGE_BYTES, 0, PAGE_BYTES);\n",
    replace: "",
  },
  {
    name: "services keep the slots that were taken away",
    file: "windows.ts",
    find: "store<i32>(load<u32>(SERVICE_LIST + (<usize>i << 2)), NO_MINUTE, SERVICE_MINUTE);",
    replace: "",
  },
  {
    name: "slots of a hash are not forgotten",
    file: "windows.ts",
    find: "if (slotCount) memory.fill(SLOT_INDEX",
    replace: "if (slotCount > 10000) memory.fill(SLOT_INDEX",
  },
  {
    name: "one slot too many",
    file: "windows.ts",
    find: "if (slotCount == SLOTS_MAX) return 0;",
    replace: "if (slotCount == SLOTS_MAX + 64) return 0;",
  },
  {
    name: "sums carry at the wrong place",
    file: "windows.ts",
    find: "<u32>(sum >>> 48)",
    replace: "<u32>(sum >>> 47)",
  },
  {
    name: "buckets are rounded down",
    file: "windows.ts",
    find: "ceil<f64>(log * bucketMultiplier)",
    replace: "floor<f64>(log * bucketMultiplier)",
  },
  {
    name: "buckets come from another curve",
    file: "windows.ts",
    find: "-3.0 / 5.0",
    replace: "-3.001 / 5.0",
  },
  {
    name: "durations of zero fall in a bucket",
    file: "windows.ts",
    find: "  if (us > 0) {",
    replace: "  if (us >= 0) {",
  },
  {
    name: "minima begin at zero",
    file: "windows.ts",
    find: "store<f64>(slot, Infinity, SLOT_MIN);",
    replace: "store<f64>(slot, 0, SLOT_MIN);",
  },
  {
    name: "maxima begin at zero",
    file: "windows.ts",
    find: "if (us > load<f64>(slot, SLOT_MAX))",
    replace: "if (us > load<f64>(slot, SLOT_MAX) + 1)",
  },
  {
    name: "the limit itself is ahead",
    file: "windows.ts",
    find: "if (time <= timeLimit) {",
    replace: "if (time < timeLimit) {",
  },
  {
    name: "times ahead move the latest time",
    file: "windows.ts",
    find: "    aheadCount++;\n",
    replace: "    aheadCount++;\n    timeMax = max(time, timeMax);\n",
  },
  {
    name: "unknown levels are known",
    file: "windows.ts",
    find: "    place += LEVEL_BYTES;\n    if (place == LEVEL_TABLE + LEVEL_BYTES * 64) place = LEVEL_TABLE;\n  }\n  return -1;",
    replace:
      "    place += LEVEL_BYTES;\n    if (place == LEVEL_TABLE + LEVEL_BYTES * 64) place = LEVEL_TABLE;\n  }\n  return 6;",
  },
];

const shapes: readonly PlantedFault[] = [
  {
    name: "the tree of shapes has no limit",
    file: "shapes.ts",
    find: "    isFull = true;\n    return;\n",
    replace: "    isFull = true;\n",
  },
  {
    name: "nodes of other kinds are shared",
    file: "shapes.ts",
    find: "load<u32>(node, NODE_KIND) == kind &&",
    replace: "",
  },
  {
    name: "the last byte of a literal is not compared",
    file: "shapes.ts",
    find: "(1 << length) - 1, NODE_MASK",
    replace: "((1 << length) - 1) >>> 1, NODE_MASK",
  },
  {
    name: "lines of too many values teach their beginning",
    file: "shapes.ts",
    find: "if (segmentCount > SEGMENTS_MAX) return;",
    replace: "segmentCount = min<u32>(segmentCount, SEGMENTS_MAX);",
  },
];

const parsing: readonly PlantedFault[] = [
  {
    name: "a name may come twice",
    file: "parse-line.ts",
    find: "if (seen & (1 << name)) return UNPROVEN;",
    replace: "",
  },
  {
    name: "escaped names are others",
    file: "parse-line.ts",
    find: "if (hasBackslash(key, at)) return UNPROVEN;",
    replace: "",
  },
  {
    name: "depth has no limit",
    file: "parse-line.ts",
    find: "const DEPTH_MAX: u32 = 63;",
    replace: "const DEPTH_MAX: u32 = 1000;",
  },
  {
    name: "the last name wins",
    file: "parse-line.ts",
    find: "if (load<u32>(found) && load<u32>(found) < rank) return;",
    replace: "if (load<u32>(found) && load<u32>(found) > rank) return;",
  },
  {
    name: "null is present",
    file: "parse-line.ts",
    find: "if (type != TYPE_NULL) find(",
    replace: "find(",
  },
  {
    name: "objects may end in a comma",
    file: "parse-line.ts",
    find: "state = isObject ? AT_KEY : AT_VALUE;",
    replace: "state = isObject ? AT_KEY_OR_END : AT_VALUE;",
  },
  {
    name: "arrays may end in a comma",
    file: "parse-line.ts",
    find: "state = isObject ? AT_KEY : AT_VALUE;",
    replace: "state = isObject ? AT_KEY : AT_VALUE_OR_END;",
  },
  {
    name: "brackets need not fit",
    file: "parse-line.ts",
    find: "byte == (isObject ? 0x7d : 0x5d)",
    replace: "(byte == 0x7d || byte == 0x5d)",
  },
  {
    name: "anything may follow the object",
    file: "parse-line.ts",
    find: "if (skipBlanks(at) != end) return UNPROVEN;",
    replace: "",
  },
  {
    name: "false needs no e",
    file: "parse-line.ts",
    find: "load<u32>(at) == 0x736c6166 && load<u8>(at, 4) == 0x65",
    replace: "load<u32>(at) == 0x736c6166",
  },
  {
    name: "escapes in services are read as they stand",
    file: "parse-line.ts",
    find: "hasBackslash(from, from + length) || length > SERVICE_NAME_MAX",
    replace: "length > SERVICE_NAME_MAX",
  },
  {
    name: "services may be longer than their place",
    file: "parse-line.ts",
    find: "|| length > SERVICE_NAME_MAX",
    replace: "",
  },
  {
    name: "a time may end before its string",
    file: "parse-line.ts",
    find: "if (endOfTime(from) == to) return true;",
    replace: "if (endOfTime(from)) return true;",
  },
  {
    name: "levels of objects count as missing",
    file: "parse-line.ts",
    find: "if (type == TYPE_OTHER || length > 15",
    replace: "if (type == TYPE_OTHER) return <i32>defaultLevel;\n  if (length > 15",
  },
];

const walking: readonly PlantedFault[] = [
  {
    name: "walked numbers may begin with zeros",
    file: "walk-line.ts",
    find: "(length > 1 && load<u8>(at) == 0x30)",
    replace: "false",
  },
  {
    name: "a walked line needs no service",
    file: "walk-line.ts",
    find: "if (!service) return NO_SHAPE;\n        return tally",
    replace: "return tally",
  },
  {
    name: "walked levels need not be known",
    file: "walk-line.ts",
    find: "level = levelOf(v128.and(text, firstBytes(length)));\n        if (level < 0) return NO_SHAPE;",
    replace: "level = max<i32>(levelOf(v128.and(text, firstBytes(length))), 0);",
  },
  {
    name: "walked names may be longer than their place",
    file: "walk-line.ts",
    find: "const limit = at + SERVICE_NAME_MAX;",
    replace: "const limit = at + SERVICE_NAME_MAX + 1;",
  },
];

const door: readonly PlantedFault[] = [
  {
    name: "a line without room is passed over",
    file: "json-lines.ts",
    find: "if (next == WALK_NO_ROOM) return RUN_NO_ROOM;",
    replace: "if (next == WALK_NO_ROOM) { lineAt = endOfLine(at) + 1; return RUN_NO_ROOM; }",
  },
  {
    name: "a learnt line without room is passed over",
    file: "json-lines.ts",
    find: "if (outcome == NO_ROOM) return RUN_NO_ROOM;\n    at = end + 1;",
    replace: "at = end + 1;\n    if (outcome == NO_ROOM) { lineAt = at; return RUN_NO_ROOM; }",
  },
  {
    name: "a full list begins anew by itself",
    file: "json-lines.ts",
    find: "if (unprovenCount == UNPROVEN_MAX) {\n        lineAt = at;\n        return RUN_LIST_FULL;\n      }",
    replace: "if (unprovenCount == UNPROVEN_MAX) unprovenCount = 0;",
  },
];

/** All faults. Not among them: changes that change no result, such as checks that a later comparison repeats. */
export const plantedFaults: readonly PlantedFault[] = [
  ...text,
  ...numbers,
  ...times,
  ...windows,
  ...shapes,
  ...parsing,
  ...walking,
  ...door,
];

/** Cases that take long are not repeated for each fault. */
const expectedTexts = new Map<number, string>();

/** Plants a fault in a copy of the kernel, builds it, and returns the seed of the first case that finds it; undefined when none does. */
export async function plantFault(
  fault: PlantedFault,
  caseCountMax: number,
): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "kernel-fault-"));
  try {
    await cp(new URL("assembly/", SOURCES), join(folder, "assembly"), { recursive: true });
    const file = join(folder, "assembly", fault.file);
    const source = await readFile(file, "utf8");
    if (source.split(fault.find).length !== 2) {
      throw new Error(`${fault.name}: its text does not stand once in ${fault.file}`);
    }
    await writeFile(
      file,
      source.replace(fault.find, () => fault.replace),
    );
    const kernel = await buildKernel(folder);
    for (let seed = 1; seed <= caseCountMax; seed++) if (finds(seed, kernel)) return seed;
    return undefined;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function finds(seed: number, kernel: URL): boolean {
  const nasty = nastyCase(seed);
  const expected = expectedTexts.get(seed) ?? parserTexts(nasty);
  expectedTexts.set(seed, expected);
  try {
    return kernelTexts(nasty, kernel) !== expected;
  } catch (error) {
    // A kernel that traps is found, too; and so is one whose sketches are malformed.
    if (error instanceof Error) return true;
    throw error;
  }
}

async function buildKernel(folder: string): Promise<URL> {
  const { main } = await import("assemblyscript/asc");
  await cp(new URL("asconfig.json", SOURCES), join(folder, "asconfig.json"));
  const { error, stderr } = await main(["--config", "asconfig.json", "--baseDir", folder]);
  if (error !== null) throw new Error(`the kernel does not compile: ${stderr.toString()}`);
  return pathToFileURL(join(folder, "json-lines.wasm"));
}

if (import.meta.main) {
  const [wanted = ""] = process.argv.slice(2);
  let missed = 0;
  for (const fault of plantedFaults.filter(({ name }) => name.includes(wanted))) {
    const seed = await plantFault(fault, 400);
    if (seed === undefined) missed++;
    process.stdout.write(`${fault.name}: ${seed === undefined ? "NOT FOUND" : `case ${seed}`}\n`);
  }
  process.stdout.write(`${missed} not found\n`);
  process.exitCode = missed === 0 ? 0 : 1;
}
