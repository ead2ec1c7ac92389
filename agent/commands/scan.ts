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
import { type Delta, STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import { CollectedWindows } from "../scan/collected-windows.ts";
import { countOnThreads } from "../scan/count-on-threads.ts";
import { countParts, type PartCount } from "../scan/count-parts.ts";
import {
  addFormatFlags,
  type FormatFlags,
  formatFlags,
  textFlag,
} from "../scan/event-options-flags.ts";
import { PartQueue, queueMemory } from "../scan/part-queue.ts";
import { planScan, type ScanPlan } from "../scan/scan-inputs.ts";
import { countsByInput, reportInput } from "../scan/scan-report.ts";
import { ProgressBar } from "./progress-bar.ts";
import { serviceTable } from "./service-table.ts";

const ROWS_PER_WRITE = 500;
/** More threads than any machine has, of which each takes memory. */
const THREADS_MAX = 256;

/** What a scan is asked to do. */
export interface ScanOptions extends FormatFlags {
  /** Paths, or `-` for standard input. */
  readonly paths: readonly string[];
  readonly windowMinutes: number;
  readonly output: "table" | "ndjson";
  /** Longer lines are rejected; 16 MiB when left out. */
  readonly lineBytesMax?: number;
  /** Threads that count; as many as pay when left out. */
  readonly threads?: number | undefined;
  /** Bytes that a thread takes at a time; for tests. */
  readonly rangeBytes?: number;
}

/** What was found. */
interface ScanResult {
  readonly windows: CollectedWindows;
  readonly counts: readonly PartCount[];
}

/** Reads all inputs into one result, prints it and resolves with the exit code. */
export async function runScan(options: ScanOptions, io: CommandIo): Promise<number> {
  let plan = await planScan(options, io);
  let result = plan.threads === 1 ? await countAlone(plan, options, io) : undefined;
  result ??= await countTogether(plan, options, io);
  if (result === undefined && !io.signal.aborted) {
    plan = await planScan({ ...options, threads: 1 }, io);
    result = await countAlone(plan, options, io);
  }
  if (result === undefined || io.signal.aborted) {
    io.stderr("tailrace scan: interrupted; nothing is printed\n");
    return EXIT_FAILED;
  }
  await print(result.windows, options, io);
  const byInput = countsByInput(plan.job.parts, result.counts);
  let isWhole = true;
  for (const [number, path] of options.paths.entries()) {
    const input = { path, isAuto: options.format === "auto", choice: plan.choices.get(number) };
    const report = reportInput(input, byInput.get(number) ?? []);
    isWhole &&= report.isWhole;
    for (const line of report.lines) io.stderr(`${line}\n`);
  }
  return isWhole ? EXIT_DONE : EXIT_FAILED;
}

async function countAlone(
  { job, bytes }: ScanPlan,
  options: ScanOptions,
  io: CommandIo,
): Promise<ScanResult> {
  const { windows, shell, progress } = openResult(bytes, options, io);
  const queue = new PartQueue(queueMemory(job.parts.length), 0, 1);
  const counts = await countParts(job, { ...shell, nextPart: () => queue.next() });
  progress.clear();
  return { windows, counts };
}

/**
 * Counts on several threads. Resolves with undefined when the result cannot be that of one thread: because a range could not be read, where one thread
 * would have stopped, or because a thread failed.
 */
async function countTogether(
  { job, bytes, threads }: ScanPlan,
  options: ScanOptions,
  io: CommandIo,
): Promise<ScanResult | undefined> {
  const { windows, shell, progress } = openResult(bytes, options, io);
  let counts: PartCount[] = [];
  let fault: string | undefined;
  try {
    counts = await countOnThreads(job, threads, io.threads, shell);
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  progress.clear();
  if (fault !== undefined) {
    io.stderr(`tailrace scan: a thread failed (${fault}); counting again on one\n`);
    return undefined;
  }
  const isBroken = ({ part, fault: found }: PartCount) =>
    found !== undefined && job.parts[part]?.range !== undefined;
  return counts.some(isBroken) ? undefined : { windows, counts };
}

/** Where counts go. */
function openResult(bytesTotal: number, { windowMinutes }: ScanOptions, io: CommandIo) {
  const { disk, clock } = io.platform;
  const { stderr: write, isTerminal, stdin, signal } = io;
  const progress = new ProgressBar({ write, clock, isTerminal, bytesTotal });
  const windows = new CollectedWindows(windowMinutes);
  const shell = {
    ...{ disk, stdin, signal, nowMs: () => clock.now() },
    onWindows: (deltas: readonly Delta[]) => windows.add(deltas),
    onRead: (bytes: number) => progress.advance(bytes),
  };
  return { windows, shell, progress };
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
      .option("--threads <count>", "threads that count (default: as many as pay, up to 4)")
      .option("--output <kind>", "table or ndjson", "table");
  },
  async run(operands, options, io) {
    io.settle();
    const flags = formatFlags(options);
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
    const threads = threadsFlag(options);
    return runScan({ ...flags, paths: operands, windowMinutes, output, threads }, io);
  },
});

function threadsFlag(options: Readonly<Record<string, unknown>>): number | undefined {
  if (options["threads"] === undefined) return undefined;
  const text = textFlag(options, "threads", "");
  const threads = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (threads < 1 || threads > THREADS_MAX) {
    throw new UsageError(`--threads ${text} is not a whole number from 1 to ${THREADS_MAX}`);
  }
  return threads;
}
