/**
 * What becomes of a file whose content is no longer where it was read: truncated in place, or gone.
 *
 * If a copy with a rotation ending holds what was read, the file goes on in the copy, under its own number: nothing is lost and nothing is
 * read twice. Whatever took its place is another file. Without such a copy a truncated file begins a new generation, and what was known to
 * be there but had not been read is lost.
 */
import type { FileStat, ReadableFile } from "../../shared/platform/disk.ts";
import { CopyFinder, isSameEnd, longestLived } from "./find-copies.ts";
import type { FoundFile } from "./find-files.ts";
import { GUARD_NONE } from "./guard.ts";
import { probeContent, readHead } from "./probe-file.ts";
import { type AgedFile, chainOf, isPackedName } from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import type { StartPosition } from "./start-position.ts";
import { identityKey, TailedFile } from "./tailed-file.ts";

/** A log of which a generation may have come and gone unseen: everything later than `reference` is to be read. */
export interface MissedGenerations {
  /** Path of the log without the rotation ending. */
  readonly base: string;
  readonly reference: AgedFile;
  /** The file whose name was lost, if that is the reason: not searched when it is found after all. */
  readonly lost?: TailedFile;
}

/** A copy of a file that is still there: not read while it is. */
interface WaitingCopy {
  readonly of: TailedFile;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** What a file holds by now. */
interface FoundContent {
  readonly stat: FileStat;
  readonly head: Buffer;
}

/** A file that is found changed is looked at so often until two looks agree. */
const LOOK_COUNT_MAX = 3;

/** Finds out where the content of files went. */
export class RotationFollower {
  private readonly files: SourceFiles;
  private readonly allocateFile: () => number;
  readonly copies: CopyFinder;
  /** By {@link identityKey}. */
  readonly waiting = new Map<string, WaitingCopy>();
  /** Logs to search for generations that were never seen. */
  missed: MissedGenerations[] = [];
  /** Missing files whose copies were searched for. */
  readonly followed = new WeakSet<TailedFile>();
  /** Files that have the inodes of known ones that are gone. */
  freed: FoundFile[] = [];

  constructor(files: SourceFiles, allocateFile: () => number) {
    this.files = files;
    this.allocateFile = allocateFile;
    this.copies = new CopyFinder(files, (key, file) => this.waiting.get(key)?.of === file);
  }

  /**
   * Compares files with their bytes on disk, and finds out what happened where they differ. Afterwards each is verified, or an error
   * stands in its way. After a recovery several may claim one inode: those whose content is there have the first word.
   */
  async check(files: readonly TailedFile[]): Promise<void> {
    const changed: { file: TailedFile; now: FoundContent }[] = [];
    for (const file of files) {
      try {
        const now = await this.verify(file);
        if (now !== undefined) changed.push({ file, now });
      } catch (error) {
        this.files.fail(file, error);
      }
    }
    for (const { file, now } of changed) {
      try {
        await this.resolve(file, now);
      } catch (error) {
        this.files.fail(file, error);
      }
    }
  }

  /** Resolves with what is there when it is not what was read. */
  private async verify(file: TailedFile): Promise<FoundContent | undefined> {
    const handle = await this.files.handles.get(file);
    if (handle === undefined) return undefined;
    const stat = await handle.stat();
    const head = await readHead(handle);
    const content = await probeContent(handle, head, file);
    // A few bytes that begin alike are more likely the next generation than what is left of this one.
    const isShorter = stat.bytes < file.fingerprint.fingerprintBytes;
    if (content !== "whole" || isShorter) return lookOnce(handle);
    this.confirm(file, stat, head);
    return undefined;
  }

  /** Everything that was read is still there. What was only known to be there may be gone. */
  private confirm(file: TailedFile, stat: FileStat, head: Buffer): void {
    this.copies.forget(file);
    file.setHead(head);
    file.bytes = stat.bytes;
    if (file.isSuspect) {
      file.isSuspect = false;
      file.isDirty = true;
      const shrunkBytes = Math.max(0, file.provenBytes - stat.bytes);
      // Not shorter, but the beginning of the unfinished last line is another one.
      this.lose(file, shrunkBytes > 0 ? shrunkBytes : file.searchedTo - file.offset);
      file.searchAgain();
      this.forgetCopies(file);
    }
    file.prove();
  }

