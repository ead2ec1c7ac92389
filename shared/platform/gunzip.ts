import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ReadableFile } from "./disk.ts";

/**
 * Unpacks a gzip file from its beginning, piece by piece; the pieces may be of any length and are the taker's. All members of the file are
 * unpacked, each checked against its checksum. Fails with the code `Z_BUF_ERROR` when the data ends too early, `Z_DATA_ERROR` when it is no
 * gzip data or damaged, and as the disk does. The file stays open.
 */
export type Gunzip = (file: ReadableFile) => AsyncIterator<Buffer, undefined>;

/** Packed bytes that are unpacked at a time: even a bomb of a thousand to one stays small. */
const PACKED_BYTES = 16_384;
const UNPACKED_BYTES = 262_144;

/** Unpacks with zlib, on its threads. */
export const realGunzip: Gunzip = async function* realGunzip(file) {
  const packed = Readable.from(packedPieces(file), { objectMode: false, highWaterMark: 1 });
  const unpacked = createGunzip({ chunkSize: UNPACKED_BYTES });
  packed.on("error", (error) => unpacked.destroy(error));
  try {
    for await (const piece of packed.pipe(unpacked)) yield piece;
  } finally {
    packed.destroy();
    unpacked.destroy();
  }
  return undefined;
};

async function* packedPieces(file: ReadableFile): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const piece = Buffer.allocUnsafe(PACKED_BYTES);
    const bytes = await file.read(piece, 0, piece.length, position);
    if (bytes === 0) return;
    position += bytes;
    yield piece.subarray(0, bytes);
  }
}
