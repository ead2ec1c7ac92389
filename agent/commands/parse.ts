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
import { isFiltered, type LineParser, type ParsedEvent } from "../../shared/events/parser.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { type FormatChoice, FormatGuess, FormatSampler } from "../parsers/auto.ts";
import { type FormatName, parsers } from "../parsers/registry.ts";
import { defaultService } from "./default-service.ts";
import { addFormatFlags, type FormatFlags, formatFlags } from "./event-options-flags.ts";
import { describeChoice } from "./format-choice.ts";
import { LineBuffer, type LineSink } from "./line-buffer.ts";
import { inputFault, readInput, STDIN_NAME } from "./read-input.ts";

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
  readonly #parsers = new Map<string, LineParser>();
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

  lines(buffer: Buffer, from: number, to: number): void {
    const parser = this.#parser(buffer, from, to);
    for (let at = from; at < to; ) {
      const end = buffer.indexOf(0x0a, at);
      this.#line(buffer.subarray(at, end), parser);
      at = end + 1;
    }
  }

  unterminated(line: Buffer): void {
    this.#line(line, this.#parser(line, 0, line.length));
  }

  tooLong(bytes: number): void {
    this.lineCount++;
    this.#reject("too_long", `(${bytes} bytes)`);
  }

  #parser(buffer: Buffer, from: number, to: number): LineParser {
    let format = this.#format;
    if (format === "auto") {
      for (let at = from; at < to && !this.#guess.isFinal; ) {
        const end = buffer.indexOf(0x0a, at);
        const lineTo = end < 0 || end > to ? to : end;
        const mark =
          this.lineCount === 0 && at === from ? byteOrderMarkBytes(buffer, at, lineTo) : 0;
        this.#guess.weigh(this.#sampler, buffer, at + mark, lineTo);
        at = lineTo + 1;
      }
      format = this.#guess.nearest ?? "json";
    }
    let parser = this.#parsers.get(format);
    if (parser === undefined) {
      parser = parsers[format].compile(this.#options);
      this.#parsers.set(format, parser);
    }
    return parser;
  }

  #line(bytes: Buffer, parser: LineParser): void {
    const mark = this.lineCount === 0 ? byteOrderMarkBytes(bytes, 0, bytes.length) : 0;
    const line = bytes.subarray(mark);
    this.lineCount++;
    const parsed = parser.parse(line);
    if (parsed.kind === "event") this.#text += `${JSON.stringify(this.#eventJson(parsed))}\n`;
    else if (!isFiltered(parsed.reason)) this.#reject(parsed.reason, shownText(line));
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
    const [path = STDIN_NAME, second] = operands;
    if (second !== undefined) throw new UsageError(`one file at a time; ${second} is one too many`);
    return runParse({ ...formatFlags(options, io.timezone), path }, io);
  },
});
