/**
 * Finds the copies of a file whose content is no longer where it was read, beside it and in other folders that the patterns look into, and what
 * else has a rotated name of its log.
 */
import type { FileStat, ReadableFile } from "../../shared/platform/disk.ts";
import { type FoundFile, findSiblings, type Look, statFiles } from "./find-files.ts";
import { isGzipFault } from "./gunzip-file.ts";
import { hasRotatedName, matchFile } from "./match-file.ts";
import { MatchedFiles } from "./matched-files.ts";
import { probeContent, readHead } from "./probe-file.ts";
import { chainOf, isForeignName, isPackedName, isRotationOf } from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { readPosition, type StartPosition } from "./start-position.ts";
import { identityKey, identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";

/** A copy of a suspect file. */
export interface Copy {
  readonly path: string;
  readonly stat: FileStat;
  /** True when everything that was read is in it. */
  readonly isWhole: boolean;
  /** Its end. */
  readonly end: StartPosition;
}

/** What a look showed of rotated files in other folders; undefined: the look may have begun before the file changed. */
interface ElsewhereLook {
  readonly look: MatchedFiles;
  readonly names: string | undefined;
  /** Looks so far. */
  readonly count: number;
}

/** More names than this in a folder are not looked at in the search for one file. */
const SIBLING_COUNT_MAX = 5_000;
/** So many looks at other folders, at most, before a file counts as one without a copy. */
const LOOK_COUNT_MAX = 6;
/** A packed file that has not grown for so long is damaged, not half written. */
const BROKEN_MS = 60_000;

/** See the head of this file. */
export class CopyFinder {
  private readonly files: SourceFiles;
  private readonly isCopyOf: (key: string, file: TailedFile) => boolean;
  /** What the patterns found at the last look. */
  matched = new MatchedFiles(new Map());
  /** True when only a further look can tell that a file has no copy. */
  needsLook = false;
  /** When packed files that cannot be unpacked were first seen with their sizes, monotonic. */
  private readonly brokenSince = new Map<string, number>();
  /** Of files without a copy: what the patterns found in other folders, and at which look. */
  private readonly elsewhere = new WeakMap<TailedFile, ElsewhereLook>();

  /** `isCopyOf` tells whether the file with an {@link identityKey} was found to be a copy of another one before. */
  constructor(files: SourceFiles, isCopyOf: (key: string, file: TailedFile) => boolean) {
    this.files = files;
    this.isCopyOf = isCopyOf;
  }

  /** Takes note that it is decided what became of a file. */
  forget(file: TailedFile): void {
    this.elsewhere.delete(file);
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
    const known = this.files.ownerOf(stat);
    return known === undefined || !known.isVerified || known.isSuspect;
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
  async findCopies(file: TailedFile): Promise<Copy[] | undefined> {
    const copies: Copy[] = [];
    const rotations = await this.findAllRotations(file);
    for (const found of rotations.values()) {
      const copy = await this.judgeCopy(file, found);
      if (copy !== undefined) copies.push(copy);
    }
    const after = await this.findAllRotations(file);
    if (namesOf(after) !== namesOf(rotations)) return undefined;
    if (!copies.some(({ isWhole }) => isWhole) && !this.isNoneElsewhere(file)) {
      this.needsLook = true;
      return undefined;
    }
    return copies.sort(
      (a, b) => b.stat.bytes - a.stat.bytes || b.stat.modifiedMs - a.stat.modifiedMs,
    );
  }

  /**
   * True when a copy would have been found in other folders, too. They are looked at only as the patterns are: a look that began before the file
   * changed shows none, and one during which names change may miss one; two later ones that are equal do not. Where names always change, the last of
   * a few looks decides.
   */
  private isNoneElsewhere(file: TailedFile): boolean {
    if (!this.files.areManyFolders) return true;
    const before = this.elsewhere.get(file);
    if (before?.look === this.matched) return false;
    const found = this.matched.rotatedElsewhere(file.names).filter((one) => this.isUnproven(one));
    const names = namesOf(new Map(found.map((one) => [identityKey(one.stat), one])));
    const count = (before?.count ?? 0) + 1;
    this.elsewhere.set(file, { look: this.matched, names: before && names, count });
    return before?.names === names || count >= LOOK_COUNT_MAX;
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
    const wasCopy = this.isCopyOf(identityKey(stat), file);
    const match = matchFile(seen, [
      { known: file, content, isElsewhere: false, wasCopy, isReplaced: file.isReplaced },
    ]);
    if (match.kind === "new") return undefined;
    const end = await readPosition(handle, stat.bytes);
    return { path, stat, isWhole: match.kind === "continues", end };
  }
}

/** True of two copies that hold the same, such as one that is just packed and what it is packed into. */
export function isSameEnd(a: StartPosition, b: StartPosition): boolean {
  return a.offset === b.offset && a.guard.guard === b.guard.guard && a.head.equals(b.head);
}

/** Of the copies that hold all that was read the first, or what that one is packed into: it is about to be removed then. */
export function longestLived(copies: readonly Copy[]): Copy | undefined {
  const first = copies.find(({ isWhole }) => isWhole);
  if (first === undefined) return undefined;
  const packed = copies.find(({ path, end }) => isPackedName(path) && isSameEnd(end, first.end));
  return packed ?? first;
}

function namesOf(files: ReadonlyMap<string, FoundFile>): string {
  return [...files].map(([key, { paths }]) => `${key} ${paths.join(" ")}`).join("\n");
}
