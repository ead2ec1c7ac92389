/**
 * Finds out which files are there and which of them are known. The order matters: first every known file gets its place by device and
 * inode, then those whose bytes are not what was read are followed, and only what then belongs to nobody can be a copy or a new file.
 */
import { dirname } from "node:path";
import type { FileStat, ReadableFile } from "../../shared/platform/disk.ts";
import { type FoundFile, findPaths, type Look, statFiles } from "./find-files.ts";
import {
  type MissedGenerations,
  POSITION_NONE,
  type RotationFollower,
  readPosition,
} from "./follow-rotation.ts";
import { type Candidate, hasRotatedName, matchFile } from "./match-file.ts";
import { isBeginningOf, probeContent, readHead } from "./probe-file.ts";
import { chainOf, isLaterGeneration, isPackedName, isRotationOf } from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { identityKey, identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";

/** How discovery differs from run to run. */
export interface DiscoveryOptions {
  /** Where to begin in the files that the first look finds and that are not known. */
  readonly startAt: "beginning" | "end";
  /** True when the source is read once to its end: then what is missing at the first look is gone. */
  readonly isOnce: boolean;
}

/** What may be a copy of a file that cannot be read waits for so long. */
const UNDECIDED_MS = 60_000;
/** A file that no name leads to is searched for this often. */
const SEARCH_MS = 5_000;
/** The checkpoint of a missing file is kept for so long: it may come back under its old name. */
const FORGET_MS = 3_600_000;
/** Of more missing files than this the oldest are forgotten earlier. */
const MISSING_COUNT_MAX = 1_000;

/** The look at the disk that places known files and finds new ones. */
export class FileDiscovery {
  private readonly files: SourceFiles;
  private readonly follower: RotationFollower;
  private readonly options: DiscoveryOptions;
  private readonly searchedAtMs = new WeakMap<TailedFile, number>();
  /** Missing files whose copies were searched for. */
  private readonly followed = new WeakSet<TailedFile>();
  private isFirst = true;
  private chains = new Map<string, TailedFile[]>();
  private missing: TailedFile[] = [];
  /** Files that were seen and could not be told, by {@link identityKey}. */
  private readonly undecided = new Map<string, { found: FoundFile; sinceMs: number }>();
  /** Looks at folders in this round. */
  private looks = new Map<string, Look>();

  constructor(files: SourceFiles, follower: RotationFollower, options: DiscoveryOptions) {
    this.files = files;
    this.follower = follower;
    this.options = options;
  }

  /** Looks once. Resolves with false when the patterns could not be looked at; then nothing has changed. */
  async discover(): Promise<boolean> {
    const { disk, settings, name, logger } = this.files;
    let look: Look;
    try {
      look = await statFiles(disk, await findPaths(disk, settings.paths, settings.exclude));
    } catch (error) {
      this.files.failPath(settings.paths.join(", "), error);
      return false;
    }
    this.files.succeedPath(settings.paths.join(", "));
    if (this.isFirst && look.files.size === 0) {
      logger.warn("no file matches", { source: name, patterns: settings.paths.join(", ") });
    }
    this.looks = new Map();
    await this.placeKnown(look);
    this.chains = this.files.byChain();
    this.missing = [...this.files.all.values()].filter((file) => file.presence === "missing");
    await this.follower.check(
      [...this.files.all.values()].filter(
        (file) =>
          (!file.isVerified || file.isSuspect) && file.presence !== "missing" && !file.isRemoved,
      ),
    );
    this.chains = this.files.byChain();
    await this.identifyFound(look);
    await this.identifyFreed();
    await this.identifyUndecided(look);
    await this.followMissing();
    this.chains = this.files.byChain();
    if (this.isFirst) this.noteNewestRotated();
    await this.searchMissed();
    this.forgetMissing();
    this.isFirst = false;
    return true;
  }

  /** Finds out what happened to a file whose bytes changed. */
  private async checkChanged(file: TailedFile): Promise<void> {
    file.isSuspect = true;
    await this.follower.check([file]);
    this.chains = this.files.byChain();
  }

  /**
   * States whether a file was rotated away: under another name than at first, under none, or under one with a rotation ending while
   * another file has the name without it.
   */
  isRotatedAway(file: TailedFile): boolean {
    if (file.presence === "unnamed" || file.path !== file.homePath) return true;
    const chain = chainOf(file.path);
    if (chain === file.path) return false;
    const others = this.chains.get(chain) ?? [];
    return others.some(
      (other) => other.presence === "listed" && isRotationOf(file.path, other.path),
    );
  }

  private async placeKnown(look: Look): Promise<void> {
    for (const [path, error] of look.failures) this.files.failPath(path, error);
    for (const file of [...this.files.all.values()]) {
      if (file.isRemoved || file.isReplaced) continue;
      const found = look.files.get(identityKey(file));
      if (found !== undefined && this.isSame(file, found.stat)) {
        this.see(file, found, true);
      } else if (!look.failures.has(file.path)) {
        if (found !== undefined) this.files.replace(file);
        await this.placeElsewhere(file);
      }
    }
  }

  /** An inode that is kept open cannot be given away. */
  private isSame(file: TailedFile, stat: FileStat): boolean {
    return this.files.handles.peek(file) !== undefined || isSameInode(file, identityOf(stat));
  }

  /** A file that no pattern finds: under its old name, beside it under another, behind its open handle, or gone. */
  private async placeElsewhere(file: TailedFile): Promise<void> {
    try {
      const now = this.files.clock.monotonic();
      const found = await this.search(file, now);
      if (found !== undefined) {
        this.see(file, found, false);
        return;
      }
      const stat = await this.files.handles.peek(file)?.stat();
      if (file.presence === "listed" || !file.isSized) this.noteLost(file);
      if (stat === undefined) {
        if (file.presence !== "missing" || !file.isSized) this.miss(file);
        file.isSized = true;
      } else {
        if (file.presence !== "unnamed") file.changedAtMs = now;
        file.presence = "unnamed";
        this.observe(file, stat);
      }
    } catch (error) {
      this.files.fail(file, error);
    }
  }

  /** At the start a file may be there that rotated while nobody looked: later than the newest that is known. */
  private noteNewestRotated(): void {
    for (const [base, members] of this.chains) {
      let newest: TailedFile | undefined;
      for (const file of members) {
        // Through a file that was empty when last seen others may have come and gone.
        if (file.presence !== "listed" || file.path === base || file.wasKnownEmpty) continue;
        if (newest === undefined || isLaterGeneration(file, newest)) newest = file;
      }
      if (newest !== undefined) this.follower.missed.push({ base, reference: newest });
    }
  }

  /** Later generations of a lost file may be there under names that no pattern finds. */
  private noteLost(file: TailedFile): void {
    const { path, birthMs } = file;
    const modifiedMs = file.provenMs ?? birthMs;
    if (modifiedMs === undefined) return;
    this.follower.noteMissed(file, { path, birthMs, modifiedMs }, file);
  }

  private async search(file: TailedFile, now: number): Promise<FoundFile | undefined> {
    if (file.isReplaced) return undefined;
    const own = await statFiles(this.files.disk, [file.path]);
    const failure = [...own.failures.values()][0];
    if (failure !== undefined) throw failure;
    const found = own.files.get(identityKey(file));
    if (found !== undefined && this.isSame(file, found.stat)) return found;
    const searchedAtMs = this.searchedAtMs.get(file);
    const isDue = searchedAtMs === undefined || now - searchedAtMs >= SEARCH_MS;
    if (file.presence !== "listed" && !isDue) return undefined;
    this.searchedAtMs.set(file, now);
    const folder = dirname(file.path);
    const look = this.looks.get(folder) ?? (await this.follower.lookBeside(file.path));
    this.looks.set(folder, look);
    const beside = look.files.get(identityKey(file));
    return beside !== undefined && this.isSame(file, beside.stat) ? beside : undefined;
  }

  /** Takes over where a file is and how it looks. */
  private see(file: TailedFile, found: FoundFile, isMatched: boolean): void {
    const path = found.paths.includes(file.path) ? file.path : (found.paths[0] ?? file.path);
    const { stat } = found;
    if (path !== file.path) {
      if (isRotationOf(path, file.path)) this.follower.noteMissed(file, { path, ...stat });
      file.isVerified = false;
    }
    if (file.wasEmpty && stat.modifiedMs !== file.modifiedMs) {
      const { birthMs, modifiedMs } = file;
      this.follower.noteMissed(file, { path, birthMs, modifiedMs });
    }
    if (path !== file.path || file.presence !== "listed") {
      file.changedAtMs = this.files.clock.monotonic();
      file.isDirty = true;
    }
    if (file.presence === "missing") file.isVerified = false;
    this.followed.delete(file);
    this.files.place(file, path, stat);
    file.presence = "listed";
    file.isMatched = isMatched;
    if (isMatched) file.isRetired = false;
    this.observe(file, stat);
  }

  /** Takes over size and time of change. */
  private observe(file: TailedFile, stat: FileStat): void {
    if (file.isPacked) {
      this.observePacked(file, stat);
      return;
    }
    const { fingerprintBytes } = file.fingerprint;
    if (stat.bytes < Math.max(file.provenBytes, fingerprintBytes)) file.isSuspect = true;
    // What was empty gets a fingerprint as soon as it is not, even when reading has to wait.
    if (stat.bytes > 0 && fingerprintBytes === 0) file.isVerified = false;
    if (!file.isSized || stat.bytes !== file.bytes || stat.modifiedMs !== file.modifiedMs) {
      file.changedAtMs = this.files.clock.monotonic();
      file.isDirty = true;
    }
    file.bytes = stat.bytes;
    file.modifiedMs = stat.modifiedMs;
    file.wasEmpty = stat.bytes === 0;
    file.isSized = true;
  }

  /** The size of packed bytes says nothing of the lines in them. They do not change, or else they are another file's. */
  private observePacked(file: TailedFile, stat: FileStat): void {
    if (!file.isSized || stat.modifiedMs !== file.modifiedMs) {
      file.changedAtMs = this.files.clock.monotonic();
      file.isVerified = file.isComplete && stat.modifiedMs === file.provenMs;
      file.isDirty = !file.isVerified;
    }
    file.modifiedMs = stat.modifiedMs;
    file.wasEmpty = false;
    file.isSized = true;
  }

  /** Nothing more is expected of a file without a name: lets go of it. */
  async finish(file: TailedFile): Promise<void> {
    await this.files.handles.close(file);
    this.miss(file);
  }

  private miss(file: TailedFile): void {
    file.presence = "missing";
    file.missingSinceMs = this.files.clock.monotonic();
    file.isVerified = false;
  }

  /** Files that just went missing may have left a copy behind under a name that no pattern finds. */
  private async followMissing(): Promise<void> {
    this.missing = [];
    for (const file of [...this.files.all.values()]) {
      if (file.isRemoved || file.presence !== "missing") continue;
      this.missing.push(file);
      if (this.followed.has(file)) continue;
      try {
        if (await this.follower.resolve(file, undefined)) this.followed.add(file);
      } catch (error) {
        this.files.fail(file, error);
      }
    }
  }

  private async identifyFreed(): Promise<void> {
    for (const found of this.follower.freed.splice(0)) await this.identify(found, false);
  }

  private async identifyFound(look: Look): Promise<void> {
    // Originals before their copies: a name is shorter than itself with an ending.
    const found = [...look.files.values()].sort(
      (a, b) => (a.paths[0]?.length ?? 0) - (b.paths[0]?.length ?? 0),
    );
    for (const file of found) await this.identify(file, true);
  }

  /** Files that were seen once, could not be read, and have another name by now. */
  private async identifyUndecided(look: Look): Promise<void> {
    for (const [key, { found }] of [...this.undecided]) {
      const path = found.paths[0];
      if (path === undefined || look.files.has(key)) continue;
      const now = (await this.follower.lookBeside(path)).files.get(key);
      if (now === undefined) this.undecided.delete(key);
      else await this.identify(now, false);
    }
  }

  /** Generations that came and were rotated away between two looks, and whose names no pattern finds. */
  private async searchMissed(): Promise<void> {
    const all = new Map<string, MissedGenerations>();
    for (const missed of this.follower.missed.splice(0)) {
      const { base, reference, lost } = missed;
      if (lost?.presence === "listed") continue;
      all.set(`${base} ${reference.path} ${reference.modifiedMs}`, missed);
    }
    for (const missed of all.values()) {
      let isDone = true;
      for (const found of await this.follower.findRotations(missed.base)) {
        const path = found.paths[0];
        if (path === undefined) continue;
        if (!isLaterGeneration({ path, ...found.stat }, missed.reference)) continue;
        if (!(await this.identify(found, false))) isDone = false;
      }
      if (!isDone) this.follower.missed.push(missed);
    }
  }

  /** Finds out what a file is that belongs to no number yet; resolves with false when that cannot be told now. */
  private async identify(found: FoundFile, isMatched: boolean): Promise<boolean> {
    const key = identityKey(found.stat);
    const isDecided = await this.decide(found, isMatched);
    if (isDecided) this.undecided.delete(key);
    else if (!this.undecided.has(key)) {
      this.undecided.set(key, { found, sinceMs: this.files.clock.monotonic() });
    }
    return isDecided;
  }

  /** States whether the original of what may be a copy was seen and could not be read a moment ago. */
  private isOriginalUndecided(path: string): boolean {
    const now = this.files.clock.monotonic();
    for (const { found, sinceMs } of this.undecided.values()) {
      if (now - sinceMs >= UNDECIDED_MS) continue;
      if (found.paths.some((original) => isRotationOf(path, original))) return true;
    }
    return false;
  }

  private async decide(found: FoundFile, isMatched: boolean): Promise<boolean> {
    const path = found.paths[0];
    if (path === undefined || this.isTaken(found)) return true;
    if (this.isOriginalUndecided(path)) return false;
    const isFromStart = !this.isFirst || this.options.startAt === "beginning";
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
        file.isMatched = isMatched;
        this.addToChain(file);
        await this.files.handles.adopt(file, handle);
        handle = undefined;
      }
      return true;
    } catch (error) {
      this.files.failPath(path, error);
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
    return file !== undefined && this.isSame(file, found.stat);
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
    for (const known of related) {
      if (known.isRemoved) continue;
      const wasCopy = known === waitsFor;
      const { isReplaced } = known;
      if (known.presence === "missing") {
        const content = await probeContent(handle, head, known);
        candidates.push({ known, content, isElsewhere: false, wasCopy, isReplaced });
      } else if (wasCopy || hasRotatedName(path, known.names)) {
        const isCopy = await this.isCopyOf(known, found.stat.bytes, handle);
        if (isCopy === undefined) return undefined;
        const content = isCopy ? "beginning" : "other";
        candidates.push({ known, content, isElsewhere: true, wasCopy, isReplaced });
      }
    }
    return candidates;
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

  private addToChain(file: TailedFile): void {
    const chain = chainOf(file.path);
    const members = this.chains.get(chain);
    if (members === undefined) this.chains.set(chain, [file]);
    else members.push(file);
  }

  /** Files that were not found again for long: their held ranges are lost, then they are forgotten. */
  private forgetMissing(): void {
    const now = this.files.clock.monotonic();
    const missing = [...this.files.all.values()].filter(
      (file) => file.presence === "missing" && !file.isRemoved,
    );
    missing.sort((a, b) => a.missingSinceMs - b.missingSinceMs);
    for (const [index, file] of missing.entries()) {
      const missingMs = now - file.missingSinceMs;
      const isFollowed = file.isReplaced && this.followed.has(file);
      const isOver = isFollowed || missing.length - index > MISSING_COUNT_MAX;
      const isGone = this.options.isOnce || missingMs >= this.files.settings.rotateWaitMs;
      if (isOver || isGone) this.follower.loseHeld(file);
      if (isOver || missingMs >= FORGET_MS) file.remove();
    }
  }
}
