/** The header of a segment, which holds everything an agent needs to go on from there, and reading a segment's bytes piece by piece. */
import { crc32 } from "node:zlib";
import { z } from "zod";
import { TailraceError } from "../../shared/errors.ts";
import type { DiskFile } from "../../shared/platform/disk.ts";
import type { AgentMark } from "../../shared/protocol/answers.ts";
import type { Checkpoint, LedgerEntry } from "../../shared/protocol/batch.ts";
import { checkpointSchema, ledgerEntrySchema } from "../../shared/protocol/checkpoint-schema.ts";
import { announcedBytes, decodeRecord, type FoundRecord, FRAME_BYTES } from "./record.ts";

/** The format that this program writes; it reads no other. */
export const SPOOL_FORMAT = 1;

const MAGIC = Buffer.from("TRSPOOL\n", "latin1");
const HEAD_BYTES = 20;
const HEADER_BYTES_MAX = 256 * 1024 * 1024;
const NAME = /^segment-(\d{12})\.spool$/;
/** What is read at once: little where one record is wanted, more and more where reading goes on. */
const WINDOW_BYTES_MIN = 4 * 1024;
const WINDOW_BYTES_MAX = 256 * 1024;

/** Everything known when a segment begins: the state after all records before it. */
export interface SegmentHeader {
  readonly agent: string;
  /** 32 hexadecimal digits. */
  readonly epoch: string;
  /** The log that the epoch is bound to. */
  readonly logId: string;
  /** What the aggregator had applied when the epoch began; undefined when it knew nothing. */
  readonly before: AgentMark | undefined;
  readonly nextSequence: number;
  /** Digest of the record before `nextSequence`. */
  readonly previousDigest: string;
  /** Number that the next new file gets. */
  readonly nextFile: number;
  /** Names of the sources that `start_at` was applied to; for them every file that is new is read from its beginning. */
  readonly sources: readonly string[];
  /** Files whose first bytes are not read because of `start_at: end`. */
  readonly starts: readonly FileStart[];
  readonly checkpoints: readonly Checkpoint[];
  readonly ledger: readonly LedgerEntry[];
}

/** Where reading of a file began. */
export interface FileStart {
  readonly file: number;
  readonly offset: number;
}

const hexDigits = z.string().regex(/^[0-9a-f]{32}$/);
const headerFields = z.object({
  agent: z.string().min(1),
  epoch: hexDigits,
  logId: z.string(),
  before: z.object({ epoch: z.string(), sequence: z.int().min(0), digest: z.string() }).optional(),
  nextSequence: z.int().min(1),
  previousDigest: hexDigits,
  nextFile: z.int().min(0),
  sources: z.array(z.string()),
  starts: z.array(z.object({ file: z.int().min(0), offset: z.int().min(0) })),
  checkpoints: z.array(checkpointSchema),
  ledger: z.array(ledgerEntrySchema),
});
const headerSchema = headerFields.transform(
  (found): SegmentHeader => ({ ...found, before: found.before }),
);

/** File name of a segment. */
export function segmentName(number: number): string {
  return `segment-${String(number).padStart(12, "0")}.spool`;
}

/** Number of the segment that is named so, or undefined when the name is none of a segment. */
export function segmentNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The bytes of a header. */
export function encodeHeader(header: SegmentHeader): Buffer {
  const body = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.alloc(HEAD_BYTES + body.length);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(SPOOL_FORMAT, 8);
  bytes.writeUInt32LE(body.length, 12);
  body.copy(bytes, HEAD_BYTES);
  bytes.writeUInt32LE(crc32(body, crc32(bytes.subarray(8, 16))), 16);
  return bytes;
}

/** A header as found, with its length. */
export interface FoundHeader {
  readonly header: SegmentHeader;
  readonly bytes: number;
}

/**
 * Reads the header at the start of a segment; undefined when the bytes there were not written so.
 * Fails with FORMAT_UNKNOWN when they are whole, but of a format that this program does not read.
 */
export async function readHeader(
  window: SegmentWindow,
  path: string,
): Promise<FoundHeader | undefined> {
  const head = await window.read(0, HEAD_BYTES);
  if (head.length < HEAD_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const format = head.readUInt32LE(8);
  const bodyBytes = head.readUInt32LE(12);
  const crc = head.readUInt32LE(16);
  if (bodyBytes > HEADER_BYTES_MAX) return undefined;
  const versionCrc = crc32(head.subarray(8, 16));
  const body = await window.read(HEAD_BYTES, bodyBytes);
  if (body.length < bodyBytes || crc32(body, versionCrc) !== crc) return undefined;
  const parsed =
    format === SPOOL_FORMAT ? headerSchema.safeParse(JSON.parse(body.toString("utf8"))) : undefined;
  if (parsed?.success !== true) {
    throw new TailraceError(
      "FORMAT_UNKNOWN",
      `the spool segment ${path} has format ${format}; this version reads format ${SPOOL_FORMAT}: ` +
        "run the version that wrote it until everything is shipped, then change versions",
      { facts: { path, format } },
    );
  }
  return { header: parsed.data, bytes: HEAD_BYTES + bodyBytes };
}

/** Reads a file through a window, so that many small reads cost few calls of the system. */
export class SegmentWindow {
  readonly #file: DiskFile;
  #bytes: Buffer = Buffer.alloc(0);
  #position = 0;
  #aheadBytes = WINDOW_BYTES_MIN;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** Up to `length` bytes at `position`, fewer only at the end of the file. They stay as they are until the next read. */
  async read(position: number, length: number): Promise<Buffer> {
    const end = position + length;
    if (position < this.#position || end > this.#position + this.#bytes.length) {
      await this.#fill(position, Math.max(length, this.#aheadBytes));
    }
    const from = position - this.#position;
    return this.#bytes.subarray(from, from + length);
  }

  async #fill(position: number, length: number): Promise<void> {
    const target = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const count = await this.#file.read(target, filled, length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    const isSequel = position > this.#position && position <= this.#position + this.#bytes.length;
    const isAtEnd = filled < length;
    this.#aheadBytes =
      isSequel && !isAtEnd ? Math.min(2 * length, WINDOW_BYTES_MAX) : WINDOW_BYTES_MIN;
    this.#bytes = target.subarray(0, filled);
    this.#position = position;
  }
}

/** The whole and unharmed record that begins at `position`, or undefined. Its parts are the caller's own. */
export async function readRecordAt(
  window: SegmentWindow,
  position: number,
  salt: number,
): Promise<FoundRecord | undefined> {
  const bytes = announcedBytes(await window.read(position, FRAME_BYTES));
  if (bytes === undefined) return undefined;
  const frame = await window.read(position, bytes);
  return frame.length < bytes ? undefined : decodeRecord(frame, salt);
}
