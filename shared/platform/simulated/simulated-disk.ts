import type { Disk, FileStat } from "../disk.ts";
import { DiskPort } from "./disk-port.ts";
import {
  type FileNode,
  FileSystemError,
  FileTree,
  type FolderNode,
  parentOf,
  type TreeNode,
} from "./file-tree.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { Simulation } from "./simulation.ts";

/** What a disk fault can hit. */
export type DiskOperation = "write" | "sync" | "rename" | "remove" | "open" | "read";

/** Some operations below a path fail for a while. */
export interface DiskFault {
  readonly path: string;
  readonly operations: readonly DiskOperation[];
  readonly code: "ENOSPC" | "EIO" | "EDQUOT";
  /** Share of the operations that fail. */
  readonly share: number;
}

/** Somebody who wants to know of changes. */
export interface Watcher {
  readonly process: SimulatedProcess;
  readonly directories: readonly string[];
  readonly onChange: () => void;
  isPending: boolean;
}

/** A copy of a folder, to go back to or to carry elsewhere. */
export interface FolderSnapshot {
  readonly folder: FolderNode;
}

/**
 * One machine's disk. Programs reach it through {@link port}, slowly and with faults; the rest of the machine (writers of logs,
 * administrators) through the synchronous methods, whose effect is durable at once.
 */
export class SimulatedDisk {
  readonly simulation: Simulation;
  /** Number of the device; another after some reboots. */
  device: number;
  /** Whether birth times are reported. */
  reportsBirth: boolean;
  /** Faults that are on now. */
  readonly faults = new Set<DiskFault>();
  /** Bytes that programs' files may take together; writes beyond fail with ENOSPC. */
  bytesMax = Number.POSITIVE_INFINITY;
  /** Factor on all latencies. */
  slowness = 1;
  /** Most handles that were open at once. */
  openCountMax = 0;
  private openCount = 0;
  /** @internal Names and inodes. */
  readonly files: FileTree;
  private readonly watchers = new Set<Watcher>();
  private readonly locks = new Map<string, SimulatedProcess>();

  constructor(simulation: Simulation, name: string) {
    this.simulation = simulation;
    this.device = 2_049 + (name.charCodeAt(name.length - 1) % 16);
    this.reportsBirth = simulation.prng.chance(0.7);
    this.files = new FileTree(simulation.prng, () => Date.UTC(2026, 0, 1) + simulation.timeMs);
  }

  /** The disk as one process uses it. */
  port(process: SimulatedProcess): Disk {
    return new DiskPort(this, process);
  }

  // What others on the machine do.

  /** Adds bytes to the end of a file, which is made when absent. */
  append(path: string, bytes: Uint8Array): void {
    const node = this.find(path) ?? this.makeDurableFile(path);
    this.writeNode(node, node.content.length, bytes, path);
  }

  /** Length of a file; 0 when there is none. */
  lengthOf(path: string): number {
    return this.find(path)?.content.length ?? 0;
  }

  /** What a file holds, or undefined when there is none. */
  contentOf(path: string): Buffer | undefined {
    const node = this.find(path);
    return node === undefined ? undefined : Buffer.from(node.content.view());
  }

  /** Cuts a file to a length; a copytruncate cuts to 0. */
  truncate(path: string, bytes: number): void {
    const node = this.find(path);
    if (node === undefined) throw new FileSystemError("ENOENT", "truncate", path);
    node.content.truncate(bytes);
    this.touch(node, path);
  }

  /** Gives a file the time of change of another one, as packers do. */
  copyModified(from: string, to: string): void {
    const source = this.find(from);
    const target = this.find(to);
    if (source === undefined) throw new FileSystemError("ENOENT", "utime", from);
    if (target === undefined) throw new FileSystemError("ENOENT", "utime", to);
    target.modifiedMs = source.modifiedMs;
  }

  rename(from: string, to: string): void {
    this.files.rename(from, to);
    this.files.syncWay(parentOf(from));
    this.files.syncWay(parentOf(to));
    this.notify(to);
  }

  remove(path: string): void {
    this.files.remove(path);
    this.files.syncWay(parentOf(path));
    this.notify(path);
  }

  /** Copies a folder as it looks now. */
  snapshot(path: string): FolderSnapshot | undefined {
    const node = this.files.find(path);
    if (node?.kind !== "directory") return undefined;
    return { folder: this.files.copyFolder(node, true) };
  }

  /** Puts a snapshot in the place of a folder; of another disk's, too. Processes that use the folder should be dead. */
  restore(path: string, snapshot: FolderSnapshot, keepsInodes: boolean): void {
    this.files.replace(path, this.files.copyFolder(snapshot.folder, keepsInodes));
  }

