/**
 * The rows of an agent: what stage 1 knows of it, its ledger, its checkpoints. Written and read in the order of the interfaces below;
 * each begins with a format version.
 */
import type { AgentMark } from "../../shared/protocol/answers.ts";
import {
  type ByteRange,
  type Checkpoint,
  LEDGER_KINDS,
  type LedgerEntry,
  SOURCE_STATES,
  type SourceState,
} from "../../shared/protocol/batch.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

const VERSION = 1;
/** 2: with the revision of selectors. */
const AGENT_VERSION = 2;
const DIGEST_BYTES = 16;

/** How far one source of an agent has come. Times are of the log's clock unless they are called event times. */
export interface SourceInput {
  readonly source: string;
  /** As last reported. */
  state: SourceState;
  /** Highest event time that may move the watermark; undefined when there was none. */
  eventTimeMaxMs: number | undefined;
  /** When such an event time was last reported; undefined when never. */
  eventSeenMs: number | undefined;
  /** When the source was last reported at all. */
  seenMs: number;
}

/** Counters of an agent's records and of what was in them. */
export interface AgentCounters {
  applied: number;
  duplicate: number;
  diverged: number;
  fenced: number;
  /** Lines in the windows of applied records. */
  lines: number;
  /** Reports of sources whose event times were too far ahead of the log's clock. */
  clockAhead: number;
}

/** What stage 1 knows of an agent. */
export interface AgentRow {
  readonly tenant: string;
  readonly agent: string;
  /** Rises by one with every fence that took effect. */
  fenceNumber: number;
  epoch: string;
  machine: string;
  /** True when there was an epoch before this one. */
  known: boolean;
  /** Where the epoch before ended. */
  markBefore: AgentMark | undefined;
  /** Last sequence of the epoch that is applied; 0 before the first. */
  sequence: number;
  /** Digest of that record. */
  digest: string;
  /** True from the first record that did not continue the mark until the next fence: no record is applied. */
  diverged: boolean;
  /** Log's clock at the last entry of the agent. */
  seenMs: number;
  /** The agent's clock when it sealed the last applied batch; undefined before the first. */
  sealedAtMs: number | undefined;
  readonly counters: AgentCounters;
  /** Epochs that were fenced off, newest last. */
  retiredEpochs: string[];
  /** Files whose checkpoint says removed, oldest first. */
  removedFiles: number[];
  sources: SourceInput[];
  /** Revision of the selectors of the last applied batch; empty when it had none. */
  selectorRevision: string;
  /** Up to this event time the agent may have selected by others; undefined: it never did. */
  selectedSinceMs: number | undefined;
}

/** Writes an agent's row. */
export function encodeAgentRow(row: AgentRow, writer: ByteWriter): Buffer {
  writer.byte(AGENT_VERSION);
  writer.text(row.tenant);
  writer.text(row.agent);
  writer.uint(row.fenceNumber);
  writer.hex(row.epoch);
  writer.text(row.machine);
  writer.flag(row.known);
  writer.flag(row.markBefore !== undefined);
  if (row.markBefore !== undefined) writeMark(writer, row.markBefore);
  writer.uint(row.sequence);
  writer.hex(row.digest);
  writer.flag(row.diverged);
  writer.int(row.seenMs);
  writer.optionalInt(row.sealedAtMs);
  const { applied, duplicate, diverged, fenced, lines, clockAhead } = row.counters;
  for (const count of [applied, duplicate, diverged, fenced, lines, clockAhead]) writer.uint(count);
  writer.uint(row.retiredEpochs.length);
  for (const epoch of row.retiredEpochs) writer.hex(epoch);
  writer.uint(row.removedFiles.length);
  for (const file of row.removedFiles) writer.uint(file);
  writer.uint(row.sources.length);
  for (const input of row.sources) writeSourceInput(writer, input);
  writer.text(row.selectorRevision);
  writer.optionalInt(row.selectedSinceMs);
  return writer.finish();
}

/** Reads an agent's row. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeAgentRow(bytes: Buffer): AgentRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, AGENT_VERSION, "agent");
  const row: AgentRow = {
    tenant: reader.text(),
    agent: reader.text(),
    fenceNumber: reader.uint(),
    epoch: reader.hex(DIGEST_BYTES),
    machine: reader.text(),
    known: reader.flag(),
    markBefore: reader.flag() ? readMark(reader) : undefined,
    sequence: reader.uint(),
    digest: reader.hex(DIGEST_BYTES),
    diverged: reader.flag(),
    seenMs: reader.int(),
    sealedAtMs: reader.optionalInt(),
    counters: {
      applied: reader.uint(),
      duplicate: reader.uint(),
      diverged: reader.uint(),
      fenced: reader.uint(),
      lines: reader.uint(),
      clockAhead: reader.uint(),
    },
    retiredEpochs: [],
    removedFiles: [],
    sources: [],
    selectorRevision: "",
    selectedSinceMs: undefined,
  };
  for (let left = reader.uint(); left > 0; left--) row.retiredEpochs.push(reader.hex(DIGEST_BYTES));
  for (let left = reader.uint(); left > 0; left--) row.removedFiles.push(reader.uint());
  for (let left = reader.uint(); left > 0; left--) {
    row.sources.push(readSourceInput(reader));
  }
  if (version === 1) return row;
  row.selectorRevision = reader.text();
  row.selectedSinceMs = reader.optionalInt();
  return row;
}

/** Writes the input of a source, as part of something else. */
export function writeSourceInput(writer: ByteWriter, input: SourceInput): void {
  writer.text(input.source);
  writer.byte(SOURCE_STATES.indexOf(input.state));
  writer.optionalInt(input.eventTimeMaxMs);
  writer.optionalInt(input.eventSeenMs);
  writer.int(input.seenMs);
}

