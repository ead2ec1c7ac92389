/**
 * Entries of systemd's journal, as `journalctl --output=json` writes them: an envelope, and in it a message of any format.
 *
 * The time is when the journal took the entry. The service is the program's own identifier, else the unit, else the command. A priority that says
 * more than INFO is the level; programs that write to stdout have none of their own, and then the message says it, read by the format that
 * is configured, or by the first that knows it. A message that no format knows is its own text.
 */
import { LEVEL_INDEX, type Level } from "../../shared/aggregates/aggregate.ts";
import { DURATION_NONE, levelAt, serviceName } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { isBlank, lineContentEnd } from "../../shared/events/line-bytes.ts";
import {
  emptyMeasure,
  type LineParser,
  type Measure,
  type ParsedEvent,
  type Rejection,
  type RejectionReason,
} from "../../shared/events/parser.ts";

/** Syslog's severities, as the journal numbers them. */
const LEVELS: readonly Level[] = [
  ...(["FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG"] as const),
];
/** Names of fields for people, by those of the journal. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  _SYSTEMD_UNIT: "unit",
  _SYSTEMD_USER_UNIT: "user_unit",
  _PID: "pid",
  _COMM: "command",
  _HOSTNAME: "host",
  _TRANSPORT: "transport",
  CONTAINER_NAME: "container",
};

interface Entry {
  readonly timeMs: number;
  readonly service: string;
  /** Position in LEVELS; undefined when the priority says nothing. */
  readonly level: number | undefined;
  readonly message: Buffer;
  readonly values: Readonly<Record<string, unknown>>;
}

/** See the head of the file. */
export class JournaldParser implements LineParser {
  readonly #inner: LineParser;
  readonly #cutService: EventOptions["cutService"];
  readonly #measure = emptyMeasure();

  /** `inner` was compiled with `isTimeGiven`. */
  constructor(inner: LineParser, cutService: EventOptions["cutService"]) {
    this.#inner = inner;
    this.#cutService = cutService;
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const entry = readEntry(line, 0, line.length);
    if (typeof entry === "string") return { kind: "rejection", reason: entry };
    const measure = this.#measure;
    const isKnown = this.#fill(entry, measure);
    const inner = isKnown ? this.#inner.parse(entry.message) : undefined;
    const event = inner?.kind === "event" ? inner : undefined;
    const fields: Record<string, unknown> = {};
    for (const [key, name] of Object.entries(FIELD_NAMES)) {
      const value = textOf(entry.values[key]);
      if (value !== "") fields[name] = value;
    }
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message: event === undefined ? entry.message.toString() : event.message,
      durationUs: measure.durationUs < 0 ? undefined : measure.durationUs,
      durationOutOfRange: measure.durationOutOfRange,
      fields: { ...fields, ...event?.fields },
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const entry = readEntry(buffer, from, to);
    if (typeof entry === "string") return entry;
    this.#fill(entry, target);
    return undefined;
  }

  /** Fills a measure in; true when the message has a format that is known. */
  #fill(entry: Entry, target: Measure): boolean {
    const { message, level } = entry;
    const isKnown = this.#inner.measure(message, 0, message.length, target) === undefined;
    if (!isKnown) {
      target.service = "";
      target.level = LEVEL_INDEX.INFO;
      target.durationUs = DURATION_NONE;
      target.durationOutOfRange = false;
    }
    target.timeMs = entry.timeMs;
    if (target.service === "") target.service = serviceName(entry.service, this.#cutService);
    if (level !== undefined && level !== LEVEL_INDEX.INFO) target.level = level;
    return isKnown;
  }
}

function readEntry(buffer: Buffer, from: number, to: number): Entry | RejectionReason {
  const end = lineContentEnd(buffer, from, to);
  if (isBlank(buffer, from, end)) return "blank";
  let value: unknown;
  try {
    value = JSON.parse(buffer.toString("utf8", from, end));
  } catch {
    // Whatever is wrong, also a line that no string can hold: it is no JSON that could be read.
    return "not_json";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "unparsed";
  const values: Record<string, unknown> = { ...value };
  if (values["__CURSOR"] === undefined && values["__REALTIME_TIMESTAMP"] === undefined) {
    return "unparsed";
  }
  const micros = textOf(values["__REALTIME_TIMESTAMP"]);
  if (micros === "") return "no_time";
  if (!/^\d{1,17}$/.test(micros)) return "bad_time";
  const unit = textOf(values["_SYSTEMD_UNIT"]).replace(/\.service$/, "");
  const identifier = textOf(values["SYSLOG_IDENTIFIER"]);
  const priority = textOf(values["PRIORITY"]);
  const level = /^[0-7]$/.test(priority) ? LEVELS[Number(priority)] : undefined;
  return {
    timeMs: Math.floor(Number(micros) / 1000),
    service: identifier || unit || textOf(values["_COMM"]),
    level: level === undefined ? undefined : LEVEL_INDEX[level],
    message: bytesOf(values["MESSAGE"]),
    values,
  };
}

/** A field that occurs several times is a list; the first counts. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return Array.isArray(value) && typeof value[0] === "string" ? value[0] : "";
}

/** Bytes that are no text come as a list of numbers. */
function bytesOf(value: unknown): Buffer {
  if (Array.isArray(value) && value.every((byte) => typeof byte === "number")) {
    return Buffer.from(value);
  }
  return Buffer.from(textOf(value));
}
