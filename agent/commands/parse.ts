/** `tailrace parse`: shows how lines are understood, one event per line of JSON. */
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  UsageError,
} from "../../shared/command.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { byteOrderMarkBytes } from "../../shared/events/line-bytes.ts";
import {
  isFiltered,
  type LineParser,
  type ParsedEvent,
  type ParserDefinition,
} from "../../shared/events/parser.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { type FormatChoice, FormatGuess, FormatSampler } from "../parsers/auto.ts";
import { type FormatName, parsers } from "../parsers/registry.ts";
import { defaultService } from "../scan/default-service.ts";
import { addFormatFlags, type FormatFlags, formatFlags } from "../scan/event-options-flags.ts";
import { describeChoice } from "../scan/format-choice.ts";
import { LineBuffer, type LineSink } from "../scan/line-buffer.ts";
import { inputFault, readInput, STDIN_NAME } from "../scan/read-input.ts";
import {
  EVENT_BYTES_MAX,
  type EventLines,
  eventLines,
  eventPlaces,
  lastEventFrom,
  leadingLinesTo,
  lineEnd,
} from "../window/event-lines.ts";

const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of a rejected line that are shown. */
const SHOWN_BYTES_MAX = 120;

/** What a parse is asked to do. */
export interface ParseOptions extends FormatFlags {
  /** A path, or `-` for standard input. */
  readonly path: string;
}

/** Prints the events of one input as ndjson, what was rejected to stderr, and resolves with the exit code. */
export async function runParse(options: ParseOptions, io: CommandIo): Promise<number> {
  const lines = new PrintedLines(options, io);
  let exitCode: number = EXIT_DONE;
  try {
    await readInput({
      path: options.path,
      disk: io.platform.disk,
      stdin: io.stdin,
      lines: new LineBuffer(lines, LINE_BYTES_MAX),
      onRead: () => io.stdout(lines.takeText()),
      signal: io.signal,
    });
  } catch (error) {
    io.stderr(`${lines.name}: cannot be read: ${inputFault(error)}\n`);
    exitCode = EXIT_FAILED;
  }
  await io.stdout(lines.takeText());
  if (io.signal.aborted) return EXIT_FAILED;
  if (options.format === "auto" && lines.lineCount > 0) {
    io.stderr(`${lines.name}: ${describeChoice(lines.choice)}\n`);
  }
  if (lines.rejectedCount > 0) {
    io.stderr(`${lines.name}: ${lines.rejectedCount} of ${lines.lineCount} lines rejected\n`);
  }
  return exitCode;
}

/** What reads lines of one format. */
interface FormatReader {
  readonly parser: LineParser;
  readonly lines: EventLines | undefined;
}

function lineFeeds(buffer: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if (buffer[at] === 0x0a) count++;
  return count;
}

/** Turns lines into the text of events. */
class PrintedLines implements LineSink {
  /** How messages name the input. */
  readonly name: string;
  lineCount = 0;
  rejectedCount = 0;
  readonly #format: FormatName;
  readonly #options: EventOptions;
  readonly #stderr: (text: string) => void;
  readonly #service: string;
  readonly #guess = new FormatGuess();
  readonly #sampler: FormatSampler;
  readonly #readers = new Map<string, FormatReader>();
  /** Bytes handed over, and bytes that were weighed. */
  #offset = 0;
  #weighedTo = 0;
  #hasEvent = false;
  /** How the last lines became events. */
  #lines: EventLines | undefined;
  #text = "";

  constructor(options: ParseOptions, io: Pick<CommandIo, "stderr" | "platform">) {
    const isStdin = options.path === STDIN_NAME;
    this.name = isStdin ? "standard input" : options.path;
    this.#service = isStdin ? "stdin" : defaultService(options.path);
    this.#format = options.format;
    this.#options = { ...options, fields: {}, nowMs: () => io.platform.clock.now() };
    this.#stderr = io.stderr;
    this.#sampler = new FormatSampler(this.#options);
  }

  /** What `auto` found out; undefined when no line was an event. */
  get choice(): FormatChoice | undefined {
    return this.#guess.choice;
  }

