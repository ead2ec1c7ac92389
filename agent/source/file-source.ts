/**
 * Follows the files that glob patterns find, and counts every line of theirs exactly once.
 *
 * `discover` finds out what is there, `read` reads on, `cut` hands over what was counted since the last cut together with the positions
 * that it covers. Between a read from disk and the counting of its lines there is no wait, so a cut is consistent whenever it comes; and
 * who stores its parts in one record and starts again from the last stored record loses nothing and counts nothing twice.
 *
 * A file is known by device, inode, birth, the fingerprint of its first kilobyte and the guard before its offset (`match-file.ts`). Every
 * read proves with the guard that it goes on where the last one ended (`read-file.ts`). What happens when it does not, stands in
 * `follow-rotation.ts`; how files are found, in `discover-files.ts`.
 */
import { dirname } from "node:path";
import type { Logger } from "../../shared/log.ts";
import type { ReadableFile } from "../../shared/platform/disk.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { Checkpoint, LedgerEntry, SourceState } from "../../shared/protocol/batch.ts";
import { containerService } from "./container-service.ts";
import { FileDiscovery } from "./discover-files.ts";
import { fileBefore, isCut, isOlder, readOverRotation } from "./event-over-rotation.ts";
import { foldersOf } from "./find-files.ts";
import { FolderChanges } from "./folder-changes.ts";
import { RotationFollower } from "./follow-rotation.ts";
import { KeptEvents } from "./kept-events.ts";
import type { LineSink } from "./line-sink.ts";
import {
  countKeptEvent,
  ReadBuffer,
  type ReadContext,
  readEvent,
  readHeldTurn,
  readTail,
  readTurn,
  type Turn,
} from "./read-file.ts";
import { chainOf } from "./rotation-name.ts";
import type { Source, SourceCut } from "./source.ts";
import { type FileSourceSettings, SourceFiles } from "./source-files.ts";
import { SourceLedger } from "./source-ledger.ts";
import { TailedFile } from "./tailed-file.ts";

/** Everything that a file source needs. */
export interface FileSourceOptions {
  readonly name: string;
  readonly settings: FileSourceSettings;
  readonly platform: Pick<Platform, "clock" | "disk" | "gunzip">;
  readonly counter: LineSink;
  /** Last known checkpoints; those of other sources are ignored. */
  readonly checkpoints: readonly Checkpoint[];
  /** Last known ledger; entries of other sources are ignored. */
  readonly ledger: readonly LedgerEntry[];
  /** Gives a number that no file of this agent ever had. */
  readonly allocateFile: () => number;
  /** Where to begin in unknown files that the first look finds; `end` only for a source that was never read before. */
  readonly startAt: "beginning" | "end";
  /** Events further ahead of the clock do not move the event time of the report. */
  readonly maxFutureMs: number;
  /** True to read everything to its end, last lines without a line end included, and be {@link FileSource.ended} then. */
  readonly once: boolean;
  readonly logger: Logger;
  /** Size of the read buffer, which grows to the longest line; when left out, the counter's own buffer where it has one. */
  readonly bufferBytes?: number;
}

const BUFFER_BYTES = 262_144;
/** So much is read at most when the agent is told to stop: a second's work. */
const DRAIN_BYTES_MAX = 67_108_864;
/** What waiting events of all files may take in memory. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** A source of lines: files that are followed while they grow, rotate and vanish. Only one `discover` or `read` is at work at a time. */
export class FileSource implements Source {
  readonly name: string;
  private readonly options: FileSourceOptions;
  private readonly files: SourceFiles;
  private readonly discovery: FileDiscovery;
  private readonly ledger: SourceLedger;
  private readonly buffer: ReadBuffer;
  private readonly folders: FolderChanges;
  private readonly patternFolders: readonly string[];
  private readonly kept = new KeptEvents(KEPT_BYTES_MAX);
  private lastWork: Promise<unknown> = Promise.resolve();
  private turn = 0;
  private progressAtMs: number;
  private hasDiscovered = false;
  private isClosed = false;

  constructor(options: FileSourceOptions) {
    this.name = options.name;
    this.options = options;
    this.ledger = new SourceLedger(options.name, options.ledger);
    this.buffer = new ReadBuffer(options.bufferBytes ?? BUFFER_BYTES);
    this.folders = new FolderChanges(options.platform.disk, options.platform.clock);
    this.patternFolders = foldersOf(options.settings.paths);
    this.progressAtMs = options.platform.clock.monotonic();
    this.files = new SourceFiles({
      name: options.name,
      settings: options.settings,
      disk: options.platform.disk,
      gunzip: options.platform.gunzip,
      clock: options.platform.clock,
      ledger: this.ledger,
      logger: options.logger,
      countKept: (file) => countKeptEvent(file, this.readContext()),
      onDeleted: (file) => this.kept.drop(file),
    });
    for (const checkpoint of options.checkpoints) {
      if (checkpoint.source !== options.name || checkpoint.removed) continue;
      // The name was another kind of source's before.
      if (checkpoint.device === "") continue;
      this.files.add(TailedFile.known(checkpoint));
    }
    const follower = new RotationFollower(this.files, options.allocateFile);
    this.discovery = new FileDiscovery(this.files, follower, {
      startAt: options.startAt,
      isOnce: options.once,
    });
  }

