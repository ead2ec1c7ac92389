/** Reads each line by the first of several formats that knows it: for lines inside of containers, where one stream holds several. */
import type { EventOptions } from "../../shared/events/event-options.ts";
import { isBlank } from "../../shared/events/line-bytes.ts";
import type {
  LineParser,
  Measure,
  ParsedEvent,
  ParserDefinition,
  Rejection,
  RejectionReason,
} from "../../shared/events/parser.ts";

/** See the head of the file. What a line means depends on the line alone. */
export class AnyLineParser implements LineParser {
  readonly #formats: readonly ParserDefinition[];
  readonly #options: EventOptions;
  /** Made when the first line comes: a guess makes a parser for every format, and most of them see no line that they know. */
  #made: readonly LineParser[] | undefined;

  /** `formats` in the order in which they are tried. */
  constructor(formats: readonly ParserDefinition[], options: EventOptions) {
    this.#formats = formats;
    this.#options = options;
  }

  get #parsers(): readonly LineParser[] {
    this.#made ??= this.#formats.map((format) => format.compile(this.#options));
    return this.#made;
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    for (const parser of this.#parsers) {
      const parsed = parser.parse(line);
      if (parsed.kind === "event") return parsed;
    }
    return { kind: "rejection", reason: isBlank(line, 0, line.length) ? "blank" : "unparsed" };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    for (const parser of this.#parsers) {
      if (parser.measure(buffer, from, to, target) === undefined) return undefined;
    }
    return isBlank(buffer, from, to) ? "blank" : "unparsed";
  }
}
