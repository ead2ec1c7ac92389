/**
 * One turn of reading one file: a read of a buffer's length, then everything that it shows is counted without any wait between, so that
 * a cut sees either nothing of it or all.
 *
 * Every read begins with the bytes that the guard covers, so data and proof come from the same call: a file that was truncated and grew
 * past the offset is noticed before one byte of it is counted. Where an unfinished line ends the file, the next read begins behind it: the
 * search for its end never goes over the same bytes twice, however slowly the line grows, and a line over the limit needs no memory.
 * The offset of the checkpoint stays where the line begins until its end is found.
 */
import type { ReadableFile } from "../../shared/platform/disk.ts";
import { FINGERPRINT_BYTES_MAX, fingerprintFits } from "./fingerprint.ts";
import { GUARD_BYTES_MAX, guardBefore, guardFits } from "./guard.ts";
import type { KeptEvents } from "./kept-events.ts";
import type { LineContext, LineSink } from "./line-sink.ts";
import { readHead } from "./probe-file.ts";
import type { SourceLedger } from "./source-ledger.ts";
import { findLineFeed, splitLines } from "./split-lines.ts";
import type { TailedFile } from "./tailed-file.ts";

/** A buffer that all files of a source share; it grows to the longest line allowed. */
export class ReadBuffer {
  bytes: Buffer;

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafe(bytes);
  }

  /** Takes a buffer instead in which lines are counted without a copy, unless a longer one was needed. What the one before held is lost. */
  prefer(buffer: Buffer | undefined): void {
    if (buffer !== undefined && buffer.length >= this.bytes.length) this.bytes = buffer;
  }

  /** Makes it at least so long; what it held is lost. */
  ensure(bytes: number): void {
    if (this.bytes.length < bytes) this.bytes = Buffer.allocUnsafe(bytes);
  }
}

/** What a turn works with. */
export interface ReadContext {
  readonly buffer: ReadBuffer;
  readonly counter: LineSink;
  readonly ledger: SourceLedger;
  readonly kept: KeptEvents;
  /** Longer lines, the line feed not counted, are rejected. */
  readonly lineBytesMax: number;
  readonly service: string;
  readonly eventTimeLimitMs: number;
}

/** How a turn ended. `changed`: the bytes on disk are not those that were read before, and nothing was counted. */
export interface Turn {
  readonly outcome: "more" | "end" | "changed";
  /** Bytes that were read from disk beyond the guard. */
  readonly bytes: number;
}

const LINE_FEED = 10;
/** A held range is read in pieces at least so long. */
const HELD_BYTES_MIN = 4096;
const CHANGED: Turn = { outcome: "changed", bytes: 0 };

/** Reads on in a file where it was left. `end`: its end was reached. */
export async function readTurn(
  file: TailedFile,
  handle: ReadableFile,
  context: ReadContext,
): Promise<Turn> {
  const { buffer } = context;
  // What may belong to an event is looked at together with it.
  if (file.hasEvent) file.searchAgain();
  const { guardBytes } = file.searchGuard;
  const lead = leadBytes(file, file.searchedTo, guardBytes, context);
  buffer.ensure(2 * (context.counter.eventBytesMax ?? 0) + GUARD_BYTES_MAX + lead);
  const start = file.searchedTo - lead;
  if (start > 0 && !(await growFingerprint(file, handle))) return CHANGED;
  const count = await handle.read(buffer.bytes, 0, buffer.bytes.length, start);

  const guarded = buffer.bytes.subarray(lead - guardBytes, Math.min(lead, count));
  if (!guardFits(file.searchGuard, guarded)) return CHANGED;
  if (start === 0 && !fitsFingerprint(file, buffer.bytes.subarray(0, count))) return CHANGED;
  const isEnd = count < buffer.bytes.length;
  const isAgain = countChunk(file, { start, from: lead, to: count, isEnd }, context);
  return { outcome: isEnd && !isAgain ? "end" : "more", bytes: count - lead };
}

/**
 * How many bytes before a position are read with what stands behind it: those that its guard covers, and those that tell what its first line is,
 * with the line feed before them.
 */
export function leadBytes(
  file: TailedFile,
  position: number,
  guardBytes: number,
  { counter }: ReadContext,
): number {
  const lookBackBytes = counter.lookBackBytes?.(file.file) ?? 0;
  if (lookBackBytes === 0) return guardBytes;
  return Math.min(position, Math.max(guardBytes, lookBackBytes + 1));
}

