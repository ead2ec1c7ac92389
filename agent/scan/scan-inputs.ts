import type { CommandIo } from "../../shared/command.ts";
import { byteOrderMarkBytes } from "../../shared/events/line-bytes.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { type FormatChoice, FormatGuess, FormatSampler } from "../parsers/auto.ts";
import type { ParserName } from "../parsers/registry.ts";
import { isCountedByLine, type LineCounterOptions } from "../window/create-line-counter.ts";
import { countingOptions, type ScanJob } from "./count-parts.ts";
import type { FormatFlags } from "./event-options-flags.ts";
import { isPlain, STDIN_NAME } from "./read-input.ts";
import {
  identityOf,
  isWorthSplitting,
  planParts,
  type ScanInput,
  threadCount,
} from "./scan-plan.ts";

const LINE_FEED = 0x0a;
/** Less than is read at a time when the file is counted: what is found in it stands when the first line is counted. */
const HEAD_BYTES = 256 * 1024;

/** What a plan is made for. */
export interface PlannedScan extends FormatFlags {
  readonly paths: readonly string[];
  readonly lineBytesMax?: number;
  readonly threads?: number | undefined;
  readonly rangeBytes?: number;
}

/** What is counted, and how. */
export interface ScanPlan {
  readonly job: ScanJob;
  readonly threads: number;
  /** What `auto` found out about inputs that are split, by their numbers. */
  readonly choices: ReadonlyMap<number, FormatChoice>;
  /** Of all inputs; 0 when it is not known. */
  readonly bytes: number;
}

/** Looks at the inputs of a scan, and into those that may be split. Never fails: what cannot be read is said when it is counted. */
export async function planScan(
  options: PlannedScan,
  { platform: { disk, clock }, threads: { processors } }: Pick<CommandIo, "platform" | "threads">,
): Promise<ScanPlan> {
  const { paths, format, lineBytesMax, rangeBytes } = options;
  const inputs: ScanInput[] = [];
  for (const path of paths) inputs.push(await lookAt(path, disk));
  const isStream = inputs.some(({ kind }) => kind === "stream");
  const threads = threadCount(inputs, options.threads, processors);
  const nowMs = clock.now();
  const choices = new Map<number, FormatChoice>();
  if (threads > 1) {
    const counting = countingOptions(options, format, () => nowMs);
    for (const [number, input] of inputs.entries()) {
      if (!isWorthSplitting(input, rangeBytes)) continue;
      const { choice, splitFormat } = await lookInto(input.path, disk, counting);
      inputs[number] = { ...input, splitFormat };
      if (choice !== undefined) choices.set(number, choice);
    }
  }
  const parts = planParts(inputs, format, rangeBytes);
  return {
    job: { flags: options, parts, lineBytesMax, nowMs: isStream ? undefined : nowMs },
    threads: Math.min(threads, parts.length),
    choices,
    bytes: isStream ? 0 : inputs.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** What can be known of an input without reading it. */
async function lookAt(path: string, disk: Disk): Promise<ScanInput> {
  if (path === STDIN_NAME) return { path, kind: "stream", bytes: 0, identity: "" };
  try {
    const { kind, bytes, device, inode } = await disk.stat(path);
    const isFile = kind === "file";
    return {
      path,
      kind: kind === "other" ? "stream" : "file",
      bytes: isFile ? bytes : 0,
      identity: identityOf(device, inode),
    };
  } catch (error) {
    // Said when the file is read.
    if (!(error instanceof Error)) throw error;
    return { path, kind: "file", bytes: 0, identity: "" };
  }
}

/** Finds out whether the lines of a file can be counted apart from each other, and what `auto` makes of them if that is certain. */
async function lookInto(
  path: string,
  disk: Disk,
  options: LineCounterOptions,
): Promise<{ readonly splitFormat?: ParserName; readonly choice?: FormatChoice }> {
  let head: Buffer;
  try {
    head = await readHead(path, disk);
  } catch (error) {
    // Said when the file is read.
    if (!(error instanceof Error)) throw error;
    return {};
  }
  if (!isPlain(head)) return {};
  const choice = options.format === "auto" ? guessFormat(head, options) : undefined;
  const format = options.format === "auto" ? choice?.format : options.format;
  if (format === undefined || !isCountedByLine(format, options)) return {};
  return { splitFormat: format, ...(choice === undefined ? {} : { choice }) };
}

async function readHead(path: string, disk: Disk): Promise<Buffer> {
  const head = Buffer.allocUnsafeSlow(HEAD_BYTES);
  const file = await disk.open(path, "read");
  try {
    let length = 0;
    while (length < HEAD_BYTES) {
      const bytes = await file.read(head, length, HEAD_BYTES - length, length);
      if (bytes === 0) break;
      length += bytes;
    }
    return head.subarray(0, length);
  } finally {
    await file.close();
  }
}

/** What `auto` makes of the whole lines of a file's head, if that will not change any more. */
function guessFormat(head: Buffer, options: LineCounterOptions): FormatChoice | undefined {
  const guess = new FormatGuess();
  const sampler = new FormatSampler(options);
  for (let at = byteOrderMarkBytes(head, 0, head.length); !guess.isFinal; ) {
    const end = head.indexOf(LINE_FEED, at);
    if (end < 0) return undefined;
    guess.weigh(sampler, head, at, end);
    at = end + 1;
  }
  return guess.choice;
}
