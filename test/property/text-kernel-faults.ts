/**
 * Tests the test: plants faults in a copy of the sources of the kernel for lines of text, one at a time, and requires that the nasty lines
 * find each of them. `node test/property/text-kernel-faults.ts [name]` plants all, or those whose name contains a text.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PlantedFault } from "./kernel-fault.ts";
import type { TextKernelFormat } from "./odd-text-lines.ts";
import { countedTexts, kernelTexts, textCase } from "./text-kernel-difference.ts";

const SOURCES = new URL("../../agent/kernel/", import.meta.url);
const CONFIG = "asconfig-text.json";
const CASES_MAX = 300;

/** A fault, and the format whose lines find it. */
export interface TextFault extends PlantedFault {
  readonly format: TextKernelFormat;
}

/** All faults. */
export const textFaults: readonly TextFault[] = [
  {
    name: "a quote behind a backslash ends a request",
    format: "access-log",
    file: "access-log.ts",
    find: "if (load<u8>(at) == BACKSLASH) at += 2;\n    else {\n      at++;",
    replace: "{\n      at++;",
  },
  {
    name: "the zone of an access log's minute is not compared",
    format: "access-log",
    file: "access-log.ts",
    find: "load<u64>(at, 20) == load<u64>(place, 16) && ",
    replace: "",
  },
  {
    name: "status 499 is an error",
    format: "access-log",
    file: "access-log.ts",
    find: "status >= 500 ?",
    replace: "status >= 499 ?",
  },
  {
    name: "a request time is in the source's unit",
    format: "access-log",
    file: "access-log.ts",
    find: "isSeconds ? UNIT_SECONDS : UNIT_OF_SOURCE",
    replace: "UNIT_OF_SOURCE",
  },
  {
    name: "bytes behind a quote belong to nothing",
    format: "access-log",
    file: "access-log.ts",
    find: "else if (at + 1 == end || load<u8>(at, 1) <= SPACE) return at;",
    replace: "else if (load<u8>(at, 1) != 0) return at;",
  },
  {
    name: "priorities may begin with zeros",
    format: "syslog",
    file: "syslog.ts",
    find: "(load<u8>(from, 1) == 0x30 && at > from + 2) || ",
    replace: "",
  },
  {
    name: "a program without a colon needs no host",
    format: "syslog",
    file: "syslog.ts",
    find: "if (!hasColon && !hasHost) return false;",
    replace: "",
  },
  {
    name: "a bracket ends no value of structured data",
    format: "syslog",
    file: "syslog.ts",
    find: "if (byte == CLOSE) return 0;",
    replace: "",
  },
  {
    name: "years are remembered for ever",
    format: "syslog",
    file: "line-times.ts",
    find: "  forgetTable(YEARLESS);\n  forgetHeads(SYSLOG_HEADS);",
    replace: "",
  },
  {
    name: "the first of two keys counts",
    format: "logfmt",
    file: "logfmt.ts",
    find: "rank > load<u32>(found))) return;",
    replace: "rank >= load<u32>(found))) return;",
  },
  {
    name: "escapes in a level are read as they stand",
    format: "logfmt",
    file: "logfmt.ts",
    find: "if (isEscapedValue(LEVEL)) return false;",
    replace: "",
  },
  {
    name: "behind a quote anything may stand",
    format: "logfmt",
    file: "logfmt.ts",
    find: "if (at < end && load<u8>(at) > SPACE) return UNPROVEN;",
    replace: "",
  },
  {
    name: "micros are millis",
    format: "logfmt",
    file: "text-durations.ts",
    find: "if (first == 0x75) return UNIT_MICROSECONDS;",
    replace: "if (first == 0x75) return UNIT_MILLISECONDS;",
  },
  {
    name: "zones ahead are zones behind",
    format: "log4j",
    file: "line-times.ts",
    find: "(sign == 0x2d ? -1 : 1)",
    replace: "(sign == 0x2b ? -1 : 1)",
  },
  {
    name: "names hold colons",
    format: "log4j",
    file: "shape-tree.ts",
    find: "3, 3, 5, 9, 3, 13, 1, 1]",
    replace: "3, 3, 1, 9, 3, 13, 1, 1]",
  },
  {
    name: "any word is a level",
    format: "text",
    file: "shape-tree.ts",
    find: "      if (level == LEVEL_OTHER) return 0;\n",
    replace: "",
  },
  {
    name: "nothing stands before a line",
    format: "log4j",
    file: "shape-tree.ts",
    find: "isTimeGiven ? from : endOfPrefix(from, end)",
    replace: "from",
  },
  {
    name: "an event with an unproven line counts twice",
    format: "log4j",
    file: "text-lines.ts",
    find: "      rangeAt = eventAt ? eventAt : at;\n      eventAt = 0;",
    replace: "      rangeAt = eventAt ? eventAt : at;",
  },
  {
    name: "lines before the first event go on with it",
    format: "log4j",
    file: "text-lines.ts",
    find: "} else if (outcome == CONTINUES && eventAt) eventJoinedLines++;",
    replace: "} else if (outcome == CONTINUES) eventJoinedLines++;",
  },
  {
    name: "a line behind a piece of its stream begins an event",
    format: "cri",
    file: "containers.ts",
    find: "return before == STREAM_WHOLE;",
    replace: "return before != STREAM_UNKNOWN;",
  },
  {
    name: "a line whose stream is not known begins an event",
    format: "cri",
    file: "containers.ts",
    find: "return before == STREAM_WHOLE;",
    replace: "return before != STREAM_CUT;",
  },
  {
    name: "parts of traces begin events",
    format: "cri",
    file: "containers.ts",
    find: "if (load<u32>(TRACE_WORDS + (number << 2)) == letters) return false;",
    replace: "",
  },
  {
    name: "a text that waits is overwritten",
    format: "docker",
    file: "containers.ts",
    find: "  plainText = PLAIN_TEXTS + PLAIN_TEXTS + TEXT_BYTES - plainText;\n",
    replace: "",
  },
  {
    name: "texts without a line feed are whole",
    format: "docker",
    file: "containers.ts",
    find: "  isCut = !isLineFeed;",
    replace: "  isCut = false;",
  },
  {
    name: "JSON of a dialect is like any other",
    format: "cri",
    file: "json-text.ts",
    find: " || load<u32>(foundAt(FIELD_MARK))",
    replace: "",
  },
  {
    name: "levels in JSON are numbers of any form",
    format: "cri",
    file: "json-text.ts",
    find: "if (<i32>(to - from) > LEVEL_DIGITS_MAX || !isDigit(load<u8>(from)) || !isDigit(load<u8>(to - 1))) return false;",
    replace: "",
  },
  {
    name: "levels in JSON that are no texts are missing",
    format: "cri",
    file: "json-text.ts",
    find: "    setLevel(LEVEL_OTHER);\n",
    replace: "",
  },
  {
    name: "escapes in levels in JSON are read as they stand",
    format: "docker",
    file: "json-text.ts",
    find: "  } else if (hasBackslash(from, to)) return false;\n  setLevel",
    replace: "  }\n  setLevel",
  },
  {
    name: "escapes in services in JSON are read as they stand",
    format: "docker",
    file: "json-text.ts",
    find: "  if (hasBackslash(from, to)) return false;\n  setService",
    replace: "  setService",
  },
  {
    name: "durations in JSON are in seconds",
    format: "cri",
    file: "json-text.ts",
    find: "UNIT_OF_SOURCE);",
    replace: "1);",
  },
  {
    name: "texts in JSON are durations",
    format: "docker",
    file: "json-text.ts",
    find: " || load<u32>(found, 12) != TYPE_NUMBER) return true;\n  const us",
    replace: ") return true;\n  const us",
  },
  {
    name: "numbers in JSON are services",
    format: "cri",
    file: "json-text.ts",
    find: " || load<u32>(found, 12) != TYPE_STRING) return true;",
    replace: ") return true;",
  },
  {
    name: "anything may follow JSON",
    format: "cri",
    file: "json-object.ts",
    find: "return skipBlanks(at) >= end;",
    replace: "return true;",
  },
  {
    name: "keys are expected without their equals sign",
    format: "logfmt",
    file: "logfmt.ts",
    find: "store<u32>(pair, (1 << <u32>length) - 1, PAIR_MASK);",
    replace: "store<u32>(pair, (1 << <u32>(length - 1)) - 1, PAIR_MASK);",
  },
  {
    name: "a key means what the one before it in its place meant",
    format: "logfmt",
    file: "logfmt.ts",
    find: "  store<u32>(pair, <u32>keyFound, PAIR_FOUND);\n",
    replace: "",
  },
  {
    name: "levels are known by their first letter",
    format: "log4j",
    file: "shape-tree.ts",
    find: "load<u64>(at) == load<u64>(known)",
    replace: "load<u8>(at) == load<u8>(known)",
  },
  {
    name: "a search counts for all places of a line",
    format: "haproxy",
    file: "shape-tree.ts",
    find: " && from == untilFrom",
    replace: "",
  },
  {
    name: "searches lead over the end of a line",
    format: "log4j",
    file: "shape-tree.ts",
    find: "return hasLines ? find(from, end, LINE_FEED) : end;",
    replace: "return end;",
  },
  {
    name: "no choice is tried for the second time",
    format: "text",
    file: "shape-tree.ts",
    find: "            way += WAY_BYTES;\n",
    replace: "",
  },
  {
    name: "spaces behind a value may be missing",
    format: "log4j",
    file: "shape-tree.ts",
    find: "return at > from ? at : 0;\n}\n\n/** Takes",
    replace: "return at;\n}\n\n/** Takes",
  },
  {
    name: "the minute of a zone outlives its date",
    format: "log4j",
    file: "line-times.ts",
    find: "    store<i32>(place, NO_MINUTE, HEAD_LOCAL);\n",
    replace: "",
  },
  {
    name: "escaped quotes in JSON in a string end it",
    format: "docker",
    file: "walk-text.ts",
    find: "at = endOfEscape(at + 2);",
    replace: "at += 2;",
  },
  {
    name: "escapes of quotes as Unicode are letters",
    format: "docker",
    file: "walk-text.ts",
    find: "byte < 32 || byte == QUOTE || byte == BACKSLASH ? 0 : at + 6",
    replace: "byte < 32 ? 0 : at + 6",
  },
  {
    name: "walked durations are in the unit of the line before",
    format: "cri",
    file: "walk-text.ts",
    find: "        useSourceUnit();\n",
    replace: "",
  },
  {
    name: "a level that is an object is walked",
    format: "cri",
    file: "json-text.ts",
    find: "load<u32>(foundAt(FIELD_LEVEL), 12) != TYPE_OTHER;",
    replace: "true;",
  },
  {
    name: "the shape of JSON ends before its line",
    format: "cri",
    file: "json-text.ts",
    find: "walkText(at) == end",
    replace: "walkText(at)",
  },
  {
    name: "nothing was cut before a call",
    format: "cri",
    file: "text-lines.ts",
    find: "beginContainers(before == from);\n  // Of it only the stream counts, and whether it was cut.\n  if (before && before < from) readLine(before, from - 1);",
    replace: "beginContainers(true);",
  },
];

