/** Faults in how the kernel keeps counts apart by the values of fields, and in which lines it notes. */
import type { PlantedFault } from "./kernel-fault.ts";

/** All of them; they are found by comparing details. */
export const detailFaults: readonly PlantedFault[] = [
  {
    name: "a value is kept from the line before",
    file: "kept.ts",
    find: "number < keptCount; number++) store<u32>(VALUES + (<usize>number << 4), KEPT_NONE);",
    replace: "number < 0; number++) store<u32>(VALUES + (<usize>number << 4), KEPT_NONE);",
  },
  {
    name: "a kept value may be longer than its place",
    file: "kept.ts",
    find: "if (length + bytes + keptCount > KEY_MAX) return KEY_TOO_LONG;",
    replace: "if (length + bytes > KEY_MAX) bytes = KEY_MAX - length;",
  },
  {
    name: "kept numbers count as texts",
    file: "kept.ts",
    find: "export const KEPT_NUMBER: u32 = 3;",
    replace: "export const KEPT_NUMBER: u32 = 2;",
  },
  {
    name: "a kept text with escapes is kept as it is written",
    file: "parse-line.ts",
    find: "if (type == TYPE_OTHER || (type == TYPE_STRING && hasBackslash(from, to))) return false;",
    replace: "if (type == TYPE_OTHER) return false;",
  },
  {
    name: "kept truth values are none",
    file: "parse-line.ts",
    find: "if (type == TYPE_OTHER || (type == TYPE_STRING && hasBackslash(from, to))) return false;",
    replace:
      "if (type == TYPE_OTHER) continue;\n    if (type == TYPE_STRING && hasBackslash(from, to)) return false;",
  },
  {
    name: "a walked text ends at a backslash",
    file: "walk-line.ts",
    find: "if (load<u8>(at) != 0x22) return NO_SHAPE;\n        keep(",
    replace:
      "if (load<u8>(at) == 0x5c) at = endOfString(at);\n        if (!at) return NO_SHAPE;\n        keep(",
  },
  {
    name: "all kept fields of a shape are the first",
    file: "parse-line.ts",
    find: "kind | (number << KIND_BITS)",
    replace: "kind",
  },
  {
    name: "lines of the next level are noted",
    file: "noted.ts",
    find: "if (((levels >>> level) & 1) == 0) return;",
    replace: "if (((levels >>> (level + 1)) & 1) == 0) return;",
  },
  {
    name: "a noted line says the wrong time",
    file: "noted.ts",
    find: "store<i32>(entry, rest, 20);",
    replace: "store<i32>(entry, 0, 20);",
  },
  {
    name: "a full list of noted lines begins anew by itself",
    file: "json-lines.ts",
    find: "      if (isNotedFull()) {\n",
    replace: "      if (isNotedFull()) forgetNoted();\n      if (false) {\n",
  },
  {
    name: "learnt lines are not noted",
    file: "parse-line.ts",
    find: "  note(start, next, service, <u32>level, minute, rest);\n",
    replace: "",
  },
];
