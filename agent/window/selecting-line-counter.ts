/**
 * Counts lines, and selects events from them. Counting is the counter's own, as fast as ever: selecting looks at the same bytes a second time,
 * only where something is selected of the stream, and parses only lines that hold a text which the selector asks for (`line-needles.ts`).
 *
 * An event is named by where its line begins. So the same bytes give the same events, whatever crash or cut came between.
 */
import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { SERVICE_OTHER } from "../../shared/aggregates/minute-windows.ts";
import type { CompiledSelector } from "../../shared/events/compile-selectors.ts";
import { levelAt } from "../../shared/events/event-fields.ts";
import { redactedFields, redactedText, withLevel } from "../../shared/events/leaving-event.ts";
import { byteOrderMarkBytes } from "../../shared/events/line-bytes.ts";
import { DERIVED_FIELDS, lineEvent } from "../../shared/events/line-event.ts";
import { emptyMeasure, type LineParser } from "../../shared/events/parser.ts";
import { PendingEvents } from "../../shared/events/pending-events.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import {
  LINE_LENGTH_MAX,
  LINE_TIME_MS_MAX,
  type SelectedLine,
} from "../../shared/protocol/selected-line.ts";
import type { Redactor } from "../../shared/redaction/redactor.ts";
import type { ParserName } from "../parsers/registry.ts";
import { candidateLines } from "./candidate-lines.ts";
import { type EventLines, eventPlaces, lineEnd } from "./event-lines.ts";
import type { EventSelection } from "./event-selection.ts";
import type { CountContext, Counted, LineCounter } from "./line-counter.ts";
import { needlesOf } from "./line-needles.ts";
import type { PendingLines } from "./pending-lines.ts";

/** What belongs to one call. */
export interface SelectContext extends CountContext {
  readonly file: number;
  readonly generation: number;
  /** Position in the file of the call's first byte. */
  readonly offset: number;
}

/** What was counted and selected between two takes. */
export interface CountedAndSelected extends Counted {
  readonly events: readonly SelectedEvent[];
  readonly holes: readonly Hole[];
  readonly lines: readonly SelectedLine[];
}

/** Which raw lines are sent. */
export interface LineSelection {
  /** Position in LEVELS: lines of this level up to FATAL are sent. */
  readonly minLevel: number;
  /** A further condition, which sees levels by their names in LEVELS. */
  readonly where: ((event: ExpressionEvent) => boolean) | undefined;
  readonly pending: PendingLines;
}

/** What a {@link SelectingLineCounter} needs. */
export interface SelectingLineCounterOptions {
  readonly stream: string;
  readonly source: string;
  readonly counter: LineCounter;
  readonly selection: EventSelection;
  readonly redactor: Redactor;
  /** Raw lines that are sent; undefined: none are. */
  readonly lines?: LineSelection | undefined;
  /** The format by which `counter` counted the lines of a file; undefined when it knows none and rejects them all. */
  readonly formatOf: (file: number) => ParserName | undefined;
  /** Names under which lines of JSON say their level. */
  readonly levelNames: readonly string[];
  /** Makes a parser; asked once for each format. */
  readonly createParser: (format: ParserName) => LineParser;
  /** Says how the lines of a format become events; asked once for each format. */
  readonly createLines: (format: ParserName) => EventLines | undefined;
}

/** Whole lines of one call. */
interface Piece {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
  readonly context: SelectContext;
  readonly format: ParserName;
}

/** An event that was selected. */
interface Match {
  readonly event: ExpressionEvent;
  readonly bytes: Buffer;
  /** What of it was read: of some events the first line only. */
  readonly text: Buffer;
  readonly offset: number;
}

/** The needles of the selector that was asked for last. */
interface NeedleMemory {
  selector: CompiledSelector | undefined;
  service: string;
  needles: readonly Buffer[] | undefined;
}

function noNeedles(): NeedleMemory {
  return { selector: undefined, service: "", needles: undefined };
}

/** Names whose value may stand nowhere in the line, or written otherwise. */
const NAMES_FROM_ELSEWHERE: ReadonlySet<string> = new Set([
  ...DERIVED_FIELDS,
  ...["id", "key", "ts"],
]);

/** See the head of this file. */
export class SelectingLineCounter {
  readonly #options: SelectingLineCounterOptions;
  readonly #parsers = new Map<ParserName, LineParser>();
  readonly #lines = new Map<ParserName, EventLines | undefined>();
  readonly #pending = new PendingEvents();
  readonly #measure = emptyMeasure();
  readonly #eventNeedles = noNeedles();

  constructor(options: SelectingLineCounterOptions) {
    this.#options = options;
  }

