/**
 * Files on disks of this machine, looked at without a thread. What the kernel holds in memory it answers in 3 to 6 µs; by way of libuv's
 * threads the same answer takes 60 to 120 µs of CPU (`test/benchmark/idle.ts`), which is most of what an agent on quiet logs costs. A file
 * system behind a network may not answer for minutes: there the threads stay.
 */
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  read,
  readdirSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { readdir, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { systemCode } from "../errors.ts";
import type { DiskFile, FileStat } from "./disk.ts";
import { exactFileStat, fileStat, isSameLook } from "./file-stat.ts";

/** `f_type` of file systems whose answers come from memory or a disk of this machine (`linux/magic.h`); elsewhere these numbers mean nothing. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0x794c7630, // overlay
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x9fa0, // proc
]);
/** A file system can be mounted over a folder: it is asked again after so long. */
const ASK_AGAIN_MS = 60_000;
const FOLDER_COUNT_MAX = 10_000;
/** Longer reads may wait for a disk, and go by way of a thread. */
const READ_BYTES_MAX = 1 << 20;
/** So long at most others wait while files are looked at. */
const BUSY_MS_MAX = 5;

const folders = new Map<string, { readonly isLocal: boolean; readonly askedAtMs: number }>();
/** How a path was found last, and what was said of it. */
interface LastLook {
  readonly folder: string;
  readonly found: Stats;
  readonly said: FileStat;
}

const looks = new Map<string, LastLook>();
const LOOK_COUNT_MAX = 20_000;
let busySinceMs = 0;

/** States whether what a path leads to, and what lies in it, is on a disk of this machine; of what is not there, whether it would be. */
export async function isOnLocalDisk(folder: string): Promise<boolean> {
  return knownToBeLocal(folder) ?? (await ask(folder));
}

/** What was found out of a folder a moment ago: without a promise for each of many files. */
function knownToBeLocal(folder: string): boolean | undefined {
  const known = folders.get(folder);
  if (known === undefined || performance.now() - known.askedAtMs >= ASK_AGAIN_MS) return undefined;
  return known.isLocal;
}

async function ask(folder: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  let isLocal = false;
  try {
    isLocal = LOCAL_TYPES.has((await statfs(folder)).type);
  } catch (error) {
    const parent = dirname(folder);
    if (systemCode(error) === "ENOENT" && parent !== folder) isLocal = await isOnLocalDisk(parent);
    // What cannot be asked is left to a thread; the call that was to be made says what is wrong.
    if (systemCode(error) === undefined) throw error;
  }
  if (folders.size >= FOLDER_COUNT_MAX) folders.clear();
  folders.set(folder, { isLocal, askedAtMs: performance.now() });
  return isLocal;
}

/** Lets timers and sockets have their turn when files had theirs for long enough. Await it before each look. */
export async function letOthersGo(): Promise<void> {
  if (!isBusyForLong()) return;
  await new Promise((resolve) => setImmediate(resolve));
  busySinceMs = performance.now();
}

function isBusyForLong(): boolean {
  return performance.now() - busySinceMs >= BUSY_MS_MAX;
}

/** Looks at what a path leads to; fails as the system does. */
export async function statPath(path: string): Promise<FileStat> {
  const folder = dirname(path);
  const isLocal = knownToBeLocal(folder) ?? (await ask(folder));
  if (!isLocal || (wasElsewhere(path) && !(await isOnLocalDisk(path)))) {
    return fileStat(await stat(path, { bigint: true }));
  }
  if (isBusyForLong()) await letOthersGo();
  const found = lstatSync(path);
  if (!found.isSymbolicLink()) return statAsBefore(path, found);
  const isTargetLocal = await isOnLocalDisk(path);
  return fileStat(
    isTargetLocal ? statSync(path, { bigint: true }) : await stat(path, { bigint: true }),
  );
}

/** As `Disk.statNow`: for regular looks at many files, each of which would take as long again for its promise. */
export function statNow(path: string): FileStat | undefined {
  const nowMs = performance.now();
  if (nowMs - busySinceMs >= BUSY_MS_MAX || wasElsewhere(path)) return undefined;
  const place = folders.get(looks.get(path)?.folder ?? dirname(path));
  if (place?.isLocal !== true || nowMs - place.askedAtMs >= ASK_AGAIN_MS) return undefined;
  const found = lstatSync(path);
  return found.isSymbolicLink() ? undefined : statAsBefore(path, found);
}

/** What is said of a path; the same object as before while nothing changes, since most files are quiet and looked at every second. */
function statAsBefore(path: string, found: Stats): FileStat {
  const before = looks.get(path);
  if (before !== undefined && isSameLook(before.found, found)) return before.said;
  const said = exactFileStat(found) ?? fileStat(statSync(path, { bigint: true }));
  if (before === undefined && looks.size >= LOOK_COUNT_MAX) looks.clear();
  looks.set(path, { folder: dirname(path), found, said });
  return said;
}

/** True when a path was found to lead to another machine: before it is asked again, even a look at it might wait for that one. */
function wasElsewhere(path: string): boolean {
  return folders.get(path)?.isLocal === false;
}

/**
 * When a folder on a local disk last changed, and a text that is another one when it has changed since. Its time of modification can be set back,
 * as programs do that copy files; that of its inode cannot.
 */
export function changeLocal(folder: string): {
  readonly change: string;
  readonly changedMs: number;
} {
  const { dev, ino, mtimeNs, mtimeMs, ctimeNs, ctimeMs } = statSync(folder, { bigint: true });
  return {
    change: `${dev} ${ino} ${mtimeNs} ${ctimeNs}`,
    changedMs: Math.max(Number(mtimeMs), Number(ctimeMs)),
  };
}

/** Names in a folder, sorted; fails as the system does. */
export async function listPath(folder: string): Promise<string[]> {
  if (!(await isOnLocalDisk(folder))) return (await readdir(folder)).sort();
  await letOthersGo();
  return readdirSync(folder).sort();
}

/** The entries of a folder on a local disk. */
export function listLocal(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true });
}