/** Reads what {@link writeSourceInput} wrote. */
export function readSourceInput(reader: ByteReader): SourceInput {
  return {
    source: reader.text(),
    state: known(SOURCE_STATES, reader, "source state"),
    eventTimeMaxMs: reader.optionalInt(),
    eventSeenMs: reader.optionalInt(),
    seenMs: reader.int(),
  };
}

function writeMark(writer: ByteWriter, mark: AgentMark): void {
  writer.hex(mark.epoch);
  writer.uint(mark.sequence);
  writer.hex(mark.digest);
}

function readMark(reader: ByteReader): AgentMark {
  return {
    epoch: reader.hex(DIGEST_BYTES),
    sequence: reader.uint(),
    digest: reader.hex(DIGEST_BYTES),
  };
}

/** Writes an agent's ledger. */
export function encodeLedgerRow(entries: readonly LedgerEntry[], writer: ByteWriter): Buffer {
  writer.byte(VERSION);
  writeLedger(writer, entries);
  return writer.finish();
}

/** Writes a ledger, as part of something else. */
export function writeLedger(writer: ByteWriter, entries: readonly LedgerEntry[]): void {
  writer.uint(entries.length);
  for (const entry of entries) {
    writer.text(entry.source);
    writer.byte(LEDGER_KINDS.indexOf(entry.kind));
    writer.text(entry.reason);
    writer.uint(entry.lines);
    writer.uint(entry.bytes);
  }
}

/** Reads an agent's ledger. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeLedgerRow(bytes: Buffer): LedgerEntry[] {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "ledger");
  return readLedger(reader);
}

/** Reads what {@link writeLedger} wrote. */
export function readLedger(reader: ByteReader): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    entries.push({
      source: reader.text(),
      kind: known(LEDGER_KINDS, reader, "kind of ledger entry"),
      reason: reader.text(),
      lines: reader.uint(),
      bytes: reader.uint(),
    });
  }
  return entries;
}

/** Writes a checkpoint. */
export function encodeCheckpointRow(checkpoint: Checkpoint, writer: ByteWriter): Buffer {
  writer.byte(VERSION);
  writer.text(checkpoint.source);
  writer.uint(checkpoint.file);
  writer.text(checkpoint.path);
  writer.text(checkpoint.device);
  writer.text(checkpoint.inode);
  // A file system may report fractions of a millisecond.
  writer.text(checkpoint.birthMs === undefined ? "" : String(checkpoint.birthMs));
  writer.uint(checkpoint.fingerprintBytes);
  writer.text(checkpoint.fingerprint);
  writer.uint(checkpoint.generation);
  writer.uint(checkpoint.offset);
  writer.uint(checkpoint.from);
  writer.uint(checkpoint.guardBytes);
  writer.uint(checkpoint.guard);
  writer.text(checkpoint.modifiedMs === undefined ? "" : String(checkpoint.modifiedMs));
  writer.uint(checkpoint.held.length);
  for (const range of checkpoint.held) {
    writer.uint(range.from);
    writer.uint(range.to);
  }
  writer.flag(checkpoint.unterminated);
  writer.flag(checkpoint.complete);
  writer.flag(checkpoint.removed);
  return writer.finish();
}

/** Reads a checkpoint. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeCheckpointRow(bytes: Buffer): Checkpoint {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "checkpoint");
  return {
    source: reader.text(),
    file: reader.uint(),
    path: reader.text(),
    device: reader.text(),
    inode: reader.text(),
    birthMs: numberOrNone(reader.text()),
    fingerprintBytes: reader.uint(),
    fingerprint: reader.text(),
    generation: reader.uint(),
    offset: reader.uint(),
    from: reader.uint(),
    guardBytes: reader.uint(),
    guard: reader.uint(),
    modifiedMs: numberOrNone(reader.text()),
    held: readRanges(reader),
    unterminated: reader.flag(),
    complete: reader.flag(),
    removed: reader.flag(),
  };
}

function numberOrNone(text: string): number | undefined {
  return text === "" ? undefined : Number(text);
}

function readRanges(reader: ByteReader): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    ranges.push({ from: reader.uint(), to: reader.uint() });
  }
  return ranges;
}

/** Writes the digest of one record of the ring, with the fence that its epoch began with. */
export function encodeDigestRow(
  row: { readonly fenceNumber: number; readonly sequence: number; readonly digest: string },
  writer: ByteWriter,
): Buffer {
  writer.byte(VERSION);
  writer.uint(row.fenceNumber);
  writer.uint(row.sequence);
  writer.hex(row.digest);
  return writer.finish();
}

/** Reads the digest of one record. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeDigestRow(bytes: Buffer): {
  readonly fenceNumber: number;
  readonly sequence: number;
  readonly digest: string;
} {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "digest");
  return {
    fenceNumber: reader.uint(),
    sequence: reader.uint(),
    digest: reader.hex(DIGEST_BYTES),
  };
}

function known<T>(list: readonly T[], reader: ByteReader, what: string): T {
  const index = reader.byte();
  const found = list[index];
  if (found === undefined) throw reader.corrupt(`has an unknown ${what} ${index}`);
  return found;
}
