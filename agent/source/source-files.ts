import { basename, dirname } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Clock } from "../../shared/platform/clock.ts";
import type { Disk, FileStat } from "../../shared/platform/disk.ts";
import type { Gunzip } from "../../shared/platform/gunzip.ts";
import { FileHandles } from "./file-handles.ts";
import { isGone } from "./find-files.ts";
import { chainOf } from "./rotation-name.ts";
import type { SourceLedger } from "./source-ledger.ts";
import { identityKey, identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";

/** What a file source is told by its configuration. */
export interface FileSourceSettings {
  /** Glob patterns. */
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** Service of events that name none. */
  readonly service: string;
  /** True when the name of a container stands in for `service` in its logs. */
  readonly isServiceByContainer?: boolean;
  /** Longer lines, the line feed not counted, are rejected as `too_long`. */
  readonly lineBytesMax: number;
  /** A file that lost its name and is unchanged for so long is finished. */
  readonly rotateWaitMs: number;
  /** An event at the end of a file waits so long for further lines. */
  readonly eventWaitMs: number;
  /** Without anything new for so long the source is reported idle. */
  readonly idleAfterMs: number;
  /** Most files that are open at a time. */
  readonly handleCountMax: number;
}

/** What the parts of a file source share: its files, their handles, and the doors to the outside. */
export interface SourceFilesOptions {
  readonly name: string;
  readonly settings: FileSourceSettings;
  readonly disk: Disk;
  readonly gunzip: Gunzip;
  readonly clock: Clock;
  readonly ledger: SourceLedger;
  readonly logger: Logger;
  /** Counts the event that waits at the end of a file, if it is still known; called when its content is gone. */
  readonly countKept: (file: TailedFile) => void;
  /** Called when a file is forgotten for good. */
  readonly onDeleted: (file: TailedFile) => void;
}

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;
const FAILING_COUNT_MAX = 10_000;

/** All files of one source, gone ones too until a cut has told so. */
export class SourceFiles {
  readonly name: string;
  readonly settings: FileSourceSettings;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly ledger: SourceLedger;
  readonly logger: Logger;
  readonly handles: FileHandles;
  readonly countKept: (file: TailedFile) => void;
  /** By number. */
  readonly all: Map<number, TailedFile> = new Map();
  /** True when the patterns find files in several folders. */
  readonly areManyFolders: boolean;
  private readonly onDeleted: (file: TailedFile) => void;
  private readonly identities = new Map<string, TailedFile>();
  /** Paths that failed when last looked at, and with which code: each is warned of once. */
  private readonly failing = new Map<string, string>();

  constructor(options: SourceFilesOptions) {
    this.name = options.name;
    this.settings = options.settings;
    this.disk = options.disk;
    this.clock = options.clock;
    this.ledger = options.ledger;
    this.logger = options.logger;
    this.countKept = options.countKept;
    this.onDeleted = options.onDeleted;
    this.areManyFolders = spanFolders(options.settings.paths);
    this.handles = new FileHandles(options.disk, options.gunzip, options.settings.handleCountMax);
  }

  /** The file that has, or last had, this device and inode. */
  byIdentity(identity: { readonly device: string; readonly inode: string }) {
    return this.identities.get(identityKey(identity));
  }

  /** As {@link byIdentity}, but for an inode that was given away again. */
  ownerOf(stat: FileStat): TailedFile | undefined {
    const file = this.byIdentity(stat);
    return file !== undefined && isSameInode(file, identityOf(stat)) ? file : undefined;
  }

  /** Paths that could not be read when last looked at. */
  get failingPaths(): string[] {
    return [...this.failing.keys()];
  }

  /** Adds a file under its number. */
  add(file: TailedFile): void {
    this.all.set(file.file, file);
    this.identities.set(identityKey(file), file);
  }

  /** Takes over where a file is. */
  place(file: TailedFile, path: string, stat: FileStat): void {
    if (identityKey(file) === identityKey(stat)) {
      file.place(path, stat);
      return;
    }
    this.release(file);
    file.place(path, stat);
    this.identities.set(identityKey(file), file);
  }

  /** States whether the inode of a file holds what was read of another one. */
  isClaimed(file: TailedFile): boolean {
    return this.sharing(file).some((other) => other.isVerified && !other.isSuspect);
  }

  /** Another file has its inode. */
  replace(file: TailedFile): void {
    this.release(file);
    file.isReplaced = true;
  }

  /** Forgets a file for good. */
  delete(file: TailedFile): void {
    this.release(file);
    this.all.delete(file.file);
    this.onDeleted(file);
  }

  private release(file: TailedFile): void {
    const key = identityKey(file);
    if (this.identities.get(key) !== file) return;
    const other = this.sharing(file)[0];
    if (other === undefined) this.identities.delete(key);
    else this.identities.set(key, other);
  }

  /** Other files that are said to have the same inode: possible after a recovery. */
  private sharing(file: TailedFile): TailedFile[] {
    const key = identityKey(file);
    return [...this.all.values()].filter(
      (other) =>
        other !== file && !other.isRemoved && !other.isReplaced && identityKey(other) === key,
    );
  }

  /** Files by what their generations have in common; one that has names of several logs belongs to each. */
  byChain(): Map<string, TailedFile[]> {
    const chains = new Map<string, TailedFile[]>();
    for (const file of this.all.values()) {
      if (file.isRemoved) continue;
      for (const chain of new Set([...file.names].map(chainOf))) {
        const members = chains.get(chain);
        if (members === undefined) chains.set(chain, [file]);
        else members.push(file);
      }
    }
    return chains;
  }

  /**
   * Takes note that an operation on a file failed: it is tried again later, ever more rarely, and warned of once. Errors that do not come
   * from the system are thrown on.
   */
  fail(file: TailedFile, error: unknown): void {
    const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** file.errorCount);
    file.retryAtMs = this.clock.monotonic() + waitMs;
    if (isGone(error)) return;
    file.errorCount++;
    this.failPath(file.path, error);
  }

  /** Takes note that reading a file worked. */
  succeed(file: TailedFile): void {
    if (file.errorCount === 0) return;
    file.errorCount = 0;
    file.retryAtMs = 0;
    this.succeedPath(file.path);
  }

  /** Takes note that a look at a path failed; warns once for each code. */
  failPath(path: string, error: unknown): void {
    const code = systemCode(error);
    if (code === undefined) throw error;
    if (this.failing.get(path) === code) return;
    // Better to warn twice than to remember without bound.
    if (this.failing.size >= FAILING_COUNT_MAX) this.failing.clear();
    this.failing.set(path, code);
    if (code === "Z_BUF_ERROR") {
      this.logger.info("packed file is not complete yet", { source: this.name, path });
      return;
    }
    this.logger.warn("cannot read file; will try again", {
      source: this.name,
      path,
      code,
      advice: code === "EACCES" || code === "EPERM" ? "let the agent's user read it" : undefined,
    });
  }

  /** Takes note that a look at a path worked. */
  succeedPath(path: string): void {
    if (!this.failing.delete(path)) return;
    this.logger.info("file can be read again", { source: this.name, path });
  }

  /** Takes note that nothing is there any more that could not be read. */
  forgetPath(path: string): void {
    this.failing.delete(path);
  }
}

function spanFolders(patterns: readonly string[]): boolean {
  const folders = patterns.map(dirname);
  if (new Set(folders).size > 1 || folders.some((folder) => /[*?[{(]/.test(folder))) return true;
  return patterns.some((pattern) => basename(pattern) === "**");
}