  /** Count of windows that wait for the next cut. */
  get pendingKeys(): number {
    return this.options.counter.pendingKeys;
  }

  /** At most how many buckets of sketches these windows have. */
  get pendingBuckets(): number {
    return this.options.counter.pendingBuckets;
  }

  /** About what measures and sample lines of these windows take in a batch. */
  get pendingDetailBytes(): number {
    return this.options.counter.pendingDetailBytes ?? 0;
  }

  /** Size of the selected events that wait for the next cut. */
  get pendingEventBytes(): number {
    return this.options.counter.pendingEventBytes ?? 0;
  }

  /** Bytes that are known to be there and not yet counted. */
  get backlogBytes(): number {
    let bytes = 0;
    for (const file of this.files.all.values()) bytes += file.backlogBytes;
    return bytes;
  }

  /** Count of handles that are open now. */
  get openFileCount(): number {
    return this.files.handles.count;
  }

  /** As {@link Source.unreadableCount}. */
  get unreadableCount(): number {
    return this.files.failingPaths.length;
  }

  /** With `once`: true when everything there was is counted. A file of which only a part could be read keeps it false. */
  get ended(): boolean {
    if (!this.options.once || !this.hasDiscovered || this.discovery.isUndecided) return false;
    for (const file of this.files.all.values()) {
      if (file.isRemoved || file.isRetired) continue;
      if (file.heldBytes > 0) return false;
      if (file.isComplete) continue;
      if (file.presence === "missing") continue;
      if (file.isDirty || file.isSuspect || !file.isVerified) return false;
      if (file.offset < file.searchedTo) return false;
    }
    return true;
  }

  /** Looks what files there are. Call it at the start, when something may have changed, and every now and then. */
  discover(): Promise<void> {
    return this.enqueue(async () => {
      await this.folders.note(this.foldersOfFiles());
      if (await this.discovery.discover()) this.hasDiscovered = true;
    });
  }

  hasMoved(): Promise<boolean> {
    return this.enqueue(() => this.folders.haveHappened());
  }

  /**
   * Reads on for about `bytesMax` bytes, in fair turns: older generations of a log before newer ones, logs one after the other. Resolves
   * with the bytes read; 0 when there is nothing to do until the next {@link discover}.
   */
  read(bytesMax: number): Promise<number> {
    return this.enqueue(async () => {
      const context = this.readContext();
      let bytes = 0;
      for (const file of this.turns()) {
        if (bytes >= bytesMax || this.options.counter.isFull === true) return bytes;
        bytes += await this.takeTurn(file, context);
      }
      return bytes + (await this.finishFiles(context));
    });
  }

  /** Reads files to their ends that no name leads to: no later run can find them. */
  drain(): Promise<void> {
    return this.enqueue(async () => {
      await this.discovery.discover();
      const context = this.readContext();
      let bytes = 0;
      for (const file of this.files.all.values()) {
        if (file.presence !== "unnamed") continue;
        while (file.isDirty && this.isReadable(file) && bytes < DRAIN_BYTES_MAX) {
          if (this.options.counter.isFull === true) return;
          bytes += await this.takeTurn(file, context);
        }
        if (file.hasEvent) await this.countEvent(file, context);
        const isUnfinished = file.offset < file.searchedTo && !file.isDirty;
        if (isUnfinished && this.isReadable(file)) await this.countTail(file, context);
      }
    });
  }

  /** Takes everything that was counted since the last cut. `isShedding`: selected events become holes. */
  cut(isShedding = false, isSheddingLines = isShedding): SourceCut {
    const counted = this.options.counter.take(isShedding, isSheddingLines);
    for (const entry of counted.entries) {
      this.ledger.add(entry.kind, entry.reason, entry.lines, entry.bytes);
    }
    const checkpoints: Checkpoint[] = [];
    let heldBytes = 0;
    for (const file of this.files.all.values()) {
      heldBytes += file.heldBytes;
      if (!file.isChanged) continue;
      checkpoints.push(...file.takeChanges());
      if (file.isRemoved) this.files.delete(file);
    }
    const report = {
      source: this.name,
      state: this.state(),
      eventTimeMaxMs: counted.eventTimeMaxMs,
    };
    const ledger = this.ledger.entries(heldBytes);
    const { deltas, events = [], holes = [], lines = [] } = counted;
    return { deltas, events, holes, lines, checkpoints, report, ledger };
  }

