/**
 * The spool: the agent's disk queue of sealed batches, between the moment they are cut and the moment an aggregator has applied them.
 *
 * It is a row of segments, files that only grow at their end. Each begins with everything the agent needs to go on from there: the epoch, the
 * next sequence, the full set of checkpoints, the cumulative ledger. So any one segment can follow a crash, and the older ones can be deleted
 * as soon as all in them is applied, one after the other, the oldest first, never the newest. A batch's checkpoints and its counts are one
 * record with one checksum: a source's position is durable exactly when what was counted up to it is.
 *
 * A record is synced before {@link Spool.append} resolves and only synced records are read for sending. A write or a sync that fails is never
 * simply repeated: nobody knows what the disk holds then. The next append first closes the file, checks what is there, cuts everything that was
 * not known to be durable and goes on in a new segment.
 *
 * `open-spool.ts` opens it, `recover.ts` says what was found on the disk, `begin-epoch.ts` fills a new epoch from an old one.
 */
import { join } from "node:path";
import { assert, present } from "../../shared/assert.ts";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk, DiskFile } from "../../shared/platform/disk.ts";
import { type Batch, DIGEST_NONE, type SealedRecord } from "../../shared/protocol/batch.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import { closeQuietly, corrupt, diskFailed, type Place, RecordReader } from "./read-record.ts";
import {
  encodeRecord,
  epochSalt,
  type FoundRecord,
  type RecordKind,
  type RecordNotes,
} from "./record.ts";
import { type ScannedSegment, type SegmentVisitor, scanSegment } from "./recover.ts";
import {
  encodeHeader,
  readHeader,
  type SegmentHeader,
  SegmentWindow,
  segmentName,
} from "./segment.ts";
import { SpoolState } from "./spool-state.ts";
import { withSegment } from "./with-segment.ts";

/**
 * Most records of a segment. After a restart everything from the oldest segment on is sent again, and an aggregator recognises only the last
 * 256 records of an agent: fewer than that must be applied and not yet deleted.
 */
const SEGMENT_RECORDS_MAX = 128;

/** Where and how large a spool is. */
export interface SpoolOptions {
  readonly disk: Disk;
  /** Folder that holds nothing but the segments. */
  readonly directory: string;
  readonly agent: string;
  readonly bytesMax: number;
  readonly segmentBytes: number;
}

/** One segment of the current epoch. */
export interface Segment {
  readonly number: number;
  readonly headerBytes: number;
  readonly firstSequence: number;
  /** One less than `firstSequence` while it is empty. */
  lastSequence: number;
  /** All that was written; what is synced is less only between an append without sync and {@link Spool.sync}. */
  bytes: number;
}

/** What opening found; `spool.ts` takes it over. */
export interface SpoolContents {
  readonly state: SpoolState | undefined;
  readonly segments: readonly Segment[];
  /** Sequence to where its tombstone stands. */
  readonly tombstones: ReadonlyMap<number, Place>;
  readonly retained: Retained;
}

/** Segments that a recovery has still to go through. */
export interface Retained {
  readonly numbers: readonly number[];
  /** Epochs that occur in them. */
  readonly epochs: readonly string[];
  /** Records that were condemned, as `epoch/sequence`. */
  readonly condemned: ReadonlySet<string>;
}

/** See the head of this file. */
export class Spool {
  readonly #options: SpoolOptions;
  #state: SpoolState | undefined;
  #segments: Segment[];
  #tombstones: Map<number, Place>;
  #retained: Retained;
  #active: DiskFile | undefined;
  #syncedSequence: number;
  #syncedBytes: number;
  #hasFailed = false;
  #turn: Promise<void> = Promise.resolve();
  #reader: RecordReader | undefined;

  /** Takes over what `openSpool` found; `active` is the newest segment, open for writing and synced. */
  constructor(options: SpoolOptions, contents: SpoolContents, active: DiskFile | undefined) {
    this.#options = options;
    this.#state = contents.state;
    this.#segments = [...contents.segments];
    this.#tombstones = new Map(contents.tombstones);
    this.#retained = contents.retained;
    this.#active = active;
    this.#syncedSequence = (contents.state?.nextSequence ?? 1) - 1;
    this.#syncedBytes = this.#segments.at(-1)?.bytes ?? 0;
  }

  /** What is known after the newest record; undefined until the first segment of an epoch is there. */
  get state(): SpoolState | undefined {
    return this.#state;
  }

