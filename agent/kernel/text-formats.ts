/** The formats that the kernel for lines of text reads, and how it is told of them. */

import { fieldNames, LEVEL_WORDS, levelOfText } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import type { ParserName } from "../parsers/registry.ts";
import type { TextKernel } from "./kernel-module.ts";
import { canKnowNames, KERNEL_MEANINGS } from "./known-names.ts";

/** A format as the kernel reads it. */
export interface TextFormat {
  /** Its number in `assembly/text-lines.ts`. */
  readonly number: number;
  /** True when lines may go on with an event before. */
  readonly isJoining: boolean;
  /** Most bytes of an event of which all lines are looked at. */
  readonly eventBytesMax: number;
}

const ACCESS_LOG = 0;
const SYSLOG = 1;
const LOGFMT = 2;

/** Numbers that are levels as texts have one or two digits. */
const LEVEL_NUMBER_MAX = 99;

/** How the kernel reads a format; undefined when it does not, or not under these options. `eventBytesMax` is 0 when every line is an event. */
export function textFormatOf(
  name: ParserName,
  options: EventOptions,
  eventBytesMax: number,
): TextFormat | undefined {
  const isServiceMapped = options.fields.service !== undefined;
  if (eventBytesMax === 0) {
    if (name === "access-log" && !isServiceMapped) return single(ACCESS_LOG);
    if (name === "syslog" && !isServiceMapped) return single(SYSLOG);
    if (name === "logfmt" && canKnowNames(options)) return single(LOGFMT);
  }
  return undefined;
}

function single(number: number): TextFormat {
  return { number, isJoining: false, eventBytesMax: 0 };
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
  for (const [word, level] of LEVEL_WORDS) call.addLevelWord(putScratch(word), level);
  for (let number = 0; number <= LEVEL_NUMBER_MAX; number++) {
    const text = String(number);
    call.addLevelWord(putScratch(text), levelOfText(text));
  }
  if (!canKnowNames(options)) return;
  const names = fieldNames(options);
  for (const [meaning, name] of KERNEL_MEANINGS.entries()) {
    for (const [rank, key] of [...new Set(names[name])].entries()) {
      call.addKey(putScratch(key), meaning, rank);
    }
  }
}
