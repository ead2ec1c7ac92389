import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, statfs } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import type { Disk, DiskFile, DiskLock, DiskWatcher } from "./disk.ts";
import { fileStat } from "./file-stat.ts";
import { globFiles } from "./glob-files.ts";
import { listPath, openLocal, statNow, statPath } from "./local-files.ts";

/** The file system of this machine. */
export const realDisk: Disk = {
  open: async (path, mode) => {
    const file = mode === "read" ? await openLocal(path) : undefined;
    if (file !== undefined) return file;
    const handle = await open(path, OPEN_FLAGS[mode], mode === "private" ? 0o600 : undefined);
    if (mode === "public") await handle.chmod(0o644);
    return realFile(handle);
  },
  stat: statPath,
  statNow,
  usage: async (path) => {
    const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
    return {
      totalBytes: blocks * bsize,
      freeBytes: bfree * bsize,
      availableBytes: bavail * bsize,
      totalFiles: files,
      freeFiles: ffree,
    };
  },
  list: listPath,
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true });
  },
  rename,
  remove: (path) => rm(path),
  syncDirectory: async (path) => {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
  lock: lockPath,
  glob: globFiles,
  watch: watchDirectories,
};

const OPEN_FLAGS = {
  read: "r",
  write: constants.O_RDWR | constants.O_CREAT,
  create: "wx+",
  public: "wx+",
  private: constants.O_RDWR | constants.O_CREAT,
} as const;

function realFile(handle: FileHandle): DiskFile {
  let isPipe = false;
  return {
    read: async (target, targetOffset, length, position) => {
      try {
        const at = isPipe ? null : position;
        return (await handle.read(target, targetOffset, length, at)).bytesRead;
      } catch (error) {
        // A pipe has no positions: it is read as it comes.
        if (isPipe || systemCode(error) !== "ESPIPE") throw error;
        isPipe = true;
        return (await handle.read(target, targetOffset, length, null)).bytesRead;
      }
    },
    write: async (bytes, position) => {
      let written = 0;
      while (written < bytes.length) {
        const rest = bytes.length - written;
        written += (await handle.write(bytes, written, rest, position + written)).bytesWritten;
      }
    },
    sync: () => handle.datasync(),
    truncate: (bytes) => handle.truncate(bytes),
    stat: async () => fileStat(await handle.stat({ bigint: true })),
    close: () => handle.close(),
  };
}

/** Node has no flock: an exclusive transaction of SQLite holds a lock that the kernel drops when the process dies. */
async function lockPath(path: string): Promise<DiskLock | undefined> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) {
      return undefined;
    }
    throw error;
  }
  let isHeld = true;
  return {
    release: async () => {
      if (isHeld) database.close();
      isHeld = false;
    },
  };
}

/** https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

function watchDirectories(directories: readonly string[], onChange: () => void): DiskWatcher {
  let isClosed = false;
  const opened = import("chokidar").then(({ watch }) => {
    if (isClosed) return undefined;
    const watcher = watch([...directories], { ignoreInitial: true, ignorePermissionErrors: true });
    // An error, such as too few inotify watches, means that changes may have been missed: look now; polling goes on anyway.
    watcher.on("all", onChange).on("error", onChange);
    return watcher;
  });
  return {
    close: async () => {
      isClosed = true;
      await (await opened)?.close();
    },
  };
}
