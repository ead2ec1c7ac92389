import { dirname } from "node:path";
import { assert } from "../../shared/assert.ts";
import type { FileStat } from "../../shared/platform/disk.ts";
import type { ByteRange, Checkpoint } from "../../shared/protocol/batch.ts";
import {
  FINGERPRINT_BYTES_MAX,
  FINGERPRINT_NONE,
  type Fingerprint,
  fingerprintOf,
} from "./fingerprint.ts";
import { GUARD_NONE, type Guard } from "./guard.ts";
import { isPackedName } from "./rotation-name.ts";

/**
 * Where a file stands. `listed`: under `path`. `unnamed`: under no known name, but an open handle still reaches it.
 * `missing`: neither; it may come back under another name.
 */
export type Presence = "listed" | "unnamed" | "missing";

/**
 * What is known of one file: identity, how far it is read, and what the next batch has to say about it. All changes are synchronous, so
 * a cut between two of them is consistent: everything below `offset` but `held` was counted.
 */
export class TailedFile {
  readonly source: string;
  /** {@link Checkpoint.file}. */
  readonly file: number;
  path: string;
  device: string;
  inode: string;
  birthMs: number | undefined;
  fingerprint: Fingerprint = FINGERPRINT_NONE;
  /** The bytes that the fingerprint covers; undefined until this process has seen them. */
  head: Buffer | undefined;
  /** All below is counted, held or lost. Always where a line begins, unless `isUnterminated`. */
  offset = 0;
  /** Guard of `offset`. */
  guard: Guard = GUARD_NONE;
  /** The whole lines in [offset, eventTo) are an event to which more lines may belong. */
  eventTo = 0;
  /** True when its last line was cut, so that more of it must follow. */
  isEventUnfinished = false;
  /** True while a file that follows holds lines that go on with the event. */
  isEventContinued = false;
  /** True when it goes on where another file of its log ended. */
  isFollowing = false;
  /** No line feed stands in [eventTo, searchedTo). */
  searchedTo = 0;
  /** Guard of `searchedTo`. */
  searchGuard: Guard = GUARD_NONE;
  /** True when the line before `offset` was counted without a line end: what follows up to the next one is its continuation. */
  isUnterminated = false;
  /** Ranges below `offset` that are still to be read. */
  held: readonly ByteRange[] = [];
  /** No line feed stands in [held[0].from, heldSearchedTo). */
  heldSearchedTo = 0;

  /** Service of its events that name none; undefined: not asked yet, or as the source has it. */
  service: string | undefined;

  presence: Presence = "missing";
  /** True when a configured pattern finds the path. */
  isMatched = false;
  /** Path where this process first saw it, or the checkpoint's. */
  homePath: string;
  /** Size when last looked at; for a file of an earlier run: what is known to be read. */
  bytes = 0;
  modifiedMs = 0;
  /** Time of its last change when the content was last proven to be what was read; undefined before. */
  provenMs: number | undefined;
  /** Its size then. */
  provenBytes = 0;
  /** True when the last look found it empty: until the next one anything may come and go unseen. */
  wasEmpty = false;
  /** True when an earlier run last saw it empty. */
  wasKnownEmpty = false;
  /** False until this process has seen the file's size. */
  isSized = false;
  /** False until fingerprint and guard were compared with the bytes on disk. */
  isVerified = false;
  /** True when something changed since the file was last read to its end. */
  isDirty = true;
  /** True when the content on disk is not what was read. */
  isSuspect = false;
  /** True when another file has its inode: the content is gone for good. */
  isReplaced = false;
  /** Out of the patterns and read to the end that it had at the start: not read any further. */
  isRetired = false;
  /** Packed and read to its end: nothing can follow. */
  isComplete = false;
  /** Monotonic time when it was last seen to change, or when its name was last seen to change. */
  changedAtMs = 0;
  /** Monotonic time since when it is missing. */
  missingSinceMs = 0;
  /** Monotonic time before which nothing is tried again after an error. */
  retryAtMs = 0;
  errorCount = 0;
  /** Number of the turn in which it was last read; the lowest has the next turn. */
  lastTurn = 0;

