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

  /** Finishes the file at hand. What is queued is written after the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
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
          this.#options.onFatal(error);
          return;
        }
        this.counters.failures++;
        waitMs = Math.min(2 * waitMs, BACKOFF_MS_MAX);
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn(`nothing was archived: ${reason}`, { directory, waitMs });
      }
      await platform.timers.sleep(waitMs, signal);
    }
  }

  async #step(): Promise<void> {
    await this.#clear();
    const due = this.#options.partitions.filter((partition) => this.#hasBlock(partition));
    if (due.length === 0) return;
    await using writer = await this.#options.openWriter();
    for (const partition of due) await this.#writeBlocks(partition, writer);
    await this.#makeRoom();
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

  /**
   * Makes a folder, and its entry and those of the folders above durable, once in this process: that a folder is there does not say that it is
   * durable, since a process before may have died between the two.
   */
  async #makeFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    const { platform, directory } = this.#options;
    const { disk } = platform;
    await makeDurableDirectory(disk, directory);
    await disk.makeDirectory(path);
    for (let folder = path; ; folder = dirname(folder)) {
      await disk.syncDirectory(dirname(folder));
      if (folder === directory) break;
    }
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
