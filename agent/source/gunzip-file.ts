/**
 * A gzip file as the file that was packed: positions and sizes are those of its lines, so that reading goes on in it where the original was
 * left. It is unpacked from its beginning to wherever it is read; going back behind the last read begins anew.
 */
import type { FileStat, ReadableFile } from "../../shared/platform/disk.ts";
import type { Gunzip } from "../../shared/platform/gunzip.ts";
import { identityKey } from "./tailed-file.ts";

/** What unpacking to the end gave: the count of bytes, or why it failed. */
type UnpackedSize = { readonly bytes: number } | { readonly failure: unknown };

const SIZE_COUNT_MAX = 1_000;

/** Sizes of packed files that were unpacked once: as long as one is unchanged it is not unpacked again to find out. */
export class UnpackedSizes {
  readonly #sizes = new Map<string, UnpackedSize>();

  get(packed: FileStat): UnpackedSize | undefined {
    return this.#sizes.get(sizeKey(packed));
  }

  set(packed: FileStat, size: UnpackedSize): void {
    if (this.#sizes.size >= SIZE_COUNT_MAX) this.#sizes.clear();
    this.#sizes.set(sizeKey(packed), size);
  }
}

function sizeKey(packed: FileStat): string {
  return `${identityKey(packed)} ${packed.bytes} ${packed.modifiedMs}`;
}

/** See the head of this file. Calls must not overlap. */
export class GunzipFile implements ReadableFile {
  readonly #packed: ReadableFile;
  readonly #gunzip: Gunzip;
  readonly #sizes: UnpackedSizes;
  #pieces: AsyncIterator<Buffer, undefined> | undefined;
  /** Unpacked pieces from `#keptFrom` on, without gaps. */
  #kept: Buffer[] = [];
  #keptFrom = 0;
  #unpackedTo = 0;
  #isAtEnd = false;

  constructor(packed: ReadableFile, gunzip: Gunzip, sizes: UnpackedSizes) {
    this.#packed = packed;
    this.#gunzip = gunzip;
    this.#sizes = sizes;
  }

  /** Reads unpacked bytes. Fails with the code of {@link Gunzip} when the file is damaged, or not yet written to its end, before that place. */
  async read(target: Uint8Array, targetOffset: number, length: number, position: number) {
    if (position < this.#keptFrom) await this.#restart();
    while (this.#unpackedTo < position + length && (await this.#unpackMore(position)));
    let copied = 0;
    let at = this.#keptFrom;
    for (const piece of this.#kept) {
      const from = Math.max(0, position + copied - at);
      const part = piece.subarray(from, from + length - copied);
      target.set(part, targetOffset + copied);
      copied += part.length;
      at += piece.length;
    }
    return copied;
  }

  /**
   * What the disk says, with the count of unpacked bytes; the first call unpacks all of it. Fails with the code of {@link Gunzip} when the
   * file is damaged or not yet written to its end.
   */
  async stat(): Promise<FileStat> {
    const packed = await this.#packed.stat();
    let size = this.#sizes.get(packed);
    if (size === undefined) {
      size = await this.#measure();
      this.#sizes.set(packed, size);
    }
    if ("failure" in size) throw size.failure;
    return { ...packed, bytes: size.bytes };
  }

  async close(): Promise<void> {
    await this.#pieces?.return?.();
    await this.#packed.close();
  }

  async #measure(): Promise<UnpackedSize> {
    try {
      while (await this.#unpackMore(this.#unpackedTo));
      return { bytes: this.#unpackedTo };
    } catch (failure) {
      // Only the data's own faults stay: a disk may do better next time.
      if (!isGzipFault(failure)) throw failure;
      return { failure };
    }
  }

  /** Unpacks the next piece, and lets go of those that end at or before `position`; false at the end. */
  async #unpackMore(position: number): Promise<boolean> {
    const next = this.#isAtEnd ? undefined : await this.#nextPiece();
    if (next === undefined) {
      this.#isAtEnd = true;
      return false;
    }
    this.#kept.push(next);
    this.#unpackedTo += next.length;
    let first = this.#kept[0];
    while (first !== undefined && this.#keptFrom + first.length <= position) {
      this.#keptFrom += first.length;
      this.#kept.shift();
      first = this.#kept[0];
    }
    return true;
  }

  /** What failed once begins anew: asked again, it would say that it is at its end. */
  async #nextPiece(): Promise<Buffer | undefined> {
    this.#pieces ??= this.#gunzip(this.#packed);
    try {
      return (await this.#pieces.next()).value;
    } catch (error) {
      await this.#restart();
      throw error;
    }
  }

  async #restart(): Promise<void> {
    await this.#pieces?.return?.();
    this.#pieces = undefined;
    this.#kept = [];
    this.#keptFrom = 0;
    this.#unpackedTo = 0;
    this.#isAtEnd = false;
  }
}

/** States whether an error says that packed data is damaged or incomplete. */
export function isGzipFault(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : "";
  return code === "Z_BUF_ERROR" || code === "Z_DATA_ERROR";
}
