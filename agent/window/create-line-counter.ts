import { SERVICES_MAX_DEFAULT } from "../../shared/aggregates/minute-windows.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import type { ParserDefinition } from "../../shared/events/parser.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { JsonLineCounter } from "../kernel/json-line-counter.ts";
import { canKnowNames } from "../kernel/known-names.ts";
import { textFormatOf } from "../kernel/text-formats.ts";
import { TextLineCounter } from "../kernel/text-line-counter.ts";
import type { FormatChoice } from "../parsers/auto.ts";
import { type FormatName, type ParserName, parsers } from "../parsers/registry.ts";
import { AutoLineCounter } from "./auto-line-counter.ts";
import { DetailCounter, type DetailOptions } from "./detail-counter.ts";
import { type EventLines, eventLines } from "./event-lines.ts";
import type { LineCounter } from "./line-counter.ts";
import { ParserLineCounter } from "./parser-line-counter.ts";

/** What a source's lines are and how they count. */
export interface LineCounterOptions extends EventOptions {
  /** Stream of the windows; {@link STREAM_DEFAULT} when left out. */
  readonly stream?: string;
  readonly format: FormatName;
  /** Most services counted on their own between two takes; {@link SERVICES_MAX_DEFAULT} when left out. */
  readonly servicesMax?: number;
  /** What counting beside levels and durations is to do; nothing when left out. */
  readonly detail?: DetailOptions | undefined;
  /** With `auto`: told what format a file was found to have. */
  readonly onFormat?: (choice: FormatChoice, file: number | undefined) => void;
}

/** Makes the fastest counter that counts lines of this format. */
export function createLineCounter(options: LineCounterOptions): LineCounter {
  const { format } = options;
  return format === "auto" ? createAutoCounter(options) : createFormatCounter(format, options);
}

/** Makes a counter that finds out the format of each file. */
export function createAutoCounter(options: LineCounterOptions): AutoLineCounter {
  return new AutoLineCounter({
    stream: options.stream ?? STREAM_DEFAULT,
    eventOptions: options,
    createCounter: (found) => createFormatCounter(found, options),
    onFormat: options.onFormat,
  });
}

/** Makes the fastest counter of this format. */
export function createFormatCounter(format: ParserName, options: LineCounterOptions): LineCounter {
  const lines = linesOf(format, options);
  const { detail, servicesMax = SERVICES_MAX_DEFAULT } = options;
  const createParser = () => parsers[format].compile(options);
  const detailCounter =
    detail && new DetailCounter({ ...detail, format, servicesMax, parser: createParser() });
  const counter = new ParserLineCounter({
    stream: options.stream ?? STREAM_DEFAULT,
    parser: createParser(),
    servicesMax,
    lines,
    detail: detailCounter,
  });
  const task = detailCounter?.kernelTask;
  if (detail !== undefined && task === undefined) return counter;
  if (format === "json" && lines === undefined && canKnowNames(options, task)) {
    return new JsonLineCounter(options, counter, task);
  }
  if (detail !== undefined) return counter;
  const text = textFormatOf(format, options, lines);
  return text === undefined ? counter : new TextLineCounter(text, options, counter);
}

/**
 * True when each line of this format is an event by itself, so that lines can be counted in any order, by several counters: no line depends on the one
 * before, and none on more than the options say. The year of times without one is such an option: `nowMs` has to answer the same.
 */
export function isCountedByLine(format: ParserName, options: LineCounterOptions): boolean {
  return linesOf(format, options) === undefined;
}

/** How the lines of a format become events, asked of a parser of its own. */
export function linesOf(format: ParserName, options: LineCounterOptions): EventLines | undefined {
  const definition: ParserDefinition = parsers[format];
  return eventLines(definition, definition.compile(options), options.multiline);
}
