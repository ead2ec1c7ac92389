/** `tailrace scan`: from log files to exact numbers per service and window, without a server. */
import { windowJsonText } from "../../shared/aggregates/window-json-text.ts";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  UsageError,
} from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import type { FormatChoice } from "../parsers/auto.ts";
import { createLineCounter } from "../window/create-line-counter.ts";
import type { LineCounter } from "../window/line-counter.ts";
import { CollectedWindows } from "./collected-windows.ts";
import { defaultService } from "./default-service.ts";
import { addFormatFlags, type FormatFlags, formatFlags, textFlag } from "./event-options-flags.ts";
import { describeChoice } from "./format-choice.ts";
import { LineBuffer } from "./line-buffer.ts";
import { ProgressBar } from "./progress-bar.ts";
import { inputFault, readInput, STDIN_NAME } from "./read-input.ts";
import { RejectedLines } from "./rejected-lines.ts";
import { serviceTable } from "./service-table.ts";

const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** A scan holds its whole result anyway; this only keeps a file of random names from taking all memory. */
const SERVICES_MAX = 1_000_000;
/** Windows that may wait in the counter. */
const PENDING_KEYS_MAX = 200_000;
const ROWS_PER_WRITE = 500;

/** What a scan is asked to do. */
export interface ScanOptions extends FormatFlags {
  /** Paths, or `-` for standard input. */
  readonly paths: readonly string[];
  readonly windowMinutes: number;
  readonly output: "table" | "ndjson";
  /** Longer lines are rejected; {@link LINE_BYTES_MAX} when left out. */
  readonly lineBytesMax?: number;
}

/** Reads all inputs into one result, prints it and resolves with the exit code. */
export async function runScan(options: ScanOptions, io: CommandIo): Promise<number> {
  const progress = new ProgressBar({
    write: io.stderr,
    clock: io.platform.clock,
    isTerminal: io.isTerminal,
    bytesTotal: await totalBytes(options.paths, io),
  });
  const windows = new CollectedWindows(options.windowMinutes);
  const choices = new Map<number, FormatChoice>();
  const counter = createLineCounter({
    ...options,
    fields: {},
    nowMs: () => io.platform.clock.now(),
    servicesMax: SERVICES_MAX,
    onFormat: (choice, file) => choices.set(file ?? 0, choice),
  });
  const reports: string[] = [];
  let isWhole = true;
  for (const [file, path] of options.paths.entries()) {
    const rejected = new RejectedLines();
    const scanned = new ScannedFile({ counter, rejected, file, path });
    try {
      await readInput({
        path,
        disk: io.platform.disk,
        stdin: io.stdin,
        lines: new LineBuffer(scanned, options.lineBytesMax ?? LINE_BYTES_MAX),
        onRead: async (bytes) => {
          progress.advance(bytes);
          if (counter.pendingKeys > PENDING_KEYS_MAX) windows.add(counter.take().deltas);
        },
        signal: io.signal,
      });
    } catch (error) {
      isWhole = false;
      reports.push(`${nameOf(path)}: cannot be read: ${inputFault(error)}`);
    }
    if (io.signal.aborted) {
      progress.clear();
      io.stderr("tailrace scan: interrupted; nothing is printed\n");
      return EXIT_FAILED;
    }
    if (options.format === "auto" && scanned.lineCount > 0) {
      reports.push(`${nameOf(path)}: ${describeChoice(choices.get(file))}`);
    }
    if (rejected.count > 0) {
      reports.push(
        `${nameOf(path)}: ${rejected.count} of ${scanned.lineCount} lines rejected: ${rejected.describe()}`,
      );
    }
  }
  windows.add(counter.take().deltas);
  progress.clear();
  await print(windows, options, io);
  for (const report of reports) io.stderr(`${report}\n`);
  return isWhole ? EXIT_DONE : EXIT_FAILED;
}

function nameOf(path: string): string {
  return path === STDIN_NAME ? "standard input" : path;
}

/** The size of all inputs on disk; 0 when it is not known. */
async function totalBytes(paths: readonly string[], io: CommandIo): Promise<number> {
  if (!io.isTerminal || paths.includes(STDIN_NAME)) return 0;
  let bytes = 0;
  for (const path of paths) {
    try {
      bytes += (await io.platform.disk.stat(path)).bytes;
    } catch (error) {
      // Said when the file is read; here it only means that the bar is a little short.
      if (!(error instanceof Error)) throw error;
    }
  }
  return bytes;
}

