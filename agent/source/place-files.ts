/** Gives every known file its place: where its inode is now, and how it looks there. */
import { dirname } from "node:path";
import type { FileStat } from "../../shared/platform/disk.ts";
import { type FoundFile, type Look, statFiles } from "./find-files.ts";
import type { RotationFollower } from "./follow-rotation.ts";
import { chainOf } from "./rotation-name.ts";
import type { SourceFiles } from "./source-files.ts";
import { identityKey, identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";

/** A file that no name leads to is searched for this often. */
const SEARCH_MS = 5_000;

/** See the head of this file. What bytes stand there is not looked at. */
export class FilePlacer {
  private readonly files: SourceFiles;
  private readonly follower: RotationFollower;
  private readonly searchedAtMs = new WeakMap<TailedFile, number>();
  /** Looks at folders in this round. */
  private looks = new Map<string, Look>();

  constructor(files: SourceFiles, follower: RotationFollower) {
    this.files = files;
    this.follower = follower;
  }

  /** Places all known files. `look` are those that the patterns find. */
  async placeAll(look: Look): Promise<void> {
    this.looks = new Map();
    for (const [path, error] of look.failures) this.files.failPath(path, error);
    for (const file of [...this.files.all.values()]) {
      if (file.isRemoved || file.isReplaced) continue;
      const found = look.files.get(file.key);
      if (found !== undefined && this.isSame(file, found.stat)) {
        this.see(file, found, true);
      } else if (!look.failures.has(file.path)) {
        if (found !== undefined) this.files.replace(file);
        await this.placeElsewhere(file);
      }
    }
  }

  /** States whether an inode is still a file's: one that is kept open cannot be given away. */
  isSame(file: TailedFile, stat: FileStat): boolean {
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
        file.observe(stat, now);
      }
    } catch (error) {
      this.files.fail(file, error);
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
    const look = this.looks.get(folder) ?? (await this.follower.copies.lookBeside(file.path));
    this.looks.set(folder, look);
    const beside = look.files.get(identityKey(file));
    return beside !== undefined && this.isSame(file, beside.stat) ? beside : undefined;
  }

  /** Takes over where a file is and how it looks. */
  private see(file: TailedFile, found: FoundFile, isMatched: boolean): void {
    const path = found.paths.includes(file.path) ? file.path : (found.paths[0] ?? file.path);
    const { stat } = found;
    if (path !== file.path) {
      // Also when it was rotated before: a whole generation may have come and gone since.
      const isRotated = chainOf(path) !== path && chainOf(path) === chainOf(file.path);
      if (isRotated) this.follower.noteMissed(file, { path, ...stat });
      file.isVerified = false;
    }
    if (file.wasEmpty && stat.modifiedMs !== file.modifiedMs) {
      const { birthMs, modifiedMs } = file;
      this.follower.noteMissed(file, { path, birthMs, modifiedMs });
    }
    const now = this.files.clock.monotonic();
    if (path !== file.path || file.presence !== "listed") {
      file.changedAtMs = now;
      file.isDirty = true;
    }
    if (file.presence === "missing") file.isVerified = false;
    this.follower.followed.delete(file);
    this.files.place(file, path, stat);
    file.presence = "listed";
    file.isMatched = isMatched;
    if (isMatched) file.isRetired = false;
    file.observe(stat, now);
  }

  /** Takes note that a file is nowhere. */
  miss(file: TailedFile): void {
    file.presence = "missing";
    file.missingSinceMs = this.files.clock.monotonic();
    file.isVerified = false;
    this.files.forgetPath(file.path);
  }
}