  /** Kept, since they are asked for at every look. */
  private knownKey: string;
  private folderOf = "";
  private knownFolder = "";
  /** Path where its content was last proven to be; that of an inode alone proves nothing. */
  private provenPath: string;
  private generationNumber = 0;
  private batchFrom = 0;
  private wasRemoved = false;
  private hasChanged = false;
  private closed: Checkpoint[] = [];

  private constructor(checkpoint: Pick<Checkpoint, "source" | "file" | "path"> & FileIdentity) {
    this.source = checkpoint.source;
    this.file = checkpoint.file;
    this.path = checkpoint.path;
    this.homePath = checkpoint.path;
    this.provenPath = checkpoint.path;
    this.device = checkpoint.device;
    this.inode = checkpoint.inode;
    this.birthMs = checkpoint.birthMs;
    this.knownKey = identityKey(checkpoint);
  }

  /** A file of an earlier run. */
  static known(checkpoint: Checkpoint): TailedFile {
    const file = new TailedFile(checkpoint);
    const { fingerprintBytes, fingerprint, guardBytes, guard } = checkpoint;
    file.fingerprint = { fingerprintBytes, fingerprint };
    file.wasKnownEmpty = fingerprintBytes === 0;
    file.generationNumber = checkpoint.generation;
    file.offset = checkpoint.offset;
    file.batchFrom = checkpoint.offset;
    file.guard = { guardBytes, guard };
    file.searchedTo = checkpoint.offset;
    file.eventTo = checkpoint.offset;
    file.searchGuard = file.guard;
    file.isUnterminated = checkpoint.unterminated;
    file.isComplete = checkpoint.complete && checkpoint.held.length === 0;
    file.held = checkpoint.held;
    file.heldSearchedTo = checkpoint.held[0]?.from ?? 0;
    file.bytes = checkpoint.offset;
    file.provenBytes = checkpoint.offset;
    file.provenMs = checkpoint.modifiedMs;
    return file;
  }

  /** A file never seen before, nothing of it read. The next batch tells of it even when nothing will be. */
  static found(at: Pick<Checkpoint, "source" | "file" | "path">, stat: FileStat): TailedFile {
    const file = new TailedFile({ ...at, ...identityOf(stat) });
    file.hasChanged = true;
    return file;
  }

  /** Rises by one with each truncation. */
  get generation(): number {
    return this.generationNumber;
  }

  /** True when the file is gone and only the next cut has to say so. */
  get isRemoved(): boolean {
    return this.wasRemoved;
  }

  /** Paths that it has or had: where it was first seen, where it was last proven to be, and where its inode is. */
  get names(): Set<string> {
    return new Set([this.path, this.provenPath, this.homePath]);
  }

  /** {@link identityKey} of it. */
  get key(): string {
    return this.knownKey;
  }

  /** The folder of its path. */
  get folder(): string {
    if (this.folderOf !== this.path) {
      this.folderOf = this.path;
      this.knownFolder = dirname(this.path);
    }
    return this.knownFolder;
  }

  /** True when its lines are packed under the name that it has now. */
  get isPacked(): boolean {
    return isPackedName(this.path);
  }

  /** True when the next cut has something to say of the file. */
  get isChanged(): boolean {
    return this.hasChanged;
  }

