/** The formats that the kernel for lines of text reads, and how it is told of them. */

import type { EventOptions } from "../../shared/events/event-options.ts";
import type { ParserName } from "../parsers/registry.ts";
import type { TextKernel } from "./kernel-module.ts";

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

/** How the kernel reads a format; undefined when it does not, or not under these options. `eventBytesMax` is 0 when every line is an event. */
export function textFormatOf(
  name: ParserName,
  options: EventOptions,
  eventBytesMax: number,
): TextFormat | undefined {
  const isPlain = options.fields.service === undefined;
  if (name === "access-log" && isPlain && eventBytesMax === 0) return single(ACCESS_LOG);
  return undefined;
}

function single(number: number): TextFormat {
  return { number, isJoining: false, eventBytesMax: 0 };
}

/** Tells a fresh kernel what its lines are. */
export function setUpFormat(kernel: TextKernel, format: TextFormat, options: EventOptions): void {
  const { call } = kernel;
  call.setFormat(format.number, format.eventBytesMax);
  call.setNginxTime(options.durationUnit === "ms" ? 1 : 0);
}
