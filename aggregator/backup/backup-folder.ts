import { join } from "node:path";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";

/** Name of the state store in a backup and in a data folder. */
export const STATE_FILE = "state.sqlite";
/** Name of what a backup says of itself. */
export const MANIFEST_FILE = "backup.json";
const FORMAT = 1;
const CHUNK_BYTES = 1024 * 1024;

const manifest = z.object({
  format: z.literal(FORMAT),
  logId: z.string(),
  createdAt: z.iso.datetime(),
  stateBytes: z.int().min(0),
  stateCrc32: z.int().min(0),
});

/** What a backup says of itself; see FORMAT.md. */
export type BackupManifest = z.infer<typeof manifest>;

/** Length and CRC-32 of a file. */
export interface FileDigest {
  readonly bytes: number;
  readonly crc32: number;
}

/** Writes the manifest of a backup whose other file is durable; when it resolves the backup is whole. */
export async function writeManifest(
  disk: Disk,
  directory: string,
  said: Omit<BackupManifest, "format">,
): Promise<void> {
  const file = await disk.open(join(directory, MANIFEST_FILE), "create");
  try {
    await file.write(Buffer.from(`${JSON.stringify({ format: FORMAT, ...said }, null, 2)}\n`), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(directory);
}

/** Reads what a backup says of itself. Fails with BACKUP_UNUSABLE, or FORMAT_UNKNOWN when a newer version made it. */
export async function readManifest(disk: Disk, directory: string): Promise<BackupManifest> {
  let value: unknown;
  try {
    value = JSON.parse((await readWholeFile(disk, join(directory, MANIFEST_FILE))).toString());
  } catch (cause) {
    const isMissing = systemCode(cause) === "ENOENT" || systemCode(cause) === "ENOTDIR";
    const why = isMissing ? "it is missing: the backup was not finished" : String(cause);
    throw unusable(directory, `${MANIFEST_FILE} cannot be read; ${why}`, cause);
  }
  const format: unknown =
    typeof value === "object" && value !== null && Reflect.get(value, "format");
  if (typeof format === "number" && format > FORMAT) {
    throw new TailraceError(
      "FORMAT_UNKNOWN",
      `The backup ${directory} has format ${format}, this version reads ${FORMAT}; use the version that made it or a newer one.`,
    );
  }
  const parsed = manifest.safeParse(value);
  if (!parsed.success) throw unusable(directory, `${MANIFEST_FILE} is not what a backup writes`);
  return parsed.data;
}

/** Length and CRC-32 of a file, which may be large: it is read piece by piece. */
export function digestFile(disk: Disk, path: string): Promise<FileDigest> {
  return readPieces(disk, path, async () => {});
}

/** Copies a file to a path where none is, durably but for its entry in the folder. */
export async function copyFile(disk: Disk, source: string, target: string): Promise<FileDigest> {
  const file = await disk.open(target, "create");
  try {
    const digest = await readPieces(disk, source, (piece, at) => file.write(piece, at));
    await file.sync();
    return digest;
  } finally {
    await file.close();
  }
}

async function readPieces(
  disk: Disk,
  path: string,
  take: (piece: Buffer, at: number) => Promise<void>,
): Promise<FileDigest> {
  const file = await disk.open(path, "read");
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let [bytes, crc] = [0, 0];
  try {
    for (;;) {
      const count = await file.read(chunk, 0, chunk.length, bytes);
      if (count === 0) return { bytes, crc32: crc };
      const piece = chunk.subarray(0, count);
      crc = crc32(piece, crc);
      await take(piece, bytes);
      bytes += count;
    }
  } finally {
    await file.close();
  }
}

/** The error of a backup that cannot be used. */
export function unusable(directory: string, why: string, cause?: unknown): TailraceError {
  return new TailraceError("BACKUP_UNUSABLE", `The backup ${directory} cannot be used: ${why}.`, {
    cause,
    facts: { directory },
  });
}
