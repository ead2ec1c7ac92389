/**
 * Files that were seen and could not be told: they changed too fast, or could not be read. Each is told at a later look, or it is gone by then;
 * then what it held is lost, unless it is known as what it was packed into, or as what it was a copy of.
 */
import type { FoundFile } from "./find-files.ts";
import type { RotationFollower } from "./follow-rotation.ts";
import {
  chainOf,
  isBeside,
  isPackedName,
  isRotationElsewhere,
  isRotationOf,
  logNameOf,
} from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { type FileIdentity, identityKey, type TailedFile } from "./tailed-file.ts";

/** A packed file may be unknown for so long, and what may be a copy of a file that cannot be read waits for so long. */
const UNDECIDED_MS = 60_000;

interface UndecidedFile {
  found: FoundFile;
  /** Packed files that were there when it was seen first, by {@link keyOf}. */
  readonly packedBefore: ReadonlySet<string>;
  readonly sinceMs: number;
  /** Since when no name leads to it; undefined while one does. */
  missingSinceMs: number | undefined;
}

/** See the head of this file. */
export class UndecidedFiles {
  private readonly files: SourceFiles;
  private readonly follower: RotationFollower;
  /** Known files by {@link logNameOf} of their names. */
  private readonly namesakes: (logName: string) => readonly TailedFile[];
  /** By {@link keyOf}. */
  private readonly undecided = new Map<string, UndecidedFile>();
  /** Packed files that hold the lines of one that was gone before it could be read. */
  private readonly holdsGone = new WeakSet<TailedFile>();

  constructor(
    files: SourceFiles,
    follower: RotationFollower,
    namesakes: (logName: string) => readonly TailedFile[],
  ) {
    this.files = files;
    this.follower = follower;
    this.namesakes = namesakes;
  }

  get size(): number {
    return this.undecided.size;
  }

  /** As they were last seen. */
  get found(): FoundFile[] {
    return [...this.undecided.values()].map(({ found }) => found);
  }

  /** Takes over where one of them is by now: two that were renamed would wait for each other under names that they had. */
  see(found: FoundFile): void {
    const file = this.undecided.get(keyOf(found.stat));
    if (file === undefined) return;
    file.found = found;
    file.missingSinceMs = undefined;
  }

  /** Takes note whether a file that was looked at can be told. */
  note(found: FoundFile, isDecided: boolean): void {
    const key = keyOf(found.stat);
    if (isDecided) {
      this.undecided.delete(key);
    } else if (!this.undecided.has(key) && !this.isSearched(found)) {
      const sinceMs = this.files.clock.monotonic();
      const packedBefore = this.packedBeside(found);
      this.undecided.set(key, { found, packedBefore, sinceMs, missingSinceMs: undefined });
    }
  }

  /** True of a packed file that no pattern finds: whether it is wanted, its time tells the search when it is written to its end. */
  private isSearched(found: FoundFile): boolean {
    return found.paths.some(isPackedName) && !this.follower.copies.matched.has(found);
  }

  /** Takes note that no name leads to one of them: after a while it is gone for good. */
  miss(missed: FoundFile): void {
    const key = keyOf(missed.stat);
    const file = this.undecided.get(key);
    if (file === undefined) return;
    const now = this.files.clock.monotonic();
    const isMissedAgain = file.missingSinceMs !== undefined;
    file.missingSinceMs ??= now;
    const missingMs = now - file.missingSinceMs;
    const { found } = file;
    // Until its own packed file is known, that of another one would be taken for it.
    const arePackedKnown = isMissedAgain && !this.hasUnknownPacked(file);
    const { rotateWaitMs } = this.files.settings;
    const waitMs = arePackedKnown ? rotateWaitMs : Math.max(rotateWaitMs, UNDECIDED_MS);
    const isOver = missingMs >= waitMs;
    const isKnown =
      this.files.ownerOf(found.stat) !== undefined ||
      this.wasCopy(found) ||
      ((arePackedKnown || isOver) && this.wasPacked(file));
    if (!isKnown && !isOver) return;
    this.undecided.delete(key);
    for (const path of found.paths) this.files.forgetPath(path);
    if (!isKnown) this.follower.loseNeverRead(found);
  }