/** A part of the buffer: `from` and `to` are positions in it, `start` is the position of its first byte in the file. */
interface Chunk {
  readonly start: number;
  readonly from: number;
  readonly to: number;
  /** True when the file ends with it, as far as it is written. */
  readonly isEnd?: boolean;
}

/** Counts what a chunk holds; returns true when the same place must be read again from the line's beginning. */
function countChunk(file: TailedFile, chunk: Chunk, context: ReadContext): boolean {
  const { start, to } = chunk;
  const buffer = context.buffer.bytes;
  let { from } = chunk;
  if (file.isUnterminated) {
    from = countContinuation(file, chunk, context);
  } else if (file.searchedTo > file.offset) {
    const lineFeed = findLineFeed(buffer, from, to);
    if (lineFeed < 0) {
      file.searched(start + to, guardBefore(buffer, to));
      return false;
    }
    const lineBytes = start + lineFeed - file.offset;
    if (lineBytes <= context.lineBytesMax) {
      const lead = leadBytes(file, file.offset, file.guard.guardBytes, context);
      context.buffer.ensure(lead + lineBytes + 1);
      file.searchAgain();
      return true;
    }
    context.ledger.add("rejected", "too_long", 1, lineBytes + 1);
    from = lineFeed + 1;
    file.advance(start + from, guardBefore(buffer, from));
  }
  const { eventFrom, restFrom } = countRuns(file, { ...chunk, from }, context);
  if (eventFrom > from) file.advance(start + eventFrom, guardBefore(buffer, eventFrom));
  if (chunk.isEnd === true) {
    const { counter } = context;
    const isUnfinished =
      eventFrom < restFrom &&
      counter.isUnfinished?.(buffer, eventFrom, restFrom, file.file) === true;
    file.waitForEvent(start + restFrom, isUnfinished);
    context.kept.keep(file, buffer.subarray(eventFrom, restFrom));
  }
  // In the middle of a file the next read simply begins with the cut line again; to look for its end first would read every chunk twice.
  const isWaiting = chunk.isEnd === true || eventFrom === from;
  if (isWaiting && !file.isUnterminated) file.searched(start + to, guardBefore(buffer, to));
  return false;
}

/** What follows a line that was counted without its end: up to the line feed it is no line. Returns the position behind it. */
function countContinuation(file: TailedFile, chunk: Chunk, context: ReadContext): number {
  const { start, from, to } = chunk;
  if (from === to) return to;
  const buffer = context.buffer.bytes;
  const lineFeed = findLineFeed(buffer, from, to);
  const end = lineFeed < 0 ? to : lineFeed + 1;
  context.ledger.add("filtered", "continuation", 0, end - from);
  file.advance(start + end, guardBefore(buffer, end));
  if (lineFeed >= 0) file.setUnterminated(false);
  return end;
}

/**
 * Counts the whole lines of a chunk but an event at their end that may go on; returns where that begins, and where the last whole line ends.
 * An event that fills a chunk, or is so long that nothing more of it would be looked at, does not wait.
 */
function countRuns(
  file: TailedFile,
  chunk: Chunk,
  context: ReadContext,
): { readonly eventFrom: number; readonly restFrom: number } {
  const buffer = context.buffer.bytes;
  const { counter } = context;
  const { runs, restFrom } = splitLines(buffer, chunk.from, chunk.to, context.lineBytesMax);
  const last = runs.at(-1);
  let eventFrom = restFrom;
  if (last?.isTooLong === false && counter.pendingFrom !== undefined) {
    const lines = countContext(file, context, chunk.start + last.from);
    const found = counter.pendingFrom(buffer, last.from, last.to, lines);
    const isWaiting = restFrom - found <= (counter.eventBytesMax ?? 0);
    if (isWaiting && (found > chunk.from || chunk.isEnd === true)) eventFrom = found;
  }
  for (const run of runs) {
    if (run.isTooLong) {
      context.ledger.add("rejected", "too_long", 1, run.to - run.from);
    } else {
      const offset = chunk.start + run.from;
      const to = run === last ? eventFrom : run.to;
      if (run.from < to) {
        counter.count(buffer, run.from, to, countContext(file, context, offset));
      }
    }
  }
  return { eventFrom, restFrom };
}

