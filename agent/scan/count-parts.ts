import type { Disk } from "../../shared/platform/disk.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import type { FormatChoice } from "../parsers/auto.ts";
import type { FormatName } from "../parsers/registry.ts";
import { createLineCounter, type LineCounterOptions } from "../window/create-line-counter.ts";
import type { LineCounter } from "../window/line-counter.ts";
import type { FormatFlags } from "./event-options-flags.ts";
import { LineBuffer } from "./line-buffer.ts";
import { PartLines } from "./part-lines.ts";
import { inputFault, readInput } from "./read-input.ts";
import { firstLineOf, readRange } from "./read-range.ts";
import { RejectedLines, type RejectedTally } from "./rejected-lines.ts";
import { identityOf, type ScanPart } from "./scan-plan.ts";

const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** Windows that may wait in the counter. */
const PENDING_KEYS_MAX = 200_000;

/** What to count, for all threads the same: plain data. */
export interface ScanJob {
  readonly flags: FormatFlags;
  readonly parts: readonly ScanPart[];
  /** Longer lines are rejected; {@link LINE_BYTES_MAX} when undefined. */
  readonly lineBytesMax: number | undefined;
  /** What time it is as long as the scan runs, so that times without a year are in the same one for every thread. Undefined: the clock says it. */
  readonly nowMs: number | undefined;
}

/** What counting needs of the thread that it runs on. */
export interface CountingShell {
  readonly disk: Pick<Disk, "open">;
  readonly stdin: AsyncIterable<Buffer>;
  /** The clock, for jobs that leave the time to it. */
  readonly nowMs: () => number;
  /** The number of the next part that nobody counts yet; undefined when there is none. */
  readonly nextPart: () => number | undefined;
  /** Takes windows; those of one service and minute may come several times. */
  readonly onWindows: (deltas: readonly Delta[]) => void;
  /** Called after each piece with the bytes read of a file as it lies on disk. */
  readonly onRead: (bytes: number) => void;
  /** Aborts counting: what was found until then means nothing. */
  readonly signal: AbortSignal;
}

/** What was found in a part beside its windows. Plain data. */
export interface PartCount {
  /** Number of the part. */
  readonly part: number;
  readonly lineCount: number;
  /** Line numbers are those in the part. */
  readonly rejected: readonly RejectedTally[];
  /** What `auto` found out, if it was asked. */
  readonly choice: FormatChoice | undefined;
  /** Why the part could not be read to its end, half a sentence; undefined when it was. */
  readonly fault: string | undefined;
}

/** How the lines of a scan are counted. */
export function countingOptions(
  flags: FormatFlags,
  format: FormatName,
  nowMs: () => number,
): LineCounterOptions {
  // Windows are moved out before they are too many, so a limit would only make the result depend on the order of lines.
  return { ...flags, format, fields: {}, nowMs, servicesMax: Number.POSITIVE_INFINITY };
}

/** Counts parts as long as there are any, and hands their windows over. Never fails because of an input. */
export async function countParts(job: ScanJob, shell: CountingShell): Promise<PartCount[]> {
  const counting = new Counting(job, shell);
  const counts: PartCount[] = [];
  for (;;) {
    const number = shell.signal.aborted ? undefined : shell.nextPart();
    const part = number === undefined ? undefined : job.parts[number];
    if (number === undefined || part === undefined) break;
    counts.push({ part: number, ...(await counting.count(part)) });
  }
  counting.takeWindows(0);
  return counts;
}

/** The counters of one thread. */
class Counting {
  readonly #job: ScanJob;
  readonly #shell: CountingShell;
  readonly #counters = new Map<FormatName, LineCounter>();
  readonly #choices = new Map<number, FormatChoice>();

  constructor(job: ScanJob, shell: CountingShell) {
    this.#job = job;
    this.#shell = shell;
  }

  /** Counts one part; its windows may wait in a counter. */
  async count(part: ScanPart): Promise<Omit<PartCount, "part">> {
    const { input, path, range } = part;
    const rejected = new RejectedLines();
    const counter = this.#counterOf(part.format);
    const lines = new PartLines({ counter, rejected, file: input, path });
    let fault: string | undefined;
    try {
      const buffer = new LineBuffer(lines, this.#job.lineBytesMax ?? LINE_BYTES_MAX);
      if (range === undefined) await this.#readWhole(path, buffer);
      else await this.#readRange(path, range, lines, buffer);
    } catch (error) {
      fault = inputFault(error);
    }
    const choice = this.#choices.get(input);
    return { lineCount: lines.lineCount, rejected: rejected.tallies, choice, fault };
  }

  /** Hands all windows over when there are more than `waitingMax`. */
  takeWindows(waitingMax: number): void {
    for (const counter of this.#counters.values()) {
      if (counter.pendingKeys > waitingMax) this.#shell.onWindows(counter.take().deltas);
    }
  }

  #counterOf(format: FormatName): LineCounter {
    let counter = this.#counters.get(format);
    if (counter === undefined) {
      const { flags, nowMs } = this.#job;
      const clock = nowMs === undefined ? this.#shell.nowMs : () => nowMs;
      counter = createLineCounter({
        ...countingOptions(flags, format, clock),
        onFormat: (choice, file) => this.#choices.set(file ?? 0, choice),
      });
      this.#counters.set(format, counter);
    }
    return counter;
  }

  async #readWhole(path: string, lines: LineBuffer): Promise<void> {
    const { disk, stdin, signal } = this.#shell;
    await readInput({ path, disk, stdin, lines, onRead: this.#onRead, signal });
  }

  async #readRange(
    path: string,
    range: NonNullable<ScanPart["range"]>,
    part: PartLines,
    lines: LineBuffer,
  ): Promise<void> {
    const { disk, signal } = this.#shell;
    const file = await disk.open(path, "read");
    try {
      const { device, inode } = await file.stat();
      if (identityOf(device, inode) !== range.identity)
        throw new Error("another file took its place");
      const first = await firstLineOf(file, range, lines.room());
      if (first === undefined) return;
      part.offset = first;
      await readRange({ file, first, to: range.to, lines, onRead: this.#onRead, signal });
    } finally {
      await file.close();
    }
  }

  readonly #onRead = async (bytes: number): Promise<void> => {
    this.#shell.onRead(bytes);
    this.takeWindows(PENDING_KEYS_MAX);
  };
}
