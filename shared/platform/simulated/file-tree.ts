import { FileContent } from "./file-content.ts";
import type { Prng } from "./prng.ts";

/** A file, whatever its names. */
export interface FileNode {
  readonly kind: "file";
  inode: number;
  readonly birthMs: number;
  modifiedMs: number;
  readonly content: FileContent;
  /** Open handles of living processes. */
  openCount: number;
}

/** A folder: the entries that programs see, and what the disk is sure to hold. */
export interface FolderNode {
  readonly kind: "directory";
  inode: number;
  readonly birthMs: number;
  modifiedMs: number;
  entries: Map<string, TreeNode>;
  durable: Map<string, TreeNode>;
  /** Changes since the last sync of this folder; each is kept or lost as a whole. */
  pending: EntryChange[];
}

/** What a name stands for. */
export type TreeNode = FileNode | FolderNode;

/** Names that change together: a rename takes one away and puts another in its place. */
type EntryChange = readonly { readonly name: string; readonly node: TreeNode | undefined }[];

/** An error as Node's file system throws it. */
export class FileSystemError extends Error {
  override readonly name = "FileSystemError";
  readonly code: string;

  constructor(code: string, operation: string, path: string) {
    super(`${code}: ${operation} '${path}'`);
    this.code = code;
  }
}

/** The names and inodes of one simulated disk. Everything is synchronous; `SimulatedDisk` adds latency, handles and faults. */
export class FileTree {
  private readonly prng: Prng;
  private readonly now: () => number;
  private readonly freeInodes: number[] = [];
  private nextInode = 1_000;
  private root: FolderNode;

  constructor(prng: Prng, now: () => number) {
    this.prng = prng;
    this.now = now;
    this.root = this.makeFolder();
  }

