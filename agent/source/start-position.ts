import type { ReadableFile } from "../../shared/platform/disk.ts";
import { GUARD_BYTES_MAX, GUARD_NONE, type Guard, guardBefore } from "./guard.ts";
import { readBytes, readHead } from "./probe-file.ts";

/** Where reading of a new file begins. */
export interface StartPosition {
  readonly offset: number;
  readonly guard: Guard;
  /** The first bytes of the file. */
  readonly head: Buffer;
  /** True when the position is within a line. */
  readonly isWithinLine: boolean;
}

/** Where nothing is known of the content. */
export const POSITION_NONE: StartPosition = {
  offset: 0,
  guard: GUARD_NONE,
  head: Buffer.alloc(0),
  isWithinLine: false,
};

/** What has to be known to begin reading a file behind its first `offset` bytes. */
export async function readPosition(handle: ReadableFile, offset: number): Promise<StartPosition> {
  const head = await readHead(handle);
  const guardBytes = Math.min(offset, GUARD_BYTES_MAX);
  const before = await readBytes(handle, offset - guardBytes, guardBytes);
  const last = before.at(-1);
  return {
    offset,
    guard: guardBefore(before, before.length),
    head,
    isWithinLine: last !== undefined && last !== LINE_FEED,
  };
}

const LINE_FEED = 10;