  /** Count of windows that wait for the next {@link take}. */
  get pendingKeys(): number {
    return this.#options.counter.pendingKeys;
  }

  /** At most how many buckets of sketches these windows have. */
  get pendingBuckets(): number {
    return this.#options.counter.pendingBuckets;
  }

  /** About what measures and sample lines of these windows, and raw lines, take in a batch. */
  get pendingDetailBytes(): number {
    const { counter, lines } = this.#options;
    return (counter.pendingDetailBytes ?? 0) + (lines?.pending.bytes ?? 0);
  }

  /** Size of the events that wait. */
  get pendingEventBytes(): number {
    return this.#pending.bytes;
  }

  /** True when so much waits that it should be sealed before more is read. */
  get isFull(): boolean {
    return this.#pending.isFull;
  }

  /** As {@link LineCounter.readBuffer}. */
  get readBuffer(): Buffer | undefined {
    return this.#options.counter.readBuffer;
  }

  /** As {@link LineCounter.eventBytesMax}. */
  get eventBytesMax(): number {
    return this.#options.counter.eventBytesMax ?? 0;
  }

  /** As {@link LineCounter.pendingFrom}. */
  pendingFrom(buffer: Buffer, from: number, to: number, context: CountContext): number {
    return this.#options.counter.pendingFrom?.(buffer, from, to, context) ?? to;
  }

  /** As {@link LineCounter.lookBackBytes}. */
  lookBackBytes(file: number): number {
    return this.#options.counter.lookBackBytes?.(file) ?? 0;
  }

  /** As {@link LineCounter.isUnfinished}. */
  isUnfinished(buffer: Buffer, from: number, to: number, file: number): boolean {
    return this.#options.counter.isUnfinished?.(buffer, from, to, file) ?? false;
  }

  /** As {@link LineCounter.leadingTo}. */
  leadingTo(buffer: Buffer, from: number, to: number, context: CountContext): number {
    return this.#options.counter.leadingTo?.(buffer, from, to, context) ?? from;
  }

  /** Counts whole lines, as {@link LineCounter.count} does, and selects from them. */
  count(buffer: Buffer, from: number, to: number, context: SelectContext): void {
    this.#options.counter.count(buffer, from, to, context);
    this.#select(buffer, from, to, context);
  }

  /** Counts one line that no line feed ends, and selects from it. */
  countUnterminated(line: Buffer, context: SelectContext): void {
    this.#options.counter.countUnterminated(line, context);
    this.#select(line, 0, line.length, context);
  }

  /** Takes everything counted and selected since the last take. `isShedding`: events are not sent and become holes; `isSheddingLines`: raw lines are not sent. */
  take(isShedding: boolean, isSheddingLines = isShedding): CountedAndSelected {
    const counted = this.#options.counter.take();
    redactServices(counted.deltas, this.#options.redactor);
    const { events, holes, entries } = this.#pending.take(isShedding);
    const raw = this.#options.lines?.pending.take(isSheddingLines);
    const all = [...counted.entries, ...entries, ...(raw?.entries ?? [])];
    return { ...counted, entries: all, events, holes, lines: raw?.lines ?? [] };
  }

  #select(buffer: Buffer, from: number, to: number, context: SelectContext): void {
    const { stream, selection, lines } = this.#options;
    // Counting comes first: it decides what the format is.
    const format = this.#options.formatOf(context.file);
    if (format === undefined) return;
    const piece = { buffer, from, to, context, format };
    const selector = selection.of(stream);
    if (selector !== undefined) {
      const needles = this.#needlesOf(selector, this.#eventNeedles, context.service);
      for (const found of this.#matches(piece, selector, needles)) this.#addEvent(found, piece);
    }
    if (lines !== undefined) this.#selectLines(piece, lines);
  }

  #selectLines(piece: Piece, lines: LineSelection): void {
    const { format, context } = piece;
    const parser = this.#parser(format);
    const measure = this.#measure;
    for (const { bytes, offset } of this.#places(piece, undefined)) {
      let text = bytes;
      let reason = parser.measure(text, 0, text.length, measure);
      if (reason !== undefined && this.#linesOf(format) !== undefined) {
        text = firstLineOf(bytes);
        reason = parser.measure(text, 0, text.length, measure);
      }
      if (reason !== undefined || measure.level < lines.minLevel) continue;
      if (measure.level > LEVEL_INDEX.FATAL) continue;
      if (lines.where !== undefined) {
        const event = lineEvent(parser, format, text, context.service);
        if (event === undefined || !lines.where(withLevel(event, measure.level))) continue;
      }
      this.#addLine(bytes, offset, piece, lines.pending);
    }
  }