  find(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.root;
    for (const name of segments(path)) {
      if (node?.kind !== "directory") return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  /** The node at `path`; fails with ENOENT. */
  get(path: string, operation: string): TreeNode {
    const node = this.find(path);
    if (node === undefined) throw new FileSystemError("ENOENT", operation, path);
    return node;
  }

  folder(path: string, operation: string): FolderNode {
    const node = this.get(path, operation);
    if (node.kind !== "directory") throw new FileSystemError("ENOTDIR", operation, path);
    return node;
  }

  /** Makes a file; its folder must exist. */
  addFile(path: string, isAlwaysDurable: boolean): FileNode {
    const now = this.now();
    const node: FileNode = {
      kind: "file",
      inode: this.takeInode(),
      birthMs: now,
      modifiedMs: now,
      content: new FileContent(isAlwaysDurable),
      openCount: 0,
    };
    this.change(path, "open", [{ name: nameOf(path), node }]);
    return node;
  }

  /** Makes the folders of `path` that are missing. */
  addFolders(path: string): void {
    let walked = "";
    for (const name of segments(path)) {
      walked += `/${name}`;
      const found = this.find(walked);
      if (found === undefined) this.change(walked, "mkdir", [{ name, node: this.makeFolder() }]);
      else if (found.kind !== "directory") throw new FileSystemError("ENOTDIR", "mkdir", walked);
    }
  }

  rename(from: string, to: string): void {
    const node = this.get(from, "rename");
    if (from === to) return;
    const replaced = this.find(to);
    if (replaced?.kind === "directory") throw new FileSystemError("EISDIR", "rename", to);
    if (parentOf(from) === parentOf(to)) {
      this.change(to, "rename", [
        { name: nameOf(from), node: undefined },
        { name: nameOf(to), node },
      ]);
    } else {
      this.change(to, "rename", [{ name: nameOf(to), node }]);
      this.change(from, "rename", [{ name: nameOf(from), node: undefined }]);
    }
    this.release(replaced);
  }

  remove(path: string): void {
    const node = this.get(path, "unlink");
    if (node.kind === "directory") throw new FileSystemError("EISDIR", "unlink", path);
    this.change(path, "unlink", [{ name: nameOf(path), node: undefined }]);
    this.release(node);
  }

  /** Makes the entries of a folder durable. */
  syncFolder(path: string): void {
    const folder = this.folder(path, "fsync");
    const before = folder.durable;
    folder.durable = new Map(folder.entries);
    folder.pending = [];
    for (const [name, node] of before) {
      if (folder.durable.get(name) !== node) this.release(node);
    }
  }

  /** Makes the entries of all folders on the way to `path` durable, itself included. */
  syncWay(path: string): void {
    let walked = "";
    this.syncFolder("/");
    for (const name of segments(path)) {
      walked += `/${name}`;
      if (this.find(walked)?.kind === "directory") this.syncFolder(walked);
    }
  }

  /** A power cut: names and contents that were not synced may be lost. */
  crash(): void {
    this.crashNode(this.root);
    const used = new Map<number, TreeNode>();
    this.claimInodes(this.root, used);
    const free = this.freeInodes.splice(0).filter((inode) => !used.has(inode));
    this.freeInodes.push(...free);
  }

  /** A file whose last name was gone may be there again: its number is its own once more, or another when a new file has got it. */
  private claimInodes(node: TreeNode, used: Map<number, TreeNode>): void {
    const owner = used.get(node.inode);
    if (owner !== undefined && owner !== node) node.inode = this.nextInode++;
    used.set(node.inode, node);
    if (node.kind === "file") return;
    for (const child of node.entries.values()) this.claimInodes(child, used);
  }

  private crashNode(node: TreeNode): void {
    if (node.kind === "file") {
      node.openCount = 0;
      node.content.crash(this.prng);
      return;
    }
    const isPrefix = this.prng.chance(0.5);
    const keptShare = this.prng.pick([0, 0.5, 1]);
    const keptCount = this.prng.below(node.pending.length + 1);
    for (const [index, change] of node.pending.entries()) {
      const isKept = isPrefix ? index < keptCount : this.prng.chance(keptShare);
      if (isKept && isPossible(node.durable, change)) applyChange(node.durable, change);
    }
    node.pending = [];
    node.entries = new Map(node.durable);
    for (const child of node.entries.values()) this.crashNode(child);
  }

  /** A durable copy of a folder and all below; of the files' inodes when `keepsInodes`, for a copy of a whole disk. */
  copyFolder(folder: FolderNode, keepsInodes: boolean): FolderNode {
    const copy = this.makeFolder(keepsInodes ? folder.inode : undefined);
    for (const [name, node] of folder.entries) {
      const child =
        node.kind === "directory"
          ? this.copyFolder(node, keepsInodes)
          : {
              ...node,
              inode: keepsInodes ? node.inode : this.takeInode(),
              content: node.content.clone(),
              openCount: 0,
            };
      this.nextInode = Math.max(this.nextInode, child.inode + 1);
      copy.entries.set(name, child);
    }
    copy.durable = new Map(copy.entries);
    return copy;
  }

  /** Puts a folder in the place of whatever stands at `path`, durably. */
  replace(path: string, folder: FolderNode): void {
    this.addFolders(parentOf(path));
    this.change(path, "replace", [{ name: nameOf(path), node: folder }]);
    this.syncWay(parentOf(path));
  }

  /** Paths of all files below a folder, and the bytes they take. */
  files(path: string): { path: string; node: FileNode }[] {
    const found: { path: string; node: FileNode }[] = [];
    const walk = (prefix: string, node: TreeNode | undefined) => {
      if (node === undefined) return;
      if (node.kind === "file") found.push({ path: prefix, node });
      else for (const [name, child] of node.entries) walk(`${prefix}/${name}`, child);
    };
    walk(path.replace(/\/+$/, ""), this.find(path));
    return found;
  }

  /** Gives the inode's number back when neither a name nor a handle is left. */
  release(node: TreeNode | undefined): void {
    if (node === undefined || node.kind === "directory" || node.openCount > 0) return;
    if (this.isNamed(this.root, node) || this.freeInodes.includes(node.inode)) return;
    this.freeInodes.push(node.inode);
  }

  private isNamed(folder: FolderNode, node: TreeNode): boolean {
    for (const children of [folder.entries, folder.durable]) {
      for (const child of children.values()) {
        if (child === node) return true;
        if (child.kind === "directory" && this.isNamed(child, node)) return true;
      }
    }
    return false;
  }

  private makeFolder(inode = this.takeInode()): FolderNode {
    const now = this.now();
    return {
      kind: "directory",
      inode,
      birthMs: now,
      modifiedMs: now,
      entries: new Map(),
      durable: new Map(),
      pending: [],
    };
  }

  /** File systems hand a freed inode out again soon. */
  private takeInode(): number {
    const free = this.freeInodes.length > 0 && this.prng.chance(0.7);
    return (free ? this.freeInodes.pop() : undefined) ?? this.nextInode++;
  }

  private change(path: string, operation: string, change: EntryChange): void {
    const folder = this.folder(parentOf(path), operation);
    folder.modifiedMs = this.now();
    applyChange(folder.entries, change);
    folder.pending.push(change);
  }
}

function applyChange(entries: Map<string, TreeNode>, change: EntryChange): void {
  for (const { name, node } of change) {
    if (node === undefined) entries.delete(name);
    else entries.set(name, node);
  }
}

/** Whether the names that a change takes away are there: a rename cannot survive without the creation before it. */
function isPossible(entries: Map<string, TreeNode>, change: EntryChange): boolean {
  return change.every(({ name, node }) => node !== undefined || entries.has(name));
}

/** The names of a path, from the root on. */
function segments(path: string): readonly string[] {
  let names = split.get(path);
  if (names === undefined) {
    if (split.size >= SPLIT_COUNT_MAX) split.clear();
    names = path.split("/").filter((name) => name !== "");
    split.set(path, names);
  }
  return names;
}

/** A simulation asks for the same few paths again and again. */
const split = new Map<string, readonly string[]>();
const SPLIT_COUNT_MAX = 10_000;

/** The folder of a path. */
export function parentOf(path: string): string {
  return `/${segments(path).slice(0, -1).join("/")}`;
}

function nameOf(path: string): string {
  return segments(path).at(-1) ?? "";
}
