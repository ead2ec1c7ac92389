import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { systemCode } from "../../shared/errors.ts";
import type { Disk, DiskFile } from "../../shared/platform/disk.ts";
import type { LineBuffer } from "./line-buffer.ts";

/** What stands for standard input among the files of a command line. */
export const STDIN_NAME = "-";

/** What gzip data begins with (RFC 1952, section 2.3.1). */
const GZIP_MAGIC = [0x1f, 0x8b] as const;
const GUNZIP_CHUNK_BYTES = 256 * 1024;

/** Other ways to pack, by what their data begins with, and what unpacks them. */
const OTHER_PACKERS: readonly (readonly [magic: Buffer, name: string, unpack: string])[] = [
  [Buffer.from("28b52ffd", "hex"), "zstd", "zstdcat"],
  [Buffer.from("fd377a585a", "hex"), "xz", "xzcat"],
  [Buffer.from("425a68", "hex"), "bzip2", "bzcat"],
  [Buffer.from("04224d18", "hex"), "lz4", "lz4cat"],
  [Buffer.from("504b0304", "hex"), "zip", "unzip -p"],
];
const HEAD_BYTES = 5;

/** Data that is packed in a way that is not read here. */
class PackedOtherwiseError extends Error {}

/** Fails when data is packed in another way than gzip. */
function refuseOtherPackers(path: string, head: Uint8Array, length: number): void {
  const bytes = Buffer.from(head.subarray(0, length));
  for (const [magic, name, unpack] of OTHER_PACKERS) {
    if (!bytes.subarray(0, magic.length).equals(magic)) continue;
    const file = path === STDIN_NAME ? "FILE" : path;
    throw new PackedOtherwiseError(
      `it is packed with ${name}; unpack it on the way: ${unpack} ${file} | tailrace scan -`,
    );
  }
}

/** Where lines come from and what is told meanwhile. */
export interface InputOptions {
  /** A path, or {@link STDIN_NAME}. */
  readonly path: string;
  readonly disk: Pick<Disk, "open">;
  readonly stdin: AsyncIterable<Buffer>;
  readonly lines: LineBuffer;
  /**
   * Called after each piece with the bytes read of the file as it lies on disk, 0 when more of the same bytes was unpacked; the next
   * piece comes when it resolves.
   */
  readonly onRead: (bytes: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Reads one input to its end, or until `signal` aborts, into `lines`; gzip is recognised by its first bytes, also several members in a
 * row. Fails with the system's error, or zlib's (`Z_DATA_ERROR`, `Z_BUF_ERROR`); lines before the failure were handed over.
 */
export async function readInput(options: InputOptions): Promise<void> {
  if (options.path === STDIN_NAME) {
    await readPieces(options, options.stdin);
    return;
  }
  const file = await options.disk.open(options.path, "read");
  try {
    const head = options.lines.room();
    let headBytes = 0;
    // A pipe may deliver a single byte first.
    while (headBytes < HEAD_BYTES) {
      const bytes = await file.read(head, headBytes, head.length - headBytes, headBytes);
      if (bytes === 0) break;
      headBytes += bytes;
    }
    refuseOtherPackers(options.path, head, headBytes);
    if (isGzip(head, headBytes)) {
      await gunzip(options, filePieces(file, Buffer.from(head.subarray(0, headBytes))));
      return;
    }
    // The usual way: from the disk straight into the buffer where the lines are counted.
    for (let position = 0, bytes = headBytes; bytes > 0; ) {
      options.lines.filled(bytes);
      position += bytes;
      await options.onRead(bytes);
      if (options.signal.aborted) return;
      const room = options.lines.room();
      bytes = await file.read(room, 0, room.length, position);
    }
    options.lines.end();
  } finally {
    await file.close();
  }
}

/** One sentence of why an input could not be read. */
export function inputFault(error: unknown): string {
  const code = systemCode(error);
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "reading it is not permitted";
  if (code === "EISDIR") return "it is a folder; name the files in it";
  if (code === "Z_BUF_ERROR") return "its gzip data ends too early; what came before was counted";
  if (code?.startsWith("Z_") === true) {
    return "its gzip data is corrupt; what came before was counted";
  }
  return error instanceof Error ? error.message : String(error);
}

/** True when data that begins so is read as it is: not packed in any known way. */
export function isPlain(head: Buffer): boolean {
  const isPacked = OTHER_PACKERS.some(([magic]) => head.subarray(0, magic.length).equals(magic));
  return !isPacked && !isGzip(head, head.length);
}

function isGzip(bytes: Uint8Array, length: number): boolean {
  return length >= GZIP_MAGIC.length && GZIP_MAGIC.every((byte, at) => bytes[at] === byte);
}

/** The pieces of a file, `head` first, each in a buffer of its own. */
async function* filePieces(file: DiskFile, head: Buffer): AsyncGenerator<Buffer> {
  let piece = head;
  for (let position = 0; piece.length > 0; ) {
    yield piece;
    position += piece.length;
    const next = Buffer.allocUnsafeSlow(GUNZIP_CHUNK_BYTES);
    piece = next.subarray(0, await file.read(next, 0, next.length, position));
  }
}

async function readPieces(options: InputOptions, pieces: AsyncIterable<Buffer>): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const all = joined(head, iterator);
  refuseOtherPackers(options.path, head, head.length);
  if (isGzip(head, head.length)) {
    await gunzip(options, all);
    return;
  }
  for await (const piece of all) {
    options.lines.push(piece);
    await options.onRead(piece.length);
    if (options.signal.aborted) return;
  }
  options.lines.end();
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (;;) {
    const { value, done } = await rest.next();
    if (done === true) return;
    yield value;
  }
}

/** Unpacks pieces; members after the first follow without a gap. */
async function gunzip(options: InputOptions, pieces: AsyncIterable<Buffer>): Promise<void> {
  const { lines, onRead, signal } = options;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      if (signal.aborted) return;
      await onRead(piece.length);
      yield piece;
    }
  }
  await pipeline(
    Readable.from(counted(), { objectMode: false }),
    createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES }),
    async (unpacked: AsyncIterable<Buffer>) => {
      for await (const piece of unpacked) {
        lines.push(piece);
        await onRead(0);
      }
    },
  );
  if (!signal.aborted) lines.end();
}