  /** The full set, as of now. */
  checkpoints(): Checkpoint[] {
    const files = [...this.files.all.values()].filter((file) => !file.isRemoved);
    return files.map((file) => file.checkpoint());
  }

  /** Closes all handles; waits for what is at work. Nothing may be called afterwards but {@link cut} and {@link checkpoints}. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.enqueue(() => this.files.handles.closeAll());
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.lastWork.then(work);
    // Whoever called gets the error; the next in line starts anyway.
    this.lastWork = result.catch(() => undefined);
    return result;
  }

  /** Where files come, go and are renamed. */
  private foldersOfFiles(): Set<string> {
    const folders = new Set(this.patternFolders);
    for (const file of this.files.all.values()) {
      if (file.presence === "listed") folders.add(dirname(file.path));
    }
    return folders;
  }

  private state(): SourceState {
    if (this.ended) return "ended";
    const idleMs = this.options.platform.clock.monotonic() - this.progressAtMs;
    return idleMs >= this.options.settings.idleAfterMs ? "idle" : "live";
  }

  private readContext(): ReadContext {
    const { counter, settings, platform, maxFutureMs, bufferBytes } = this.options;
    if (bufferBytes === undefined) this.buffer.prefer(counter.readBuffer);
    return {
      buffer: this.buffer,
      counter,
      ledger: this.ledger,
      kept: this.kept,
      lineBytesMax: settings.lineBytesMax,
      service: settings.service,
      eventTimeLimitMs: platform.clock.now() + maxFutureMs,
    };
  }

  /** Whose turn it is, as long as there is something to read. */
  private *turns(): Generator<TailedFile> {
    for (;;) {
      const chains = new Map<string, TailedFile>();
      for (const file of this.files.all.values()) {
        if (!this.isReadable(file) || !(file.isDirty || file.held.length > 0)) continue;
        const chain = chainOf(file.homePath);
        const first = chains.get(chain);
        if (first === undefined || isOlder(file, first)) chains.set(chain, file);
      }
      if (chains.size === 0) return;
      yield* [...chains.values()].sort((a, b) => a.lastTurn - b.lastTurn);
    }
  }

  private isReadable(file: TailedFile): boolean {
    return (
      !this.isClosed &&
      !file.isRemoved &&
      !file.isRetired &&
      !file.isComplete &&
      file.isVerified &&
      !file.isSuspect &&
      file.presence !== "missing" &&
      file.retryAtMs <= this.options.platform.clock.monotonic()
    );
  }

  private async takeTurn(file: TailedFile, context: ReadContext): Promise<number> {
    if (!this.isReadable(file)) return 0;
    file.lastTurn = ++this.turn;
    try {
      const handle = await this.openForTurn(file);
      if (handle === undefined) return 0;
      const isHeld = file.held.length > 0;
      if (!isHeld && !(await this.lookBeforeEnd(file, handle))) {
        await this.lookAgain(file);
        return 0;
      }
      const turn = await (isHeld
        ? readHeldTurn(file, handle, context)
        : this.readOn(file, handle, context));
      this.files.succeed(file);
      if (turn.outcome === "changed") {
        await this.lookAgain(file);
        return 0;
      }
      if (!isHeld && turn.outcome === "end") this.reachEnd(file);
      file.prove();
      if (turn.bytes > 0) this.progressAtMs = this.options.platform.clock.monotonic();
      return turn.bytes;
    } catch (error) {
      this.files.fail(file, error);
      return 0;
    }
  }

  private async readOn(
    file: TailedFile,
    handle: ReadableFile,
    context: ReadContext,
  ): Promise<Turn> {
    if (file.offset > 0 || context.counter.leadingTo === undefined) {
      return readTurn(file, handle, context);
    }
    const turn = await this.readFirst(file, handle, context, false);
    return turn ?? readTurn(file, handle, context);
  }

  /** The first lines of a file may belong to an event at the end of the file before. */
  private async readFirst(
    file: TailedFile,
    handle: ReadableFile,
    context: ReadContext,
    isFinal: boolean,
  ): Promise<Turn | undefined> {
    const before = fileBefore(file, this.files.all.values());
    file.isFollowing = before !== undefined;
    if (before === undefined || !isCut(before) || !this.isReadable(before)) return undefined;
    const beforeHandle = await this.openForTurn(before);
    if (beforeHandle === undefined) return undefined;
    const [first, next] = [
      { file: before, handle: beforeHandle },
      { file, handle },
    ];
    const turn = await readOverRotation(first, next, context, isFinal);
    before.isEventContinued = turn?.outcome === "end";
    if (turn?.outcome === "more") {
      this.reachEnd(before);
      // Its own first lines are counted now: the event before them waits for nothing any more.
      const earlier = fileBefore(before, this.files.all.values());
      if (earlier !== undefined) earlier.isEventContinued = false;
    }
    return turn;
  }

