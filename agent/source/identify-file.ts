/** Finds out what a file is that belongs to no number yet: a known one that moved, a copy of one, or a new one. */
import { basename } from "node:path";
import type { ReadableFile } from "../../shared/platform/disk.ts";
import { type FoundFile, isGone } from "./find-files.ts";
import type { RotationFollower } from "./follow-rotation.ts";
import {
  type Candidate,
  hasRotatedName,
  hasRotatedNameElsewhere,
  headComparer,
  matchFile,
} from "./match-file.ts";
import type { FilePlacer } from "./place-files.ts";
import { isBeginningOf, probeContent, readHead } from "./probe-file.ts";
import { chainOf, isBeside, isPackedName, logNameOf } from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { POSITION_NONE, readPosition } from "./start-position.ts";
import { identityKey, identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";
import { UndecidedFiles } from "./undecided-files.ts";

/** How a found file was found. */
export interface Finding {
  /** True when a pattern finds it. */
  readonly isMatched: boolean;
  /** Where to begin when it is new. */
  readonly startAt: "beginning" | "end";
}

/** See the head of this file. */
export class FileIdentifier {
  private readonly files: SourceFiles;
  private readonly follower: RotationFollower;
  private readonly placer: FilePlacer;
  readonly undecided: UndecidedFiles;
  /** Known files by {@link chainOf} of their names. */
  chains = new Map<string, TailedFile[]>();
  /** Known files by {@link logNameOf} of their names. */
  private namesakes = new Map<string, TailedFile[]>();
  /** Known files that are nowhere. */
  missing: TailedFile[] = [];

  constructor(files: SourceFiles, follower: RotationFollower, placer: FilePlacer) {
    this.files = files;
    this.follower = follower;
    this.placer = placer;
    this.undecided = new UndecidedFiles(files, follower, (name) => this.namesakes.get(name) ?? []);
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
    this.undecided.see(found);
    const isDecided = await this.decide(found, finding);
    this.undecided.note(found, isDecided);
    return isDecided;
  }

  private async decide(found: FoundFile, finding: Finding): Promise<boolean> {
    const path = found.paths[0];
    if (path === undefined || this.isTaken(found)) return true;
    if (this.undecided.isOriginalUndecided(found)) return false;
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
   * may have a folder with a log of this name, so none is opened that begins otherwise, unless the found one is beside it; and one at most
   * as long as it has no bytes.
   */
  private namesakesLike(path: string, head: Buffer): TailedFile[] {
    if (chainOf(path) === path) return [];
    const named = (this.namesakes.get(logNameOf(path)) ?? []).filter((file) =>
      hasRotatedNameElsewhere(path, file.names),
    );
    if (head.length === 0) return named.filter((file) => file.presence === "listed").slice(0, 1);
    const fits = headComparer(head);
    return named.filter((file) => isBeside(path, file.path) || fits(file));
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

function addTo(groups: Map<string, TailedFile[]>, key: string, file: TailedFile): void {
  const members = groups.get(key);
  if (members === undefined) groups.set(key, [file]);
  else members.push(file);
}
