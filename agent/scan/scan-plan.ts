/**
 * Which parts of its inputs a scan counts, and on how many threads. Pure: whoever scans looks at the files and starts the threads.
 *
 * Counts of lines can be added up in any order, so the lines of a large file are counted in ranges, each by whatever thread is free. Three things
 * would tell ranges from the whole, and each is kept from it. A line that depends on lines before it: files of such lines are one part (see
 * `splitFormat`). The numbers of rejected lines: a part counts its own, and parts are put together in the order of the file. A limit
 * that folds services by the order in which they are seen: a scan has none. What is read only once, such as a pipe, is counted on one thread.
 */
import type { FormatName, ParserName } from "../parsers/registry.ts";
import type { LineRange } from "./read-range.ts";

/** An input as it was found before the scan. */
export interface ScanInput {
  readonly path: string;
  /** `stream`: it can be read only once, such as standard input. What cannot be found counts as a file of 0 bytes: reading it says what is wrong. */
  readonly kind: "file" | "stream";
  readonly bytes: number;
  /** Of a file: see {@link identityOf}. */
  readonly identity: string;
  /** The format by which its lines can be counted each by itself, in any order; undefined when they cannot, or the format is not certain. */
  readonly splitFormat?: ParserName | undefined;
}

/** Tells a file from another one that took its path. */
export function identityOf(device: string, inode: string): string {
  return `${device} ${inode}`;
}

/** What one thread counts at a time. */
export interface ScanPart {
  /** Number of the input, from 0. */
  readonly input: number;
  readonly path: string;
  readonly format: FormatName;
  /** Lines of the file that had this identity; undefined: the whole input. */
  readonly range: (LineRange & { readonly identity: string }) | undefined;
}

/** Threads that a scan takes by itself: with more, reading and merging tell, and others need the host, too. */
const THREADS_DEFAULT_MAX = 4;
/**
 * A thread more costs 0.3 to 0.4 s of a processor: to start, to compile what is hot once more, to hand windows over. Meanwhile 350 MB of JSON are
 * counted. So two threads are as fast as one at 500 MB, an eighth faster at 1 GB and 1.4 times as fast at 4 GB (2 cores, the bundle with its start);
 * formats that are read slower gain more.
 */
const THREAD_BYTES_MIN = 480_000_000;
/** Some milliseconds of work: at the end, threads wait no longer for each other. */
const RANGE_BYTES = 8 * 1024 * 1024;

/** On how many threads inputs are counted. `asked`: that many, unless an input is a stream. */
export function threadCount(
  inputs: readonly ScanInput[],
  asked: number | undefined,
  processors: number,
): number {
  if (inputs.some(({ kind }) => kind === "stream")) return 1;
  if (asked !== undefined) return asked;
  const bytes = inputs.reduce((sum, input) => sum + input.bytes, 0);
  return Math.max(
    1,
    Math.min(processors, THREADS_DEFAULT_MAX, Math.floor(bytes / THREAD_BYTES_MIN)),
  );
}

/** True when a file is large enough to be counted in ranges. */
export function isWorthSplitting(input: ScanInput, rangeBytes: number = RANGE_BYTES): boolean {
  return input.kind === "file" && input.bytes > rangeBytes;
}

/** The parts of all inputs, each input's in its order: one for one thread. */
export function planParts(
  inputs: readonly ScanInput[],
  format: FormatName,
  rangeBytes: number = RANGE_BYTES,
): ScanPart[] {
  return inputs.flatMap((found, input): ScanPart[] => {
    const { path, identity, bytes, splitFormat } = found;
    if (splitFormat === undefined) return [{ input, path, format, range: undefined }];
    const count = Math.max(1, Math.ceil(bytes / rangeBytes));
    return Array.from({ length: count }, (_, number) => ({
      input,
      path,
      format: splitFormat,
      range: {
        from: number * rangeBytes,
        // What is appended meanwhile belongs to the last one, as if the file were read from its beginning.
        to: number + 1 === count ? Number.POSITIVE_INFINITY : (number + 1) * rangeBytes,
        identity,
      },
    }));
  });
}