  /** A whole look, at once: where one file changed, others may have come and gone, and a crash would forget when. */
  private async lookAgain(file: TailedFile): Promise<void> {
    file.isSuspect = true;
    await this.discovery.discover();
  }

  /**
   * What a turn proves is as new as this look: when the end is near, a look of a moment ago is too old. Resolves with false when only a
   * whole look will do: through a file that was empty, generations may have come and gone.
   */
  private async lookBeforeEnd(file: TailedFile, handle: ReadableFile): Promise<boolean> {
    if (file.bytes - file.searchedTo >= this.buffer.bytes.length) return true;
    const { bytes, modifiedMs } = await handle.stat();
    if (bytes < file.bytes || (bytes === file.bytes && modifiedMs === file.modifiedMs)) return true;
    if (file.wasEmpty) return false;
    file.bytes = bytes;
    file.modifiedMs = modifiedMs;
    file.changedAtMs = this.options.platform.clock.monotonic();
    return true;
  }

  /** Another file under its path: the next look finds out; until then there is nothing to read. */
  private async openForTurn(file: TailedFile): Promise<ReadableFile | undefined> {
    const handle = await this.files.handles.get(file);
    if (handle === undefined) file.isVerified = false;
    const { settings, platform } = this.options;
    if (settings.isServiceByContainer === true) {
      file.service ??= (await containerService(platform.disk, file.homePath)) ?? settings.service;
    }
    return handle;
  }

  private reachEnd(file: TailedFile): void {
    file.isDirty = false;
    file.bytes = file.searchedTo;
    const isRotationName = chainOf(file.path) !== file.path;
    const isOutside = !file.isMatched && !isRotationName && file.path === file.homePath;
    file.isRetired = isOutside && !file.hasEvent;
  }

  /** Counts the last lines of files of which nothing more is expected, and lets go of those that have no name. */
  private async finishFiles(context: ReadContext): Promise<number> {
    let bytes = 0;
    for (const file of [...this.files.all.values()]) {
      if (!this.isReadable(file) || file.isDirty || file.held.length > 0) continue;
      if (file.hasEvent && this.isEventOver(file)) bytes += await this.countEvent(file, context);
      if (file.hasEvent || file.isDirty) continue;
      const isUnfinished = file.offset < file.searchedTo;
      if (!isUnfinished && file.presence === "listed" && !file.isPacked) continue;
      if (!this.isFinal(file)) continue;
      if (isUnfinished) bytes += await this.countTail(file, context);
      else if (file.isPacked) await this.complete(file);
      else await this.discovery.finish(file);
    }
    return bytes;
  }

  private isFinal(file: TailedFile): boolean {
    if (this.options.once || file.isPacked) return true;
    const unchangedMs = this.options.platform.clock.monotonic() - file.changedAtMs;
    return unchangedMs >= this.options.settings.rotateWaitMs && this.discovery.isRotatedAway(file);
  }

  private isEventOver(file: TailedFile): boolean {
    if (this.options.once || file.isPacked) return !file.isEventContinued;
    // As long as a last line without its end.
    if (file.isEventUnfinished && !file.isEventContinued) return this.isFinal(file);
    const { eventWaitMs } = this.options.settings;
    const unchangedMs = this.options.platform.clock.monotonic() - file.changedAtMs;
    // The file that goes on with it has its time, too.
    return unchangedMs >= (file.isEventContinued ? 10 * eventWaitMs : eventWaitMs);
  }

  private async countEvent(file: TailedFile, context: ReadContext): Promise<number> {
    try {
      const handle = await this.openForTurn(file);
      if (handle === undefined) return 0;
      const isFirst = file.offset === 0 && context.counter.leadingTo !== undefined;
      const joined = isFirst ? await this.readFirst(file, handle, context, true) : undefined;
      const turn = joined ?? (await readEvent(file, handle, context));
      if (turn.outcome === "changed") await this.lookAgain(file);
      else if (turn.outcome === "more") file.isDirty = true;
      else this.reachEnd(file);
      return turn.bytes;
    } catch (error) {
      this.files.fail(file, error);
      return 0;
    }
  }

  private async complete(file: TailedFile): Promise<void> {
    file.complete();
    await this.files.handles.close(file);
  }

  private async countTail(file: TailedFile, context: ReadContext): Promise<number> {
    try {
      const handle = await this.openForTurn(file);
      if (handle === undefined) return 0;
      const turn = await readTail(file, handle, context);
      if (turn.outcome === "changed") await this.lookAgain(file);
      if (turn.outcome === "more") file.isDirty = true;
      return turn.bytes;
    } catch (error) {
      this.files.fail(file, error);
      return 0;
    }
  }
}
