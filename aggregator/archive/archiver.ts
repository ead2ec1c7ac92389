/**
 * The archive: what stage 2 queued becomes Parquet files by table, day and stream ({@link file://./tables.ts}).
 *
 * Stage 2 decides what is queued and where a block ends, and commits that with the windows; this only writes closed blocks, one after
 * the other: each file under another name, synced, renamed, its folder synced. Only then does it say that the block is written, and stage 2
 * deletes its rows. A crash at any moment leaves rows whose files are written again under the same names, so nothing is missing and
 * nothing is there twice. A file under its own name is whole.
 *
 * Nobody waits for it: while the disk does not work it tries again, and stage 2's queue is bounded.
 */
import { dirname, join } from "node:path";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { StateView } from "../log/log.ts";
import { readArchiveRow, readBlock } from "../state/archive-rows.ts";
import { readProcessRow } from "../state/read-agents.ts";
import {
  type ArchiveLimits,
  filesToDelete,
  listArchive,
  listTemporary,
  TEMPORARY_ENDING,
} from "./archive-file.ts";
import { type FileContent, filesOfBlock } from "./tables.ts";

/** How often it looks for closed blocks. */
const LOOK_MS = 1_000;
/** The same, and how often stage 2 is looked at, before it stops. */
const DRAIN_LOOK_MS = 20;
const BACKOFF_MS_MAX = 60_000;
const FOLDER_COUNT_MAX = 1_000;

/** Writes tables into files; open only while there is something to write. */
export interface TableWriter extends AsyncDisposable {
  /** Writes a file, or one more time the same. Not durable. Fails with ARCHIVE_FAILED or as the disk does. */
  write(path: string, content: FileContent): Promise<void>;
}

/** What an archiver works with. */
export interface ArchiverOptions {
  readonly platform: Platform;
  readonly logger: Logger;
  /** The archive's folder as an absolute path; made when absent. */
  readonly directory: string;
  readonly limits: ArchiveLimits;
  /** Partitions of stage 2. */
  readonly partitions: readonly number[];
  /** State of a partition as of the last commit; undefined while it is not owned here. */
  view(partition: number): StateView | undefined;
  openWriter(): Promise<TableWriter>;
  /** Called once, when it gave up: a fault of the program, or bytes that cannot be trusted. */
  readonly onFatal: (error: unknown) => void;
}

/** What an archiver did since it was started. */
export interface ArchiverCounters {
  files: number;
  bytes: number;
  failures: number;
  deletedFiles: number;
  deletedBytes: number;
}

/** See the head of this file. */
export class Archiver {
  readonly counters: ArchiverCounters = {
    ...{ files: 0, bytes: 0, failures: 0, deletedFiles: 0, deletedBytes: 0 },
  };
  readonly #options: ArchiverOptions;
  readonly #written = new Map<number, number>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** Folders that are known to be durable. */
  readonly #folders = new Set<string>();
  /** Ends the wait for the next look. */
  #wake = new AbortController();
  #isDraining = false;
  /** Whether it gave up. */
  #hasEnded = false;
  #hasCleared = false;

  /** Starts at once. */
  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** All blocks of a partition below this number are in durable files. */
  writtenBlocks(partition: number): number {
    return this.#written.get(partition) ?? 0;
  }

