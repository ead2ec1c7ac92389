import type { Disk, DiskFile } from "../../shared/platform/disk.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { addToIndex, type IndexEntry, type ScannedSegment } from "./scan-segment.ts";
import {
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  writeFrame,
} from "./segment-format.ts";

/** What readers need to know of a segment, whether it still grows or not. */
export interface Segment {
  readonly path: string;
  readonly salt: Buffer;
  readonly firstPosition: number;
  /** Position behind the last record that may be read. */
  endPosition: number;
  /** Length of what may be read. */
  bytes: number;
  readonly index: IndexEntry[];
}

/** A record that is about to be written. */
export interface NewRecord {
  readonly payload: Buffer;
  readonly appendedAtMs: number;
}

/** A sync failed: what reached the disk is unknown, and asking again would prove nothing. */
export class SyncFailure extends Error {
  override readonly name = "SyncFailure";
}

/** Name of the segment that begins with a position. Names sort as positions do. */
export function segmentName(firstPosition: number): string {
  return `batches-${String(firstPosition).padStart(15, "0")}.log`;
}

/** The segment that grows. One call at a time. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly #file: DiskFile;
  #writtenBytes = SEGMENT_HEADER_BYTES;
  #syncedBytes = SEGMENT_HEADER_BYTES;

  private constructor(file: DiskFile, segment: Segment) {
    this.#file = file;
    this.segment = segment;
  }

  /**
   * Makes a segment; its header and its name are durable when it resolves. A file that is already there under the name is what an
   * earlier try left behind, and written over. Fails with the system's error, or with {@link SyncFailure}.
   */
  static async create(
    platform: Pick<Platform, "disk" | "random">,
    directory: string,
    header: Omit<SegmentHeader, "salt">,
  ): Promise<SegmentWriter> {
    const path = `${directory}/${segmentName(header.firstPosition)}`;
    const salt = platform.random.bytes(8);
    const file = await platform.disk.open(path, "write");
    try {
      await file.truncate(0);
      await file.write(encodeSegmentHeader({ ...header, salt }), 0);
      await sync(() => file.sync());
      await sync(() => platform.disk.syncDirectory(directory));
    } catch (error) {
      await file.close();
      throw error;
    }
    const { firstPosition } = header;
    return new SegmentWriter(file, {
      path,
      salt,
      firstPosition,
      endPosition: firstPosition,
      bytes: SEGMENT_HEADER_BYTES,
      index: [],
    });
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get holdsRecords(): boolean {
    return this.#writtenBytes > SEGMENT_HEADER_BYTES;
  }

  /**
   * Writes records behind each other and returns them as they stand on disk. They may not be read before {@link publish}.
   * Fails with the system's error, and then nothing of them is on disk, or with {@link SyncFailure}.
   */
  async write(records: readonly NewRecord[]): Promise<Buffer[]> {
    let length = 0;
    for (const record of records) length += FRAME_HEADER_BYTES + record.payload.length;
    const bytes = Buffer.allocUnsafe(length);
    const payloads: Buffer[] = [];
    let { endPosition: position } = this.segment;
    let offset = 0;
    for (const record of records) {
      const frame = {
        ...record,
        kind: "record",
        position,
        syncedBytes: this.#syncedBytes,
      } as const;
      addToIndex(this.segment.index, { position, offset: this.#writtenBytes + offset });
      offset = writeFrame(bytes, offset, frame, this.segment.salt);
      payloads.push(bytes.subarray(offset - record.payload.length, offset));
      position++;
    }
    await this.#writeBytes(bytes);
    return payloads;
  }

  /** Makes what was written durable. Fails with {@link SyncFailure}. */
  async sync(): Promise<void> {
    const bytes = this.#writtenBytes;
    await sync(() => this.#file.sync());
    this.#syncedBytes = bytes;
  }

  /** Lets readers see what was written. */
  publish(recordCount: number): void {
    this.segment.endPosition += recordCount;
    this.segment.bytes = this.#writtenBytes;
  }

  /** Says durably that nothing follows, and closes the file. Fails like {@link write}. */
  async end(appendedAtMs: number): Promise<void> {
    const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    const frame = {
      kind: "end",
      position: this.segment.endPosition,
      appendedAtMs,
      syncedBytes: this.#syncedBytes,
      payload: Buffer.alloc(0),
    } as const;
    writeFrame(bytes, 0, frame, this.segment.salt);
    await this.#writeBytes(bytes);
    await this.sync();
    this.segment.bytes = this.#writtenBytes;
    await this.#file.close();
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #writeBytes(bytes: Buffer): Promise<void> {
    try {
      await this.#file.write(bytes, this.#writtenBytes);
    } catch (error) {
      await this.#takeBack(error);
      throw error;
    }
    this.#writtenBytes += bytes.length;
  }

  /** After a failed write some of its frames may stand there whole. They count as absent only when their removal is durable. */
  async #takeBack(error: unknown): Promise<void> {
    const { index } = this.segment;
    while ((index.at(-1)?.offset ?? 0) >= this.#writtenBytes) index.pop();
    try {
      await this.#file.truncate(this.#writtenBytes);
    } catch {
      throw new SyncFailure("A failed write to the log could not be taken back.", { cause: error });
    }
    await this.sync();
  }
}

/**
 * Makes the last segment that a former process left durable, and ended, whatever state it was left in; returns its new length.
 *
 * All of it is written again. After a failed sync the system may show bytes that never reached the disk, and a later sync would not know
 * of them; this holds for the frame that says `end`, too.
 */
export async function endRecoveredSegment(
  disk: Disk,
  path: string,
  good: Buffer,
  scanned: ScannedSegment,
): Promise<number> {
  const end = Buffer.allocUnsafe(scanned.isEnded ? 0 : FRAME_HEADER_BYTES);
  if (!scanned.isEnded) {
    const frame = {
      kind: "end",
      position: scanned.endPosition,
      appendedAtMs: scanned.appendedAtMsMax,
      // What stands before is synced together with this frame, so this frame must not vouch for it.
      syncedBytes: 0,
      payload: Buffer.alloc(0),
    } as const;
    writeFrame(end, 0, frame, scanned.header.salt);
  }
  const file = await disk.open(path, "write");
  try {
    await file.truncate(good.length);
    await file.write(good, 0);
    await file.write(end, good.length);
    await file.sync();
  } finally {
    await file.close();
  }
  return good.length + end.length;
}

async function sync(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    throw new SyncFailure("A sync of the log failed.", { cause });
  }
}
