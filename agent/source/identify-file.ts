/** Finds out what a file is that belongs to no number yet: a known one that moved, a copy of one, or a new one. */
import { basename } from "node:path";
import type { ReadableFile } from "../../shared/platform/disk.ts";
import { type FoundFile, isGone } from "./find-files.ts";
import { POSITION_NONE, type RotationFollower, readPosition } from "./follow-rotation.ts";
import {
  type Candidate,
  hasRotatedName,
  hasRotatedNameElsewhere,
  headComparer,
  matchFile,
} from "./match-file.ts";
import type { FilePlacer } from "./place-files.ts";
import { isBeginningOf, probeContent, readHead } from "./probe-file.ts";
import {
  chainOf,
  isBeside,
  isPackedName,
  isRotationElsewhere,
  isRotationOf,
  logNameOf,
} from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { identityKey, identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";

/** What may be a copy of a file that cannot be read waits for so long. */
const UNDECIDED_MS = 60_000;

/** How a found file was found. */
export interface Finding {
  /** True when a pattern finds it. */
  readonly isMatched: boolean;
  /** Where to begin when it is new. */
  readonly startAt: "beginning" | "end";
}

/** A file that was seen and could not be told. */
interface UndecidedFile {
  found: FoundFile;
  /** Packed files that were there when it was seen first, by {@link identityKey}. */
  readonly packedBefore: ReadonlySet<string>;
  readonly sinceMs: number;
  /** Since when no name leads to it; undefined while one does. */
  missingSinceMs: number | undefined;
}

/** See the head of this file. */
export class FileIdentifier {
  private readonly files: SourceFiles;
  private readonly follower: RotationFollower;
  private readonly placer: FilePlacer;
  /** Files that were seen and could not be told, by {@link identityKey}. */
  readonly undecided = new Map<string, UndecidedFile>();
  /** Known files by {@link chainOf} of their names. */
  chains = new Map<string, TailedFile[]>();
  /** Known files by {@link logNameOf} of their names. */
  private namesakes = new Map<string, TailedFile[]>();
  /** Known files that are nowhere. */
  missing: TailedFile[] = [];
  /** Packed files that hold the lines of one that was gone before it could be read. */
  private readonly holdsGone = new WeakSet<TailedFile>();

  constructor(files: SourceFiles, follower: RotationFollower, placer: FilePlacer) {
    this.files = files;
    this.follower = follower;
    this.placer = placer;
  }

  /** Takes over which known files there are, and which of them are missing. */
  refresh(): void {
    this.chains = this.files.byChain();
    this.namesakes = new Map();
    for (const [chain, members] of this.chains) {
      for (const file of members) addTo(this.namesakes, basename(chain), file);
    }
    this.missing = [...this.files.all.values()].filter(
      (file) => file.presence === "missing" && !file.isRemoved,
    );
  }

  /** Finds out what a file is that belongs to no number yet; resolves with false when that cannot be told now. */
  async identify(found: FoundFile, finding: Finding): Promise<boolean> {
    const key = identityKey(found.stat);
    const known = this.undecided.get(key);
    // Two that were renamed would wait for each other under names that they had.
    if (known !== undefined) {
      known.found = found;
      known.missingSinceMs = undefined;
    }
    const isDecided = await this.decide(found, finding);
    if (isDecided) this.undecided.delete(key);
    else if (known === undefined) {
      const sinceMs = this.files.clock.monotonic();
      const packedBefore = this.packedBeside(found);
      this.undecided.set(key, { found, packedBefore, sinceMs, missingSinceMs: undefined });
    }
    return isDecided;
  }

  /**
   * Takes note that no name leads to a file that could not be told: after a while it is gone for good, and what it held is lost, unless
   * that is known as what it was packed into, or as what it was a copy of.
   */
  missUndecided(key: string): void {
    const file = this.undecided.get(key);
    if (file === undefined) return;
    const now = this.files.clock.monotonic();
    const isMissedAgain = file.missingSinceMs !== undefined;
    const missingMs = now - (file.missingSinceMs ??= now);
    const { found } = file;
    // Not yet, as long as its own may come to light: it would be taken for what another one was packed into.
    const isPackedKnown = isMissedAgain && !this.hasUnknownPacked(file);
    const isKnown =
      this.files.byIdentity(found.stat) !== undefined ||
      this.wasCopy(found) ||
      ((isPackedKnown || missingMs >= UNDECIDED_MS) && this.wasPacked(file));
    const waitMs = isPackedKnown ? this.files.settings.rotateWaitMs : UNDECIDED_MS;
    if (!isKnown && missingMs < waitMs) return;
    this.undecided.delete(key);
    for (const path of found.paths) this.files.forgetPath(path);
    if (!isKnown) this.follower.loseNeverRead(found);
  }

  /** True of a copy beside its original: that one tells of itself what is lost of it. A file that was renamed is older than what has its name now. */
  private wasCopy({ paths, stat }: FoundFile): boolean {
    const { birthMs } = stat;
    if (birthMs === undefined) return false;
    for (const path of paths) {
      for (const file of this.namesakes.get(logNameOf(path)) ?? []) {
        if (file.presence !== "listed" || file.birthMs === undefined) continue;
        if (!isRotationNear(path, file.path)) continue;
        if (file.birthMs < birthMs) return true;
      }
    }
    return false;
  }

  /**
   * True when a packed file appeared meanwhile that can hold its lines: one for each file that is gone. Times prove nothing, programs set them.
   * Where the birth of a file is not told, it may have been the copy of one that goes on in what the copy was packed into.
   */
  private wasPacked({ found, packedBefore }: UndecidedFile): boolean {
    const isBirthKnown = found.stat.birthMs !== undefined;
    let smallest: TailedFile | undefined;
    for (const path of found.paths) {
      for (const file of this.namesakes.get(logNameOf(path)) ?? []) {
        const packedPath = isBirthKnown ? file.homePath : file.path;
        if (!isPackedName(packedPath) || !isBeside(packedPath, path)) continue;
        if (packedBefore.has(identityKey(file)) || this.holdsGone.has(file)) continue;
        if (file.bytes < found.stat.bytes || file.bytes >= (smallest?.bytes ?? Infinity)) continue;
        smallest = file;
      }
    }
    // Those that hold more are left to files that were larger.
    if (smallest !== undefined) this.holdsGone.add(smallest);
    return smallest !== undefined;
  }

  /** True while a packed file that appeared meanwhile is not known yet: it may hold its lines. */
  private hasUnknownPacked({ found, packedBefore }: UndecidedFile): boolean {
    return found.paths.some((path) =>
      this.follower.matched.ofLog(logNameOf(path)).some(({ paths, stat }) => {
        const key = identityKey(stat);
        const isPacked = paths.some((other) => isPackedName(other) && isBeside(other, path));
        const isKnown = this.files.byIdentity(stat) !== undefined || this.follower.waiting.has(key);
        return isPacked && !isKnown && !packedBefore.has(key);
      }),
    );
  }

  /** Packed files of the log of a file, but the one into which it may just be packed. */
  private packedBeside({ paths }: FoundFile): Set<string> {
    const own = new Set(paths.map((path) => `${path}.gz`));
    const keys = new Set<string>();
    for (const path of paths) {
      const logName = logNameOf(path);
      for (const file of this.namesakes.get(logName) ?? []) {
        if (isPackedName(file.homePath)) keys.add(identityKey(file));
      }
      for (const { paths: others, stat } of this.follower.matched.ofLog(logName)) {
        if (others.some((other) => isPackedName(other) && !own.has(other)))
          keys.add(identityKey(stat));
      }
    }
    return keys;
  }

  /** States whether the original of what may be a copy was seen and could not be read a moment ago. */
  private isOriginalUndecided(path: string, own: string): boolean {
    const now = this.files.clock.monotonic();
    for (const [key, { found, sinceMs, missingSinceMs }] of this.undecided) {
      // It may be one of them itself, under another name by now; and what is gone cannot be read a second time.
      if (key === own || missingSinceMs !== undefined || now - sinceMs >= UNDECIDED_MS) continue;
      if (found.paths.some((original) => isRotationNear(path, original))) return true;
    }
    return false;
  }

  private async decide(found: FoundFile, finding: Finding): Promise<boolean> {
    const path = found.paths[0];
    if (path === undefined || this.isTaken(found)) return true;
    if (this.isOriginalUndecided(path, identityKey(found.stat))) return false;
    const isFromStart = finding.startAt === "beginning";
    if (isPackedName(path) && !isFromStart) {
      this.follower.start(path, found.stat, POSITION_NONE).complete();
      return true;
    }
    let handle: ReadableFile | undefined;
    try {
      handle = await this.files.handles.openPath(path);
      const stat = await handle.stat();
      this.files.succeedPath(path);
      if (!isSameInode(identityOf(stat), identityOf(found.stat))) return false;
      const candidates = await this.findCandidates({ paths: [path], stat }, handle);
      // While candidates were looked at, one of them may have turned out to go on here.
      if (this.isTaken(found)) return true;
      if (candidates === undefined) return false;
      const match = matchFile({ ...stat, path }, candidates);
      if (match.kind === "copy") {
        const { bytes, modifiedMs } = found.stat;
        this.follower.waiting.set(identityKey(stat), { of: match.known, bytes, modifiedMs });
      } else if (match.kind === "same") {
        this.follower.continueIn(match.known, { path, stat });
      } else if (match.kind === "continues") {
        this.follower.continueInCopy(match.known, { path, stat }, await readHead(handle));
      } else if (match.kind === "read-copy") {
        const end = await readPosition(handle, stat.bytes);
        this.follower.takeAsRead({ path, stat, end });
      } else {
        const position = await readPosition(handle, isFromStart ? 0 : stat.bytes);
        // Truncated between two looks: what was seen of it does not fit together.
        if ((await handle.stat()).bytes < stat.bytes) return false;
        const file = this.follower.start(path, stat, position);
        file.isMatched = finding.isMatched;
        this.addToChain(file);
        await this.files.handles.adopt(file, handle);
        handle = undefined;
      }
      return true;
    } catch (error) {
      // Renamed, packed or deleted since it was seen: the next look tells.
      if (!isGone(error)) this.files.failPath(path, error);
      return false;
    } finally {
      await handle?.close();
    }
  }

  /** States whether a found file has a number already, or is a copy that waits and has not changed. */
  private isTaken(found: FoundFile): boolean {
    const key = identityKey(found.stat);
    const waiting = this.follower.waiting.get(key);
    if (waiting !== undefined && waiting.of.presence !== "missing" && !waiting.of.isRemoved) {
      const { bytes, modifiedMs } = found.stat;
      if (waiting.bytes === bytes && waiting.modifiedMs === modifiedMs) return true;
    }
    const file = this.files.byIdentity(found.stat);
    return file !== undefined && this.placer.isSame(file, found.stat);
  }

  /** Known files that a found one could be, compared with it. Undefined when one of them cannot be looked at now. */
  private async findCandidates(
    found: FoundFile,
    handle: ReadableFile,
  ): Promise<Candidate<TailedFile>[] | undefined> {
    const path = found.paths[0] ?? "";
    const key = identityKey(found.stat);
    const head = await readHead(handle);
    const candidates: Candidate<TailedFile>[] = [];
    const waitsFor = this.follower.waiting.get(key)?.of;
    const related = new Set(this.chains.get(chainOf(path)) ?? []);
    if (waitsFor !== undefined) related.add(waitsFor);
    for (const file of this.missing) if (file.inode === found.stat.inode) related.add(file);
    for (const file of this.namesakesLike(path, head)) related.add(file);
    for (const known of related) {
      if (known.isRemoved) continue;
      const wasCopy = known === waitsFor;
      const { isReplaced } = known;
      if (known.presence === "missing") {
        const content = await probeContent(handle, head, known);
        candidates.push({ known, content, isElsewhere: false, wasCopy, isReplaced });
      } else if (
        wasCopy ||
        hasRotatedName(path, known.names) ||
        hasRotatedNameElsewhere(path, known.names)
      ) {
        const isCopy = await this.isCopyOf(known, found.stat.bytes, handle);
        if (isCopy === undefined) return undefined;
        const content = isCopy ? "beginning" : "other";
        candidates.push({ known, content, isElsewhere: true, wasCopy, isReplaced });
      }
    }
    return candidates;
  }

  /**
   * Known files of other folders that a found one may have been rotated from, by its name and its first bytes: of thousands of containers each
   * may have a folder with a log of this name, so none is opened that begins otherwise.
   */
  private namesakesLike(path: string, head: Buffer): TailedFile[] {
    if (chainOf(path) === path) return [];
    const fits = headComparer(head);
    return (this.namesakes.get(logNameOf(path)) ?? []).filter(
      (file) => hasRotatedNameElsewhere(path, file.names) && fits(file),
    );
  }

  /** States whether the first `bytes` behind a handle are those of a file that is there; undefined when it is just changing. */
  private async isCopyOf(
    original: TailedFile,
    bytes: number,
    handle: ReadableFile,
  ): Promise<boolean | undefined> {
    const own = await this.files.handles.get(original);
    if (own === undefined) return undefined;
    const head = await readHead(own);
    let content = await probeContent(own, head, original);
    if (content === "whole") {
      original.setHead(head);
      if (await isBeginningOf(handle, bytes, own)) return true;
      // Unless the original was truncated just now, it is no copy.
      content = await probeContent(own, await readHead(own), original);
      if (content === "whole") return false;
    }
    await this.checkChanged(original);
    return undefined;
  }

  /** Finds out what happened to a file whose bytes changed. */
  private async checkChanged(file: TailedFile): Promise<void> {
    file.isSuspect = true;
    await this.follower.check([file]);
    this.refresh();
  }

  private addToChain(file: TailedFile): void {
    const chain = chainOf(file.path);
    addTo(this.chains, chain, file);
    addTo(this.namesakes, basename(chain), file);
  }
}

/** As {@link isRotationOf}, also for a path in a folder right below that of `base`. */
function isRotationNear(path: string, base: string): boolean {
  return isRotationOf(path, base) || (isBeside(path, base) && isRotationElsewhere(path, base));
}

function addTo(groups: Map<string, TailedFile[]>, key: string, file: TailedFile): void {
  const members = groups.get(key);
  if (members === undefined) groups.set(key, [file]);
  else members.push(file);
}