/** Plants a fault in a copy of the kernel, builds it, and returns the seed of the first case that finds it; undefined when none does. */
export async function plantTextFault(fault: TextFault): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "kernel-fault-"));
  try {
    await cp(new URL("assembly/", SOURCES), join(folder, "assembly"), { recursive: true });
    await cp(new URL(CONFIG, SOURCES), join(folder, CONFIG));
    const file = join(folder, "assembly", fault.file);
    const source = await readFile(file, "utf8");
    if (source.split(fault.find).length !== 2) {
      throw new Error(`${fault.name}: its text does not stand once in ${fault.file}`);
    }
    await writeFile(
      file,
      source.replace(fault.find, () => fault.replace),
    );
    const { main } = await import("assemblyscript/asc");
    const { error, stderr } = await main(["--config", CONFIG, "--baseDir", folder]);
    if (error !== null) throw new Error(`the kernel does not compile: ${stderr.toString()}`);
    const kernel = pathToFileURL(join(folder, "text-lines.wasm"));
    for (let seed = 1; seed <= CASES_MAX; seed++) {
      if (finds(seed, fault.format, kernel)) return seed;
    }
    return undefined;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function finds(seed: number, format: TextKernelFormat, kernel: URL): boolean {
  const each = textCase(seed, format);
  try {
    return kernelTexts(each, kernel) !== countedTexts(each);
  } catch (error) {
    // A kernel that traps is found, too.
    if (error instanceof Error) return true;
    throw error;
  }
}

if (import.meta.main) {
  const [wanted = ""] = process.argv.slice(2);
  let missed = 0;
  for (const fault of textFaults.filter(({ name }) => name.includes(wanted))) {
    const seed = await plantTextFault(fault);
    if (seed === undefined) missed++;
    process.stdout.write(`${fault.name}: ${seed === undefined ? "NOT FOUND" : `case ${seed}`}\n`);
  }
  process.stdout.write(`${missed} not found\n`);
  process.exitCode = missed === 0 ? 0 : 1;
}
