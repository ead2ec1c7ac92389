/** What a line of a source means, for people who look on: the parser of its configuration, outside the way of the data. */

import type { EventOptions } from "../../shared/events/event-options.ts";
import { serviceCutter } from "../../shared/events/leaving-event.ts";
import type { LineParser } from "../../shared/events/parser.ts";
import type { Redactor } from "../../shared/redaction/redactor.ts";
import { FormatGuess, FormatSampler } from "../parsers/auto.ts";
import { type FormatName, type ParserName, parsers } from "../parsers/registry.ts";

/** Parses lines of one source. */
export class LineMeaning {
  readonly #options: EventOptions;
  readonly #format: FormatName;
  readonly #service: string;
  readonly #redactor: Redactor;
  readonly #guess = new FormatGuess();
  readonly #sampler: FormatSampler;
  readonly #parsers = new Map<ParserName, LineParser>();

  /** `service`: of events that name none. What `redactor` takes out is not shown either: whoever looks may be looked at. */
  constructor(format: FormatName, service: string, options: EventOptions, redactor: Redactor) {
    this.#format = format;
    this.#service = service;
    this.#options = { ...options, cutService: serviceCutter(redactor) };
    this.#redactor = redactor;
    this.#sampler = new FormatSampler(options);
  }

  /** The line as it may be shown. */
  shown(line: Buffer): string {
    return this.#redactor.redact(line.toString("utf8")) ?? "[dropped]";
  }

  /** The event, or why the line is none, as JSON. */
  of(line: Buffer): unknown {
    return this.#redactor.redactField("", this.#meaning(line));
  }

  #meaning(line: Buffer): object {
    const found = this.#parser(line).parse(line);
    if (found.kind === "rejection") return { rejected: found.reason, line: line.toString("utf8") };
    const { timeMs, service, durationUs, level, message, fields } = found;
    return {
      time: new Date(timeMs).toISOString(),
      service: service ?? this.#service,
      level,
      ...(message === undefined ? {} : { message }),
      ...(durationUs === undefined ? {} : { durationMs: durationUs / 1000 }),
      fields,
    };
  }

  #parser(line: Buffer): LineParser {
    let format = this.#format;
    if (format === "auto") {
      if (!this.#guess.isFinal) this.#guess.weigh(this.#sampler, line, 0, line.length);
      format = this.#guess.nearest ?? "json";
    }
    let parser = this.#parsers.get(format);
    if (parser === undefined) {
      parser = parsers[format].compile(this.#options);
      this.#parsers.set(format, parser);
    }
    return parser;
  }
}
