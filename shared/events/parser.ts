/**
 * What a parser is: it turns the bytes of one line into an event, or says why not.
 *
 * Parsers find fields; what a field means (names, levels, durations, times) stands in one place for all of them: `event-fields.ts`.
 * A parser never throws and never waits, whatever the bytes. It has two doors: `parse` gives the whole event as an object, for people
 * and rules; `measure` fills in only what counting needs and builds nothing per line.
 */
import type { Level } from "../aggregates/aggregate.ts";
import type { EventOptions, LineOption } from "./event-options.ts";

/** Why a line is no event. Of `blank` lines and the `header` of a table nothing is missed: they are filtered, the others rejected. */
export type RejectionReason =
  | "blank"
  | "header"
  | "not_json"
  | "unparsed"
  | "no_time"
  | "bad_time"
  | "too_long";

/** True when a line of this kind is no event but rightly so. */
export function isFiltered(reason: RejectionReason): boolean {
  return reason === "blank" || reason === "header";
}

/** One line's meaning. */
export interface ParsedEvent {
  readonly kind: "event";
  /** Milliseconds since the Unix epoch, an integer (parts of a millisecond are cut off); may be negative. */
  readonly timeMs: number;
  /** Undefined when the line names none: the source's default applies. */
  readonly service: string | undefined;
  readonly level: Level;
  readonly message: string | undefined;
  /** Microseconds, an integer in [0, 2^30 × 1000); undefined when there is none. */
  readonly durationUs: number | undefined;
  /** True when there was a duration too long to count; the event counts without it. */
  readonly durationOutOfRange: boolean;
  /** Everything else in the line by name, in the order of the line. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A line that is no event. */
export interface Rejection {
  readonly kind: "rejection";
  readonly reason: RejectionReason;
}

/** What counting needs of one event. The caller makes one and hands it over again and again. */
export interface Measure {
  /** Milliseconds since the Unix epoch, an integer. */
  timeMs: number;
  /** Empty when the line names none. */
  service: string;
  /** Position in LEVELS. */
  level: number;
  /** An integer in [0, 2^30 × 1000), or -1 when there is none. */
  durationUs: number;
  durationOutOfRange: boolean;
}

/** A fresh {@link Measure} to hand to `measure`. */
export function emptyMeasure(): Measure {
  return { timeMs: 0, service: "", level: 0, durationUs: -1, durationOutOfRange: false };
}

/** A parser ready to work. May keep caches, so one instance serves one counter. */
export interface LineParser {
  /** Parses one line, its line feed not included (a carriage return at its end is ignored). Never throws. */
  parse(line: Buffer): ParsedEvent | Rejection;
  /**
   * Parses `buffer[from, to)` as {@link parse} does, but writes only what counting needs into `target`.
   * Returns undefined when it is an event; else the reason, and `target` means nothing. Never throws.
   */
  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined;
}

/**
 * Says whether the line `buffer[from, to)`, its line feed not included, begins an event; otherwise it goes on with the event before. May look at
 * the bytes before `from`.
 */
export type LineStart = (buffer: Buffer, from: number, to: number) => boolean;

/** What is wrong with an option. */
export interface OptionFault {
  readonly option: LineOption;
  /** Half a sentence. */
  readonly fault: string;
}

/** What tells which lines are events when they are an envelope around a text. */
export interface WrappedLines {
  /** Looks at lines before, too, that begin at most `lookBackBytes` before the line; so many bytes have to stand before it, or all of the file. */
  readonly begins: LineStart;
  readonly lookBackBytes: number;
  /** True when the last line of the event `buffer[from, to)` was cut, so that more of it must follow. */
  readonly isUnfinished: (buffer: Buffer, from: number, to: number) => boolean;
}

/** One kind of parser: the name in configuration files is its key in the registry. */
export interface ParserDefinition {
  /** One sentence for the reference page. */
  readonly summary: string;
  /** Options of its own that must be given. */
  readonly needs?: readonly LineOption[];
  /** Options of its own that may be given. */
  readonly takes?: readonly LineOption[];
  /**
   * How lines are told that go on with the event before, such as those of a stack trace, when the configuration does not say. `unparsed`: lines
   * of which the format knows nothing. Absent: every line is an event of its own.
   */
  readonly joins?: "unparsed" | LineStart;
  /**
   * Of lines that are an envelope around a text: makes of what tells the beginning of an event by its text (`textBegins`; undefined: as the format
   * has it) what tells it by the line.
   */
  readonly unwraps?: (textBegins: LineStart | undefined) => WrappedLines;
  /** Says what is wrong with its own options; asked before {@link compile}. */
  check?(options: EventOptions): OptionFault | undefined;
  /** Runs once per source and returns the parser. Fails with AssertionError when the options were not checked before. */
  compile(options: EventOptions): LineParser;
}

/** Declares a parser; gives its definition back unchanged, checked by the compiler. */
export function defineParser(definition: ParserDefinition): ParserDefinition {
  return definition;
}