  /** Epochs of all segments, also of those that wait for a recovery. */
  get epochs(): readonly string[] {
    const current = this.#state === undefined ? [] : [this.#state.epoch];
    return [...current, ...this.#retained.epochs];
  }

  /** Size of all segments of the current epoch on the disk. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.bytes;
    return bytes;
  }

  get segmentCount(): number {
    return this.#segments.length + this.#retained.numbers.length;
  }

  /** Sequence of the oldest record that is kept. */
  get firstSequence(): number {
    return this.#segments[0]?.firstSequence ?? 1;
  }

  /** Sequence of the newest record that is synced; 0 before the first. */
  get lastSequence(): number {
    return this.#syncedSequence;
  }

  /** Share of the limit that is taken. */
  get fill(): number {
    return this.bytes / this.#options.bytesMax;
  }

  /** True when nothing more may be added until something is deleted. The limit is exceeded by no more than one record. */
  get isFull(): boolean {
    return this.fill >= 1;
  }

  /** True between a failed write and the append that repaired it. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /**
   * Adds a batch, whose sequence and previous digest are the ones that {@link state} expects. Resolves when it is synced, unless
   * `isSynced` is false: then {@link sync} has to follow before anything is sent.
   * Fails with DISK_FAILED: the batch is not in the spool and will never be seen; call again later with the same one.
   * Fails with SPOOL_CORRUPT when a repair found that synced bytes are gone: open the spool anew.
   */
  append(batch: Batch, notes: RecordNotes, isSynced = true): Promise<void> {
    return this.#inTurn(async () => {
      const state = await this.#writable();
      assert(batch.sequence === state.nextSequence, "a batch follows the newest record");
      assert(batch.previousDigest === state.previousDigest, "a batch names the newest record");
      const record = sealRecord(batch);
      await this.#write("sealed", record, notes, isSynced);
      const segment = this.#newest();
      state.apply(batch, notes, record.digest);
      segment.lastSequence = batch.sequence;
      if (isSynced) this.#syncedSequence = batch.sequence;
    });
  }

  /** Makes durable what was appended without sync. Fails with DISK_FAILED. */
  sync(): Promise<void> {
    return this.#inTurn(() => this.#orFail(() => this.#syncActive()));
  }

  /** Puts a tombstone in the place of the record with its sequence: it is read instead, also after a restart. Fails like {@link append}. */
  condemn(tombstone: SealedRecord, notes: RecordNotes): Promise<void> {
    return this.#inTurn(async () => {
      const state = await this.#writable();
      const offset = await this.#write("tombstone", tombstone, notes, true);
      this.#tombstones.set(tombstone.sequence, { segment: this.#newest().number, offset });
      state.correct(notes);
    });
  }

  /**
   * Consecutive records from `sequence` on, at least one, together at most about `bytesMax`; empty when there is none yet.
   * Fails with SPOOL_CORRUPT when the bytes are no longer what was written, with DISK_FAILED when they cannot be read.
   */
  async read(sequence: number, bytesMax: number): Promise<SealedRecord[]> {
    assert(sequence >= this.firstSequence, `record ${sequence} is still in the spool`);
    const records: SealedRecord[] = [];
    let bytes = 0;
    for (let next = sequence; next <= this.#syncedSequence; next++) {
      const record = await this.#readOne(next);
      bytes += record.payload.length;
      if (records.length > 0 && bytes > bytesMax) break;
      records.push(record);
    }
    return records;
  }

  /** The record that was sealed as `sequence`, also when it was condemned since. Fails like {@link read}. */
  readSealed(sequence: number): Promise<FoundRecord> {
    return this.#openReader().readSealed(this.#segmentOf(sequence), sequence);
  }

  /** Digest of the record before `sequence`, or of none when that is not in the spool any more. Fails like {@link read}. */
  async digestBefore(sequence: number): Promise<string> {
    if (sequence <= this.firstSequence) return DIGEST_NONE;
    return (await this.readSealed(sequence - 1)).record.digest;
  }

  /** Deletes the segments in which everything up to `applied` is all there is. Fails with DISK_FAILED; then call again later. */
  release(applied: number): Promise<void> {
    return this.#inTurn(async () => {
      const newest = this.#segments.at(-1);
      if (newest === undefined) return;
      const isDrained = newest.lastSequence <= applied && newest.bytes > newest.headerBytes;
      // At the limit the newest segment gives its place back as well: an empty one takes over.
      if (isDrained && this.isFull) {
        if (this.#hasFailed) await this.#repair();
        else await this.#orFail(() => this.#roll());
      }
      for (;;) {
        const [oldest, successor] = this.#segments;
        if (oldest === undefined || successor === undefined) return;
        if (oldest.lastSequence > applied) return;
        await this.#reader?.closeSegment(oldest.number);
        await this.#remove(oldest.number);
        this.#segments.shift();
        for (const [sequence] of this.#tombstones) {
          if (sequence < successor.firstSequence) this.#tombstones.delete(sequence);
        }
      }
    });
  }

  /** Ends the current epoch: its segments become {@link retained} ones. Nothing can be added until {@link begin}. */
  retire(): Promise<void> {
    return this.#inTurn(() => this.#retire());
  }

  /** Begins an epoch with its first segment, after {@link retire} when there was one before. Fails with DISK_FAILED: open anew. */
  begin(header: SegmentHeader): Promise<void> {
    return this.#inTurn(async () => {
      assert(this.#state === undefined, "the epoch before was retired");
      const numbers = this.#retained.numbers;
      const number = 1 + Math.max(0, ...numbers);
      this.#state = new SpoolState(header);
      await this.#orFail(async () => {
        await this.#removeFrom(number);
        await this.#create(number);
      });
      this.#syncedSequence = header.nextSequence - 1;
    });
  }

  /** Begins a new segment, whose header holds the state as it is now. Fails with DISK_FAILED. */
  roll(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#writable();
      await this.#orFail(() => this.#roll());
    });
  }

  /** Segments of former epochs, or damaged ones. They stay until {@link dropRetained}. */
  get retained(): Retained {
    return this.#retained;
  }

  /** The header of a retained segment; undefined when it is damaged. Fails with DISK_FAILED. */
  retainedHeader(number: number): Promise<SegmentHeader | undefined> {
    return withSegment(this.#options, number, async (file, path) => {
      const found = await readHeader(new SegmentWindow(file), path);
      return found?.header;
    });
  }

  /** Reads one of the retained segments from its beginning to its end, whatever is damaged in it. Fails with DISK_FAILED. */
  scanRetained(number: number, visitor: SegmentVisitor): Promise<ScannedSegment> {
    const { epochs } = this.#retained;
    return withSegment(this.#options, number, (file, path) =>
      scanSegment(file, { number, path }, epochs, visitor),
    );
  }

  /** Deletes a retained segment: everything in it is sealed again and synced, or no longer needed. */
  dropRetained(number: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#orFail(() => this.#remove(number));
      const numbers = this.#retained.numbers.filter((other) => other !== number);
      const isEmpty = numbers.length === 0;
      this.#retained = isEmpty ? NOTHING_RETAINED : { ...this.#retained, numbers };
    });
  }

  /** Closes the files. What was appended is synced already. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#reader?.close();
      const active = this.#active;
      this.#active = undefined;
      await active?.close();
    });
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      return await task();
    } finally {
      resolve();
    }
  }

  async #writable(): Promise<SpoolState> {
    if (this.#hasFailed) await this.#repair();
    return present(this.#state, "the first segment of the epoch");
  }

  #newest(): Segment {
    return present(this.#segments.at(-1), "the newest segment");
  }

  async #write(
    kind: RecordKind,
    record: SealedRecord,
    notes: RecordNotes,
    isSynced: boolean,
  ): Promise<number> {
    const state = present(this.#state, "the state of the spool");
    const bytes = encodeRecord({ kind, record, notes }, epochSalt(state.epoch));
    return this.#orFail(async () => {
      const current = this.#newest();
      const recordBytes = current.bytes - current.headerBytes;
      const recordCount = current.lastSequence - current.firstSequence + 1;
      const isClosed =
        recordBytes >= this.#options.segmentBytes || recordCount >= SEGMENT_RECORDS_MAX;
      if (isClosed) await this.#roll();
      const segment = this.#newest();
      const active = present(this.#active, "the open segment");
      const offset = segment.bytes;
      await active.write(bytes, offset);
      if (isSynced) await active.sync();
      segment.bytes += bytes.length;
      if (isSynced) this.#syncedBytes = segment.bytes;
      return offset;
    });
  }

  async #orFail<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (cause) {
      if (cause instanceof TailraceError) throw cause;
      if (systemCode(cause) === undefined) throw cause;
      this.#hasFailed = true;
      throw diskFailed(this.#options.directory, cause);
    }
  }

  async #syncActive(): Promise<void> {
    await present(this.#active, "the open segment").sync();
    this.#syncedBytes = this.#newest().bytes;
    this.#syncedSequence = this.#newest().lastSequence;
  }

  async #roll(): Promise<void> {
    await this.#syncActive();
    await this.#create(this.#newest().number + 1);
  }

  async #create(number: number): Promise<void> {
    const state = present(this.#state, "the state of the spool");
    const bytes = encodeHeader(state.header());
    const file = await this.#options.disk.open(this.#path(number), "create");
    try {
      await file.write(bytes, 0);
      await file.sync();
      await this.#options.disk.syncDirectory(this.#options.directory);
    } catch (cause) {
      await closeQuietly(file);
      throw cause;
    }
    const before = this.#active;
    this.#active = file;
    this.#segments.push({
      number,
      headerBytes: bytes.length,
      bytes: bytes.length,
      firstSequence: state.nextSequence,
      lastSequence: state.nextSequence - 1,
    });
    this.#syncedBytes = bytes.length;
    if (before !== undefined) await closeQuietly(before);
  }

  /** Goes on after a failed write as after a crash: only what is known to be durable counts. */
  async #repair(): Promise<void> {
    await this.#orFail(async () => {
      const newest = this.#newest();
      const number = newest.number;
      if (this.#active !== undefined) await closeQuietly(this.#active);
      this.#active = undefined;
      await this.#removeFrom(number + 1);
      const path = this.#path(number);
      const active = await this.#options.disk.open(path, "write");
      this.#active = active;
      await active.truncate(this.#syncedBytes);
      await active.sync();
      newest.bytes = this.#syncedBytes;
      const epoch = present(this.#state, "the state of the spool").epoch;
      const found = await scanSegment(active, { number, path }, [epoch]);
      const isWhole =
        found.goodBytes === this.#syncedBytes && found.lastSequence === newest.lastSequence;
      if (!isWhole) throw corrupt(path, found.goodBytes);
      await this.#roll();
    });
    this.#hasFailed = false;
  }

  async #removeFrom(number: number): Promise<void> {
    const names = new Set(await this.#options.disk.list(this.#options.directory));
    for (let stray = number; names.has(segmentName(stray)); stray++) await this.#remove(stray);
  }

  async #retire(): Promise<void> {
    const epoch = this.#state?.epoch;
    const condemned = [...this.#tombstones.keys()].map((sequence) => `${epoch}/${sequence}`);
    this.#retained = {
      numbers: [...this.#retained.numbers, ...this.#segments.map((segment) => segment.number)],
      epochs: this.epochs,
      condemned: new Set([...this.#retained.condemned, ...condemned]),
    };
    await this.#reader?.close();
    this.#reader = undefined;
    if (this.#active !== undefined) await closeQuietly(this.#active);
    this.#active = undefined;
    this.#state = undefined;
    this.#segments = [];
    this.#tombstones = new Map();
    this.#hasFailed = false;
  }

  async #readOne(sequence: number): Promise<SealedRecord> {
    const reader = this.#openReader();
    const tombstone = this.#tombstones.get(sequence);
    if (tombstone !== undefined) return (await reader.readAt(tombstone)).record;
    return (await reader.readSealed(this.#segmentOf(sequence), sequence)).record;
  }

  #segmentOf(sequence: number): Segment {
    const segment = this.#segments.find((candidate) => candidate.lastSequence >= sequence);
    return present(segment, `the segment of record ${sequence}`);
  }

  #openReader(): RecordReader {
    const state = present(this.#state, "the state of the spool");
    const { disk, directory } = this.#options;
    this.#reader ??= new RecordReader(disk, directory, epochSalt(state.epoch));
    return this.#reader;
  }

  async #remove(number: number): Promise<void> {
    const { disk, directory } = this.#options;
    const path = this.#path(number);
    try {
      await disk.remove(path);
    } catch (cause) {
      const code = systemCode(cause);
      if (code === undefined) throw cause;
      if (code !== "ENOENT") throw diskFailed(path, cause);
    }
    try {
      await disk.syncDirectory(directory);
    } catch (cause) {
      throw systemCode(cause) === undefined ? cause : diskFailed(directory, cause);
    }
  }

  #path(number: number): string {
    return join(this.#options.directory, segmentName(number));
  }
}

/** Nothing is left of former epochs. */
export const NOTHING_RETAINED: Retained = { numbers: [], epochs: [], condemned: new Set() };
