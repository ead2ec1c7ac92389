/**
 * What is to be archived, in stage 2: a queue of rows that is committed with the windows, and the decision where one block ends.
 *
 * An item is in the queue exactly when what it says is in the state, since both are of one commit. A block is closed when it is large, old
 * (by the log's clock), would become many files, or the aggregator stops; from then on it never changes. Whoever writes files writes a closed block, and
 * says so; its rows are deleted then. A crash in between leaves the rows, so the same files are written again, under the same names. Nothing else
 * remembers what is archived, so nothing can disagree.
 *
 * While files cannot be written the queue grows up to a limit. What comes beyond it is left out and counted: counts never wait for the archive.
 */
import type { StateChange, StateView } from "../log/log.ts";
import {
  type ArchiveItem,
  type ArchiveRow,
  beginItems,
  encodeArchiveRow,
  readArchiveRow,
  writeItem,
} from "../state/archive-rows.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import {
  ARCHIVE_KEY,
  afterChildren,
  archiveBlockKey,
  archiveBlockPrefix,
  rangeOf,
} from "../state/keys.ts";

const PAGE_COUNT = 256;
const DAY_MINUTES = 1_440;
const DAY_MS = 86_400_000;

/** When a block is closed, and how much may wait. */
export interface ArchiveSettings {
  /** A block is closed by the flush in which it reaches this many bytes of rows. */
  readonly blockBytesMax: number;
  /** A block is closed when it would be written as this many files: one per kind, day and stream. */
  readonly blockFilesMax: number;
  /** An item waits no longer than this for its block to be closed, by the log's clock. */
  readonly intervalMs: number;
  /** Bytes of rows that may wait; what comes beyond is left out. */
  readonly waitingBytesMax: number;
}

/** What holds unless configured otherwise. */
export const ARCHIVE_DEFAULTS: ArchiveSettings = {
  blockBytesMax: 8 * 1024 * 1024,
  blockFilesMax: 256,
  intervalMs: 15 * 60_000,
  waitingBytesMax: 512 * 1024 * 1024,
};

/** What the queue is told by whoever writes files. */
export interface BlockWriter {
  /** Number of blocks that are written and durable: all below it. */
  writtenBlocks(): number;
  /** True when the open block is to be closed soon, whatever its size and age. */
  isDraining(): boolean;
}

/** See the head of this file. It lives by the rules of {@link file://./stage-two.ts}. */
export class ArchiveQueue {
  private readonly view: StateView;
  private readonly settings: ArchiveSettings;
  private readonly blocks: BlockWriter;
  private readonly row: ArchiveRow;
  private readonly writer = new ByteWriter();
  private readonly files = new Set<string>();
  private nowMs = Number.NEGATIVE_INFINITY;
  private newItems = 0;
  private deletions: StateChange[] = [];
  private deletedBytes = 0;
  /** The last key deleted in the open flush. */
  private deletedAfter: string | undefined;
  private rowChanged = false;

  /** `view`: the state of this partition as of its last commit. */
  constructor(view: StateView, settings: ArchiveSettings, blocks: BlockWriter) {
    this.view = view;
    this.settings = settings;
    this.blocks = blocks;
    this.row = readArchiveRow(view);
  }

  /** Keys that the open flush changes. */
  get openKeys(): number {
    return 2 + this.deletions.length;
  }

  /** Bytes of the open flush, at most. */
  get openBytes(): number {
    return this.writer.length + this.deletedBytes;
  }

  /** True when a block is to be closed, or rows to be deleted. */
  get hasWork(): boolean {
    return this.isDue || this.row.firstBlock < this.releasedBlock;
  }

  /** Moves the log's clock; never back. */
  observeClock(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
  }

  /** Takes an item; its parts may be changed afterwards. */
  add(item: ArchiveItem): void {
    this.rowChanged = true;
    if (this.row.waitingBytes + this.writer.length >= this.settings.waitingBytesMax) {
      this.row.shedItems++;
      return;
    }
    if (this.writer.length === 0) beginItems(this.writer);
    writeItem(this.writer, item);
    this.files.add(fileOf(item));
    this.newItems++;
  }

  /** Deletes what is archived until `isFull`. */
  run(isFull: () => boolean): void {
    while (this.row.firstBlock < this.releasedBlock && !isFull()) {
      if (!this.deleteOf(this.row.firstBlock, isFull)) return;
      this.row.firstBlock++;
      this.rowChanged = true;
    }
  }

  /** Takes what changed. */
  flush(): StateChange[] {
    const changes = this.deletions;
    this.deletions = [];
    this.deletedBytes = 0;
    this.deletedAfter = undefined;
    if (this.newItems > 0) changes.push(this.takeItems());
    this.closeWhenDue();
    if (!this.rowChanged) return changes;
    this.rowChanged = false;
    changes.push({ key: ARCHIVE_KEY, value: encodeArchiveRow(this.row) });
    return changes;
  }

  /** Closed blocks below it are written. */
  private get releasedBlock(): number {
    return Math.min(this.blocks.writtenBlocks(), this.row.block);
  }

  /** Whether the open block is to be closed whatever its size. */
  private get isDue(): boolean {
    const { openItems, openSinceMs } = this.row;
    if (openItems > 0 && this.blocks.isDraining()) return true;
    return openSinceMs !== undefined && this.nowMs - openSinceMs >= this.settings.intervalMs;
  }

  private takeItems(): StateChange {
    const { row } = this;
    const value = this.writer.finish();
    const key = archiveBlockKey(row.block, row.position);
    row.position += this.newItems;
    row.openItems += this.newItems;
    row.openBytes += value.length;
    row.waitingBytes += value.length;
    // The log stamps every record, so the clock is known when there is an item.
    row.openSinceMs ??= Number.isFinite(this.nowMs) ? this.nowMs : undefined;
    this.newItems = 0;
    return { key, value };
  }

  private closeWhenDue(): void {
    const { row, settings } = this;
    const isLarge =
      row.openBytes >= settings.blockBytesMax || this.files.size >= settings.blockFilesMax;
    if (row.openItems === 0 || !(isLarge || this.isDue)) return;
    row.block++;
    row.openItems = 0;
    row.openBytes = 0;
    row.openSinceMs = undefined;
    this.files.clear();
    this.rowChanged = true;
  }

  /** Deletes rows of a block; false when some are left. */
  private deleteOf(block: number, isFull: () => boolean): boolean {
    const { from, to } = rangeOf(archiveBlockPrefix(block));
    for (;;) {
      const after = this.deletedAfter;
      const start = after === undefined || after < from ? from : afterChildren(after);
      const page = [...this.view.range(start, to, { limit: PAGE_COUNT })];
      for (const [key, bytes] of page) {
        if (isFull()) return false;
        this.deletions.push({ key, value: undefined });
        this.deletedBytes += key.length;
        this.deletedAfter = key;
        this.row.waitingBytes -= bytes.length;
        this.rowChanged = true;
      }
      if (page.length < PAGE_COUNT) return true;
    }
  }
}

/** What tells apart the files into which items go. */
function fileOf(item: ArchiveItem): string {
  if (item.kind === "delta") {
    return `delta ${Math.floor(item.minute / DAY_MINUTES)} ${item.stream}`;
  }
  if (item.kind === "hole")
    return `hole ${Math.floor(item.hole.fromMs / DAY_MS)} ${item.hole.stream}`;
  const { stream, timeMs } = item.kind === "event" ? item.event : item.line;
  return `${item.kind} ${Math.floor(timeMs / DAY_MS)} ${stream}`;
}
