/**
 * The embedded log: one partition of `batches` as segment files in a folder, everything else in the state store. FORMAT.md draws the bytes.
 *
 * Appends that come while others are being synced wait and are then written and synced together (group commit), so the number of
 * syncs does not grow with the number of agents. Records that ask for no sync ride along; nothing is synced for them alone.
 *
 * Positions count records and are never given twice, neither after everything was trimmed nor after a crash took unsynced records
 * that had already been read and committed: the store's positions count, too. So positions may skip.
 *
 * A failed sync is not tried again. The kernel may have dropped what it could not write and report success the next time, so the log
 * is closed: those appends end in LOG_UNKNOWN, later ones in LOG_UNAVAILABLE, until the log is opened anew; recovery then writes again
 * what it finds and syncs it. A failed write is taken back durably and only then called absent.
 *
 * `keyed` is not stored: one owner runs both stages and hands the values over, so its partition count is 0. All groups share the key space of the store,
 * so that queries can read it without the log.
 */
import { assert } from "../../shared/assert.ts";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { DiskLock } from "../../shared/platform/disk.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { StateStore } from "../state/state-store.ts";
import { LocalOwner } from "./local-owner.ts";
import type { Log, LogRecord, Owner, Topic } from "./log.ts";
import {
  logIdChange,
  positionBounds,
  positionChange,
  readLogId,
  readPosition,
} from "./log-rows.ts";
import { readSegment } from "./read-segment.ts";
import { RecentRecords } from "./recent-records.ts";
import { type RecoveredSegments, recoverSegments } from "./recover-segments.ts";
import { FRAME_HEADER_BYTES, PAYLOAD_BYTES_MAX } from "./segment-format.ts";
import { type NewRecord, type Segment, SegmentWriter, SyncFailure } from "./segment-writer.ts";
import { WakeList } from "./wake-list.ts";

/** What the embedded log needs of the outside world. */
export type LocalLogPlatform = Pick<Platform, "clock" | "disk" | "random">;

/** How to open the embedded log. */
export interface LocalLogOptions {
  /** The log's own folder; made when absent. */
  readonly directory: string;
  /** Holds positions and state; the caller closes it, after the log. */
  readonly store: StateStore;
  readonly logger: Logger;
  /** Beyond this many bytes in segments an append fails with LOG_FULL. At least four times the longest record. */
  readonly bytesMax: number;
  /** A new segment is begun at this length; default 8 MiB, at most a quarter of `bytesMax`. */
  readonly segmentBytesMax?: number;
  /** The newest records are kept in memory for readers up to this many bytes; default 8 MiB. */
  readonly recentBytesMax?: number;
  /** Called once when a sync failed and the log can only be closed and opened anew. */
  readonly onFailed?: (error: unknown) => void;
}

const SEGMENT_BYTES_MAX = 8 * 1024 * 1024;
const RECENT_BYTES_MAX = 8 * 1024 * 1024;
/** Large enough that a sync is shared by all that wait, small enough to be copied without a pause that others notice. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** Receivers bound what they take in; this bounds what stands here should they fail to. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

interface WaitingAppend extends NewRecord {
  readonly sync: boolean;
  readonly resolve: (position: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the embedded log of a folder and puts in order what a crash left there. Fails with LOCK_HELD when another process has it open,
 * with LOG_CORRUPT or FORMAT_UNKNOWN when its bytes cannot be trusted, with DISK_FAILED when the disk does not work.
 */
export async function openLocalLog(
  platform: LocalLogPlatform,
  options: LocalLogOptions,
): Promise<LocalLog> {
  const { directory, store, logger } = options;
  let lock: DiskLock | undefined;
  try {
    await makeDurableDirectory(platform.disk, directory);
    lock = await platform.disk.lock(`${directory}/lock`);
    if (lock === undefined) throw lockHeld(directory);
    const readPosition = positionBounds(store)?.lowest;
    const found = await recoverSegments({ disk: platform.disk, directory, logger, readPosition });
    const logId = await agreeOnLogId(platform, options, found);
    return new LocalLog(platform, options, { ...found, logId, lock });
  } catch (cause) {
    await lock?.release();
    if (systemCode(cause) === undefined || cause instanceof TailraceError) throw cause;
    throw new TailraceError(
      "DISK_FAILED",
      `The log in ${directory} cannot be opened: the disk says ${systemCode(cause)}. Look at the folder, its rights and the room on its disk.`,
      { cause, facts: { directory } },
    );
  }
}

