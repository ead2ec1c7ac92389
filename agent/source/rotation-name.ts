/** What names say about rotation. Names alone prove nothing: content decides, names only say where to look and how to read equal content. */
import { dirname } from "node:path";

const NUMBER = String.raw`\.\d{1,9}`;
const DATE = String.raw`[-._]\d{4}[-_.]?\d{2}(?:[-_.]?\d{2})?(?:[-_T.:]?\d{1,10})*Z?`;
const PACKED = /\.gz$/;
const ENDING = new RegExp(`(?:${NUMBER}|${DATE}|${PACKED.source})$`);
const WHOLE_ENDING = new RegExp(
  `^(?=.)(?:(?:${DATE}|${NUMBER})(?:${NUMBER})?)?(?:${PACKED.source})?$`,
);
const FOREIGN = /\.(?:bz2|xz|zst|lz4|lzma|Z|zip)$/;

/** States whether `path` is `base` plus a rotation ending: `.1`, `.2`, …, `-DATE`, `.DATE`, or a date and a number, each maybe packed (`.gz`). */
export function isRotationOf(path: string, base: string): boolean {
  return path.startsWith(base) && WHOLE_ENDING.test(path.slice(base.length));
}

/** As {@link isRotationOf}, for a path in another folder than `base`: where `olddir` puts rotated files. */
export function isRotationElsewhere(path: string, base: string): boolean {
  const [nameFrom, baseFrom] = [path.lastIndexOf("/") + 1, base.lastIndexOf("/") + 1];
  if (path.slice(0, nameFrom) === base.slice(0, baseFrom)) return false;
  return isRotationOf(path.slice(nameFrom), base.slice(baseFrom));
}

/** States whether a path is in the folder of `base`, or in one right below that. */
export function isBeside(path: string, base: string): boolean {
  const folder = dirname(base);
  return dirname(path) === folder || dirname(dirname(path)) === folder;
}

/** The path without its rotation endings: what all generations of one log have in common. */
export function chainOf(path: string): string {
  const nameFrom = path.lastIndexOf("/") + 1;
  let name = path.slice(nameFrom);
  for (;;) {
    const shorter = name.replace(ENDING, "");
    if (shorter === name || shorter === "") return path.slice(0, nameFrom) + name;
    name = shorter;
  }
}

/** The name, without folder and rotation endings, of the log that a file is or was a generation of. */
export function logNameOf(path: string): string {
  return chainOf(path.slice(path.lastIndexOf("/") + 1));
}

/** States whether a name is that of a gzip file, which is read through {@link file://./gunzip-file.ts}. */
export function isPackedName(path: string): boolean {
  return PACKED.test(path);
}

/** States whether a name is that of a file packed in a way that is not read; such bytes are no lines. */
export function isForeignName(path: string): boolean {
  return FOREIGN.test(path);
}

/** A file as far as its age within a chain is concerned. */
export interface AgedFile {
  readonly path: string;
  /** Milliseconds since the Unix epoch; undefined where the file system reports none. */
  readonly birthMs: number | undefined;
  readonly modifiedMs: number;
}

/**
 * States whether `other` is a later generation than `reference`, both of one chain. The last change decides, then the birth; at a
 * tie the number at the end, since rotation counts up what is older. A packed file was born later than the generation that it holds.
 */
export function isLaterGeneration(other: AgedFile, reference: AgedFile): boolean {
  if (isBornBefore(other, reference) && !isPackedName(reference.path)) return false;
  if (other.modifiedMs !== reference.modifiedMs) return other.modifiedMs > reference.modifiedMs;
  if (isBornBefore(reference, other)) return true;
  const numbers = [endingNumber(other.path), endingNumber(reference.path)] as const;
  if (numbers[0] !== undefined && numbers[1] !== undefined) return numbers[0] < numbers[1];
  return other.path > reference.path;
}

function isBornBefore({ birthMs: a }: AgedFile, { birthMs: b }: AgedFile): boolean {
  return a !== undefined && b !== undefined && a < b;
}

function endingNumber(path: string): number | undefined {
  const digits = /\.(\d{1,9})(?:\.gz)?$/.exec(path)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
