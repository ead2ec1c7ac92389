import type {
  Disk,
  DiskFile,
  DiskLock,
  DiskUsage,
  DiskWatcher,
  FileStat,
  OpenMode,
} from "../disk.ts";
import { type FileNode, FileSystemError } from "./file-tree.ts";
import { compileGlob } from "./glob-pattern.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** A process's door to its disk: what `SimulatedDisk` holds, with latency, faults and handles. */
export class DiskPort implements Disk {
  private readonly disk: SimulatedDisk;
  private readonly process: SimulatedProcess;

  constructor(disk: SimulatedDisk, process: SimulatedProcess) {
    this.disk = disk;
    this.process = process;
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.operate(`open ${path}`, () => {
      this.disk.strike("open", path);
      const files = this.disk.files;
      let node = files.find(path);
      if (node?.kind === "directory") throw new FileSystemError("EISDIR", "open", path);
      if (node === undefined) {
        if (mode === "read") throw new FileSystemError("ENOENT", "open", path);
        this.disk.strike("write", path);
        this.disk.checkSpace(1, path);
        node = files.addFile(path, false);
        this.disk.notify(path);
      } else if (mode === "create" || mode === "public") {
        throw new FileSystemError("EEXIST", "open", path);
      }
      return new FilePort(this.disk, this.process, { node, path, isWritable: mode !== "read" });
    });
  }

  stat(path: string): Promise<FileStat> {
    return this.operate(`stat ${path}`, () => this.disk.statOf(this.disk.files.get(path, "stat")));
  }

  list(path: string): Promise<string[]> {
    return this.operate(`list ${path}`, () =>
      [...this.disk.files.folder(path, "scandir").entries.keys()].sort(),
    );
  }

  makeDirectory(path: string): Promise<void> {
    return this.change(`mkdir ${path}`, () => this.disk.files.addFolders(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.change(`rename ${from} ${to}`, () => {
      this.disk.strike("rename", from);
      this.disk.files.rename(from, to);
      this.disk.notify(to);
    });
  }

  remove(path: string): Promise<void> {
    return this.change(`remove ${path}`, () => {
      this.disk.strike("remove", path);
      this.disk.files.remove(path);
      this.disk.notify(path);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.change(`sync ${path}`, () => {
      this.disk.strike("sync", path);
      this.disk.files.syncFolder(path);
    });
  }

  usage(path: string): Promise<DiskUsage> {
    // A simulated disk is only full when a fault says so.
    return this.operate(`usage ${path}`, () => ({
      ...{ totalBytes: 0, freeBytes: 0, availableBytes: 0, totalFiles: 0, freeFiles: 0 },
    }));
  }

  lock(path: string): Promise<DiskLock | undefined> {
    return this.operate(`lock ${path}`, () => {
      this.disk.strike("open", path);
      if (this.disk.files.find(path) === undefined) this.disk.files.addFile(path, false);
      if (!this.disk.takeLock(path, this.process)) return undefined;
      return { release: async () => this.disk.dropLock(path, this.process) };
    });
  }

  glob(pattern: string): Promise<string[]> {
    return this.operate(`glob ${pattern}`, () => {
      const literal = pattern.slice(0, pattern.search(/[*?[{]|$/));
      const folder = literal.slice(0, literal.lastIndexOf("/") + 1);
      const expression = compileGlob(pattern);
      return this.disk.paths(folder).filter((path) => expression.test(path));
    });
  }

  watch(directories: readonly string[], onChange: () => void): DiskWatcher {
    const watcher = { process: this.process, directories, onChange, isPending: false };
    if (this.process.isAlive) this.disk.addWatcher(watcher);
    return { close: async () => this.disk.removeWatcher(watcher) };
  }

  private operate<T>(label: string, effect: () => T): Promise<T> {
    return this.process.operate({
      label: `${this.process.name} ${label}`,
      latencyMs: this.disk.latencyMs(),
      effect,
    });
  }

  /** An operation on names: under a kill it happens as a whole or not at all. */
  private change(label: string, effect: () => void): Promise<void> {
    return this.process.operate({
      label: `${this.process.name} ${label}`,
      latencyMs: this.disk.latencyMs(),
      effect,
      effectAtKill: () => withoutCaller(effect),
    });
  }
}

/** The caller is dead: whether its operation failed concerns nobody any more. */
function withoutCaller(effect: () => void): void {
  try {
    effect();
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
  }
}

/** What a handle stands for. */
interface OpenFile {
  readonly node: FileNode;
  /** The path at the time of opening; for faults and traces. */
  readonly path: string;
  readonly isWritable: boolean;
}

/** An open file of a simulated disk. */
class FilePort implements DiskFile {
  private readonly disk: SimulatedDisk;
  private readonly process: SimulatedProcess;
  private readonly file: OpenFile;
  private isOpen = true;
  private readonly closeAtDeath = () => this.letGo();

  constructor(disk: SimulatedDisk, process: SimulatedProcess, file: OpenFile) {
    this.disk = disk;
    this.process = process;
    this.file = file;
    disk.opened(file.node);
    process.atDeath.add(this.closeAtDeath);
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number) {
    return this.operate("read", () => {
      this.disk.strike("read", this.file.path);
      const bytes = this.file.node.content.view().subarray(position, position + length);
      target.set(bytes, targetOffset);
      return bytes.length;
    });
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    const { node, path } = this.file;
    // The program may use the buffer again only when the write is over; a copy would hide that it does so before.
    const writePart = () => {
      const part = bytes.subarray(0, this.disk.simulation.prng.below(bytes.length + 1));
      this.disk.writeNode(node, position, part, path);
    };
    return this.operate(
      "write",
      () => {
        if (!this.file.isWritable) throw new FileSystemError("EBADF", "write", path);
        try {
          this.disk.strike("write", path);
          this.disk.checkSpace(position + bytes.length - node.content.length, path);
        } catch (error) {
          if (this.disk.simulation.prng.chance(0.5)) writePart();
          throw error;
        }
        this.disk.writeNode(node, position, bytes, path);
      },
      writePart,
    );
  }

  sync(): Promise<void> {
    const { node, path } = this.file;
    return this.operate("sync", () => {
      try {
        this.disk.strike("sync", path);
      } catch (error) {
        node.content.failSync(this.disk.simulation.prng);
        throw error;
      }
      node.content.sync();
    });
  }

  truncate(bytes: number): Promise<void> {
    const { node, path } = this.file;
    const effect = () => {
      if (!this.file.isWritable) throw new FileSystemError("EINVAL", "ftruncate", path);
      this.disk.strike("write", path);
      node.content.truncate(bytes);
      this.disk.touch(node, path);
    };
    return this.operate("truncate", effect, () => withoutCaller(effect));
  }

  stat(): Promise<FileStat> {
    return this.operate("fstat", () => this.disk.statOf(this.file.node));
  }

  close(): Promise<void> {
    return this.operate("close", () => this.letGo());
  }

  private operate<T>(label: string, effect: () => T, effectAtKill?: () => void): Promise<T> {
    const isOpen = () => {
      if (!this.isOpen) throw new FileSystemError("EBADF", label, this.file.path);
    };
    return this.process.operate({
      label: `${this.process.name} ${label} ${this.file.path}`,
      latencyMs: label === "sync" ? 4 * this.disk.latencyMs() : this.disk.latencyMs(),
      effect: () => {
        isOpen();
        return effect();
      },
      ...(effectAtKill === undefined ? {} : { effectAtKill }),
    });
  }

  private letGo(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.process.atDeath.delete(this.closeAtDeath);
    this.disk.closed(this.file.node);
  }
}