  /** States whether the original of what may be a copy was seen and could not be read a moment ago. */
  isOriginalUndecided(copy: FoundFile): boolean {
    const [path] = copy.paths;
    if (path === undefined || chainOf(path) === path) return false;
    const now = this.files.clock.monotonic();
    const own = keyOf(copy.stat);
    for (const [key, { found, sinceMs, missingSinceMs }] of this.undecided) {
      // It may be one of them itself, under another name by now; and what is gone cannot be read a second time.
      if (key === own || missingSinceMs !== undefined || now - sinceMs >= UNDECIDED_MS) continue;
      if (found.paths.some((original) => isRotationNear(path, original))) return true;
    }
    return false;
  }

  /** True of a copy beside its original: that one tells of itself what is lost of it. A file that was renamed is older than what has its name now. */
  private wasCopy({ paths, stat }: FoundFile): boolean {
    const { birthMs } = stat;
    if (birthMs === undefined) return false;
    return paths.some((path) =>
      this.namesakes(logNameOf(path)).some((file) => {
        const isOlder = file.birthMs !== undefined && file.birthMs < birthMs;
        return file.presence === "listed" && isOlder && isRotationNear(path, file.path);
      }),
    );
  }

  /**
   * True when a packed file appeared meanwhile that can hold its lines: one for each file that is gone. Times prove nothing, programs set them.
   * Under a rotated name it may have been the copy of a file that goes on in what the copy was packed into.
   */
  private wasPacked({ found, packedBefore }: UndecidedFile): boolean {
    const { bytes } = found.stat;
    // Nothing is lost of it, and what others were packed into is left to them.
    if (bytes === 0) return false;
    let smallest: TailedFile | undefined;
    for (const path of found.paths) {
      for (const file of this.namesakes(logNameOf(path))) {
        const packedPath = chainOf(path) === path ? file.homePath : file.path;
        if (!isPackedName(packedPath) || !isBeside(packedPath, path)) continue;
        if (packedBefore.has(keyOf(file)) || this.holdsGone.has(file)) continue;
        if (file.bytes < bytes || file.bytes >= (smallest?.bytes ?? Infinity)) continue;
        smallest = file;
      }
    }
    if (smallest === undefined) return false;
    // Those that hold more are left to files that were larger.
    this.holdsGone.add(smallest);
    return true;
  }

  /** True while a packed file that appeared meanwhile is not known yet: it may hold its lines. */
  private hasUnknownPacked({ found, packedBefore }: UndecidedFile): boolean {
    return found.paths.some((path) =>
      this.follower.copies.matched.ofLog(logNameOf(path)).some(({ paths, stat }) => {
        const key = identityKey(stat);
        const isPacked = paths.some((other) => isPackedName(other) && isBeside(other, path));
        const isKnown = this.files.ownerOf(stat) !== undefined || this.follower.waiting.has(key);
        return isPacked && !isKnown && !packedBefore.has(keyOf(stat));
      }),
    );
  }

  /** Packed files of the log of a file, but the one into which it may just be packed. */
  private packedBeside({ paths }: FoundFile): Set<string> {
    const own = new Set(paths.map((path) => `${path}.gz`));
    const keys = new Set<string>();
    for (const logName of new Set(paths.map(logNameOf))) {
      for (const file of this.namesakes(logName)) {
        if (isPackedName(file.homePath)) keys.add(keyOf(file));
      }
      for (const { paths: others, stat } of this.follower.copies.matched.ofLog(logName)) {
        if (others.some((other) => isPackedName(other) && !own.has(other))) keys.add(keyOf(stat));
      }
    }
    return keys;
  }
}

/** As {@link isRotationOf}, also for a path in a folder right below that of `base`. */
function isRotationNear(path: string, base: string): boolean {
  return isRotationOf(path, base) || (isRotationElsewhere(path, base) && isBeside(path, base));
}

/** An inode that was given away again is another file's. */
function keyOf(identity: FileIdentity): string {
  return `${identityKey(identity)} ${identity.birthMs}`;
}
