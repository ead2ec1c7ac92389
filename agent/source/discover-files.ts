/**
 * Finds out which files are there and which of them are known. The order matters: first every known file gets its place by device and
 * inode, then those whose bytes are not what was read are followed, and only what then belongs to nobody can be a copy or a new file.
 */
import { dirname } from "node:path";
import {
  type FoundFile,
  type FoundFiles,
  findPaths,
  foldersOf,
  isGone,
  type Look,
  statFiles,
} from "./find-files.ts";
import type { MissedGenerations, RotationFollower } from "./follow-rotation.ts";
import { FileIdentifier } from "./identify-file.ts";
import { MatchedFiles } from "./matched-files.ts";
import { FilePlacer } from "./place-files.ts";
import { chainOf, isLaterGeneration, isRotationOf } from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { identityKey, identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";

/** How discovery differs from run to run. */
export interface DiscoveryOptions {
  /** Where to begin in the files that the first look finds and that are not known. */
  readonly startAt: "beginning" | "end";
  /** True when the source is read once to its end: then what is missing at the first look is gone. */
  readonly isOnce: boolean;
}

/** The checkpoint of a missing file is kept for so long: it may come back under its old name. */
const FORGET_MS = 3_600_000;
/** Of more missing files than this the oldest are forgotten earlier. */
const MISSING_COUNT_MAX = 1_000;
/** Looks at a time. */
const LOOK_COUNT_MAX = 3;

/** The look at the disk that places known files and finds new ones. */
export class FileDiscovery {
  private readonly files: SourceFiles;
  private readonly follower: RotationFollower;
  private readonly options: DiscoveryOptions;
  private readonly placer: FilePlacer;
  private readonly identifier: FileIdentifier;
  private isFirst = true;
  private havePatternsFailed = false;

  constructor(files: SourceFiles, follower: RotationFollower, options: DiscoveryOptions) {
    this.files = files;
    this.follower = follower;
    this.options = options;
    this.placer = new FilePlacer(files, follower);
    this.identifier = new FileIdentifier(files, follower, this.placer);
  }

  /**
   * Looks what is there; again at once while it takes several looks to tell that a file has no copy. Resolves with false when the patterns could not be
   * looked at; then nothing has changed.
   */
  async discover(): Promise<boolean> {
    for (let look = 1; ; look++) {
      this.follower.copies.needsLook = false;
      if (!(await this.lookOnce())) return false;
      if (!this.follower.copies.needsLook || look === LOOK_COUNT_MAX) return true;
    }
  }

  private async lookOnce(): Promise<boolean> {
    const { disk, settings, name, logger } = this.files;
    let look: Look;
    try {
      look = await statFiles(disk, await findPaths(disk, settings.paths, settings.exclude));
    } catch (error) {
      this.havePatternsFailed = true;
      this.files.failPath(settings.paths.join(", "), error);
      return false;
    }
    // A pattern may be the path of a file: what failed of that file stays.
    if (this.havePatternsFailed) this.files.succeedPath(settings.paths.join(", "));
    this.havePatternsFailed = false;
    if (this.isFirst && look.files.size === 0) {
      await this.checkFolders();
      logger.warn("no file matches", { source: name, patterns: settings.paths.join(", ") });
    }
    await this.placer.placeAll(look);
    if (this.isCalm(look)) return true;
    this.follower.copies.matched = new MatchedFiles(look.files);
    await this.follower.check(
      [...this.files.all.values()].filter(
        (file) =>
          (!file.isVerified || file.isSuspect) && file.presence !== "missing" && !file.isRemoved,
      ),
    );
    this.identifier.refresh();
    await this.identifyFound(look);
    await this.identifyFreed();
    await this.identifyUndecided(look);
    await this.followMissing();
    this.identifier.refresh();
    if (this.isFirst) this.noteNewestRotated();
    await this.searchMissed();
    this.forgetMissing();
    this.isFirst = false;
    return true;
  }

  /** True when the last look saw files that change too fast to be told: the next one finds out. Those that cannot be read are not meant. */
  get isUndecided(): boolean {
    const failing = new Set(this.files.failingPaths);
    return this.identifier.undecided.found.some(
      ({ paths }) => !paths.some((path) => failing.has(path)),
    );
  }

  /** Patterns find nothing in folders that cannot be looked into, and do not say so. */
  private async checkFolders(): Promise<void> {
    const { disk, settings } = this.files;
    for (const folder of foldersOf(settings.paths)) {
      try {
        await disk.list(folder);
      } catch (error) {
        if (!isGone(error)) this.files.failPath(folder, error);
      }
    }
  }

  /** States whether all that is there is known and where it was, so that there is nothing to find out: mostly so, and the rest of a look is dear. */
  private isCalm(look: Look): boolean {
    const { all } = this.files;
    if (this.isFirst || all.size !== look.files.size) return false;
    if (this.follower.missed.length > 0 || this.identifier.undecided.size > 0) return false;
    for (const file of all.values()) {
      const isKnown = file.isVerified && !file.isSuspect && !file.isRemoved && !file.isReplaced;
      if (!isKnown || !file.isMatched || file.presence !== "listed") return false;
    }
    for (const { stat } of look.files.values()) {
      const file = this.files.byIdentity(stat);
      if (file === undefined || !this.placer.isSame(file, stat)) return false;
    }
    return true;
  }

  /** Nothing more is expected of a file without a name: lets go of it. */
  async finish(file: TailedFile): Promise<void> {
    await this.files.handles.close(file);
    this.placer.miss(file);
  }

  /**
   * States whether a file was rotated away: under another name than at first, under none, or under one with a rotation ending while
   * another file has the name without it.
   */
  isRotatedAway(file: TailedFile): boolean {
    if (file.presence === "unnamed" || file.path !== file.homePath) return true;
    const chain = chainOf(file.path);
    if (chain === file.path) return false;
    const others = this.identifier.chains.get(chain) ?? [];
    return others.some(
      (other) => other.presence === "listed" && isRotationOf(file.path, other.path),
    );
  }

  /** At the start a file may be there that rotated while nobody looked: later than the newest that is known. */
  private noteNewestRotated(): void {
    for (const [base, members] of this.identifier.chains) {
      let newest: TailedFile | undefined;
      for (const file of members) {
        // Through a file that was empty when last seen others may have come and gone.
        if (file.presence !== "listed" || file.path === base || file.wasKnownEmpty) continue;
        if (newest === undefined || isLaterGeneration(file, newest)) newest = file;
      }
      if (newest !== undefined) this.follower.missed.push({ base, reference: newest });
    }
  }

  /** Files that just went missing may have left a copy behind under a name that no pattern finds. */
  private async followMissing(): Promise<void> {
    const { followed } = this.follower;
    for (const file of [...this.files.all.values()]) {
      if (file.isRemoved || file.presence !== "missing" || followed.has(file)) continue;
      try {
        const isResolved = await this.follower.resolve(file, undefined);
        // What it goes on in may be gone at the next look, and has to be followed again.
        if (isResolved && file.presence === "missing") followed.add(file);
      } catch (error) {
        this.files.fail(file, error);
      }
    }
  }

  private identify(found: FoundFile): Promise<boolean> {
    const isMatched = this.follower.copies.matched.has(found);
    const startAt = this.isFirst ? this.options.startAt : "beginning";
    return this.identifier.identify(found, { isMatched, startAt });
  }

  private async identifyFreed(): Promise<void> {
    for (const found of this.follower.freed.splice(0)) await this.identify(found);
  }

  private async identifyFound(look: Look): Promise<void> {
    // Originals before their copies: a name is shorter than itself with an ending.
    const found = [...look.files.values()].sort(
      (a, b) => (a.paths[0]?.length ?? 0) - (b.paths[0]?.length ?? 0),
    );
    for (const file of found) await this.identify(file);
  }

  /** Files that were seen once, could not be read, and have another name by now. */
  private async identifyUndecided({ files }: Look): Promise<void> {
    for (const found of this.identifier.undecided.found) {
      const path = found.paths[0];
      if (path === undefined || isAmong(files, found)) continue;
      const look = await this.inFolder(path, () => this.follower.copies.lookBeside(path));
      const now = look?.files.get(identityKey(found.stat));
      if (look !== undefined && now !== undefined && isAmong(look.files, found)) {
        await this.identify(now);
      } else if (look !== undefined) this.identifier.undecided.miss(found);
    }
  }

  /** Looks around in the folder of a path; undefined when that fails, so that other folders have their turns. */
  private async inFolder<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
    const folder = dirname(path);
    try {
      const found = await work();
      this.files.succeedPath(folder);
      return found;
    } catch (error) {
      this.files.failPath(folder, error);
      return undefined;
    }
  }

  /** Generations that came and were rotated away between two looks, and whose names no pattern finds. */
  private async searchMissed(): Promise<void> {
    const all = new Map<string, Map<string, MissedGenerations>>();
    for (const missed of this.follower.missed.splice(0)) {
      const { base, reference, lost } = missed;
      if (lost?.presence === "listed") continue;
      const references = all.get(base) ?? new Map<string, MissedGenerations>();
      // One file, whatever its name by now.
      references.set(`${reference.birthMs} ${reference.modifiedMs}`, { base, reference });
      all.set(base, references);
    }
    for (const [base, references] of all) {
      const isDone = await this.inFolder(base, () =>
        this.searchLater(base, [...references.values()]),
      );
      if (isDone !== true) this.follower.missed.push(...references.values());
    }
  }

  /** Resolves with false when some may have slipped through: names that shift meanwhile, files that change too fast. */
  private async searchLater(base: string, missed: readonly MissedGenerations[]): Promise<boolean> {
    const names = await this.follower.copies.namesOfRotations(base);
    let isDone = true;
    for (const found of await this.follower.copies.findRotations(base)) {
      const path = found.paths[0];
      if (path === undefined) continue;
      const aged = { path, ...found.stat };
      if (!missed.some(({ reference }) => isLaterGeneration(aged, reference))) {
        // It seemed to be later as long as it was packed; nobody asks for it.
        if (!this.follower.copies.matched.has(found)) this.files.forgetPath(path);
        continue;
      }
      if (!(await this.identify(found))) isDone = false;
    }
    return isDone && (await this.follower.copies.namesOfRotations(base)) === names;
  }

  /** Files that were not found again for long: their held ranges are lost, then what was not read of them, and they are forgotten. */
  private forgetMissing(): void {
    const now = this.files.clock.monotonic();
    const missing = [...this.files.all.values()].filter(
      (file) => file.presence === "missing" && !file.isRemoved,
    );
    missing.sort((a, b) => a.missingSinceMs - b.missingSinceMs);
    for (const [index, file] of missing.entries()) {
      const missingMs = now - file.missingSinceMs;
      const isFollowed = file.isReplaced && this.follower.followed.has(file);
      const isOver = isFollowed || missing.length - index > MISSING_COUNT_MAX;
      const isLost = this.options.isOnce || missingMs >= this.files.settings.rotateWaitMs;
      if (isOver || isLost) this.follower.loseHeld(file);
      if (!isOver && missingMs < FORGET_MS) continue;
      this.follower.loseUnread(file);
      file.remove();
    }
  }
}

/** States whether a file is among those of a look, and its inode is still its own. */
function isAmong(files: FoundFiles, { stat }: FoundFile): boolean {
  const found = files.get(identityKey(stat));
  return found !== undefined && isSameInode(identityOf(found.stat), identityOf(stat));
}
