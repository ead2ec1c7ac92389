/** JSON as some libraries and standards write it: names of fields, as data. */
import type { EventOptions } from "../../shared/events/event-options.ts";
import { type JsonDialect, JsonParser, readObject } from "../../shared/events/json-parser.ts";
import {
  defineParser,
  type LineParser,
  type Measure,
  type ParsedEvent,
  type ParserDefinition,
  type Rejection,
  type RejectionReason,
} from "../../shared/events/parser.ts";

/** Dialects by name. */
const DIALECTS = {
  clef: {
    summary: "Serilog's compact JSON.",
    fields: { time: ["@t"], level: ["@l"], message: ["@m", "@mt"], service: ["SourceContext"] },
    marks: ["@t"],
  },
  ecs: {
    summary: "JSON with the names of the Elastic Common Schema, flat or nested.",
    fields: {
      time: ["@timestamp"],
      level: ["log.level"],
      service: ["service.name"],
      duration: ["event.duration"],
    },
    marks: ["ecs.version", "log.level"],
    durationUnit: "ns",
  },
  log4j2: {
    summary: "JSON of log4j's JsonLayout.",
    fields: { time: ["instant.epochSecond", "timeMillis"] },
    marks: ["instant.epochSecond", "timeMillis"],
  },
  mongodb: {
    summary: "The log of MongoDB since 4.4.",
    fields: { time: ["t.$date"], level: ["s"] },
    marks: ["t.$date"],
    levels: { D1: "DEBUG", D2: "DEBUG", D3: "DEBUG", D4: "DEBUG", D5: "DEBUG" },
  },
  otel: {
    summary: "JSON log records of OpenTelemetry.",
    fields: {
      time: ["Timestamp", "timestamp", "timeUnixNano", "observedTimeUnixNano"],
      level: [
        "SeverityText",
        "severityText",
        "severity_text",
        "SeverityNumber",
        "severityNumber",
        "severity_number",
      ],
      service: [
        "Resource.service.name",
        "resource.service.name",
        "resource.attributes.service.name",
      ],
      message: ["body.stringValue", "Body", "body"],
    },
    marks: ["SeverityNumber", "severityNumber", "severity_number", "SeverityText", "severityText"],
    hasOtelLevels: true,
  },
} as const satisfies Record<string, JsonDialect>;

/** Names at the top of objects: one that bears the mark of a dialect has at least one of them, as the mark or an object that it leads into. */
export const DIALECT_NAMES: ReadonlySet<string> = new Set(
  Object.values(DIALECTS).flatMap(({ marks }) => marks.flatMap(namesOf)),
);

function namesOf(mark: string): string[] {
  const parts = mark.split(".");
  return parts.map((_, index) => parts.slice(0, index + 1).join("."));
}

/** The parser of a dialect. */
export function jsonDialect(name: keyof typeof DIALECTS): ParserDefinition {
  const dialect = DIALECTS[name];
  return defineParser({
    summary: dialect.summary,
    takes: ["timeFormats"],
    compile: (options) => new JsonParser(options, dialect),
  });
}

/** Reads an object once and gives it the meaning of the first dialect whose marks it bears, or that of JSON without one. */
class AnyJsonParser implements LineParser {
  readonly #parsers: readonly JsonParser[];

  constructor(options: EventOptions) {
    const dialects = Object.values(DIALECTS).map((dialect) => new JsonParser(options, dialect));
    this.#parsers = [...dialects, new JsonParser(options)];
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const value = readObject(line, 0, line.length);
    if (typeof value === "string") return { kind: "rejection", reason: value };
    let last: ParsedEvent | Rejection = { kind: "rejection", reason: "unparsed" };
    for (const parser of this.#parsers) {
      last = parser.event(value);
      if (last.kind === "event") break;
    }
    return last;
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const value = readObject(buffer, from, to);
    if (typeof value === "string") return value;
    let reason: RejectionReason | undefined;
    for (const parser of this.#parsers) {
      reason = parser.read(value, target);
      if (reason === undefined) break;
    }
    return reason;
  }
}

/** Reads JSON of any dialect; for lines inside of others, where nothing says which. */
export const anyJson: ParserDefinition = defineParser({
  summary: "One JSON object per line, of any dialect.",
  compile: (options) => new AnyJsonParser({ ...options, isGuess: true }),
});