async function print(
  windows: CollectedWindows,
  options: ScanOptions,
  io: CommandIo,
): Promise<void> {
  const { windowMinutes } = options;
  const sorted = windows.sorted();
  if (options.output === "table") {
    const { hasColor, columns } = io;
    await io.stdout(serviceTable(sorted, { windowMinutes, hasColor, columns }));
    if (sorted.length === 0) io.stderr("no events\n");
    return;
  }
  for (let from = 0; from < sorted.length; from += ROWS_PER_WRITE) {
    let text = "";
    for (const { service, minute, aggregate } of sorted.slice(from, from + ROWS_PER_WRITE)) {
      const window = { stream: STREAM_DEFAULT, service, minute, windowMinutes, aggregate };
      text += `${windowJsonText(window)}\n`;
    }
    await io.stdout(text);
  }
}

/** Hands the lines of one file to the counter and keeps track of what was rejected where. */
class ScannedFile {
  readonly #counter: LineCounter;
  readonly #rejected: RejectedLines;
  readonly #file: number;
  readonly #service: string;
  readonly #linesBefore: number;
  #tooLongLines = 0;
  #offset = 0;

  constructor(options: {
    readonly counter: LineCounter;
    readonly rejected: RejectedLines;
    readonly file: number;
    readonly path: string;
  }) {
    this.#counter = options.counter;
    this.#rejected = options.rejected;
    this.#file = options.file;
    this.#service = options.path === STDIN_NAME ? "stdin" : defaultService(options.path);
    this.#linesBefore = options.counter.lineCount;
  }

  get readBuffer(): Buffer | undefined {
    return this.#counter.readBuffer;
  }

  /** Lines of this file so far. */
  get lineCount(): number {
    return this.#counter.lineCount - this.#linesBefore + this.#tooLongLines;
  }

  get eventBytesMax(): number {
    return this.#counter.eventBytesMax ?? 0;
  }

  get lookBackBytes(): number {
    return this.#counter.lookBackBytes?.(this.#file) ?? 0;
  }

  pendingFrom(buffer: Buffer, from: number, to: number): number {
    return this.#counter.pendingFrom?.(buffer, from, to, this.#context(buffer, from)) ?? to;
  }

  lines(buffer: Buffer, from: number, to: number): void {
    this.#counter.count(buffer, from, to, this.#context(buffer, from));
    this.#offset += to - from;
  }

  unterminated(line: Buffer): void {
    this.#counter.countUnterminated(line, this.#context(line, 0));
    this.#offset += line.length;
  }

  tooLong(bytes: number): void {
    this.#tooLongLines++;
    this.#offset += bytes;
    const lineNumber = this.lineCount;
    this.#rejected.add("too_long", () => lineNumber);
  }

  #context(buffer: Buffer, from: number) {
    const linesBefore = this.lineCount;
    return {
      service: this.#service,
      eventTimeLimitMs: Number.POSITIVE_INFINITY,
      file: this.#file,
      offset: this.#offset,
      fileStart: this.#offset === 0,
      onRejected: (reason: string, position: number) => {
        this.#rejected.add(reason, () => linesBefore + 1 + lineFeeds(buffer, from, position));
      },
    };
  }
}

function lineFeeds(buffer: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if (buffer[at] === 0x0a) count++;
  return count;
}

/** The command. */
export const command = defineCommand({
  summary: "Counts what log files say: requests, errors and latencies per service and window.",
  examples: [
    ["tailrace scan app.log", "a table of services with their error rates"],
    ["tailrace scan --output ndjson --window 5m *.log.gz", "one JSON line per service and window"],
    ["kubectl logs deploy/web | tailrace scan -", "what a pipe brings"],
  ],
  configure(command) {
    command.argument("<file...>", "files, also .gz, or - for standard input");
    addFormatFlags(command);
    command
      .option("--window <duration>", "length of a window: whole minutes", "1m")
      .option("--output <kind>", "table or ndjson", "table");
  },
  async run(operands, options, io) {
    const flags = formatFlags(options, io.timezone);
    const windowText = textFlag(options, "window", "1m");
    const windowMinutes = (parseDurationMs(windowText) ?? 0) / MINUTE_MS;
    if (!Number.isInteger(windowMinutes) || windowMinutes < 1) {
      throw new UsageError(
        `--window ${windowText} is not a whole number of minutes, such as 1m or 1h`,
      );
    }
    const output = textFlag(options, "output", "table");
    if (output !== "table" && output !== "ndjson") {
      throw new UsageError(`--output ${output} is not one of table, ndjson`);
    }
    return runScan({ ...flags, paths: operands, windowMinutes, output }, io);
  },
});