function lockHeld(directory: string): TailraceError {
  return new TailraceError(
    "LOCK_HELD",
    `Another process uses ${directory}. Stop it, or give this one a data_dir of its own.`,
    { facts: { directory } },
  );
}

/** The id is in the store before the first segment is made, and in every segment: either may be lost, but they must not differ. */
async function agreeOnLogId(
  platform: LocalLogPlatform,
  options: LocalLogOptions,
  found: RecoveredSegments,
): Promise<string> {
  const known = readLogId(options.store);
  if (known !== undefined && found.logId !== undefined && known !== found.logId) {
    throw new TailraceError(
      "LOG_CORRUPT",
      `The log in ${options.directory} is ${found.logId}, but the state store beside it belongs to ${known}. Put back the two that belong together.`,
      { facts: { directory: options.directory, logId: found.logId } },
    );
  }
  if (known !== undefined) return known;
  const logId = found.logId ?? platform.random.bytes(16).toString("hex");
  await options.store.commit([logIdChange(logId)]);
  return logId;
}

/** See the head of this file. Made by {@link openLocalLog}. */
export class LocalLog implements Log {
  readonly logId: string;
  readonly #platform: LocalLogPlatform;
  readonly #options: LocalLogOptions;
  readonly #lock: DiskLock;
  readonly #segmentBytesMax: number;
  /** Ascending; the last one grows while there is a writer. */
  readonly #segments: Segment[];
  readonly #recent: RecentRecords;
  readonly #readers = new WakeList();
  readonly #owners = new Map<string, LocalOwner>();
  readonly #waiting: WaitingAppend[] = [];
  #waitingBytes = 0;
  #writer: SegmentWriter | undefined;
  #writing: Promise<void> | undefined;
  #owning: Promise<unknown> = Promise.resolve();
  #trimming: Promise<void> = Promise.resolve();
  #nextPosition: number;
  #appendedAtMsMax: number;
  #end: "failed" | "closed" | undefined;