  /**
   * Goes on in a copy, or in a new generation. `now` is what the file holds by now; undefined when it is gone. Resolves with false when
   * files are just being renamed, so that nothing can be decided.
   */
  async resolve(file: TailedFile, now: FoundContent | undefined): Promise<boolean> {
    const copies = await this.copies.findCopies(file);
    if (copies === undefined) return false;
    this.copies.forget(file);
    const next = longestLived(copies);
    // Nobody truncates a rotated file; but its inode may have been given to another one.
    const isRotated = now !== undefined && chainOf(file.path) !== file.path;
    const isReused = isRotated || (now !== undefined && this.files.isClaimed(file));
    if (isReused) await this.files.handles.close(file);
    const lastPath = file.path;
    // From here on without a wait: a cut sees all of it or nothing.
    if (next !== undefined) {
      this.continueInCopy(file, next, next.end.head, isReused ? undefined : now);
      if (isReused) this.freed.push({ paths: [lastPath], stat: now.stat });
    } else if (isReused) {
      this.replace(file, now.stat);
    } else if (now !== undefined) {
      const { path, birthMs, provenMs } = file;
      if (provenMs !== undefined) this.noteMissed(file, { path, birthMs, modifiedMs: provenMs });
      this.beginGeneration(file, now.stat);
      file.setHead(now.head);
    }
    for (const copy of copies) {
      if (copy === next) continue;
      // As long as little was read, several generations may go on like it: what the others are, has still to be found out.
      const isOther = next !== undefined && copy.isWhole && !isSameEnd(copy.end, next.end);
      if (isOther) this.freed.push({ paths: [copy.path], stat: copy.stat });
      else this.takeAsRead(copy);
    }
    this.forgetCopies(file);
    return true;
  }

  /** What was a copy of a file that changed has to be looked at anew. */
  private forgetCopies(file: TailedFile): void {
    for (const [key, copy] of this.waiting) if (copy.of === file) this.waiting.delete(key);
  }

  /** The file is gone, and another one has its inode. */
  private replace(file: TailedFile, stat: FileStat): void {
    this.loseUnread(file);
    this.loseHeld(file);
    this.files.replace(file);
    file.presence = "missing";
    this.freed.push({ paths: [file.path], stat });
  }

  private beginGeneration(file: TailedFile, stat: FileStat): void {
    this.files.countKept(file);
    const lostBytes = Math.max(0, file.provenBytes - file.offset);
    this.lose(file, lostBytes);
    this.loseHeld(file);
    file.beginGeneration(file.offset + lostBytes);
    file.bytes = stat.bytes;
    file.wasEmpty = stat.bytes === 0;
    file.modifiedMs = stat.modifiedMs;
    file.isSized = true;
    file.prove();
    file.changedAtMs = this.files.clock.monotonic();
    this.files.logger.info("file was truncated; reading it from its beginning", {
      source: this.files.name,
      path: file.path,
    });
  }

  /** Generations later than `reference` may be there under the names of a file with rotation endings; `lost` as in {@link MissedGenerations}. */
  noteMissed(file: TailedFile, reference: AgedFile, lost?: TailedFile): void {
    for (const base of new Set([...file.names].map(chainOf))) {
      this.missed.push({ base, reference, ...(lost === undefined ? {} : { lost }) });
    }
  }

  /**
   * The file goes on in a copy; what was known to be there and is not in the copy is lost. What its inode holds `now` is another file,
   * which keeps the handle.
   */
  continueInCopy(
    file: TailedFile,
    copy: { readonly path: string; readonly stat: FileStat },
    head: Buffer,
    now?: FoundContent,
  ): void {
    const { path, presence, isMatched } = file;
    this.lose(file, Math.max(0, file.provenBytes - Math.max(copy.stat.bytes, file.offset)));
    this.noteMissed(file, { path: copy.path, ...copy.stat });
    this.continueIn(file, copy);
    file.setHead(head);
    if (now === undefined) return;
    const start = { offset: 0, guard: GUARD_NONE, head: now.head, isWithinLine: false };
    const other = this.start(path, now.stat, start);
    other.presence = presence;
    other.isMatched = isMatched;
    this.files.handles.hand(file, other);
  }

