/**
 * `key=value key="quoted value" flag`, as github.com/kr/logfmt describes it. Keys hold no space, `=` or `"`; quoted values have the
 * escapes of JSON. Different from the Go library: an unquoted value may hold `=` and `"`, because programs write them so.
 * Of a key written twice the last counts; the names of a meaning are tried in their order, as in JSON.
 */
import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import {
  DURATION_NONE,
  DURATION_OUT_OF_RANGE,
  fieldNames,
  levelAt,
  levelOfText,
  serviceName,
} from "../../shared/events/event-fields.ts";
import {
  type DurationUnit,
  type EventOptions,
  FIELD_MEANINGS,
  type FieldMeaning,
} from "../../shared/events/event-options.ts";
import { equalBytes, isBlank } from "../../shared/events/line-bytes.ts";
import {
  defineParser,
  emptyMeasure,
  type LineParser,
  type Measure,
  type ParsedEvent,
  type Rejection,
  type RejectionReason,
} from "../../shared/events/parser.ts";
import { AnyTimeReader } from "../../shared/time/any-time.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";
import { durationTextUs } from "./duration-text.ts";
import { TextCache } from "./text-cache.ts";

const SPACE = 0x20;
const QUOTE = 0x22;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Where the value of a meaning stands in the line at hand. */
class Span {
  /** Position of the winning name in the list of the meaning; Infinity when there is none. */
  rank = Number.POSITIVE_INFINITY;
  from = 0;
  to = 0;
  /** True when the value holds escapes, so that its bytes are not its text. */
  isEscaped = false;
}

/** A key that has a meaning. */
interface KnownKey {
  readonly bytes: Buffer;
  readonly name: string;
  readonly span: Span;
  readonly rank: number;
}