  /** Whether stage 2 is to close its open blocks, which are written before this ends. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Writes all that is queued, at most so long, then finishes the file at hand. What is left is written after the next start. */
  async close(drainMsMax: number): Promise<void> {
    const { clock, timers } = this.#options.platform;
    const endMs = clock.monotonic() + drainMsMax;
    this.#isDraining = true;
    this.#wake.abort();
    while (this.#hasWaiting() && !this.#hasEnded && clock.monotonic() < endMs) {
      await timers.sleep(DRAIN_LOOK_MS);
    }
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { platform, logger, directory } = this.#options;
    let waitMs = LOOK_MS;
    while (!signal.aborted) {
      try {
        await this.#step();
        waitMs = LOOK_MS;
      } catch (error) {
        const isOperating = error instanceof TailraceError && error.retry === "later";
        if (!isOperating && systemCode(error) === undefined) {
          this.#hasEnded = true;
          this.#options.onFatal(error);
          return;
        }
        this.counters.failures++;
        waitMs = Math.min(2 * waitMs, BACKOFF_MS_MAX);
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn(`nothing was archived: ${reason}`, { directory, waitMs });
      }
      const isQuick = this.#isDraining && waitMs === LOOK_MS;
      await platform.timers.sleep(isQuick ? DRAIN_LOOK_MS : waitMs, this.#nextWake());
    }
  }

  /** Aborts when the wait for the next look is over early. */
  #nextWake(): AbortSignal {
    if (this.#wake.signal.aborted && !this.#stop.signal.aborted) this.#wake = new AbortController();
    return this.#wake.signal;
  }

  async #step(): Promise<void> {
    await this.#clear();
    const due = this.#options.partitions.filter((partition) => this.#hasBlock(partition));
    if (due.length === 0) return;
    await using writer = await this.#options.openWriter();
    for (const partition of due) await this.#writeBlocks(partition, writer);
    await this.#makeRoom();
  }

  /** Whether stage 2 still has rows for files. */
  #hasWaiting(): boolean {
    return this.#options.partitions.some((partition) => {
      const view = this.#options.view(partition);
      if (view === undefined) return false;
      const { openItems, firstBlock, block } = readArchiveRow(view);
      return openItems > 0 || firstBlock < block;
    });
  }

  #hasBlock(partition: number): boolean {
    const view = this.#options.view(partition);
    if (view === undefined) return false;
    const { block, firstBlock } = readArchiveRow(view);
    return Math.max(firstBlock, this.writtenBlocks(partition)) < block;
  }

  async #writeBlocks(partition: number, writer: TableWriter): Promise<void> {
    while (!this.#stop.signal.aborted && this.#hasBlock(partition)) {
      const view = this.#options.view(partition);
      if (view === undefined) return;
      const { firstBlock } = readArchiveRow(view);
      const block = Math.max(firstBlock, this.writtenBlocks(partition));
      for (const content of filesOfBlock(partition, readBlock(view, block))) {
        await this.#writeFile(writer, content);
      }
      this.#written.set(partition, block + 1);
    }
  }

  async #writeFile(writer: TableWriter, content: FileContent): Promise<void> {
    const { platform, directory } = this.#options;
    const { disk } = platform;
    const path = join(directory, content.path);
    const temporary = path + TEMPORARY_ENDING;
    await this.#makeFolder(dirname(path));
    await writer.write(temporary, content);
    const file = await disk.open(temporary, "write");
    try {
      await file.sync();
      this.counters.bytes += (await file.stat()).bytes;
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
    await disk.syncDirectory(dirname(path));
    this.counters.files++;
  }

  /** Makes a folder so that it survives a power cut, once in this process. */
  async #makeFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    await makeDurableDirectory(this.#options.platform.disk, path);
    if (this.#folders.size >= FOLDER_COUNT_MAX) this.#folders.clear();
    this.#folders.add(path);
  }

  /** Removes what a crash left half written; the first time only. */
  async #clear(): Promise<void> {
    if (this.#hasCleared) return;
    const { directory, platform } = this.#options;
    for (const path of await listTemporary(platform.disk, directory)) {
      await platform.disk.remove(path);
    }
    this.#hasCleared = true;
  }

  async #makeRoom(): Promise<void> {
    const { platform, directory, limits, logger } = this.#options;
    const files = await listArchive(platform.disk, directory);
    const deleted = filesToDelete(files, limits, this.#watermarkMs());
    for (const { path, bytes } of deleted) {
      await platform.disk.remove(path);
      this.counters.deletedFiles++;
      this.counters.deletedBytes += bytes;
    }
    if (deleted.length === 0) return;
    logger.info("old files of the archive were deleted", { directory, files: deleted.length });
  }

  #watermarkMs(): number | undefined {
    let lowestMs: number | undefined;
    for (const partition of this.#options.partitions) {
      const view = this.#options.view(partition);
      const watermarkMs = view && readProcessRow(view).watermarkMs;
      // Nothing is too old while a partition has yet to say where it is.
      if (watermarkMs === undefined) return undefined;
      lowestMs = Math.min(lowestMs ?? watermarkMs, watermarkMs);
    }
    return lowestMs;
  }
}
