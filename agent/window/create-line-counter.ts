import { SERVICES_MAX_DEFAULT } from "../../shared/aggregates/minute-windows.ts";
import { fieldNames } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { canUseKernel, JsonLineCounter } from "../kernel/json-line-counter.ts";
import type { FormatChoice } from "../parsers/auto.ts";
import { type FormatName, type ParserName, parsers } from "../parsers/registry.ts";
import { AutoLineCounter } from "./auto-line-counter.ts";
import type { CompiledAggregation } from "./compile-aggregation.ts";
import { DetailedLineCounter } from "./detailed-line-counter.ts";
import type { EventSelection } from "./event-selection.ts";
import type { LineCounter } from "./line-counter.ts";
import { ParserLineCounter } from "./parser-line-counter.ts";
import { SelectingLineCounter } from "./selecting-line-counter.ts";

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

/** See {@link LineCounterOptions.detail}. */
export interface DetailOptions {
  readonly agent: string;
  readonly source: string;
  readonly host: string;
  readonly aggregation: CompiledAggregation;
}

/** Makes the fastest counter that counts lines of this format. */
export function createLineCounter(options: LineCounterOptions): LineCounter {
  const { format } = options;
  return format === "auto" ? createAutoCounter(options) : createFormatCounter(format, options);
}

/** What chooses events of a source's lines. */
export interface SelectingOptions extends LineCounterOptions {
  /** Name of the source. */
  readonly source: string;
  readonly selection: EventSelection;
}

/** Makes the fastest counter that counts lines of this format and selects events from them. */
export function createSelectingCounter(options: SelectingOptions): SelectingLineCounter {
  const { format, source, selection, stream = STREAM_DEFAULT } = options;
  const createParser = (name: ParserName) => parsers[name].compile(options);
  const levelNames = fieldNames(options).level;
  const parts = { stream, source, selection, levelNames, createParser };
  if (format !== "auto") {
    const counter = createFormatCounter(format, options);
    return new SelectingLineCounter({ ...parts, counter, formatOf: () => format });
  }
  const counter = createAutoCounter(options);
  const formatOf = (file: number) => counter.formatOf(file);
  return new SelectingLineCounter({ ...parts, counter, formatOf });
}

function createAutoCounter(options: LineCounterOptions): AutoLineCounter {
  return new AutoLineCounter({
    stream: options.stream ?? STREAM_DEFAULT,
    eventOptions: options,
    createCounter: (found) => createFormatCounter(found, options),
    onFormat: options.onFormat,
  });
}

function createFormatCounter(format: ParserName, options: LineCounterOptions): LineCounter {
  const parts = {
    stream: options.stream ?? STREAM_DEFAULT,
    parser: parsers[format].compile(options),
    servicesMax: options.servicesMax ?? SERVICES_MAX_DEFAULT,
  };
  const { detail } = options;
  if (detail !== undefined) return new DetailedLineCounter({ ...parts, ...detail, format });
  const counter = new ParserLineCounter(parts);
  return format === "json" && canUseKernel(options)
    ? new JsonLineCounter(options, counter)
    : counter;
}
