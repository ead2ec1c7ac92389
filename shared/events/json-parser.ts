/**
 * One JSON object per line. Only the top level is looked at; of a key written twice the last counts, as in JSON.parse.
 *
 * Dialects have names of their own for the same meanings, and may nest them: `log.level` is a key with a dot or the key `level` in the
 * object `log`. They are parsers of their own, so that the default names stay few and the kernel knows them all.
 */
import { LEVEL_INDEX, type Level } from "../aggregates/aggregate.ts";
import { AnyTimeReader } from "../time/any-time.ts";
import { epochMs, TimeReader } from "../time/time-text.ts";
import { TimeZone } from "../time/time-zone.ts";
import {
  DURATION_NONE,
  DURATION_OUT_OF_RANGE,
  durationUs,
  FIELD_NAMES_DEFAULT,
  fieldNames,
  levelAt,
  levelOfNumber,
  levelOfOtelNumber,
  levelOfText,
  serviceName,
} from "./event-fields.ts";
import {
  type DurationUnit,
  type EventOptions,
  FIELD_MEANINGS,
  type FieldMeaning,
} from "./event-options.ts";
import { isBlank } from "./line-bytes.ts";
import {
  emptyMeasure,
  type LineParser,
  type Measure,
  type ParsedEvent,
  type Rejection,
  type RejectionReason,
} from "./parser.ts";

/** How a logging library's JSON differs from the default. */
export interface JsonDialect {
  readonly summary: string;
  /** Names of meanings, tried before the default ones. Here they may lead into nested objects. */
  readonly fields: Partial<Record<FieldMeaning, readonly string[]>>;
  /** Names of which a line has at least one, in order to be told from other JSON by `auto`. */
  readonly marks: readonly string[];
  /** Unit of durations, when the dialect fixes it. */
  readonly durationUnit?: DurationUnit;
  /** Words for levels beside those that all know. */
  readonly levels?: Readonly<Record<string, Level>>;
  /** True when numbers of levels are OpenTelemetry's. */
  readonly hasOtelLevels?: boolean;
}

/** See the head of the file. Without a dialect it reads what the kernel reads, bit for bit. */
export class JsonParser implements LineParser {
  readonly #dialect: JsonDialect | undefined;
  readonly #isGuess: boolean;
  readonly #names: Readonly<Record<FieldMeaning, readonly string[]>>;
  readonly #durationUnit: DurationUnit;
  /** Only with configured layouts; else {@link TimeReader} reads what the kernel reads, bit for bit. */
  readonly #layouts: AnyTimeReader | undefined;
  readonly #times: TimeReader;
  readonly #isTimeGiven: boolean;
  readonly #cutService: EventOptions["cutService"];
  readonly #measure = emptyMeasure();

  constructor(options: EventOptions, dialect?: JsonDialect) {
    this.#dialect = dialect;
    this.#isGuess = options.isGuess === true;
    const fields = { ...dialectNames(dialect), ...options.fields };
    this.#names = fieldNames({ ...options, fields });
    this.#isTimeGiven = options.isTimeGiven === true;
    this.#cutService = options.cutService;
    this.#durationUnit = dialect?.durationUnit ?? options.durationUnit;
    const zone = new TimeZone(options.timezone);
    const { timeFormats, nowMs } = options;
    this.#layouts =
      timeFormats === undefined ? undefined : new AnyTimeReader(zone, nowMs, timeFormats);
    this.#times = new TimeReader(zone);
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const value = readObject(line, 0, line.length);
    return typeof value === "string" ? { kind: "rejection", reason: value } : this.event(value);
  }

