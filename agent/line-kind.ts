/** What the lines of a source are, whatever its type. */

import { type EventOptions, eventOptions } from "../shared/events/event-options.ts";
import type { SourceConfig } from "./config.ts";
import type { FormatName } from "./parsers/registry.ts";

/** How lines of a source are read. */
export interface LineKind {
  readonly format: FormatName;
  /** Service of events that name none. */
  readonly service: string;
  readonly options: EventOptions;
}

/** What a source's configuration says of its lines; measurements of the host are JSON of our own. */
export function lineKindOf(source: SourceConfig): LineKind {
  if (source.type === "host") {
    const options = { fields: {}, durationUnit: "ms", timezone: "UTC" } as const;
    return { format: "json", service: source.name, options };
  }
  const format = source.type === "journald" ? "journald" : source.format;
  return { format, service: source.service ?? source.name, options: eventOptions(source) };
}
