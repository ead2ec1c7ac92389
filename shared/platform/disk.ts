/** What the file system knows of a file or folder. */
export interface FileStat {
  /** Number of the device, as decimal text (64 bits do not fit a number). */
  readonly device: string;
  readonly inode: string;
  /** Milliseconds since the Unix epoch, or undefined where the file system reports none. */
  readonly birthMs: number | undefined;
  readonly modifiedMs: number;
  readonly bytes: number;
  readonly kind: "file" | "directory" | "other";
}

/** A file that is open for reading. Positions and lengths are in bytes. */
export interface ReadableFile {
  /** Reads up to `length` bytes at `position` into `target` at `targetOffset`; resolves with the count, 0 at the end. */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number>;
  stat(): Promise<FileStat>;
  close(): Promise<void>;
}

/** An open file. */
export interface DiskFile extends ReadableFile {
  /** Writes all of `bytes` at `position`. Not durable before {@link sync}. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes the content and size durable. After a failure the unsynced content is unknown: never simply retry. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
}

/** How full the file system is in which a path lies. */
export interface DiskUsage {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** For ordinary users. */
  readonly availableBytes: number;
  /** Count of files that it can hold; 0 where that has no limit. */
  readonly totalFiles: number;
  readonly freeFiles: number;
}

/** A lock that the kernel drops when its process dies. */
export interface DiskLock {
  release(): Promise<void>;
}

/** Says that something may have changed; never relied on alone. */
export interface DiskWatcher {
  close(): Promise<void>;
}

/**
 * `read`: must exist. `write`: made when absent, kept when present. `create`: must not exist (EEXIST). `public`: like `create`, and every user may
 * read the file, whatever this one's umask says. `private`: like `write`, and a file that is made is for this user alone.
 */
export type OpenMode = "read" | "write" | "create" | "public" | "private";

/** The file system. Failures carry the system's `code` (`ENOENT`, `ENOSPC`, `EIO`, …). */
export interface Disk {
  /** Reading is allowed in every mode. */
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileStat>;
  /**
   * What {@link stat} would say, at once and without a promise, where nothing can make the answer wait; else undefined: ask {@link stat} then. Fails as
   * that does. Often the same object as before while nothing changes.
   */
  statNow?(path: string): FileStat | undefined;
  usage(path: string): Promise<DiskUsage>;
  /** Names in a folder, sorted. */
  list(path: string): Promise<string[]>;
  /** Makes a folder and its parents; nothing when it exists. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the entries of a folder durable: files made, renamed or removed in it. */
  syncDirectory(path: string): Promise<void>;
  /** Takes an exclusive lock on `path` (made when absent), or resolves with undefined when another process holds it. */
  lock(path: string): Promise<DiskLock | undefined>;
  /** Paths of the files that match a glob pattern, sorted. */
  glob(pattern: string): Promise<string[]>;
  /** Calls `onChange` soon after something below one of the folders changed. */
  watch(directories: readonly string[], onChange: () => void): DiskWatcher;
}