  /** Bytes that are known to be there and not yet counted. */
  get backlogBytes(): number {
    if (this.presence === "missing") return 0;
    let bytes = Math.max(0, this.bytes - this.offset);
    for (const range of this.held) bytes += range.to - range.from;
    return bytes;
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const range of this.held) bytes += range.to - range.from;
    return bytes;
  }

  /** Takes over where the file is now. */
  place(path: string, stat: FileStat): void {
    const { device, inode, birthMs } = stat;
    const isMoved = device !== this.device || inode !== this.inode;
    const isBirthNew = birthMs !== this.birthMs && (isMoved || birthMs !== undefined);
    if (path === this.path && !isMoved && !isBirthNew) return;
    this.path = path;
    this.device = device;
    this.inode = inode;
    this.knownKey = identityKey(stat);
    if (isBirthNew) this.birthMs = birthMs;
    this.hasChanged = true;
  }

  /** Takes over size and time of change. `nowMs` is monotonic. */
  observe(stat: FileStat, nowMs: number): void {
    if (this.isPacked) {
      this.observePacked(stat, nowMs);
      return;
    }
    const { fingerprintBytes } = this.fingerprint;
    if (stat.bytes < Math.max(this.provenBytes, fingerprintBytes)) this.isSuspect = true;
    // Seen before and not read since: as soon as these bytes are proven it is known what is lost if they vanish.
    else if (this.bytes > this.provenBytes && !this.isRetired) this.isVerified = false;
    // What was empty gets a fingerprint as soon as it is not, even when reading has to wait.
    if (stat.bytes > 0 && fingerprintBytes === 0) this.isVerified = false;
    if (!this.isSized || stat.bytes !== this.bytes || stat.modifiedMs !== this.modifiedMs) {
      this.changedAtMs = nowMs;
      this.isDirty = true;
    }
    this.bytes = stat.bytes;
    this.modifiedMs = stat.modifiedMs;
    this.wasEmpty = stat.bytes === 0;
    this.isSized = true;
  }

  /** The size of packed bytes says nothing of the lines in them. They do not change, or else they are another file's. */
  private observePacked(stat: FileStat, nowMs: number): void {
    const isChanged = !this.isSized || stat.modifiedMs !== this.modifiedMs;
    this.modifiedMs = stat.modifiedMs;
    this.wasEmpty = false;
    this.isSized = true;
    if (this.isComplete && stat.modifiedMs === this.provenMs) {
      // To unpack it again, each time that it gets another name, would prove no more.
      this.prove();
      this.isDirty = false;
    } else if (isChanged) {
      this.changedAtMs = nowMs;
      this.isVerified = false;
      this.isDirty = true;
    }
  }

  /** The bytes on disk were just found to be those that were read. */
  prove(): void {
    this.isVerified = true;
    if (this.provenPath !== this.path) this.hasChanged = true;
    this.provenPath = this.path;
    this.provenMs = this.modifiedMs;
    this.provenBytes = Math.max(this.bytes, this.searchedTo);
  }

  /** Everything below `offset` is counted. */
  advance(offset: number, guard: Guard): void {
    assert(offset >= this.offset, "an offset never goes back");
    this.offset = offset;
    this.guard = guard;
    this.searchAgain();
    this.hasChanged = true;
  }

  /** The whole lines below `position` are an event that may go on, or must. */
  waitForEvent(position: number, isUnfinished = false): void {
    assert(position >= this.offset, "an event that waits is not counted yet");
    this.eventTo = position;
    this.isEventUnfinished = isUnfinished;
  }

  /** True when whole lines wait for what may belong to them. */
  get hasEvent(): boolean {
    return this.eventTo > this.offset;
  }

  /** No line feed stands below `position`. */
  searched(position: number, guard: Guard): void {
    assert(position >= this.eventTo, "the search for a line end goes on behind what is read");
    this.searchedTo = position;
    this.searchGuard = guard;
  }

  /** The search for a line end begins again at `offset`. */
  searchAgain(): void {
    this.searchedTo = this.offset;
    this.eventTo = this.offset;
    this.isEventContinued = false;
    this.isEventUnfinished = false;
    this.searchGuard = this.guard;
  }

  setUnterminated(isUnterminated: boolean): void {
    this.isUnterminated = isUnterminated;
    this.hasChanged = true;
  }

  /** The first bytes of the file are proven to be these. */
  setHead(head: Buffer): void {
    const known = this.fingerprint;
    if (
      this.head !== undefined &&
      known.fingerprintBytes === Math.min(head.length, FINGERPRINT_BYTES_MAX)
    )
      return;
    this.head = Buffer.from(head.subarray(0, FINGERPRINT_BYTES_MAX));
    this.fingerprint = fingerprintOf(this.head);
    if (this.fingerprint.fingerprint !== known.fingerprint) this.hasChanged = true;
  }

  /** The held bytes below `position` of the first held range are counted. */
  releaseHeld(position: number): void {
    const [first, ...rest] = this.held;
    assert(first !== undefined && position <= first.to, "only held bytes can be released");
    this.held = position < first.to ? [{ from: position, to: first.to }, ...rest] : rest;
    this.heldSearchedTo = this.held[0]?.from ?? 0;
    this.hasChanged = true;
  }

  /** Nothing is held any more; returns how many bytes were. */
  dropHeld(): number {
    const bytes = this.heldBytes;
    if (bytes > 0) this.hasChanged = true;
    this.held = [];
    this.heldSearchedTo = 0;
    return bytes;
  }

  /** The content is another one now: what was read of the old one is closed at `endOffset`, and reading begins anew at 0. */
  beginGeneration(endOffset: number): void {
    assert(this.held.length === 0, "held ranges of a truncated file are dropped before");
    if (endOffset > this.offset) {
      this.offset = endOffset;
      this.guard = GUARD_NONE;
    }
    this.closed.push({ ...this.checkpoint(), from: this.batchFrom });
    this.generationNumber++;
    this.batchFrom = 0;
    this.fingerprint = FINGERPRINT_NONE;
    this.head = undefined;
    this.offset = 0;
    this.guard = GUARD_NONE;
    this.searchAgain();
    this.isUnterminated = false;
    this.isComplete = false;
    this.bytes = 0;
    this.provenBytes = 0;
    this.isSuspect = false;
    this.isDirty = true;
    this.hasChanged = true;
  }

  /** Reading begins at `offset`; what is below was never this source's to read, or is another file's content. */
  beginAt(offset: number, guard: Guard, head: Buffer): void {
    assert(this.offset === 0 && this.batchFrom === 0, "only a new file can begin behind its start");
    this.setHead(head);
    this.advance(offset, guard);
    // The first batch that tells of the file says so: recovery must never take the bytes below for counted, or for still to be read.
    this.batchFrom = offset;
  }

  /** Nothing can follow. What stands behind `offset`, if anything, was never this source's to read. */
  complete(): void {
    this.isComplete = true;
    this.isDirty = false;
    this.bytes = this.offset;
    this.hasChanged = true;
  }

  /** The file is gone: the next cut says so for the last time. */
  remove(): void {
    this.wasRemoved = true;
    this.hasChanged = true;
  }

  /** As it stands now, for a full set. */
  checkpoint(): Checkpoint {
    return {
      source: this.source,
      file: this.file,
      path: this.provenPath,
      device: this.device,
      inode: this.inode,
      birthMs: this.birthMs,
      fingerprintBytes: this.fingerprint.fingerprintBytes,
      fingerprint: this.fingerprint.fingerprint,
      generation: this.generationNumber,
      offset: this.offset,
      from: this.offset,
      guardBytes: this.guard.guardBytes,
      guard: this.guard.guard,
      modifiedMs: this.provenMs,
      held: this.held,
      unterminated: this.isUnterminated,
      complete: this.isComplete,
      removed: this.wasRemoved,
    };
  }

  /** What changed since the last call: the ends of generations, then how it stands now. */
  takeChanges(): Checkpoint[] {
    if (!this.hasChanged) return [];
    const changes = [...this.closed, { ...this.checkpoint(), from: this.batchFrom }];
    this.closed = [];
    this.batchFrom = this.offset;
    this.hasChanged = false;
    return changes;
  }
}

/** What names a file on its host, whatever its path. */
export interface FileIdentity {
  readonly device: string;
  readonly inode: string;
  readonly birthMs: number | undefined;
}

/** The identity in a stat. */
export function identityOf(stat: FileStat): FileIdentity {
  return { device: stat.device, inode: stat.inode, birthMs: stat.birthMs };
}

/** A key for maps of files by device and inode. */
export function identityKey(identity: { readonly device: string; readonly inode: string }): string {
  return `${identity.device}:${identity.inode}`;
}

/** States whether two identities name the same inode in the same life: an inode that was given away again was born anew. */
export function isSameInode(a: FileIdentity, b: FileIdentity): boolean {
  if (a.device !== b.device || a.inode !== b.inode) return false;
  return a.birthMs === undefined || b.birthMs === undefined || a.birthMs === b.birthMs;
}
