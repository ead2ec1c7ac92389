/**
 * What becomes of a file whose content is no longer where it was read: truncated in place, or gone.
 *
 * If a copy with a rotation ending holds what was read, the file goes on in the copy, under its own number: nothing is lost and nothing is
 * read twice. Whatever took its place is another file. Without such a copy a truncated file begins a new generation, and what was known to
 * be there but had not been read is lost.
 */
import type { FileStat, ReadableFile } from "../../shared/platform/disk.ts";
import { type FoundFile, findSiblings, type Look, statFiles } from "./find-files.ts";
import { GUARD_BYTES_MAX, GUARD_NONE, type Guard, guardBefore } from "./guard.ts";
import { isGzipFault } from "./gunzip-file.ts";
import { hasRotatedName, matchFile } from "./match-file.ts";
import { MatchedFiles } from "./matched-files.ts";
import { probeContent, readBytes, readHead } from "./probe-file.ts";
import {
  type AgedFile,
  chainOf,
  isForeignName,
  isPackedName,
  isRotationOf,
} from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { identityKey, identityOf, isSameInode, TailedFile } from "./tailed-file.ts";

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

/** What a look showed of rotated files in other folders; undefined: the look may have begun before the file changed. */
interface ElsewhereLook {
  readonly look: MatchedFiles;
  readonly names: string | undefined;
}

/** A copy of a suspect file. */
interface Copy {
  readonly path: string;
  readonly stat: FileStat;
  /** True when everything that was read is in it. */
  readonly isWhole: boolean;
  /** Its end. */
  readonly end: StartPosition;
}

/** Where reading of a new file begins. */
export interface StartPosition {
  readonly offset: number;
  readonly guard: Guard;
  /** The first bytes of the file. */
  readonly head: Buffer;
  /** True when the position is within a line. */
  readonly isWithinLine: boolean;
}

/** Where nothing is known of the content. */
export const POSITION_NONE: StartPosition = {
  offset: 0,
  guard: GUARD_NONE,
  head: Buffer.alloc(0),
  isWithinLine: false,
};

/** What a file holds by now. */
interface FoundContent {
  readonly stat: FileStat;
  readonly head: Buffer;
}

/** More names than this in a folder are not looked at in the search for one file. */
const SIBLING_COUNT_MAX = 5_000;
/** A packed file that has not grown for so long is damaged, not half written. */
const BROKEN_MS = 60_000;

/** A file that is found changed is looked at so often until two looks agree. */
const LOOK_COUNT_MAX = 3;

/** Finds out where the content of files went. */
export class RotationFollower {
  private readonly files: SourceFiles;
  private readonly allocateFile: () => number;
  /** By {@link identityKey}. */
  readonly waiting = new Map<string, WaitingCopy>();
  /** Logs to search for generations that were never seen. */
  missed: MissedGenerations[] = [];
  /** Missing files whose copies were searched for. */
  readonly followed = new WeakSet<TailedFile>();
  /** When packed files that cannot be unpacked were first seen with their sizes, monotonic. */
  private readonly brokenSince = new Map<string, number>();
  /** Files that have the inodes of known ones that are gone. */
  freed: FoundFile[] = [];
  /** What the patterns found at the last look. */
  matched = new MatchedFiles(new Map());
  /** Of files without a copy: what the patterns found in other folders, and at which look. */
  private readonly elsewhere = new WeakMap<TailedFile, ElsewhereLook>();