/** Opens a regular file on a disk of this machine for reading; undefined when it is something else, which may make its readers wait. */
export async function openLocal(path: string): Promise<DiskFile | undefined> {
  if (!(await isOnLocalDisk(dirname(path)))) return undefined;
  let found = wasElsewhere(path) ? undefined : lstatSync(path);
  if (found === undefined || found.isSymbolicLink()) {
    if (!(await isOnLocalDisk(path))) return undefined;
    found = statSync(path);
  }
  if (!found.isFile()) return undefined;
  // Should a pipe have taken its place just now: without O_NONBLOCK opening it would wait for its writer.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(descriptor).isFile()) return new LocalFile(descriptor);
  closeSync(descriptor);
  return undefined;
}

/** A file that is open for reading only. */
class LocalFile implements DiskFile {
  private readonly descriptor: number;
  private isOpen = true;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  async read(target: Uint8Array, targetOffset: number, length: number, position: number) {
    this.check("read");
    if (length > READ_BYTES_MAX) {
      return (await readByThread(this.descriptor, target, targetOffset, length, position))
        .bytesRead;
    }
    if (isBusyForLong()) {
      await letOthersGo();
      this.check("read");
    }
    return readSync(this.descriptor, target, targetOffset, length, position);
  }

  async stat(): Promise<FileStat> {
    this.check("fstat");
    const said = exactFileStat(fstatSync(this.descriptor));
    return said ?? fileStat(fstatSync(this.descriptor, { bigint: true }));
  }

  async close(): Promise<void> {
    if (this.isOpen) closeSync(this.descriptor);
    this.isOpen = false;
  }

  async write(): Promise<void> {
    throw badDescriptor("it is open for reading only", "write");
  }

  async sync(): Promise<void> {
    throw badDescriptor("it is open for reading only", "fdatasync");
  }

  async truncate(): Promise<void> {
    throw badDescriptor("it is open for reading only", "ftruncate");
  }

  /** A descriptor that was closed is soon another file's. */
  private check(call: string): void {
    if (!this.isOpen) throw badDescriptor("the file is closed", call);
  }
}

const readByThread = promisify(read);

function badDescriptor(why: string, call: string): Error {
  return Object.assign(new Error(`EBADF: ${why}, ${call}`), { code: "EBADF" });
}