  /** For {@link openLocalLog}. */
  constructor(
    platform: LocalLogPlatform,
    options: LocalLogOptions,
    found: RecoveredSegments & { readonly logId: string; readonly lock: DiskLock },
  ) {
    this.#platform = platform;
    this.#options = options;
    this.logId = found.logId;
    this.#lock = found.lock;
    this.#segments = [...found.segments];
    const { segmentBytesMax = SEGMENT_BYTES_MAX, bytesMax } = options;
    this.#segmentBytesMax = Math.min(segmentBytesMax, Math.floor(bytesMax / 4));
    this.#nextPosition = Math.max(found.nextPosition, positionBounds(options.store)?.highest ?? 0);
    this.#appendedAtMsMax = found.appendedAtMsMax;
    this.#recent = new RecentRecords(
      this.#nextPosition,
      options.recentBytesMax ?? RECENT_BYTES_MAX,
    );
  }

  /** Bytes in segments, waiting appends included. */
  get bytes(): number {
    let bytes = this.#waitingBytes;
    for (const segment of this.#segments) bytes += segment.bytes;
    return bytes;
  }

  partitionCount(topic: Topic): number {
    return topic === "batches" ? 1 : 0;
  }

  append(
    topic: Topic,
    partition: number,
    payload: Buffer,
    options: { readonly sync?: boolean } = {},
  ): Promise<number> {
    assert(topic === "batches" && partition === 0, "the embedded log has one partition of batches");
    assert(payload.length <= PAYLOAD_BYTES_MAX, "a record of the log is at most 8 MiB long");
    const bytes = FRAME_HEADER_BYTES + payload.length;
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(bytes);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      this.#appendedAtMsMax = Math.max(
        this.#appendedAtMsMax,
        Math.floor(this.#platform.clock.now()),
      );
      const appendedAtMs = this.#appendedAtMsMax;
      this.#waiting.push({ payload, appendedAtMs, sync: options.sync ?? true, resolve, reject });
      this.#waitingBytes += bytes;
      // One turn later, so that all appends of this turn are written together.
      this.#writing ??= Promise.resolve().then(() => this.#writeWaiting());
    });
  }

  own(group: string, partition: number, onLost: () => void): Promise<Owner> {
    assert(partition === 0, "the embedded log has one partition");
    const owned = this.#owning.then(async () => {
      if (this.#end === "closed") throw this.#unavailable();
      const previous = this.#owners.get(group);
      previous?.fence();
      await previous?.decided();
      const { store } = this.#options;
      if (readPosition(store, group) === undefined) await store.commit([positionChange(group, 0)]);
      const read = (from: number, bytesMax: number, signal: AbortSignal) =>
        this.#read(from, bytesMax, signal);
      const owner = new LocalOwner({ group, store, onLost, read });
      this.#owners.set(group, owner);
      return owner;
    });
    this.#owning = owned.catch(() => undefined);
    return owned;
  }

  trim(topic: Topic, partition: number, before: number): Promise<void> {
    assert(topic === "batches" && partition === 0, "the embedded log has one partition of batches");
    const trimmed = this.#trimming.then(() => this.#trim(before));
    this.#trimming = trimmed.catch(() => undefined);
    return trimmed;
  }

  /** Writes what waits, ends the segment, gives the lock back. Later calls fail with LOG_UNAVAILABLE; reads that wait fail so, too. */
  async close(): Promise<void> {
    if (this.#end === "closed") return;
    const wasFailed = this.#end === "failed";
    this.#end = "closed";
    this.#readers.wakeAll();
    for (const owner of this.#owners.values()) await owner.close();
    await this.#writing;
    await this.#trimming;
    try {
      if (wasFailed) await this.#writer?.abandon();
      else await this.#writer?.end(this.#appendedAtMsMax);
    } catch (error) {
      // The next open recovers what stands there, as after a crash.
      this.#options.logger.warn("the log's last segment was left open", { error: String(error) });
      await this.#writer?.abandon();
    }
    await this.#lock.release();
  }

  #refusal(bytes: number): TailraceError | undefined {
    if (this.#end !== undefined) return this.#unavailable();
    if (this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      return new TailraceError("LOG_UNAVAILABLE", "Too many bytes wait to be written to the log.");
    }
    if (this.bytes + bytes > this.#options.bytesMax) return this.#full(undefined);
    return undefined;
  }

  #full(cause: unknown): TailraceError {
    const { directory, bytesMax } = this.#options;
    return new TailraceError(
      "LOG_FULL",
      `The log in ${directory} has no room: it holds ${this.bytes} of ${bytesMax} bytes. It empties as batches are applied; if it does not, look why, or give it more.`,
      { cause, facts: { directory, bytes: this.bytes, bytesMax } },
    );
  }

  #unavailable(): TailraceError {
    const why = this.#end === "closed" ? "was closed" : "failed to sync and must be opened anew";
    return new TailraceError("LOG_UNAVAILABLE", `The log in ${this.#options.directory} ${why}.`);
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      const bytes = frameBytes(group);
      try {
        await this.#writeGroup(group, bytes);
      } catch (error) {
        const refusal = this.#judge(error);
        for (const append of group) append.reject(refusal);
      }
      this.#waitingBytes -= bytes;
    }
    this.#writing = undefined;
  }

  #takeGroup(): WaitingAppend[] {
    const bytesMax = Math.min(GROUP_BYTES_MAX, this.#segmentBytesMax);
    let count = 0;
    let bytes = 0;
    for (const append of this.#waiting) {
      bytes += frameBytes([append]);
      if (count > 0 && bytes > bytesMax) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeGroup(group: readonly WaitingAppend[], bytes: number): Promise<void> {
    if (this.#end === "failed") throw this.#unavailable();
    if (this.#writer !== undefined && this.#writer.holdsRecords) {
      const isFull = this.#writer.writtenBytes + bytes > this.#segmentBytesMax;
      if (isFull) await this.#endSegment(this.#writer);
    }
    this.#writer ??= await this.#beginSegment();
    const payloads = await this.#writer.write(group);
    if (group.some((append) => append.sync)) await this.#writer.sync();
    this.#writer.publish(group.length);
    for (const [index, payload] of payloads.entries()) {
      const append = group[index];
      assert(append !== undefined, "every payload has its append");
      const position = this.#nextPosition++;
      this.#recent.push({ position, appendedAtMs: append.appendedAtMs, payload });
      append.resolve(position);
    }
    this.#readers.wakeAll();
  }

  async #beginSegment(): Promise<SegmentWriter> {
    const writer = await SegmentWriter.create(this.#platform, this.#options.directory, {
      logId: this.logId,
      firstPosition: this.#nextPosition,
      appendedAtMsMax: this.#appendedAtMsMax,
    });
    this.#segments.push(writer.segment);
    return writer;
  }

  async #endSegment(writer: SegmentWriter): Promise<void> {
    await writer.end(this.#appendedAtMsMax);
    this.#writer = undefined;
  }

  /** What a failed write means for those who wait for it. */
  #judge(error: unknown): TailraceError {
    if (error instanceof TailraceError) return error;
    const { directory } = this.#options;
    if (error instanceof SyncFailure) {
      this.#fail(error);
      return new TailraceError("LOG_UNKNOWN", `The log in ${directory} failed to sync.`, {
        cause: error,
        facts: { directory },
      });
    }
    const code = systemCode(error);
    if (code === "ENOSPC" || code === "EDQUOT") return this.#full(error);
    return new TailraceError("LOG_UNAVAILABLE", `The log in ${directory} cannot be written.`, {
      cause: error,
      facts: { directory },
    });
  }

  #fail(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = "failed";
    this.#options.logger.error("the log failed to sync; it takes nothing until it is opened anew", {
      directory: this.#options.directory,
      error: String(error),
    });
    this.#options.onFailed?.(error);
    this.#readers.wakeAll();
  }

  async #read(from: number, bytesMax: number, signal: AbortSignal): Promise<LogRecord[]> {
    while (!signal.aborted) {
      if (this.#end === "closed") throw this.#unavailable();
      if (from < this.#nextPosition) {
        const recent = this.#recent.read(from, bytesMax);
        if (recent !== undefined) return recent;
        const segment = this.#segments.find((candidate) => candidate.endPosition > from);
        if (segment !== undefined) {
          const start = Math.max(from, segment.firstPosition);
          return this.#onDisk(readSegment(this.#platform.disk, segment, start, bytesMax));
        }
      }
      if (this.#end === "failed") throw this.#unavailable();
      await this.#readers.wait(signal);
    }
    return [];
  }

  /** The disk may do next time what it refuses now, as when no file can be opened because too many are. */
  async #onDisk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      if (systemCode(cause) === undefined || cause instanceof TailraceError) throw cause;
      const { directory } = this.#options;
      throw new TailraceError(
        "DISK_FAILED",
        `The log in ${directory} cannot be read or trimmed: the disk says ${systemCode(cause)}.`,
        { cause, facts: { directory } },
      );
    }
  }

  async #trim(before: number): Promise<void> {
    const lowest = positionBounds(this.#options.store)?.lowest ?? 0;
    const limit = Math.min(before, lowest);
    for (;;) {
      const oldest = this.#segments[0];
      if (oldest === undefined || oldest === this.#writer?.segment) return;
      if (oldest.endPosition > limit) return;
      // Should a crash bring the file back, the next open removes it again.
      await this.#onDisk(this.#platform.disk.remove(oldest.path));
      this.#segments.shift();
    }
  }
}

function frameBytes(records: readonly NewRecord[]): number {
  let bytes = 0;
  for (const { payload } of records) bytes += FRAME_HEADER_BYTES + payload.length;
  return bytes;
}
