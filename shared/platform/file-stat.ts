import type { BigIntStats, Stats } from "node:fs";
import type { FileStat } from "./disk.ts";

/** What the system says of a file, in the port's terms. */
export function fileStat(found: BigIntStats): FileStat {
  return {
    device: found.dev.toString(),
    inode: found.ino.toString(),
    birthMs: found.birthtimeNs === 0n ? undefined : Number(found.birthtimeMs),
    modifiedMs: Number(found.mtimeMs),
    bytes: Number(found.size),
    kind: kindOf(found),
  };
}

/**
 * The same of numbers, which cost a fifth of what whole numbers without bound do; undefined when they may not say it exactly: a number of more than 53
 * bits, or a time so near to a whole millisecond that rounding may have moved it over.
 */
export function exactFileStat(found: Stats): FileStat | undefined {
  const { dev, ino, mtimeMs, birthtimeMs, size } = found;
  const isExact = dev <= Number.MAX_SAFE_INTEGER && ino <= Number.MAX_SAFE_INTEGER;
  if (!isExact || isNearWhole(mtimeMs) || isNearWhole(birthtimeMs)) return undefined;
  return {
    device: String(dev),
    inode: String(ino),
    birthMs: Math.floor(birthtimeMs),
    modifiedMs: Math.floor(mtimeMs),
    bytes: size,
    kind: kindOf(found),
  };
}

/** Milliseconds since 1970 in a double are up to 0.00012 ms off. */
const ROUNDING_MS = 0.001;

function isNearWhole(ms: number): boolean {
  return Math.abs(ms - Math.round(ms)) < ROUNDING_MS;
}

/** States whether two looks at one path, in numbers that are exact but for rounded times, found the same: what was said of the first is true of the second. */
export function isSameLook(a: Stats, b: Stats): boolean {
  return (
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs &&
    a.birthtimeMs === b.birthtimeMs &&
    a.dev === b.dev &&
    a.mode === b.mode &&
    a.ino <= Number.MAX_SAFE_INTEGER &&
    a.dev <= Number.MAX_SAFE_INTEGER
  );
}

function kindOf(found: Stats | BigIntStats): FileStat["kind"] {
  return found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
}