  /** The event that an object writes. */
  event(value: object): ParsedEvent | Rejection {
    const measure = this.#measure;
    const reason = this.read(value, measure);
    if (reason !== undefined) return { kind: "rejection", reason };
    const message = this.#first(value, "message");
    const known = new Set<string>();
    for (const names of Object.values(this.#names)) {
      // A name that leads into an object is no property, and the object stays a field.
      const name = names.find((candidate) => this.#valueOf(value, candidate) !== undefined);
      if (name !== undefined) known.add(name);
    }
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message:
        typeof message === "string" || message === undefined ? message : JSON.stringify(message),
      durationUs: measure.durationUs < 0 ? undefined : measure.durationUs,
      durationOutOfRange: measure.durationOutOfRange,
      fields: Object.fromEntries(Object.entries(value).filter(([name]) => !known.has(name))),
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const value = readObject(buffer, from, to);
    return typeof value === "string" ? value : this.read(value, target);
  }

  /** As `measure`, of an object. */
  read(value: object, target: Measure): RejectionReason | undefined {
    if (this.#isGuess && !this.#hasMark(value)) return "unparsed";
    if (!this.#isTimeGiven) {
      const time = this.#first(value, "time");
      if (time === undefined) return "no_time";
      target.timeMs = this.#timeMs(time);
      if (Number.isNaN(target.timeMs)) return "bad_time";
    }
    const service = this.#first(value, "service");
    target.service = typeof service === "string" ? serviceName(service, this.#cutService) : "";
    const level = this.#first(value, "level");
    target.level = this.#levelOf(level);
    const duration = this.#first(value, "duration");
    const us =
      typeof duration === "number" ? durationUs(duration, this.#durationUnit) : DURATION_NONE;
    target.durationOutOfRange = us === DURATION_OUT_OF_RANGE;
    target.durationUs = us < 0 ? DURATION_NONE : us;
    return undefined;
  }

  #levelOf(level: unknown): number {
    const { hasOtelLevels, levels } = this.#dialect ?? {};
    if (hasOtelLevels === true && typeof level === "number") return levelOfOtelNumber(level);
    const isOwn = levels !== undefined && typeof level === "string" && Object.hasOwn(levels, level);
    const own = isOwn ? levels[level] : undefined;
    return own === undefined ? levelOf(level) : LEVEL_INDEX[own];
  }

  #hasMark(value: object): boolean {
    const { marks } = this.#dialect ?? {};
    return marks === undefined || marks.some((mark) => nested(value, mark) !== undefined);
  }

  /** The value of the first name that is present; null is as good as absent, and in dialects an empty text too. */
  #first(value: object, meaning: FieldMeaning): unknown {
    for (const name of this.#names[meaning]) {
      const found = this.#valueOf(value, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #valueOf(value: object, name: string): unknown {
    return this.#dialect === undefined ? property(value, name) : presentText(nested(value, name));
  }

  #timeMs(time: unknown): number {
    if (this.#layouts !== undefined) {
      const isTime = typeof time === "string" || typeof time === "number";
      return isTime ? this.#layouts.readText(String(time)) : Number.NaN;
    }
    if (typeof time === "string") return this.#times.readText(time);
    return typeof time === "number" ? epochMs(time) : Number.NaN;
  }
}

/** The names of a dialect and behind them the default ones; its duration has a unit of its own and so no other names. */
function dialectNames(dialect: JsonDialect | undefined): JsonDialect["fields"] {
  const names: JsonDialect["fields"] = {};
  for (const meaning of FIELD_MEANINGS) {
    const own = dialect?.fields[meaning];
    if (own === undefined) continue;
    names[meaning] = meaning === "duration" ? own : [...own, ...FIELD_NAMES_DEFAULT[meaning]];
  }
  return names;
}

function levelOf(level: unknown): number {
  if (level === undefined) return LEVEL_INDEX.INFO;
  if (typeof level === "string") return levelOfText(level);
  return typeof level === "number" ? levelOfNumber(level) : LEVEL_INDEX.OTHER;
}

/** The object that a line writes, or why it writes none. */
export function readObject(buffer: Buffer, from: number, to: number): object | RejectionReason {
  let value: unknown;
  if (!beginsObject(buffer, from, to)) return isBlank(buffer, from, to) ? "blank" : "not_json";
  try {
    value = JSON.parse(buffer.toString("utf8", from, to));
  } catch {
    // Whatever is wrong, also a line that no string can hold: it is no JSON that could be read.
    return isBlank(buffer, from, to) ? "blank" : "not_json";
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : "not_json";
}

/** Most lines that are no object are told by their first byte; asking JSON.parse costs a thrown error. */
function beginsObject(buffer: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at < to && (buffer[at] ?? 0) <= 0x20) at++;
  return buffer[at] === 0x7b && at < to;
}

/** A property of the object itself: `constructor` is none unless the line wrote it. */
function property(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (Reflect.get(value, name) ?? undefined) : undefined;
}

function presentText(value: unknown): unknown {
  return value === "" ? undefined : value;
}

/** A property whose name may lead into nested objects, whose keys may hold dots themselves. */
function nested(value: object, name: string): unknown {
  const whole = property(value, name);
  if (whole !== undefined) return whole;
  for (let dot = name.indexOf("."); dot > 0; dot = name.indexOf(".", dot + 1)) {
    const inner = property(value, name.slice(0, dot));
    if (typeof inner !== "object" || inner === null) continue;
    const found = nested(inner, name.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}
