import { systemCode } from "../../shared/errors.ts";
import type { Disk, ReadableFile } from "../../shared/platform/disk.ts";
import type { Gunzip } from "../../shared/platform/gunzip.ts";
import { GunzipFile, UnpackedSizes } from "./gunzip-file.ts";
import { isPackedName } from "./rotation-name.ts";
import { identityOf, isSameInode, type TailedFile } from "./tailed-file.ts";

/**
 * The open handles of a source, a bounded number of them. A file that is read keeps its handle, so that it can be read to its end after
 * it was renamed or deleted; when there are too many, one not used for long is closed, one with lines to read only if there is no other,
 * and never one that no name leads back to.
 */
export class FileHandles {
  private readonly disk: Disk;
  private readonly gunzip: Gunzip;
  private readonly sizes = new UnpackedSizes();
  private countMax: number;
  /** In the order of use. */
  private readonly open = new Map<TailedFile, ReadableFile>();
  /** Files whose turn it is to be closed, the next one last. No iterator: one that stands still keeps all that a map ever held. */
  private turns: TailedFile[] = [];
  /** Handed out last: whoever got it may just be reading. */
  private inUse: TailedFile | undefined;

  constructor(disk: Disk, gunzip: Gunzip, countMax: number) {
    this.disk = disk;
    this.gunzip = gunzip;
    this.countMax = countMax;
  }

  /** Count of open handles. */
  get count(): number {
    return this.open.size;
  }

  /** The handle of a file if it is open. */
  peek(file: TailedFile): ReadableFile | undefined {
    return this.open.get(file);
  }

  /**
   * Opens a file, or returns its open handle. Resolves with undefined when another file stands under its path by now. Fails as the disk
   * does.
   */
  async get(file: TailedFile): Promise<ReadableFile | undefined> {
    const kept = this.open.get(file);
    if (kept !== undefined) {
      this.open.delete(file);
      this.keep(file, kept);
      return kept;
    }
    if (file.presence !== "listed") return undefined;
    await this.makeRoom(this.countMax - 1);
    const handle = await this.openPath(file.path);
    if (!isSameInode(file, identityOf(await this.statOrClose(handle)))) {
      await handle.close();
      return undefined;
    }
    this.keep(file, handle);
    return handle;
  }

  /** Keeps the handle that a file was found with. */
  async adopt(file: TailedFile, handle: ReadableFile): Promise<void> {
    await this.makeRoom(this.countMax - 1);
    this.keep(file, handle);
  }

  private keep(file: TailedFile, handle: ReadableFile): void {
    this.open.set(file, handle);
    this.inUse = file;
  }

  /** The content behind a file's handle is another file's from now on. */
  hand(file: TailedFile, other: TailedFile): void {
    const handle = this.open.get(file);
    if (handle === undefined) return;
    this.open.delete(file);
    this.open.set(other, handle);
  }

  /** Opens a path that is no tailed file yet, for one look; the caller closes it. A packed file is opened as what was packed. */
  async openPath(path: string): Promise<ReadableFile> {
    const file = await this.openAsIs(path);
    return isPackedName(path) ? new GunzipFile(file, this.gunzip, this.sizes) : file;
  }

  private async openAsIs(path: string): Promise<ReadableFile> {
    try {
      return await this.disk.open(path, "read");
    } catch (error) {
      const code = systemCode(error);
      if ((code !== "EMFILE" && code !== "ENFILE") || this.open.size === 0) throw error;
      // Too few descriptors on this machine: get along with half as many from now on.
      this.countMax = Math.max(1, this.open.size >> 1);
      await this.makeRoom(this.countMax);
      return this.disk.open(path, "read");
    }
  }

  /** Closes the handle of a file, if it is open. */
  async close(file: TailedFile): Promise<void> {
    const handle = this.open.get(file);
    this.open.delete(file);
    await handle?.close();
  }

  async closeAll(): Promise<void> {
    for (const file of [...this.open.keys()]) await this.close(file);
  }

  private async statOrClose(handle: ReadableFile) {
    try {
      return await handle.stat();
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private async makeRoom(count: number): Promise<void> {
    const mayClose: readonly ((file: TailedFile) => boolean)[] = [
      (file) => !file.isDirty && file !== this.inUse,
      (file) => !file.isDirty,
      () => true,
    ];
    for (const may of mayClose) {
      for (let left = this.open.size; left > 0 && this.open.size > count; left--) {
        const file = this.nextInTurn();
        if (file?.presence === "listed" && may(file)) await this.close(file);
      }
    }
  }

  /** The file whose turn it is: hundreds of files that cannot be closed now need not be passed again for each that is opened. */
  private nextInTurn(): TailedFile | undefined {
    for (;;) {
      if (this.turns.length === 0) this.turns = [...this.open.keys()].reverse();
      const next = this.turns.pop();
      if (next === undefined || this.open.has(next)) return next;
    }
  }
}
