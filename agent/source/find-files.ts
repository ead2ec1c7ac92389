import { dirname } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { Disk, FileStat } from "../../shared/platform/disk.ts";
import { isForeignName } from "./rotation-name.ts";
import { identityKey } from "./tailed-file.ts";

/** A file on disk: its names that were looked at, and its stat. */
export interface FoundFile {
  /** Several when hard or symbolic links lead to it. */
  readonly paths: readonly string[];
  readonly stat: FileStat;
}

/** Files by {@link identityKey}. */
export type FoundFiles = ReadonlyMap<string, FoundFile>;

/** The outcome of a look at many paths. */
export interface Look {
  readonly files: FoundFiles;
  /** Paths that could not be looked at, and why: nothing is known about them now. */
  readonly failures: ReadonlyMap<string, unknown>;
}

/** Enough to keep a disk busy, few enough to leave threads to others. */
const PARALLEL_STATS = 16;

/** Paths of the files that match a pattern and no excluding pattern, sorted; files that are packed in a way that is not read are left out. */
export async function findPaths(
  disk: Disk,
  patterns: readonly string[],
  exclude: readonly string[],
): Promise<string[]> {
  const paths = new Set<string>();
  for (const pattern of patterns) for (const path of await disk.glob(pattern)) paths.add(path);
  for (const pattern of exclude) for (const path of await disk.glob(pattern)) paths.delete(path);
  return [...paths].filter((path) => !isForeignName(path)).sort();
}

/** Looks at each path; what is no file, or is gone, is left out. Several names of one file are one file. */
export async function statFiles(disk: Disk, paths: readonly string[]): Promise<Look> {
  const files = new Map<string, FoundFile>();
  const failures = new Map<string, unknown>();
  const fail = (path: string, error: unknown) => {
    if (!isGone(error)) failures.set(path, error);
  };
  for (let at = 0; at < paths.length; at += PARALLEL_STATS) {
    const part = paths.slice(at, at + PARALLEL_STATS);
    const asked = part.map((path) => look(disk, path, fail));
    const stats = areThere(asked) ? asked : await Promise.all(asked.map(async (answer) => answer));
    for (const [index, path] of part.entries()) {
      const stat = stats[index];
      if (stat?.kind !== "file") continue;
      const { key, alone } = foundAlone(path, stat);
      const other = files.get(key);
      files.set(key, other === undefined ? alone : { paths: [...other.paths, path], stat });
    }
  }
  return { files, failures };
}

type Answer = FileStat | undefined;

function areThere(asked: readonly (Answer | Promise<Answer>)[]): asked is readonly Answer[] {
  return !asked.some((answer) => answer instanceof Promise);
}

/** What a path leads to; undefined when it cannot be looked at, which `fail` is told. */
function look(
  disk: Disk,
  path: string,
  fail: (path: string, error: unknown) => void,
): Answer | Promise<Answer> {
  try {
    const stat = disk.statNow?.(path);
    if (stat !== undefined) return stat;
  } catch (error) {
    fail(path, error);
    return undefined;
  }
  return disk.stat(path).catch((error: unknown) => {
    fail(path, error);
    return undefined;
  });
}

/** A file with one name, and its key; the same objects as before for the same stat, since most files are quiet and looked at every second. */
interface FoundAlone {
  readonly key: string;
  readonly alone: FoundFile;
}

const known = new WeakMap<FileStat, FoundAlone>();

function foundAlone(path: string, stat: FileStat): FoundAlone {
  const before = known.get(stat);
  if (before !== undefined && before.alone.paths[0] === path) return before;
  const found = { key: identityKey(stat), alone: { paths: [path], stat } };
  known.set(stat, found);
  return found;
}

/** Paths of everything in the folder of a path; none when the folder is gone. */
export async function findSiblings(disk: Disk, path: string): Promise<string[]> {
  const folder = dirname(path);
  try {
    const names = await disk.list(folder);
    const prefix = folder.endsWith("/") ? folder : `${folder}/`;
    return names.map((name) => prefix + name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** States whether an error says that there is no such file (any more). */
export function isGone(error: unknown): boolean {
  const code = systemCode(error);
  if (code === undefined) throw error;
  return code === "ENOENT" || code === "ENOTDIR" || code === "ESTALE";
}

/** For each pattern the folder below which all that it matches lies. */
export function foldersOf(patterns: readonly string[]): string[] {
  const folders = patterns.map((pattern) => {
    const literal = pattern.slice(0, pattern.search(/[*?[{!(]|$/));
    return dirname(literal.endsWith("/") ? `${literal}x` : literal);
  });
  return [...new Set(folders)].sort();
}