/** How many bytes prove an event that waits: the guarded ones before it, it, and at the beginning of a file all that the fingerprint covers. */
function eventReadBytes({ guard, offset, eventTo, fingerprint }: TailedFile): number {
  const length = guard.guardBytes + eventTo - offset;
  return offset === guard.guardBytes ? Math.max(length, fingerprint.fingerprintBytes) : length;
}

/** States whether `bytes`, as many as {@link eventReadBytes} says, are what was read of an event that waits. */
function fitsEvent(file: TailedFile, bytes: Buffer): boolean {
  const { guard, offset, eventTo, searchedTo, searchGuard } = file;
  if (!guardFits(guard, bytes.subarray(0, guard.guardBytes))) return false;
  if (offset === guard.guardBytes && !fitsFingerprint(file, bytes)) return false;
  // An unfinished line behind it is not among the bytes.
  if (searchedTo !== eventTo) return true;
  const end = guard.guardBytes + eventTo - offset;
  return guardFits(searchGuard, bytes.subarray(end - searchGuard.guardBytes, end));
}

/** Counts the whole lines that wait for more, of which nothing came. */
export async function readEvent(
  file: TailedFile,
  handle: ReadableFile,
  context: ReadContext,
): Promise<Turn> {
  const { searchedTo, searchGuard, eventTo } = file;
  const read = await readEventBytes({ file, handle }, context);
  if (read === undefined) return CHANGED;
  const { bytes, lead, to } = read;
  context.counter.count(bytes, lead, to, countContext(file, context, file.offset));
  file.advance(eventTo, guardBefore(bytes, to));
  context.kept.drop(file);
  if (searchedTo > eventTo) file.searched(searchedTo, searchGuard);
  return { outcome: "end", bytes: to - lead };
}

/**
 * Reads the event at the end of a file into the buffer, as `bytes[lead, to)` behind the bytes that tell what its lines are; undefined when it is not
 * there any more.
 */
export async function readEventBytes(
  { file, handle }: { readonly file: TailedFile; readonly handle: ReadableFile },
  context: ReadContext,
): Promise<{ readonly bytes: Buffer; readonly lead: number; readonly to: number } | undefined> {
  const { guardBytes } = file.guard;
  const lead = leadBytes(file, file.offset, guardBytes, context);
  const to = lead + file.eventTo - file.offset;
  const bytesMax = lead - guardBytes + eventReadBytes(file);
  context.buffer.ensure(bytesMax);
  const { bytes } = context.buffer;
  const count = await handle.read(bytes, 0, bytesMax, file.offset - lead);
  const isThere = count >= to && fitsEvent(file, bytes.subarray(lead - guardBytes, count));
  return isThere ? { bytes, lead, to } : undefined;
}

/** Counts the event that waits at the end of a file as it was read: what is there now is something else. */
export function countKeptEvent(file: TailedFile, context: ReadContext): void {
  const event = context.kept.take(file);
  if (event === undefined) return;
  context.counter.count(event, 0, event.length, countContext(file, context, file.offset));
  file.advance(file.offset + event.length, guardBefore(event, event.length));
}

/** What a sink is told with lines of a file. */
export function countContext(file: TailedFile, context: ReadContext, offset: number): LineContext {
  return {
    service: file.service ?? context.service,
    eventTimeLimitMs: context.eventTimeLimitMs,
    file: file.file,
    generation: file.generation,
    offset,
    path: file.homePath,
    fileStart: offset === 0,
    follows: file.isFollowing || file.generation > 0,
  };
}

/** Compares the beginning of the file with its fingerprint, and lets that grow. */
export function fitsFingerprint(file: TailedFile, head: Buffer): boolean {
  if (!fingerprintFits(file.fingerprint, head)) return false;
  file.setHead(head);
  return true;
}

/** Where a read does not begin at the file's first byte, a short fingerprint grows by a read of its own. */
async function growFingerprint(file: TailedFile, handle: ReadableFile): Promise<boolean> {
  if (file.fingerprint.fingerprintBytes >= FINGERPRINT_BYTES_MAX) return true;
  return fitsFingerprint(file, await readHead(handle));
}

/**
 * Counts the last line of a file, which no line feed ends and of which nothing more is expected. `more`: a line feed came after all, or
 * more bytes than were known.
 */
