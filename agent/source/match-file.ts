/**
 * Which known file is this one? Everything here is pure: the caller has looked at the bytes and says what it found.
 */
import {
  FINGERPRINT_BYTES_MAX,
  type Fingerprint,
  fingerprintFits,
  fingerprintOf,
} from "./fingerprint.ts";
import { type Guard, guardFits } from "./guard.ts";
import {
  chainOf,
  isBeside,
  isPackedName,
  isRotationElsewhere,
  isRotationOf,
} from "./rotation-name.ts";
import { type FileIdentity, isSameInode } from "./tailed-file.ts";

/** What is known of a file that was read before. */
export interface KnownFile extends FileIdentity {
  /** Where it was last seen. */
  readonly path: string;
  /** Paths that it has or had: where it was first seen, where it was last proven to be, and where its inode is. */
  readonly names: ReadonlySet<string>;
  readonly fingerprint: Fingerprint;
  /** The bytes that the fingerprint covers, if this process has seen them. */
  readonly head: Uint8Array | undefined;
  readonly offset: number;
  readonly guard: Guard;
  /** Time of its last change when what was read of it was last proven; undefined before. */
  readonly provenMs: number | undefined;
}

/** A file as it is on disk now. */
export interface SeenFile extends FileIdentity {
  readonly path: string;
  readonly modifiedMs: number;
  readonly bytes: number;
}

/**
 * How the bytes on disk compare with a known file. `whole`: all that was read of it is there. `beginning`: less than what was read is
 * there, and as far as can be told it is the same. `other`: something else.
 */
export type Content = "whole" | "beginning" | "other";

/** Compares bytes on disk with a known file. `head` are the first bytes, `beforeOffset` those that its guard covers, if there are so many. */
export function compareContent(
  known: Pick<KnownFile, "fingerprint" | "head" | "offset" | "guard">,
  seen: { readonly bytes: number; readonly head: Uint8Array; readonly beforeOffset: Uint8Array },
): Content {
  if (!beginsLike(known, seen.head)) return "other";
  if (seen.bytes < known.offset) {
    return known.fingerprint.fingerprintBytes > 0 ? "beginning" : "other";
  }
  return guardFits(known.guard, seen.beforeOffset) ? "whole" : "other";
}

/** States whether the first bytes of a file are those of a known one, as far as it has any. */
export function beginsLike(
  known: Pick<KnownFile, "fingerprint" | "head">,
  head: Uint8Array,
): boolean {
  return fingerprintFits(known.fingerprint, head) || isShorterHead(head, known.head);
}

/** As {@link beginsLike} for many known files and one found file, whose bytes are hashed once for each length. */
export function headComparer(
  head: Uint8Array,
): (known: Pick<KnownFile, "fingerprint" | "head">) => boolean {
  const prints = new Map<number, Fingerprint>();
  return (known) => {
    const { fingerprintBytes, fingerprint } = known.fingerprint;
    if (fingerprintBytes === 0) return false;
    if (head.length < fingerprintBytes) return isShorterHead(head, known.head);
    let print = prints.get(fingerprintBytes);
    if (print === undefined) {
      print = fingerprintOf(head.subarray(0, fingerprintBytes));
      prints.set(fingerprintBytes, print);
    }
    return print.fingerprint === fingerprint;
  };
}

/** A file that is shorter than the fingerprint can be compared only byte by byte. */
function isShorterHead(head: Uint8Array, known: Uint8Array | undefined): boolean {
  if (known === undefined || head.length === 0 || head.length >= known.length) return false;
  return Buffer.compare(head, known.subarray(0, head.length)) === 0;
}

/** A known file that could be the one that was seen. */
export interface Candidate<Known extends KnownFile> {
  readonly known: Known;
  readonly content: Content;
  /** True when the known file was found elsewhere with its content: what was seen can only be a copy of it. */
  readonly isElsewhere: boolean;
  /** True when what was seen was found to be a copy of it before; the names may have changed since. */
  readonly wasCopy: boolean;
  /** True when its inode is known to be another file's by now. */
  readonly isReplaced: boolean;
}

/**
 * What a seen file is. `same`: the known file, maybe under another name or device number. `continues`: a copy that holds all that was
 * read of a known file whose own bytes are gone, so reading goes on in it. `read-copy`: such a copy that holds nothing that was not
 * read. `copy`: of a known file that is still there. `rewritten`: the known file, but with other content. `new`: none of these.
 */
export type Match<Known extends KnownFile> =
  | {
      readonly kind: "same" | "continues" | "read-copy" | "copy" | "rewritten";
      readonly known: Known;
    }
  | { readonly kind: "new" };