  constructor(files: SourceFiles, allocateFile: () => number) {
    this.files = files;
    this.allocateFile = allocateFile;
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
    this.elsewhere.delete(file);
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
    const copies = await this.findCopies(file);
    if (copies === undefined) return false;
    this.elsewhere.delete(file);
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

  /**
   * Files beside `path` whose names are its own plus a rotation ending, those left out that are proven to be a known file's. A known
   * file whose bytes are not proven may have lost its inode to a copy.
   */
  async findRotations(path: string): Promise<FoundFile[]> {
    const siblings = (await findSiblings(this.files.disk, path)).filter(
      (sibling) => isRotationOf(sibling, path) && !isForeignName(sibling),
    );
    const look = await statFiles(this.files.disk, siblings);
    return [...look.files.values()].filter((found) => this.isUnproven(found));
  }

  private isUnproven({ stat }: FoundFile): boolean {
    const known = this.files.byIdentity(stat);
    if (known === undefined || !isSameInode(known, identityOf(stat))) return true;
    return !known.isVerified || known.isSuspect;
  }

  /** Which file each name of a path plus a rotation ending leads to: two equal answers mean that nothing was renamed between. */
  async namesOfRotations(path: string): Promise<string> {
    const siblings = await findSiblings(this.files.disk, path);
    const rotations = siblings.filter((sibling) => isRotationOf(sibling, path));
    return namesOf((await statFiles(this.files.disk, rotations)).files);
  }

  /** Looks at all that stands in the folder of a path. */
  async lookBeside(path: string): Promise<Look> {
    const siblings = await findSiblings(this.files.disk, path);
    const rotations = siblings.filter((sibling) => isRotationOf(sibling, path));
    const others = siblings.filter((sibling) => !isRotationOf(sibling, path));
    return statFiles(this.files.disk, [...rotations, ...others].slice(0, SIBLING_COUNT_MAX));
  }

  /**
   * The copies of a file whose own content is gone: the longest first, of equal ones the newest. Undefined when names changed meanwhile:
   * then one may have slipped through.
   */
  private async findCopies(file: TailedFile): Promise<Copy[] | undefined> {
    const copies: Copy[] = [];
    const rotations = await this.findAllRotations(file);
    for (const found of rotations.values()) {
      const copy = await this.judgeCopy(file, found);
      if (copy !== undefined) copies.push(copy);
    }
    const after = await this.findAllRotations(file);
    if (namesOf(after) !== namesOf(rotations)) return undefined;
    if (copies.length === 0 && !this.isNoneElsewhere(file)) return undefined;
    return copies.sort(
      (a, b) => b.stat.bytes - a.stat.bytes || b.stat.modifiedMs - a.stat.modifiedMs,
    );
  }

  /**
   * True when a copy would have been found in other folders, too. They are looked at only as the patterns are: a look that began before the file
   * changed shows none, and one during which names change may miss one; two later ones that are equal do not.
   */
  private isNoneElsewhere(file: TailedFile): boolean {
    if (!this.files.areManyFolders) return true;
    const before = this.elsewhere.get(file);
    if (before?.look === this.matched) return false;
    const found = this.matched.rotatedElsewhere(file.names);
    const names = namesOf(new Map(found.map((one) => [identityKey(one.stat), one])));
    this.elsewhere.set(file, { look: this.matched, names: before && names });
    return before?.names === names;
  }

  /** What may be a copy by its name. */
  private async findAllRotations(file: TailedFile): Promise<Map<string, FoundFile>> {
    const rotations: FoundFile[] = [];
    const { names } = file;
    for (const base of new Set([...names, ...[...names].map(chainOf)])) {
      for (const found of await this.findRotations(base)) {
        if (found.paths.some((path) => hasRotatedName(path, names))) rotations.push(found);
      }
    }
    for (const found of this.matched.rotatedElsewhere(names)) {
      if (this.isUnproven(found)) rotations.push(found);
    }
    const own = file.isReplaced ? undefined : identityKey(file);
    const others = rotations.filter((found) => identityKey(found.stat) !== own);
    return new Map(others.map((found) => [identityKey(found.stat), found]));
  }

  private async judgeCopy(file: TailedFile, found: FoundFile): Promise<Copy | undefined> {
    const path = found.paths[0];
    if (path === undefined) return undefined;
    const handle = await this.files.handles.openPath(path);
    try {
      return await this.compareCopy(file, found, { path, handle });
    } catch (error) {
      if (!isGzipFault(error) || !this.isBrokenForLong(found)) throw error;
      return undefined;
    } finally {
      await handle.close();
    }
  }

  /** A packed file may be half written: for a while it counts as not readable now, then as no copy of anything. */
  private isBrokenForLong(found: FoundFile): boolean {
    const now = this.files.clock.monotonic();
    const key = `${identityKey(found.stat)} ${found.stat.bytes}`;
    const sinceMs = this.brokenSince.get(key);
    if (sinceMs !== undefined) return now - sinceMs >= BROKEN_MS;
    if (this.brokenSince.size >= SIBLING_COUNT_MAX) this.brokenSince.clear();
    this.brokenSince.set(key, now);
    return false;
  }

  private async compareCopy(
    file: TailedFile,
    found: FoundFile,
    opened: { readonly path: string; readonly handle: ReadableFile },
  ): Promise<Copy | undefined> {
    const { path, handle } = opened;
    const head = await readHead(handle);
    const content = await probeContent(handle, head, file);
    if (content === "other") return undefined;
    const stat = await handle.stat();
    if (!isSameInode(identityOf(stat), identityOf(found.stat))) return undefined;
    const seen = { ...stat, path };
    const wasCopy = this.waiting.get(identityKey(stat))?.of === file;
    const match = matchFile(seen, [
      { known: file, content, isElsewhere: false, wasCopy, isReplaced: file.isReplaced },
    ]);
    if (match.kind === "new") return undefined;
    const end = await readPosition(handle, stat.bytes);
    return { path, stat, isWhole: match.kind === "continues", end };
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

/** True of two copies that hold the same, such as one that is just packed and what it is packed into. */
function isSameEnd(a: StartPosition, b: StartPosition): boolean {
  return a.offset === b.offset && a.guard.guard === b.guard.guard && a.head.equals(b.head);
}

/** Of the copies that hold all that was read the first, or what that one is packed into: it is about to be removed then. */
function longestLived(copies: readonly Copy[]): Copy | undefined {
  const first = copies.find(({ isWhole }) => isWhole);
  if (first === undefined) return undefined;
  const packed = copies.find(({ path, end }) => isPackedName(path) && isSameEnd(end, first.end));
  return packed ?? first;
}

function namesOf(files: ReadonlyMap<string, FoundFile>): string {
  return [...files].map(([key, { paths }]) => `${key} ${paths.join(" ")}`).join("\n");
}

/** What has to be known to begin reading a file behind its first `offset` bytes. */
export async function readPosition(handle: ReadableFile, offset: number): Promise<StartPosition> {
  const head = await readHead(handle);
  const guardBytes = Math.min(offset, GUARD_BYTES_MAX);
  const before = await readBytes(handle, offset - guardBytes, guardBytes);
  const last = before.at(-1);
  return {
    offset,
    guard: guardBefore(before, before.length),
    head,
    isWithinLine: last !== undefined && last !== LINE_FEED,
  };
}

const LINE_FEED = 10;
