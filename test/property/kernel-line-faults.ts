/** Faults in how the kernel takes lines apart and counts them. */
import type { PlantedFault } from "./kernel-fault.ts";

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
    find: "isSameText(service + SERVICE_NAME, at, length)",
    replace: "isSameText(service + SERVICE_NAME, at, min<u32>(length, 16))",
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
    file: "json-object.ts",
    find: "if (seen & (1 << name)) return false;",
    replace: "",
  },
  {
    name: "escaped names are others",
    file: "json-object.ts",
    find: "if (hasBackslash(key, at)) return false;",
    replace: "",
  },
  {
    name: "depth has no limit",
    file: "json-object.ts",
    find: "const DEPTH_MAX: u32 = 63;",
    replace: "const DEPTH_MAX: u32 = 1000;",
  },
  {
    name: "the last name wins",
    file: "json-object.ts",
    find: "if (load<u32>(found) && load<u32>(found) < rank) return;",
    replace: "if (load<u32>(found) && load<u32>(found) > rank) return;",
  },
  {
    name: "null is present",
    file: "json-object.ts",
    find: "if (type != TYPE_NULL) find(",
    replace: "find(",
  },
  {
    name: "objects may end in a comma",
    file: "json-object.ts",
    find: "state = isObject ? AT_KEY : AT_VALUE;",
    replace: "state = isObject ? AT_KEY_OR_END : AT_VALUE;",
  },
  {
    name: "arrays may end in a comma",
    file: "json-object.ts",
    find: "state = isObject ? AT_KEY : AT_VALUE;",
    replace: "state = isObject ? AT_KEY : AT_VALUE_OR_END;",
  },
  {
    name: "brackets need not fit",
    file: "json-object.ts",
    find: "byte == (isObject ? 0x7d : 0x5d)",
    replace: "(byte == 0x7d || byte == 0x5d)",
  },
  {
    name: "anything may follow the object",
    file: "json-object.ts",
    find: "return skipBlanks(at) >= end;",
    replace: "return true;",
  },
  {
    name: "false needs no e",
    file: "json-object.ts",
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
    find: "if (!service) return NO_SHAPE;\n        if (keptCount)",
    replace: "if (keptCount)",
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
    find: "if (unprovenCount == UNPROVEN_MAX || isNotedFull() || (lesson",
    replace:
      "if (unprovenCount == UNPROVEN_MAX) unprovenCount = 0;\n      if (isNotedFull() || (lesson",
  },
  {
    name: "a list that was taken is handed over again",
    file: "json-lines.ts",
    find: "if (isListTaken) unprovenCount = 0;",
    replace: "",
  },
  {
    name: "a line with a lesson is read again",
    file: "json-lines.ts",
    find: "LESSONS_MAX)) {\n        lineAt = at;\n",
    replace: "LESSONS_MAX)) {\n",
  },
];

/** Faults in the other files of the kernel. */
export const lineFaults: readonly PlantedFault[] = [
  ...windows,
  ...shapes,
  ...parsing,
  ...walking,
  ...door,
];
