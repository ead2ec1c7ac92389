/** A disk in memory that can stop or fail at any operation, and forgets what was not synced when the power is cut. */
import { dirname } from "node:path";
import type { Disk, DiskFile, DiskUsage, FileStat } from "../../../../shared/platform/disk.ts";

/** Thrown by every operation from the moment the process is killed. */
export class Killed extends Error {}

/** What survives a power cut of what was not synced: nothing, all of it, or the first half of each write. */
export type PowerCut = "lose" | "keep" | "tear";

interface Node {
  bytes: Buffer;
  synced: Buffer;
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** See the head of this file. */
export class MemoryDisk implements Disk {
  #entries = new Map<string, Node>();
  #durable = new Map<string, Node>();
  /** Operations that change something, so far. */
  changeCount = 0;
  /** The process is killed before this change. */
  killAt = Number.POSITIVE_INFINITY;
  /** Asked before each change; the code of the failure, or undefined. A failed write leaves its first half. */
  fault: (operation: string, path: string) => string | undefined = () => undefined;

  /** Content of every file. */
  contents(): Map<string, Buffer> {
    return new Map([...this.#entries].map(([path, node]) => [path, Buffer.from(node.bytes)]));
  }

  /** A disk that holds exactly these files, all durable. */
  static holding(contents: ReadonlyMap<string, Buffer>): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, bytes] of contents) {
      const node = { bytes: Buffer.from(bytes), synced: Buffer.from(bytes) };
      disk.#entries.set(path, node);
      disk.#durable.set(path, node);
    }
    return disk;
  }

  /** The disk after the power came back. */
  afterPowerCut(cut: PowerCut): MemoryDisk {
    const entries = cut === "lose" ? this.#durable : this.#entries;
    const contents = new Map<string, Buffer>();
    for (const [path, node] of entries) {
      const common = Math.min(node.bytes.length, node.synced.length);
      const tear = common + Math.ceil((node.bytes.length - common) / 2);
      const torn = Buffer.concat([
        node.synced.subarray(0, common),
        node.bytes.subarray(common, tear),
      ]);
      contents.set(path, { lose: node.synced, keep: node.bytes, tear: torn }[cut]);
    }
    return MemoryDisk.holding(contents);
  }

  /** The same disk for the next process. */
  revive(): void {
    this.killAt = Number.POSITIVE_INFINITY;
    this.fault = () => undefined;
  }

  #change(operation: string, path: string): void {
    if (this.changeCount >= this.killAt) throw new Killed();
    this.changeCount++;
    const code = this.fault(operation, path);
    if (code !== undefined) throw systemError(code, path);
  }

  #alive(): void {
    if (this.changeCount >= this.killAt) throw new Killed();
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    this.#alive();
    let node = this.#entries.get(path);
    if (mode === "read" && node === undefined) throw systemError("ENOENT", path);
    if (mode === "create" && node !== undefined) throw systemError("EEXIST", path);
    if (node === undefined) {
      this.#change("open", path);
      node = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0) };
      this.#entries.set(path, node);
    }
    return this.#file(path, node);
  }

  #file(path: string, node: Node): DiskFile {
    return {
      read: async (target, targetOffset, length, position) => {
        this.#alive();
        const part = node.bytes.subarray(position, position + length);
        target.set(part, targetOffset);
        return part.length;
      },
      write: async (bytes, position) => {
        const put = (count: number) => {
          const length = Math.max(node.bytes.length, position + count);
          const grown = Buffer.alloc(length);
          node.bytes.copy(grown);
          grown.set(bytes.subarray(0, count), position);
          node.bytes = grown;
        };
        try {
          this.#change("write", path);
        } catch (error) {
          if (!(error instanceof Killed)) put(bytes.length >> 1);
          throw error;
        }
        put(bytes.length);
      },
      sync: async () => {
        this.#change("sync", path);
        node.synced = Buffer.from(node.bytes);
      },
      truncate: async (bytes) => {
        this.#change("truncate", path);
        node.bytes = Buffer.from(node.bytes.subarray(0, bytes));
      },
      stat: async () => this.#stat(node),
      close: async () => this.#alive(),
    };
  }

  #stat(node: Node | undefined): FileStat {
    this.#alive();
    return {
      device: "1",
      inode: "1",
      birthMs: undefined,
      modifiedMs: 0,
      bytes: node?.bytes.length ?? 0,
      kind: node === undefined ? "directory" : "file",
    };
  }

  async stat(path: string): Promise<FileStat> {
    return this.#stat(this.#entries.get(path));
  }

  async list(path: string): Promise<string[]> {
    this.#alive();
    const names = [...this.#entries.keys()].filter((entry) => dirname(entry) === path);
    return names.map((name) => name.slice(path.length + 1)).sort();
  }

  async makeDirectory(): Promise<void> {
    this.#alive();
  }

  async rename(from: string, to: string): Promise<void> {
    this.#change("rename", from);
    const node = this.#entries.get(from);
    if (node === undefined) throw systemError("ENOENT", from);
    this.#entries.delete(from);
    this.#entries.set(to, node);
  }

  async remove(path: string): Promise<void> {
    this.#change("remove", path);
    if (!this.#entries.delete(path)) throw systemError("ENOENT", path);
  }

  async usage(): Promise<DiskUsage> {
    return { totalBytes: 0, freeBytes: 0, availableBytes: 0, totalFiles: 0, freeFiles: 0 };
  }

  async syncDirectory(path: string): Promise<void> {
    this.#change("syncDirectory", path);
    for (const entry of [...this.#durable.keys()]) {
      if (dirname(entry) === path && !this.#entries.has(entry)) this.#durable.delete(entry);
    }
    for (const [entry, node] of this.#entries) {
      if (dirname(entry) === path) this.#durable.set(entry, node);
    }
  }

  async lock() {
    return { release: async () => undefined };
  }

  async glob(): Promise<string[]> {
    return [];
  }

  watch() {
    return { close: async () => undefined };
  }
}
