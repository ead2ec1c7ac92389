import { gunzipSync } from "node:zlib";
import type { Gunzip } from "../gunzip.ts";

/** Unpacks without threads, whose order no seed decides: all at once, so for small files only. */
export const simulatedGunzip: Gunzip = async function* simulatedGunzip(file) {
  const { bytes } = await file.stat();
  const packed = Buffer.alloc(bytes);
  let length = 0;
  while (length < bytes) {
    const count = await file.read(packed, length, bytes - length, length);
    if (count === 0) break;
    length += count;
  }
  yield gunzipSync(packed.subarray(0, length));
  return undefined;
};
