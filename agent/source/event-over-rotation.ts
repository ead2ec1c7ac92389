/**
 * An event that a rotation cut: its first lines end a file, its last ones begin the next file of the same log. Both parts are counted as one
 * event and both positions move at once, so no cut comes between them. When the parts do not find each other in time, counts are the same
 * and only the text of the event ends at the rotation.
 */
import type { ReadableFile } from "../../shared/platform/disk.ts";
import { guardBefore } from "./guard.ts";
import {
  countContext,
  fitsFingerprint,
  type ReadContext,
  readEventBytes,
  type Turn,
} from "./read-file.ts";
import { chainOf } from "./rotation-name.ts";
import { findLastLineFeed } from "./split-lines.ts";
import type { TailedFile } from "./tailed-file.ts";

/** A file, and a handle to read it with. */
export interface OpenedFile {
  readonly file: TailedFile;
  readonly handle: ReadableFile;
}

/** Within one log the generation that changed last is the newest. */
export function isOlder(a: TailedFile, b: TailedFile): boolean {
  if (a.modifiedMs !== b.modifiedMs) return a.modifiedMs < b.modifiedMs;
  return a.file < b.file;
}

/** The file of the same log that ended where `file` begins, of `files`; undefined when there is none. */
export function fileBefore(file: TailedFile, files: Iterable<TailedFile>): TailedFile | undefined {
  const chain = chainOf(file.homePath);
  let before: TailedFile | undefined;
  for (const other of files) {
    if (other === file || other.isRemoved || !isOlder(other, file)) continue;
    // Nearly all others are told apart by that, at a tenth of the cost.
    if (!other.homePath.startsWith(chain)) continue;
    if (chainOf(other.homePath) !== chain) continue;
    if (before === undefined || isOlder(before, other)) before = other;
  }
  return before;
}

/** True when the event at the end of a file waits for lines that may stand in the next one. */
export function isCut(file: TailedFile): boolean {
  return file.hasEvent && file.searchedTo === file.eventTo && !file.isDirty;
}

/**
 * Counts the event at the end of `before` together with the lines that go on with it at the beginning of `next`. Undefined: nothing was done,
 * each file is read on its own. `isFinal`: no more lines are waited for.
 */
export async function readOverRotation(
  before: OpenedFile,
  next: OpenedFile,
  context: ReadContext,
  isFinal: boolean,
): Promise<Turn | undefined> {
  const { buffer, counter } = context;
  const read = await readEventBytes(before, context);
  const first = read && Buffer.from(read.bytes.subarray(0, read.to));
  const { file } = next;
  buffer.ensure(2 * (counter.eventBytesMax ?? 0));
  const count = await next.handle.read(buffer.bytes, 0, buffer.bytes.length, 0);
  if (read === undefined || first === undefined) return undefined;
  if (!fitsFingerprint(file, buffer.bytes.subarray(0, count))) return undefined;
  const linesTo = findLastLineFeed(buffer.bytes, 0, count) + 1;
  const lines = countContext(file, context, 0);
  // What these lines are is told with those before them.
  const joined = Buffer.concat([first, buffer.bytes.subarray(0, linesTo)]);
  const eventTo = counter.leadingTo?.(joined, first.length, joined.length, lines) ?? first.length;
  const leadTo = eventTo - first.length;
  if (leadTo === 0 || leadTo > context.lineBytesMax) return undefined;
  if (leadTo === linesTo && count < buffer.bytes.length && !isFinal) {
    file.searchAgain();
    file.waitForEvent(linesTo);
    file.searched(count, guardBefore(buffer.bytes, count));
    return { outcome: "end", bytes: count };
  }
  // Counting may overwrite the buffer.
  const leadGuard = guardBefore(buffer.bytes, leadTo);
  const place = countContext(before.file, context, before.file.offset);
  counter.count(joined, read.lead, eventTo, place);
  before.file.advance(before.file.eventTo, guardBefore(first, first.length));
  file.advance(leadTo, leadGuard);
  context.kept.drop(before.file);
  return { outcome: "more", bytes: leadTo };
}