export async function readTail(
  file: TailedFile,
  handle: ReadableFile,
  context: ReadContext,
): Promise<Turn> {
  const end = file.searchedTo;
  const lineBytes = end - file.offset;
  if (lineBytes > context.lineBytesMax) {
    context.ledger.add("rejected", "too_long", 1, lineBytes);
    file.advance(end, file.searchGuard);
  } else {
    const { guardBytes } = file.guard;
    const length = guardBytes + lineBytes;
    context.buffer.ensure(length + 1);
    const buffer = context.buffer.bytes;
    const count = await handle.read(buffer, 0, length + 1, file.offset - guardBytes);
    if (!guardFits(file.guard, buffer.subarray(0, Math.min(guardBytes, count)))) return CHANGED;
    if (count !== length || findLineFeed(buffer, guardBytes, count) >= 0) {
      file.searchAgain();
      return { outcome: "more", bytes: 0 };
    }
    const line = buffer.subarray(guardBytes, length);
    context.counter.countUnterminated(line, countContext(file, context, file.offset));
    file.advance(end, guardBefore(buffer, length));
  }
  file.setUnterminated(true);
  return { outcome: "end", bytes: lineBytes };
}

/**
 * Reads on in the first held range of a file. Both its ends are where lines end or where one was counted without its end; a range that
 * does not begin behind a line feed begins with a continuation.
 */
export async function readHeldTurn(
  file: TailedFile,
  handle: ReadableFile,
  context: ReadContext,
): Promise<Turn> {
  const range = file.held[0];
  if (range === undefined) return { outcome: "end", bytes: 0 };
  const { guardBytes } = file.guard;
  const { buffer } = context;
  const guarded = await handle.read(buffer.bytes, 0, guardBytes, file.offset - guardBytes);
  if (!guardFits(file.guard, buffer.bytes.subarray(0, guarded))) return CHANGED;

  const at = Math.max(range.from, file.heldSearchedTo);
  const lead = leadBytes(file, at, Math.min(at, 1), context);
  buffer.ensure(lead + HELD_BYTES_MIN);
  const length = Math.min(buffer.bytes.length, range.to - at + lead);
  const count = await handle.read(buffer.bytes, 0, length, at - lead);
  if (count <= lead) return CHANGED;
  countHeldChunk(file, { start: at - lead, from: lead, to: count }, context);
  return { outcome: "more", bytes: count - lead };
}

function countHeldChunk(file: TailedFile, chunk: Chunk, context: ReadContext): void {
  const { start, from, to } = chunk;
  const buffer = context.buffer.bytes;
  const range = file.held[0];
  if (range === undefined) return;
  const isBegun = start + from > range.from;
  const lineFeed = findLineFeed(buffer, from, to);
  const isLast = start + to === range.to;
  if (!isBegun && from > 0 && buffer[from - 1] !== LINE_FEED) {
    const end = lineFeed < 0 ? to : lineFeed + 1;
    context.ledger.add("filtered", "continuation", 0, end - from);
    file.releaseHeld(start + end);
  } else if (lineFeed < 0 && !isLast) {
    file.heldSearchedTo = start + to;
  } else if (isBegun) {
    const end = lineFeed < 0 ? to : lineFeed + 1;
    const bytes = start + end - range.from;
    if (bytes - (lineFeed < 0 ? 0 : 1) > context.lineBytesMax) {
      context.ledger.add("rejected", "too_long", 1, bytes);
      file.releaseHeld(start + end);
    } else {
      const lead = leadBytes(file, range.from, 1, context);
      context.buffer.ensure(lead + bytes + 1);
      file.heldSearchedTo = range.from;
    }
  } else {
    countHeldLines(file, chunk, context);
  }
}

/** Counts the lines of a chunk that begins where a line of the held range begins. Where the range ends, events end. */
function countHeldLines(file: TailedFile, chunk: Chunk, context: ReadContext): void {
  const { start, to } = chunk;
  const isLast = start + to === file.held[0]?.to;
  const { eventFrom, restFrom } = countRuns(file, { ...chunk, isEnd: false }, context);
  const buffer = context.buffer.bytes;
  if (!isLast) {
    file.releaseHeld(start + eventFrom);
    return;
  }
  if (eventFrom < restFrom) {
    const event = countContext(file, context, start + eventFrom);
    context.counter.count(buffer, eventFrom, restFrom, event);
  }
  if (restFrom < to) {
    const line = buffer.subarray(restFrom, to);
    if (line.length > context.lineBytesMax) {
      context.ledger.add("rejected", "too_long", 1, line.length);
    } else {
      context.counter.countUnterminated(line, countContext(file, context, start + restFrom));
    }
  }
  file.releaseHeld(start + to);
}
