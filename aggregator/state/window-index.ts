/** The values of the two indices of windows: by time, and by change. */
import type { ByteWriter } from "./byte-writer.ts";

/** Value of an entry in the index by time. */
export const INDEX_VALUE: Buffer = Buffer.of(1);
const CHANGE_VERSION = 1;

/** Value of an entry in the index of changes: which window, by its key. */
export function encodeChange(windowKey: string, writer: ByteWriter): Buffer {
  writer.byte(CHANGE_VERSION);
  writer.ascii(windowKey);
  return writer.finish();
}

/** The key that {@link encodeChange} wrote. */
export function decodeChange(value: Buffer): string {
  return value.toString("latin1", 1);
}
