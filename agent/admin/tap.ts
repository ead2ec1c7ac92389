/**
 * A live sample of what an agent works on. The tap touches nothing on the way of the data: lines and events are read a second time from the
 * files, up to where the agent has counted, and windows from the spool. Whoever asks keeps the position and brings it along the next time,
 * so the agent remembers nothing; and a tap that asks too seldom misses lines rather than holding anything back.
 */
import { z } from "zod";
import { windowJson } from "../../shared/aggregates/window-json.ts";
import { systemCode } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import type { Checkpoint, SealedRecord } from "../../shared/protocol/batch.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";

/** Where a sample is taken: the raw line, what it was parsed to, or the parts of windows as they are sealed. */
export const TAP_STAGES = ["lines", "events", "windows"] as const;

/** Schema of what is asked of the tap. Positions are offsets by number of the file; absent: begin now. */
export const tapRequestSchema = z.strictObject({
  stage: z.enum(TAP_STAGES),
  source: z.string().optional(),
  positions: z.record(z.string(), z.int().min(0)).optional(),
  /** Of the stage `windows`: the newest record that was seen. */
  sequence: z.int().min(0).optional(),
});

/** See {@link tapRequestSchema}. */
export type TapRequest = z.output<typeof tapRequestSchema>;

/** Schema of {@link TapAnswer}. */
export const tapAnswerSchema = z.object({
  items: z.array(z.unknown()),
  positions: z.record(z.string(), z.int()).optional(),
  sequence: z.int().optional(),
  skippedBytes: z.number(),
});

/** A sample, where to go on, and how much was passed over because there was too much. */
export type TapAnswer = z.output<typeof tapAnswerSchema>;

/** What the tap looks at. */
export interface TapHost {
  readonly disk: Disk;
  files(): readonly Checkpoint[];
  readonly sealedSequence: number;
  sealedAfter(sequence: number, bytesMax: number): Promise<readonly SealedRecord[]>;
  /** A line of a source, without what must not be shown. */
  show(source: string, line: Buffer): string;
  /** What a line of a source means, as JSON; without the same. */
  parse(source: string, line: Buffer): unknown;
}

const SAMPLE_BYTES = 64 * 1024;
const SAMPLE_FILES = 64;
const ITEMS_MAX = 1000;
const WINDOWS_BYTES = 256 * 1024;
const RECORD_BYTES_MAX = 64 * 1024 * 1024;
const LINE_FEED = 0x0a;

/** Takes one sample. */
export async function takeSample(host: TapHost, request: TapRequest): Promise<TapAnswer> {
  return request.stage === "windows" ? sampleWindows(host, request) : sampleLines(host, request);
}

async function sampleWindows(host: TapHost, request: TapRequest): Promise<TapAnswer> {
  const from = request.sequence ?? host.sealedSequence;
  const items: unknown[] = [];
  let sequence = from;
  for (const record of await host.sealedAfter(from, WINDOWS_BYTES)) {
    const batch = decodeBatch(openRecord(record, RECORD_BYTES_MAX));
    sequence = record.sequence;
    for (const delta of batch.deltas) {
      if (items.length < ITEMS_MAX) items.push(windowJson({ ...delta, windowMinutes: 1 }));
    }
  }
  return { items, sequence, skippedBytes: 0 };
}

async function sampleLines(host: TapHost, request: TapRequest): Promise<TapAnswer> {
  const items: unknown[] = [];
  const positions: Record<string, number> = {};
  let skippedBytes = 0;
  let openedCount = 0;
  for (const checkpoint of host.files()) {
    if (request.source !== undefined && checkpoint.source !== request.source) continue;
    const { file, offset, source, path } = checkpoint;
    positions[file] = offset;
    // A file that the asker does not know yet is new since the last time; without any positions the tap begins now.
    const known = request.positions === undefined ? offset : (request.positions[file] ?? 0);
    const from = Math.max(Math.min(known, offset), offset - SAMPLE_BYTES);
    if (from >= offset) continue;
    skippedBytes += from - Math.min(known, offset);
    if (openedCount++ >= SAMPLE_FILES || items.length >= ITEMS_MAX) {
      skippedBytes += offset - from;
      continue;
    }
    for (const line of await readLines(host.disk, checkpoint, { from, isCut: from > known })) {
      if (items.length >= ITEMS_MAX) skippedBytes += line.length + 1;
      else if (request.stage === "lines")
        items.push({ source, path, line: host.show(source, line) });
      else items.push({ source, path, event: host.parse(source, line) });
    }
  }
  return { items, positions, skippedBytes };
}

interface Piece {
  readonly from: number;
  /** True when `from` is somewhere in a line, whose rest is left out. */
  readonly isCut: boolean;
}

/** Whole lines of a file; none when another file has its path by now. */
async function readLines(disk: Disk, checkpoint: Checkpoint, piece: Piece): Promise<Buffer[]> {
  let bytes: Buffer;
  try {
    const file = await disk.open(checkpoint.path, "read");
    try {
      if ((await file.stat()).inode !== checkpoint.inode) return [];
      const target = Buffer.alloc(checkpoint.offset - piece.from);
      const count = await file.read(target, 0, target.length, piece.from);
      bytes = target.subarray(0, count);
    } finally {
      await file.close();
    }
  } catch (error) {
    // Rotated away or not readable at this moment: a sample goes without it.
    if (systemCode(error) === undefined) throw error;
    return [];
  }
  const lines: Buffer[] = [];
  let at = piece.isCut ? bytes.indexOf(LINE_FEED) + 1 : 0;
  for (let end = bytes.indexOf(LINE_FEED, at); end !== -1; end = bytes.indexOf(LINE_FEED, at)) {
    if (end > at) lines.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return lines;
}