  /** Paths of all files below a folder, sorted. */
  paths(path: string): string[] {
    return this.files
      .files(path)
      .map((file) => file.path)
      .sort();
  }

  /** Bytes of all files below a folder. */
  bytesUsed(path: string): number {
    let bytes = 0;
    for (const { node } of this.files.files(path)) bytes += node.content.length;
    return bytes;
  }

  /** A power cut; all processes are dead already. */
  crash(): void {
    this.files.crash();
    this.openCount = 0;
    this.locks.clear();
    this.watchers.clear();
  }

  // What ports need.

  /** @internal How long an operation takes now. */
  latencyMs(): number {
    return this.simulation.prng.between(0.02, 0.4) * this.slowness;
  }

  /** @internal Fails when a fault strikes. */
  strike(operation: DiskOperation, path: string): void {
    for (const fault of this.faults) {
      if (!path.startsWith(fault.path) || !fault.operations.includes(operation)) continue;
      if (this.simulation.prng.chance(fault.share)) {
        throw new FileSystemError(fault.code, operation, path);
      }
    }
  }

  /** @internal Fails with ENOSPC when `bytes` more do not fit. */
  checkSpace(bytes: number, path: string): void {
    if (this.bytesMax === Number.POSITIVE_INFINITY) return;
    let used = 0;
    for (const { node } of this.files.files("/")) {
      if (!node.content.isAlwaysDurable) used += node.content.length;
    }
    if (used + bytes > this.bytesMax) throw new FileSystemError("ENOSPC", "write", path);
  }

  /** @internal Writes to a file and tells who watches. */
  writeNode(node: FileNode, position: number, bytes: Uint8Array, path: string): void {
    node.content.write(position, bytes);
    this.touch(node, path);
  }

  /** @internal Marks a file as changed. */
  touch(node: FileNode, path: string): void {
    node.modifiedMs = Date.UTC(2026, 0, 1) + this.simulation.timeMs;
    this.notify(path);
  }

  /** @internal What stat tells of a node. */
  statOf(node: TreeNode): FileStat {
    return {
      device: String(this.device),
      inode: String(node.inode),
      birthMs: this.reportsBirth ? Math.floor(node.birthMs) : undefined,
      modifiedMs: Math.floor(node.modifiedMs),
      bytes: node.kind === "file" ? node.content.length : 4_096,
      kind: node.kind,
    };
  }

  /** @internal Counts a handle. */
  opened(node: FileNode): void {
    node.openCount++;
    this.openCount++;
    this.openCountMax = Math.max(this.openCountMax, this.openCount);
  }

  /** @internal Gives a handle back. */
  closed(node: FileNode): void {
    node.openCount--;
    this.openCount--;
    this.files.release(node);
  }

  /** @internal Takes a lock for a living process; false when another living one holds it. */
  takeLock(path: string, process: SimulatedProcess): boolean {
    if (this.locks.get(path)?.isAlive === true) return false;
    this.locks.set(path, process);
    return true;
  }

  /** @internal Drops a lock. */
  dropLock(path: string, process: SimulatedProcess): void {
    if (this.locks.get(path) === process) this.locks.delete(path);
  }

  /** @internal Starts to watch. */
  addWatcher(watcher: Watcher): void {
    this.watchers.add(watcher);
    watcher.process.atDeath.add(() => this.watchers.delete(watcher));
  }

  /** @internal Stops watching. */
  removeWatcher(watcher: Watcher): void {
    this.watchers.delete(watcher);
  }

  /** @internal Tells who watches a folder above `path`; late, once for many changes, and sometimes not at all. */
  notify(path: string): void {
    for (const watcher of this.watchers) {
      if (watcher.isPending || !watcher.directories.some((folder) => path.startsWith(folder))) {
        continue;
      }
      if (this.simulation.prng.chance(0.2)) continue;
      watcher.isPending = true;
      const delayMs = this.simulation.prng.between(5, 200);
      watcher.process.schedule(delayMs, `notice ${watcher.process.name}`, () => {
        watcher.isPending = false;
        if (this.watchers.has(watcher)) watcher.onChange();
      });
    }
  }

  private find(path: string): FileNode | undefined {
    const node = this.files.find(path);
    if (node?.kind === "directory") throw new FileSystemError("EISDIR", "open", path);
    return node;
  }

  private makeDurableFile(path: string): FileNode {
    this.files.addFolders(parentOf(path));
    const node = this.files.addFile(path, true);
    this.files.syncWay(parentOf(path));
    return node;
  }
}
