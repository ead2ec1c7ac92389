import { fieldNames } from "../../shared/events/event-fields.ts";
import { serviceCutter } from "../../shared/events/leaving-event.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import type { Redactor } from "../../shared/redaction/redactor.ts";
import { type ParserName, parsers } from "../parsers/registry.ts";
import {
  createAutoCounter,
  createFormatCounter,
  type LineCounterOptions,
  linesOf,
} from "./create-line-counter.ts";
import type { EventSelection } from "./event-selection.ts";
import { type LineSelection, SelectingLineCounter } from "./selecting-line-counter.ts";

/** What chooses events of a source's lines. */
export interface SelectingOptions extends LineCounterOptions {
  /** Name of the source. */
  readonly source: string;
  readonly selection: EventSelection;
  /** Takes out of everything what must not leave the host. */
  readonly redactor: Redactor;
  /** Raw lines that are sent; none when left out. */
  readonly lines?: LineSelection | undefined;
}

/** Makes the fastest counter that counts lines of this format and selects events from them. */
export function createSelectingCounter(settings: SelectingOptions): SelectingLineCounter {
  const options = { ...settings, cutService: serviceCutter(settings.redactor) };
  const { format, source, selection, redactor, stream = STREAM_DEFAULT } = options;
  const createParser = (name: ParserName) => parsers[name].compile(options);
  const levelNames = fieldNames(options).level;
  const createLines = (name: ParserName) => linesOf(name, options);
  const { lines } = options;
  const parts = {
    ...{ stream, source, selection, redactor, lines },
    ...{ levelNames, createParser, createLines },
  };
  if (format !== "auto") {
    const counter = createFormatCounter(format, options);
    return new SelectingLineCounter({ ...parts, counter, formatOf: () => format });
  }
  const counter = createAutoCounter(options);
  const formatOf = (file: number) => counter.formatOf(file);
  return new SelectingLineCounter({ ...parts, counter, formatOf });
}