class LogfmtParser implements LineParser {
  readonly #durationUnit: DurationUnit;
  readonly #isTimeGiven: boolean;
  readonly #times: AnyTimeReader;
  readonly #cutService: EventOptions["cutService"];
  readonly #services: TextCache<string>;
  readonly #levels = new TextCache(levelOfText);
  readonly #spans: Readonly<Record<FieldMeaning, Span>> = {
    time: new Span(),
    service: new Span(),
    level: new Span(),
    message: new Span(),
    duration: new Span(),
  };
  readonly #spanList = FIELD_MEANINGS.map((meaning) => this.#spans[meaning]);
  /** Keys with a meaning by their length in bytes: most keys of a line are told apart by it alone. */
  readonly #keysByLength: KnownKey[][] = [];
  readonly #measure = emptyMeasure();
  readonly #current = new Span();
  #sawEscape = false;
  /** Set while {@link parse} wants all pairs. */
  #pairs: Map<string, string | true> | undefined;

  constructor(options: EventOptions) {
    this.#cutService = options.cutService;
    this.#services = new TextCache((text) => serviceName(text, options.cutService));
    this.#durationUnit = options.durationUnit;
    this.#isTimeGiven = options.isTimeGiven === true;
    this.#times = new AnyTimeReader(
      new TimeZone(options.timezone),
      options.nowMs,
      options.timeFormats,
    );
    const names = fieldNames(options);
    // Grafana's and log15's name; in JSON it means too many things.
    if (options.fields.time === undefined) names.time = [...names.time, "t"];
    for (const meaning of FIELD_MEANINGS) {
      names[meaning].forEach((name, rank) => {
        const bytes = Buffer.from(name);
        for (let length = this.#keysByLength.length; length <= bytes.length; length++) {
          this.#keysByLength.push([]);
        }
        this.#keysByLength[bytes.length]?.push({ bytes, name, span: this.#spans[meaning], rank });
      });
    }
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const pairs = new Map<string, string | true>();
    this.#pairs = pairs;
    const measure = this.#measure;
    const reason = this.measure(line, 0, line.length, measure);
    this.#pairs = undefined;
    if (reason !== undefined) return { kind: "rejection", reason };
    const { message } = this.#spans;
    for (const keys of this.#keysByLength) {
      for (const { name, span, rank } of keys) {
        if (span.rank === rank) pairs.delete(name);
      }
    }
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message: message.rank === Number.POSITIVE_INFINITY ? undefined : textOf(line, message),
      durationUs: measure.durationUs < 0 ? undefined : measure.durationUs,
      durationOutOfRange: measure.durationOutOfRange,
      fields: Object.fromEntries(pairs),
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    for (const span of this.#spanList) span.rank = Number.POSITIVE_INFINITY;
    if (!this.#walk(buffer, from, to)) return isBlank(buffer, from, to) ? "blank" : "unparsed";
    const { time, service, level, duration } = this.#spans;
    if (time.rank < Number.POSITIVE_INFINITY) {
      target.timeMs = time.isEscaped
        ? this.#times.readText(textOf(buffer, time))
        : this.#times.read(buffer, time.from, time.to);
      if (Number.isNaN(target.timeMs) && !this.#isTimeGiven) return "bad_time";
    } else if (!this.#isTimeGiven || level.rank === Number.POSITIVE_INFINITY) {
      // Where the time is given, a level tells a line of pairs from a text that happens to hold one.
      return "no_time";
    }
    target.service = this.#serviceOf(buffer, service);
    target.level = this.#levelOf(buffer, level);
    const us =
      duration.rank === Number.POSITIVE_INFINITY
        ? DURATION_NONE
        : durationTextUs(buffer, duration.from, duration.to, this.#durationUnit);
    target.durationOutOfRange = us === DURATION_OUT_OF_RANGE;
    target.durationUs = us < 0 ? DURATION_NONE : us;
    return undefined;
  }

  #serviceOf(buffer: Buffer, span: Span): string {
    if (span.rank === Number.POSITIVE_INFINITY) return "";
    if (span.isEscaped) return serviceName(textOf(buffer, span), this.#cutService);
    return this.#services.get(buffer, span.from, span.to);
  }

  #levelOf(buffer: Buffer, span: Span): number {
    if (span.rank === Number.POSITIVE_INFINITY) return LEVEL_INDEX.INFO;
    if (span.isEscaped) return levelOfText(textOf(buffer, span));
    return this.#levels.get(buffer, span.from, span.to);
  }

  /** Goes over the pairs and notes where values with a meaning stand. False when this is no logfmt or there is no pair at all. */
  #walk(buffer: Buffer, from: number, to: number): boolean {
    let pairCount = 0;
    let at = from;
    while (at < to) {
      let byte = buffer[at] ?? 0;
      if (byte <= SPACE) {
        at++;
        continue;
      }
      const keyFrom = at;
      while (byte > SPACE && byte !== EQUALS && byte !== QUOTE) {
        at++;
        if (at >= to) break;
        byte = buffer[at] ?? 0;
      }
      const keyTo = at;
      if (at >= to || byte <= SPACE) {
        this.#pairs?.set(buffer.toString("utf8", keyFrom, keyTo), true);
        continue;
      }
      if (keyTo === keyFrom || byte === QUOTE) return false;
      pairCount++;
      at++;
      if (at < to && buffer[at] === QUOTE) {
        const close = this.#closingQuote(buffer, at + 1, to);
        if (close < 0) return false;
        this.#value(at + 1, close, this.#sawEscape);
        this.#note(buffer, keyFrom, keyTo);
        at = close + 1;
        if (at < to && (buffer[at] ?? 0) > SPACE) return false;
        continue;
      }
      const valueFrom = at;
      while (at < to && (buffer[at] ?? 0) > SPACE) at++;
      this.#value(valueFrom, at, false);
      this.#note(buffer, keyFrom, keyTo);
    }
    return pairCount > 0;
  }

  /** The position of the quote that ends a value, or -1; says in `#sawEscape` whether there was a backslash before it. */
  #closingQuote(buffer: Buffer, from: number, to: number): number {
    this.#sawEscape = false;
    for (let at = from; at < to; at++) {
      const byte = buffer[at] ?? 0;
      if (byte === QUOTE) return at;
      if (byte === BACKSLASH) {
        this.#sawEscape = true;
        at++;
      }
    }
    return -1;
  }

  #value(from: number, to: number, isEscaped: boolean): void {
    this.#current.from = from;
    this.#current.to = to;
    this.#current.isEscaped = isEscaped;
  }

  /** Gives the current value to the meaning of the key, unless a better name had one. */
  #note(buffer: Buffer, keyFrom: number, keyTo: number): void {
    const value = this.#current;
    const keys = this.#keysByLength[keyTo - keyFrom];
    if (keys !== undefined) {
      for (const { bytes, span, rank } of keys) {
        if (rank > span.rank || !equalBytes(buffer, keyFrom, keyTo, bytes)) continue;
        span.rank = rank;
        span.from = value.from;
        span.to = value.to;
        span.isEscaped = value.isEscaped;
      }
    }
    this.#pairs?.set(buffer.toString("utf8", keyFrom, keyTo), textOf(buffer, value));
  }
}

/** The text of a value, escapes resolved; an escape that JSON does not know means the character after the backslash. */
function textOf(buffer: Buffer, span: Span): string {
  const text = buffer.toString("utf8", span.from, span.to);
  if (!span.isEscaped) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    // Not JSON's escapes, or raw control characters.
    return text.replace(/\\(.?)/gs, "$1");
  }
}

/** Reads logfmt lines. */
export const parser = defineParser({
  summary: "Pairs of key=value, values quoted where needed (logfmt).",
  takes: ["timeFormats"],
  compile: (options) => new LogfmtParser(options),
});