  /** Takes over where a file was found; the caller has made sure that its content is there. */
  continueIn(file: TailedFile, found: { readonly path: string; readonly stat: FileStat }): void {
    this.waiting.delete(identityKey(found.stat));
    this.copies.forget(file);
    this.files.place(file, found.path, found.stat);
    file.presence = "listed";
    file.bytes = found.stat.bytes;
    file.modifiedMs = found.stat.modifiedMs;
    file.isSized = true;
    file.prove();
    file.isSuspect = false;
    file.isReplaced = false;
    file.isDirty = true;
    file.changedAtMs = this.files.clock.monotonic();
    file.searchAgain();
  }

  /** Takes note of a copy that holds nothing that was not read, so that no later run reads it. */
  takeAsRead(copy: {
    readonly path: string;
    readonly stat: FileStat;
    readonly end: StartPosition;
  }): void {
    this.waiting.delete(identityKey(copy.stat));
    this.start(copy.path, copy.stat, copy.end);
  }

  /** Adds a file that was never seen before, to be read from a position on. */
  start(path: string, stat: FileStat, position: StartPosition): TailedFile {
    const number = this.allocateFile();
    const file = TailedFile.found({ source: this.files.name, file: number, path }, stat);
    file.beginAt(position.offset, position.guard, position.head);
    if (position.isWithinLine) file.setUnterminated(true);
    file.presence = "listed";
    file.bytes = Math.max(stat.bytes, position.offset);
    file.wasEmpty = stat.bytes === 0;
    file.modifiedMs = stat.modifiedMs;
    file.isSized = true;
    file.prove();
    file.changedAtMs = this.files.clock.monotonic();
    this.files.add(file);
    return file;
  }

  /** Ledgers bytes that were destroyed before they were read. How many lines they were, nobody knows. */
  private lose(file: TailedFile, bytes: number): void {
    if (bytes === 0) return;
    this.files.ledger.add("lost", "truncated_unread", 0, bytes);
    this.files.logger.error("bytes were destroyed before they were read", {
      source: this.files.name,
      path: file.path,
      bytes,
    });
  }

  /** Ledgers, once, what is known to have been in a file that is gone for good and was not read; an event that waited in it is counted. */
  loseUnread(file: TailedFile): void {
    this.files.countKept(file);
    this.lose(file, Math.max(0, file.provenBytes - file.offset));
    file.provenBytes = file.offset;
  }

  /** Ledgers a file that was seen, could not be read and is gone. What is packed may well be known as what it was before. */
  loseNeverRead({ paths, stat }: FoundFile): void {
    const path = paths[0] ?? "";
    if (isPackedName(path) || stat.bytes === 0) return;
    this.files.ledger.add("lost", "gone_unread", 0, stat.bytes);
    this.files.logger.error("a file that could not be read is gone", {
      source: this.files.name,
      path,
      bytes: stat.bytes,
    });
  }

  /** Ledgers held ranges whose bytes are gone. */
  loseHeld(file: TailedFile): void {
    const bytes = file.dropHeld();
    if (bytes === 0) return;
    this.files.ledger.add("lost", "lost_by_aggregator", 0, bytes);
    this.files.logger.error("bytes that had to be read again are gone", {
      source: this.files.name,
      path: file.path,
      bytes,
    });
  }
}

/**
 * What a file holds, all of one moment: it may be truncated between one look and the next, and its head and size be those of two contents.
 * As long as it changes faster than it is looked at nothing is sure to be there.
 */
async function lookOnce(handle: ReadableFile): Promise<FoundContent> {
  for (let attempt = 1; ; attempt++) {
    const head = await readHead(handle);
    const stat = await handle.stat();
    const after = await readHead(handle);
    if (after.subarray(0, head.length).equals(head)) return { stat, head };
    if (attempt < LOOK_COUNT_MAX) continue;
    return { stat: { ...stat, bytes: 0 }, head: Buffer.alloc(0) };
  }
}
