/** The formats that the kernel for lines of text reads, and how it is told of them. */

import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { assert } from "../../shared/assert.ts";
import { fieldNames, LEVEL_WORDS, levelOfText } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { packedZoneNames } from "../../shared/time/calendar.ts";
import { DIALECT_NAMES } from "../parsers/json-dialects.ts";
import { anyShapeFormat, type ParserName } from "../parsers/registry.ts";
import { shapeFormats } from "../parsers/shape-formats.ts";
import type { ShapeFormat } from "../parsers/shape-parser.ts";
import type { EventLines } from "../window/event-lines.ts";
import { encodeShapes } from "./encode-shapes.ts";
import type { TextKernel } from "./kernel-module.ts";
import { canKnowNames, KERNEL_MEANINGS } from "./known-names.ts";

/** A format as the kernel reads it. */
export interface TextFormat {
  /** Its number in `assembly/text-lines.ts`. */
  readonly number: number;
  /** Most bytes of an event of which all lines are looked at; 0 when every line is one. */
  readonly eventBytesMax: number;
  /** True when the line before tells whether a line begins an event. */
  readonly looksBack: boolean;
  /** How lines are written, where shapes say it: a tree for each, the second for what the first does not know. */
  readonly shapes: readonly ShapeFormat[];
}

const ACCESS_LOG = 0;
const SYSLOG = 1;
const LOGFMT = 2;
const SHAPES = 3;
const CRI = 4;
const DOCKER = 5;
/** Slots that the kernel has. */
const SLOTS_MAX = 4096;

/** Numbers that are levels as texts have one or two digits. */
const LEVEL_NUMBER_MAX = 99;

/** How the kernel reads a format; undefined when it does not, or not under these options. `lines`: how lines become events, if not each is one. */
export function textFormatOf(
  name: ParserName,
  options: EventOptions,
  lines: Pick<EventLines, "isByParser" | "bytesMax"> | undefined,
): TextFormat | undefined {
  const isServiceMapped = options.fields.service !== undefined;
  const shapes = shapeFormatOf(name);
  if (shapes !== undefined) {
    const canRead = lines?.isByParser !== false && options.fields.level === undefined;
    return canRead
      ? { ...single(SHAPES), eventBytesMax: lines?.bytesMax ?? 0, shapes: [shapes] }
      : undefined;
  }
  if (name === "cri" || name === "docker") return containerFormat(name, options, lines);
  if (lines !== undefined) return undefined;
  if (name === "access-log" && !isServiceMapped) return single(ACCESS_LOG);
  if (name === "syslog" && !isServiceMapped) return single(SYSLOG);
  if (name === "logfmt" && canKnowNames(options)) return single(LOGFMT);
  return undefined;
}

/** Lines of containers: of any format inside, unless some fields are mapped. */
function containerFormat(
  name: "cri" | "docker",
  { fields, inner = "auto", multiline }: EventOptions,
  lines: Pick<EventLines, "bytesMax"> | undefined,
): TextFormat | undefined {
  const isOwnStart = multiline?.start !== undefined || multiline?.continuation !== undefined;
  const isMapped = Object.values(fields).some((names) => names !== undefined);
  if (lines === undefined || isOwnStart || isMapped || inner !== "auto") return undefined;
  const number = name === "cri" ? CRI : DOCKER;
  const shapes = [anyShapeFormat, shapeFormats.text];
  return { number, eventBytesMax: lines.bytesMax, looksBack: true, shapes };
}

function shapeFormatOf(name: string): ShapeFormat | undefined {
  return Object.entries<ShapeFormat>(shapeFormats).find(([known]) => known === name)?.[1];
}

function single(number: number): TextFormat {
  return { number, eventBytesMax: 0, looksBack: false, shapes: [] };
}

/** Tells a fresh kernel what its lines are. `putScratch` lays a text out where the kernel looks for names, and returns its length. */
export function setUpFormat(
  kernel: TextKernel,
  format: TextFormat,
  options: EventOptions,
  putScratch: (text: string) => number,
): void {
  const { call } = kernel;
  call.setFormat(format.number, format.eventBytesMax);
  call.setNginxTime(options.durationUnit === "ms" ? 1 : 0);
  setUpShapes(kernel, format.shapes, options, putScratch);
  for (const [word, level] of LEVEL_WORDS) {
    for (let set = 0; set <= format.shapes.length; set++) {
      call.addLevelWord(putScratch(word), level, set);
    }
  }
  for (let number = 0; number <= LEVEL_NUMBER_MAX; number++) {
    const text = String(number);
    call.addLevelWord(putScratch(text), levelOfText(text), 0);
  }
  for (const zone of packedZoneNames()) call.addZone(zone);
  if (!canKnowNames(options)) return;
  // Marks come last and are found first: a name that is both is a mark.
  const names = fieldNames(options);
  for (const [meaning, name] of KERNEL_MEANINGS.entries()) {
    for (const [rank, key] of [...new Set(names[name])].entries()) {
      call.addKey(putScratch(key), meaning, rank);
    }
  }
  if (format.number !== CRI && format.number !== DOCKER) return;
  for (const mark of DIALECT_NAMES) {
    assert(call.addMark(putScratch(mark)) !== 0, "the marks of dialects find room");
  }
}

function setUpShapes(
  { call, memory }: TextKernel,
  formats: readonly ShapeFormat[],
  options: EventOptions,
  putScratch: (text: string) => number,
): void {
  let address = call.treeAddress();
  const end = address + call.treeBytes();
  const roots = formats.map(({ shapes, levels = {} }, index) => {
    const tree = encodeShapes(shapes, options, address);
    const { bytes, slotCount } = tree;
    assert(address + bytes.length <= end && slotCount <= SLOTS_MAX, "the shapes find room");
    bytes.copy(Buffer.from(memory), address);
    address += bytes.length;
    // The first meaning of a word counts: that of the format.
    for (const [word, level] of Object.entries(levels)) {
      call.addLevelWord(putScratch(word), LEVEL_INDEX[level], index + 1);
    }
    return tree.roots;
  });
  const [first = 0, second = 0] = roots;
  call.setShapes(first, second);
}
