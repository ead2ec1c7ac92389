/** Reading single records of a spool back from the disk, and the errors of doing so. */
import { join } from "node:path";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk, DiskFile } from "../../shared/platform/disk.ts";
import type { FoundRecord } from "./record.ts";
import { readRecordAt, SegmentWindow, segmentName } from "./segment.ts";

/** A place in a segment. */
export interface Place {
  /** Number of the segment. */
  readonly segment: number;
  /** In bytes from its start. */
  readonly offset: number;
}

/** Reads records one after the other through one open file; each is checked, and its parts are the caller's own. */
export class RecordReader {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #salt: number;
  #open:
    | { readonly number: number; readonly file: DiskFile; readonly window: SegmentWindow }
    | undefined;
  /** Where the record with this sequence, or a tombstone before it, begins. */
  #next: { readonly sequence: number; readonly place: Place } | undefined;

  constructor(disk: Disk, directory: string, salt: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#salt = salt;
  }

  /**
   * The record that was sealed as `sequence`, which stands in `segment`; records in a row cost no search.
   * Fails with SPOOL_CORRUPT when bytes are not what was written, with DISK_FAILED when they cannot be read.
   */
  async readSealed(
    segment: { readonly number: number; readonly headerBytes: number },
    sequence: number,
  ): Promise<FoundRecord> {
    const { number } = segment;
    const next = this.#next;
    const isNext = next?.place.segment === number && next.sequence === sequence;
    let offset = isNext ? next.place.offset : segment.headerBytes;
    for (;;) {
      const found = await this.readAt({ segment: number, offset });
      offset += found.bytes;
      if (found.kind !== "sealed" || found.record.sequence < sequence) continue;
      if (found.record.sequence !== sequence) throw corrupt(this.#path(number), offset);
      this.#next = { sequence: sequence + 1, place: { segment: number, offset } };
      return found;
    }
  }

  /** The record at a place. Fails like {@link readSealed}. */
  async readAt(place: Place): Promise<FoundRecord> {
    try {
      const found = await this.#tryRead(place);
      if (found !== undefined) return found;
      // The window may show the end of the segment as it was in the middle of a write: look at the disk before saying so.
      await this.close();
      const again = await this.#tryRead(place);
      if (again === undefined) throw corrupt(this.#path(place.segment), place.offset);
      return again;
    } catch (cause) {
      await this.close();
      if (cause instanceof TailraceError || systemCode(cause) === undefined) throw cause;
      throw diskFailed(this.#path(place.segment), cause);
    }
  }

  /** Closes the file of this segment when it is the open one. */
  async closeSegment(number: number): Promise<void> {
    if (this.#open?.number === number) await this.close();
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#next = undefined;
    if (open !== undefined) await closeQuietly(open.file);
  }

  async #tryRead(place: Place): Promise<FoundRecord | undefined> {
    return readRecordAt(await this.#windowOf(place.segment), place.offset, this.#salt);
  }

  async #windowOf(number: number): Promise<SegmentWindow> {
    if (this.#open?.number === number) return this.#open.window;
    await this.close();
    const file = await this.#disk.open(this.#path(number), "read");
    this.#open = { number, file, window: new SegmentWindow(file) };
    return this.#open.window;
  }

  #path(number: number): string {
    return join(this.#directory, segmentName(number));
  }
}

/** The error for a failed operation of the disk. */
export function diskFailed(path: string, cause: unknown): TailraceError {
  const code = systemCode(cause) ?? "unknown";
  return new TailraceError(
    "DISK_FAILED",
    `the spool at ${path} cannot be written or read (${code}); the agent goes on when the disk works again`,
    { cause, facts: { path } },
  );
}

/** The error for bytes that are not what was written. */
export function corrupt(path: string, offset: number): TailraceError {
  return new TailraceError(
    "SPOOL_CORRUPT",
    `the spool segment ${path} holds bytes at ${offset} that were not written so`,
    { facts: { path, offset } },
  );
}

/** Closes a file after a failure; what matters was or will be reported by the write, sync or read itself. */
export async function closeQuietly(file: DiskFile): Promise<void> {
  try {
    await file.close();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}