  /** The events that a selector matches; of JSON only lines with a needle are parsed. */
  *#matches(
    piece: Piece,
    selector: CompiledSelector,
    needles: readonly Buffer[] | undefined,
  ): Generator<Match> {
    const { context, format } = piece;
    const { service } = context;
    const parser = this.#parser(format);
    const lines = this.#linesOf(format);
    for (const { bytes, offset } of this.#places(piece, format === "json" ? needles : undefined)) {
      const whole = lineEvent(parser, format, bytes, service);
      const text = whole === undefined && lines !== undefined ? firstLineOf(bytes) : bytes;
      const event = whole ?? (lines && lineEvent(parser, format, text, service));
      if (event === undefined || !selector.matches(event)) continue;
      yield { event, bytes, text, offset };
    }
  }

  /** The lines, or events of several lines, of a piece, with their places in the file. */
  *#places(
    { buffer, from, to, context, format }: Piece,
    needles: readonly Buffer[] | undefined,
  ): Generator<{ readonly bytes: Buffer; readonly offset: number }> {
    const markBytes = context.fileStart === true ? byteOrderMarkBytes(buffer, from, to) : 0;
    const lines = this.#linesOf(format);
    const places =
      lines === undefined
        ? candidateLines(buffer, from, to, needles)
        : eventPlaces(buffer, from + markBytes, to, lines);
    for (const line of places) {
      const contentFrom = line.from + (line.from === from ? markBytes : 0);
      const offset = context.offset + line.from - from;
      yield { bytes: buffer.subarray(contentFrom, line.to), offset };
    }
  }

  #addEvent({ event, bytes, text, offset }: Match, { context, format }: Piece): void {
    const { selection, stream, redactor } = this.#options;
    const fields = selection.of(stream)?.fields ?? [];
    const meaning = { parser: this.#parser(format), format, service: context.service };
    // What is selected is decided by what the line says; what travels of it says less.
    const read = redactedText(event, text, meaning, redactor);
    const selected = redactedFields(read, fields, redactor);
    this.#pending.add(selected, fields, this.#place(context, offset), bytes.length);
  }

  /** Adds a line whose measure was just taken. */
  #addLine(bytes: Buffer, offset: number, { context }: Piece, pending: PendingLines): void {
    const { stream, source, redactor } = this.#options;
    const { timeMs, service, level } = this.#measure;
    if (Math.abs(timeMs) > LINE_TIME_MS_MAX) return;
    const { file, generation } = context;
    const name = service === "" ? context.service : service;
    const line = {
      ...{ stream, source, file, generation, offset, timeMs, level: levelAt(level) },
      service: redactor.redact(name) ?? SERVICE_OTHER,
    };
    pending.add(line, bytes.length, () =>
      redactor
        .redactStart(bytes.toString("utf8"), LINE_LENGTH_MAX)
        ?.slice(0, LINE_LENGTH_MAX)
        .toWellFormed(),
    );
  }

  #needlesOf(
    selector: CompiledSelector,
    memory: NeedleMemory,
    service: string,
  ): readonly Buffer[] | undefined {
    if (selector !== memory.selector || service !== memory.service) {
      memory.selector = selector;
      memory.service = service;
      const levelNames = this.#options.levelNames.filter((name) => name !== "level");
      memory.needles = needlesOf(selector, { names: NAMES_FROM_ELSEWHERE, service, levelNames });
    }
    return memory.needles;
  }

  #place({ file, generation }: SelectContext, offset: number) {
    const { stream, source } = this.#options;
    return { stream, source, file, generation, offset, index: 0 };
  }

  #linesOf(format: ParserName): EventLines | undefined {
    if (!this.#lines.has(format)) this.#lines.set(format, this.#options.createLines(format));
    return this.#lines.get(format);
  }

  #parser(format: ParserName): LineParser {
    let parser = this.#parsers.get(format);
    if (parser === undefined) {
      parser = this.#options.createParser(format);
      this.#parsers.set(format, parser);
    }
    return parser;
  }
}

/** Several services may come to have one name: then there are several deltas of it. */
function redactServices(deltas: Delta[], redactor: Redactor): void {
  if (!redactor.isActive) return;
  const names = new Map<string, string>();
  for (const [index, delta] of deltas.entries()) {
    let name = names.get(delta.service);
    if (name === undefined) {
      name = redactor.redact(delta.service) ?? SERVICE_OTHER;
      names.set(delta.service, name);
    }
    if (name !== delta.service) deltas[index] = { ...delta, service: name };
  }
}

function firstLineOf(event: Buffer): Buffer {
  return event.subarray(0, lineEnd(event, 0, event.length));
}
