/**
 * Parses lines by anything that finds texts by name: columns, patterns. What the texts mean is the same as everywhere: the first name of a
 * meaning that has a text wins.
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
import type { EventOptions, FieldMeaning } from "../../shared/events/event-options.ts";
import { isBlank, lineContentEnd } from "../../shared/events/line-bytes.ts";
import {
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

/** Texts by name, in the order of the line. */
export type NamedValues = Map<string, string>;

/** Finds the texts of a line, or says why there are none. Never throws. */
export type FindValues = (line: string) => NamedValues | RejectionReason;

/** See the head of the file. */
export class NamedValuesParser implements LineParser {
  readonly #find: FindValues;
  readonly #names: Readonly<Record<FieldMeaning, readonly string[]>>;
  readonly #options: EventOptions;
  readonly #times: AnyTimeReader;
  readonly #measure = emptyMeasure();

  constructor(find: FindValues, options: EventOptions) {
    this.#find = find;
    this.#names = fieldNames(options);
    this.#options = options;
    this.#times = new AnyTimeReader(
      new TimeZone(options.timezone),
      options.nowMs,
      options.timeFormats,
    );
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const measure = this.#measure;
    const values = this.#valuesOf(line, 0, line.length);
    const reason = typeof values === "string" ? values : this.#read(values, measure);
    if (typeof values === "string" || reason !== undefined) {
      return { kind: "rejection", reason: reason ?? "unparsed" };
    }
    const message = this.#first(values, "message");
    for (const names of Object.values(this.#names)) {
      const known = names.find((name) => isPresent(values.get(name)));
      if (known !== undefined) values.delete(known);
    }
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message,
      durationUs: measure.durationUs < 0 ? undefined : measure.durationUs,
      durationOutOfRange: measure.durationOutOfRange,
      fields: Object.fromEntries([...values].filter(([, value]) => isPresent(value))),
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const values = this.#valuesOf(buffer, from, to);
    return typeof values === "string" ? values : this.#read(values, target);
  }

  #valuesOf(buffer: Buffer, from: number, to: number): NamedValues | RejectionReason {
    const end = lineContentEnd(buffer, from, to);
    if (isBlank(buffer, from, end)) return "blank";
    return this.#find(buffer.toString("utf8", from, end));
  }

  #read(values: NamedValues, target: Measure): RejectionReason | undefined {
    const time = this.#first(values, "time");
    if (time !== undefined) target.timeMs = this.#times.readText(time);
    if (this.#options.isTimeGiven !== true) {
      if (time === undefined) return "no_time";
      if (Number.isNaN(target.timeMs)) return "bad_time";
    }
    const level = this.#first(values, "level");
    target.level = level === undefined ? LEVEL_INDEX.INFO : levelOfText(level);
    target.service = serviceName(this.#first(values, "service") ?? "", this.#options.cutService);
    const duration = Buffer.from(this.#first(values, "duration") ?? "");
    const us = durationTextUs(duration, 0, duration.length, this.#options.durationUnit);
    target.durationOutOfRange = us === DURATION_OUT_OF_RANGE;
    target.durationUs = us < 0 ? DURATION_NONE : us;
    return undefined;
  }

  #first(values: NamedValues, meaning: FieldMeaning): string | undefined {
    for (const name of this.#names[meaning]) {
      const value = values.get(name);
      if (isPresent(value)) return value;
    }
    return undefined;
  }
}

/** An empty text is none. */
function isPresent(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}