  /** The text of the events since the last call. */
  takeText(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  get eventBytesMax(): number {
    return EVENT_BYTES_MAX;
  }

  get lookBackBytes(): number {
    return this.#lines?.lookBackBytes ?? 0;
  }

  pendingFrom(buffer: Buffer, from: number, to: number): number {
    const { lines } = this.#reader(buffer, from, to);
    return lines === undefined ? to : lastEventFrom(buffer, from, to, lines.begins);
  }

  lines(buffer: Buffer, from: number, to: number): void {
    const { parser, lines } = this.#reader(buffer, from, to);
    const mark = this.#offset === 0 ? byteOrderMarkBytes(buffer, from, to) : 0;
    this.#offset += to - from;
    let at = from + mark;
    const leadTo = lines === undefined ? to : leadingLinesTo(buffer, at, to, lines.begins);
    for (; at < leadTo; at = lineEnd(buffer, at, leadTo) + 1) {
      const line = buffer.subarray(at, lineEnd(buffer, at, leadTo));
      this.lineCount++;
      // What goes on with an event whose lines were shown already is no news.
      if (lines === undefined || !this.#hasEvent) this.#event(line, parser, line);
    }
    if (lines === undefined) return;
    for (const place of eventPlaces(buffer, leadTo, to, lines)) {
      this.#hasEvent = true;
      this.lineCount++;
      const firstLine = buffer.subarray(place.from, lineEnd(buffer, place.from, place.to));
      this.#event(buffer.subarray(place.from, place.to), parser, firstLine);
      this.lineCount += lineFeeds(buffer, place.from, place.to);
    }
  }

  unterminated(line: Buffer): void {
    this.lines(line, 0, line.length);
  }

  tooLong(bytes: number): void {
    this.lineCount++;
    this.#offset += bytes;
    this.#reject("too_long", `(${bytes} bytes)`);
  }

  #reader(buffer: Buffer, from: number, to: number): FormatReader {
    let format = this.#format;
    if (format === "auto") {
      this.#weigh(buffer, from, to);
      format = this.#guess.nearest ?? "json";
    }
    let reader = this.#readers.get(format);
    if (reader === undefined) {
      const definition: ParserDefinition = parsers[format];
      const lines = eventLines(
        definition,
        definition.compile(this.#options),
        this.#options.multiline,
      );
      reader = { parser: definition.compile(this.#options), lines };
      this.#readers.set(format, reader);
    }
    this.#lines = reader.lines;
    return reader;
  }

  /** Lines that wait for the rest of their event come again, but weigh once. */
  #weigh(buffer: Buffer, from: number, to: number): void {
    const seen = Math.max(0, this.#weighedTo - this.#offset);
    for (let at = from + seen; at < to && !this.#guess.isFinal; ) {
      const end = lineEnd(buffer, at, to);
      const mark = this.#offset === 0 && at === from ? byteOrderMarkBytes(buffer, at, end) : 0;
      this.#guess.weigh(this.#sampler, buffer, at + mark, end);
      at = end + 1;
    }
    this.#weighedTo = Math.max(this.#weighedTo, this.#offset + to - from);
  }

  /** A line, or an event of several lines; `firstLine` is what else it can be read by. */
  #event(bytes: Buffer, parser: LineParser, firstLine: Buffer): void {
    let parsed = parser.parse(bytes);
    if (parsed.kind === "rejection" && firstLine.length < bytes.length) {
      parsed = parser.parse(firstLine);
    }
    if (parsed.kind === "event") this.#text += `${JSON.stringify(this.#eventJson(parsed))}\n`;
    else if (!isFiltered(parsed.reason)) this.#reject(parsed.reason, shownText(firstLine));
  }

  #eventJson(event: ParsedEvent) {
    return {
      time: new Date(event.timeMs).toISOString(),
      stream: STREAM_DEFAULT,
      service: event.service ?? this.#service,
      level: event.level,
      message: event.message ?? null,
      duration: event.durationUs === undefined ? null : event.durationUs / 1000,
      fields: event.fields,
    };
  }

  #reject(reason: string, shown: string): void {
    this.rejectedCount++;
    this.#stderr(`${this.name}:${this.lineCount}: ${reason}: ${shown}\n`);
  }
}

/** The beginning of a line, safe to show on a terminal. */
function shownText(line: Buffer): string {
  const text = line.toString("utf8", 0, SHOWN_BYTES_MAX).replace(/\p{Cc}+$/u, "");
  const safe = text.replace(/\p{Cc}/gu, "�");
  return line.length > SHOWN_BYTES_MAX ? `${safe}…` : safe;
}

/** The command. */
export const command = defineCommand({
  summary: "Shows the events in a log file as JSON lines, and why other lines are none.",
  examples: [
    ["tailrace parse app.log", "events to stdout, rejected lines with reasons to stderr"],
    ["tailrace parse --format logfmt - < app.log", "one format only, from a pipe"],
  ],
  configure(command) {
    command.argument("[file]", "a file, also .gz, or - for standard input", STDIN_NAME);
    addFormatFlags(command);
  },
  async run(operands, options, io) {
    io.settle();
    const [path = STDIN_NAME, second] = operands;
    if (second !== undefined) throw new UsageError(`one file at a time; ${second} is one too many`);
    return runParse({ ...formatFlags(options), path }, io);
  },
});