/**
 * Finds out what a seen file is, in this order: (device, inode) and content fit; inode and content fit, the device differs; the same
 * inode with other content; a known name plus a rotation ending, with known content; else it is new. Equal content alone proves nothing:
 * two files may well begin alike.
 */
export function matchFile<Known extends KnownFile>(
  seen: SeenFile,
  candidates: readonly Candidate<Known>[],
): Match<Known> {
  const owners = candidates.filter(({ isElsewhere, isReplaced }) => !isElsewhere && !isReplaced);
  const whole = owners.filter((candidate) => candidate.content === "whole");
  const same =
    whole.find(({ known }) => isSameInode(known, seen)) ??
    whole.find(({ known }) => isMovedDevice(known, seen));
  if (same !== undefined) return { kind: "same", known: same.known };

  const rewritten = owners.find(({ known }) => isSameInode(known, seen));
  if (rewritten !== undefined) return { kind: "rewritten", known: rewritten.known };

  const copied = candidates.filter((candidate) => isCopyByName(candidate, seen));
  const continued = copied.find((copy) => !copy.isElsewhere && copy.content === "whole");
  if (continued !== undefined) return { kind: "continues", known: continued.known };
  const elsewhere = copied.find((copy) => copy.isElsewhere);
  if (elsewhere !== undefined) return { kind: "copy", known: elsewhere.known };
  const read = copied.find((copy) => copy.content === "beginning");
  if (read !== undefined) return { kind: "read-copy", known: read.known };
  return { kind: "new" };
}

/** After a reboot or a new mount the same inode may show another device number. */
function isMovedDevice(known: KnownFile, seen: SeenFile): boolean {
  return (
    known.device !== seen.device &&
    known.inode === seen.inode &&
    known.fingerprint.fingerprintBytes > 0
  );
}

/**
 * States whether a path is one of the names of a known file plus a rotation ending. Between two looks a file may be packed and counted up,
 * which its inode does not survive: a packed one may be that of any generation.
 */
export function hasRotatedName(path: string, names: ReadonlySet<string>): boolean {
  return isRotated(path, names, isRotationOf);
}

/** As {@link hasRotatedName}, for a path in another folder. */
export function hasRotatedNameElsewhere(path: string, names: ReadonlySet<string>): boolean {
  return isRotated(path, names, isRotationElsewhere);
}

function isRotated(
  path: string,
  names: ReadonlySet<string>,
  isRotation: (path: string, base: string) => boolean,
): boolean {
  for (const name of names) {
    if (isRotation(path, name)) return true;
    if (isPackedName(path) && isRotation(path, chainOf(name))) return true;
  }
  return false;
}

/**
 * A copy is made after what it was made of: one that was born earlier is an earlier generation that happens to begin alike. And it holds all
 * that was there by then: if it was changed after the file was last seen to grow and yet lacks what was read, it is a later generation.
 */
function isCopyByName(candidate: Candidate<KnownFile>, seen: SeenFile): boolean {
  const { known, content } = candidate;
  if (content === "other") return false;
  if (candidate.wasCopy) return true;
  if (!hasRotatedName(seen.path, known.names) && !isCopyInFolder(known, seen)) return false;
  if (!candidate.isElsewhere && known.fingerprint.fingerprintBytes === 0) return false;
  const isShorter = content === "beginning" && !candidate.isElsewhere;
  if (isShorter && known.provenMs !== undefined && seen.modifiedMs > known.provenMs) return false;
  return !(
    seen.birthMs !== undefined &&
    known.birthMs !== undefined &&
    seen.birthMs < known.birthMs
  );
}

/**
 * Names of other folders prove less, since every host or container may have a folder with files of the same names: the copy is below the folder
 * of the original, or was last changed when that was, or so long that equal content is no chance; or it is just being made, and tells later.
 */
function isCopyInFolder(known: KnownFile, seen: SeenFile): boolean {
  if (!hasRotatedNameElsewhere(seen.path, known.names)) return false;
  if (seen.bytes === 0) return true;
  for (const name of known.names) if (isBeside(seen.path, name)) return true;
  if (known.fingerprint.fingerprintBytes === 0) return false;
  return isTimeKept(seen.modifiedMs, known.provenMs) || seen.bytes >= FINGERPRINT_BYTES_MAX;
}

/** Who packs or copies a file may give it the time of its last change, often rounded: to milliseconds or whole seconds. */
function isTimeKept(foundMs: number, knownMs: number | undefined): boolean {
  if (knownMs === undefined) return false;
  const rounded = [knownMs, Math.trunc(knownMs / 1_000) * 1_000];
  return rounded.some((timeMs) => Math.abs(foundMs - timeMs) <= 1);
}
