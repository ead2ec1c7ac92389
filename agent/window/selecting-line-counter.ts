/**
 * Counts lines, and selects events from them. Counting is the counter's own, as fast as ever: selecting looks at the same bytes a second time,
 * only where something is selected of the stream, and parses only lines that hold a text which the selector asks for (`line-needles.ts`).
 *
 * An event is named by where its line begins. So the same bytes give the same events, whatever crash or cut came between.
 */
import { SERVICE_OTHER } from "../../shared/aggregates/minute-windows.ts";
import type { CompiledSelector } from "../../shared/events/compile-selectors.ts";
import { byteOrderMarkBytes } from "../../shared/events/line-bytes.ts";
import { DERIVED_FIELDS, lineEvent } from "../../shared/events/line-event.ts";
import type { LineParser } from "../../shared/events/parser.ts";
import { PendingEvents } from "../../shared/events/pending-events.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import type { Redactor } from "../../shared/redaction/redactor.ts";
import type { ParserName } from "../parsers/registry.ts";
import { candidateLines } from "./candidate-lines.ts";
import { type EventLines, eventPlaces, lineEnd } from "./event-lines.ts";
import type { EventSelection } from "./event-selection.ts";
import { redactedFields, redactedText } from "./leaving-event.ts";
import type { CountContext, Counted, LineCounter } from "./line-counter.ts";
import { needlesOf } from "./line-needles.ts";

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
}

/** What a {@link SelectingLineCounter} needs. */
export interface SelectingLineCounterOptions {
  readonly stream: string;
  readonly source: string;
  readonly counter: LineCounter;
  readonly selection: EventSelection;
  readonly redactor: Redactor;
  /** The format by which `counter` counted the lines of a file; undefined when it knows none and rejects them all. */
  readonly formatOf: (file: number) => ParserName | undefined;
  /** Names under which lines of JSON say their level. */
  readonly levelNames: readonly string[];
  /** Makes a parser; asked once for each format. */
  readonly createParser: (format: ParserName) => LineParser;
  /** Says how the lines of a format become events; asked once for each format. */
  readonly createLines: (format: ParserName) => EventLines | undefined;
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
  #selector: CompiledSelector | undefined;
  #service = "";
  #needles: readonly Buffer[] | undefined;

  constructor(options: SelectingLineCounterOptions) {
    this.#options = options;
  }

  /** Count of windows that wait for the next {@link take}. */
  get pendingKeys(): number {
    return this.#options.counter.pendingKeys;
  }

  /** About what measures and sample lines of these windows take in a batch. */
  get pendingDetailBytes(): number {
    return this.#options.counter.pendingDetailBytes ?? 0;
  }

  /** Size of the events that wait. */
  get pendingEventBytes(): number {
    return this.#pending.bytes;
  }

  /** True when so much waits that it should be sealed before more is read. */
  get isFull(): boolean {
    return this.#pending.isFull;
  }

  /** As {@link LineCounter.eventBytesMax}. */
  get eventBytesMax(): number {
    return this.#options.counter.eventBytesMax ?? 0;
  }

  /** As {@link LineCounter.pendingFrom}. */
  pendingFrom(buffer: Buffer, from: number, to: number, context: CountContext): number {
    return this.#options.counter.pendingFrom?.(buffer, from, to, context) ?? to;
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

  /** Takes everything counted and selected since the last take. `isShedding`: events are not sent and become holes. */
  take(isShedding: boolean): CountedAndSelected {
    const counted = this.#options.counter.take();
    redactServices(counted.deltas, this.#options.redactor);
    const { events, holes, entries } = this.#pending.take(isShedding);
    return { ...counted, entries: [...counted.entries, ...entries], events, holes };
  }

  #select(buffer: Buffer, from: number, to: number, context: SelectContext): void {
    const { stream, selection, formatOf, redactor } = this.#options;
    const selector = selection.of(stream);
    if (selector === undefined) return;
    // Counting comes first: it decides what the format is.
    const format = formatOf(context.file);
    if (format === undefined) return;
    const needles = format === "json" ? this.#needlesOf(selector, context.service) : undefined;
    const markBytes = context.fileStart === true ? byteOrderMarkBytes(buffer, from, to) : 0;
    const parser = this.#parser(format);
    const lines = this.#linesOf(format);
    const places =
      lines === undefined
        ? candidateLines(buffer, from, to, needles)
        : eventPlaces(buffer, from + markBytes, to, lines);
    for (const line of places) {
      const contentFrom = line.from + (line.from === from ? markBytes : 0);
      const bytes = buffer.subarray(contentFrom, line.to);
      const { service } = context;
      const whole = lineEvent(parser, format, bytes, service);
      const text = whole === undefined && lines !== undefined ? firstLineOf(bytes) : bytes;
      const event = whole ?? (lines && lineEvent(parser, format, text, service));
      if (event === undefined || !selector.matches(event)) continue;
      const offset = context.offset + line.from - from;
      // What is selected is decided by what the line says; what travels of it says less.
      const read = redactedText(event, text, { parser, format, service }, redactor);
      const selected = redactedFields(read, selector.fields, redactor);
      this.#pending.add(selected, selector.fields, this.#place(context, offset), bytes.length);
    }
  }

  #needlesOf(selector: CompiledSelector, service: string): readonly Buffer[] | undefined {
    if (selector !== this.#selector || service !== this.#service) {
      this.#selector = selector;
      this.#service = service;
      const levelNames = this.#options.levelNames.filter((name) => name !== "level");
      this.#needles = needlesOf(selector, { names: NAMES_FROM_ELSEWHERE, service, levelNames });
    }
    return this.#needles;
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
