/** The bytes of a batch: `encodeBatch` and `decodeBatch` are each other's inverse. FORMAT.md draws them. */
import type { Reader, Writer } from "protobufjs/minimal.js";
import { present } from "../assert.ts";
import {
  type Batch,
  type ByteRange,
  type Checkpoint,
  LEDGER_KINDS,
  type LedgerEntry,
  type LedgerKind,
  SOURCE_STATES,
  type SourceReport,
  type SourceState,
  type Tombstone,
} from "./batch.ts";
import { type DeltaColumns, readDeltaColumns } from "./delta-columns.ts";
import { writeDeltas } from "./deltas.ts";
import { writeEvents, writeHole } from "./event-columns.ts";
import { HOLES_MAX } from "./event-limits.ts";
import { readEvents, readHole } from "./read-events.ts";
import { type Hole, REVISION, type SelectedEvent } from "./selected-event.ts";
import { eventOfLine, lineOfEvent } from "./selected-line.ts";
import { StringTable } from "./string-table.ts";
import {
  BYTES,
  createReader,
  createWriter,
  decoding,
  FIXED32,
  finish,
  MalformedError,
  readEnd,
  readHex,
  readSint,
  readUint,
  refuseTag,
  tag,
  VARINT,
} from "./wire.ts";

const TOMBSTONE_REASONS = [
  "malformed_batch",
  "spool_corrupt",
] as const satisfies readonly Tombstone["reason"][];

/**
 * The longest text of a batch's table of strings, in UTF-16 code units: names of streams, services and sources, reasons. They stand in rows of
 * stored state, whose size has a limit, and one text may be named by very many entries.
 */
const STRING_LENGTH_MAX = 4096;

/** The bytes of a batch. Equal batches give equal bytes. */
export function encodeBatch(batch: Batch): Buffer {
  const strings = new StringTable();
  const body = createWriter();
  if (batch.deltas.length > 0) {
    body.uint32(tag(7, BYTES)).fork();
    writeDeltas(body, batch.deltas, strings);
    body.ldelim();
  }
  for (const checkpoint of batch.checkpoints) {
    body.uint32(tag(8, BYTES)).fork();
    writeCheckpoint(body, checkpoint, strings);
    body.ldelim();
  }
  for (const report of batch.sources) {
    body.uint32(tag(9, BYTES)).fork();
    body.uint32(tag(1, VARINT)).uint32(strings.index(report.source));
    body.uint32(tag(2, VARINT)).uint32(SOURCE_STATES.indexOf(report.state));
    if (report.eventTimeMaxMs !== undefined) {
      body.uint32(tag(3, VARINT)).bool(true);
      body.uint32(tag(4, VARINT)).sint64(report.eventTimeMaxMs);
    }
    body.ldelim();
  }
  for (const entry of batch.ledger) {
    body.uint32(tag(10, BYTES)).fork();
    body.uint32(tag(1, VARINT)).uint32(strings.index(entry.source));
    body.uint32(tag(2, VARINT)).uint32(LEDGER_KINDS.indexOf(entry.kind));
    body.uint32(tag(3, VARINT)).uint32(strings.index(entry.reason));
    body.uint32(tag(4, VARINT)).uint64(entry.lines);
    body.uint32(tag(5, VARINT)).uint64(entry.bytes);
    body.ldelim();
  }
  if (batch.tombstone !== undefined) {
    body.uint32(tag(11, BYTES)).fork();
    body.uint32(tag(1, VARINT)).uint32(TOMBSTONE_REASONS.indexOf(batch.tombstone.reason));
    body.uint32(tag(2, BYTES)).bytes(Buffer.from(batch.tombstone.replacedDigest, "hex"));
    body.ldelim();
  }
  writeSelected(body, batch, strings);
  return Buffer.concat([finish(writeHead(batch, strings)), finish(body)]);
}

function writeSelected(body: Writer, batch: Batch, strings: StringTable): void {
  if (batch.events.length > 0) {
    body.uint32(tag(12, BYTES)).fork();
    writeEvents(body, batch.events, strings);
    body.ldelim();
  }
  for (const hole of batch.holes) {
    body.uint32(tag(13, BYTES)).fork();
    writeHole(body, hole, strings);
    body.ldelim();
  }
  if (batch.lines !== undefined && batch.lines.length > 0) {
    body.uint32(tag(15, BYTES)).fork();
    writeEvents(body, batch.lines.map(eventOfLine), strings);
    body.ldelim();
  }
  if (batch.selectorRevision !== "") body.uint32(tag(14, BYTES)).string(batch.selectorRevision);
}

function writeHead(batch: Batch, strings: StringTable): Writer {
  const head = createWriter();
  head.uint32(tag(1, BYTES)).string(batch.agent);
  head.uint32(tag(2, BYTES)).bytes(Buffer.from(batch.epoch, "hex"));
  head.uint32(tag(3, VARINT)).uint64(batch.sequence);
  head.uint32(tag(4, BYTES)).bytes(Buffer.from(batch.previousDigest, "hex"));
  head.uint32(tag(5, VARINT)).sint64(batch.sealedAtMs);
  for (const text of strings.list) head.uint32(tag(6, BYTES)).string(text);
  return head;
}

function writeCheckpoint(writer: Writer, checkpoint: Checkpoint, strings: StringTable): void {
  writer.uint32(tag(1, VARINT)).uint32(strings.index(checkpoint.source));
  writer.uint32(tag(2, VARINT)).uint64(checkpoint.file);
  writer.uint32(tag(3, BYTES)).string(checkpoint.path);
  writer.uint32(tag(4, BYTES)).string(checkpoint.device);
  writer.uint32(tag(5, BYTES)).string(checkpoint.inode);
  if (checkpoint.birthMs !== undefined) writer.uint32(tag(6, VARINT)).sint64(checkpoint.birthMs);
  writer.uint32(tag(7, VARINT)).uint32(checkpoint.fingerprintBytes);
  writer.uint32(tag(8, BYTES)).bytes(Buffer.from(checkpoint.fingerprint, "hex"));
  writer.uint32(tag(9, VARINT)).uint32(checkpoint.generation);
  writer.uint32(tag(10, VARINT)).uint64(checkpoint.offset);
  writer.uint32(tag(11, VARINT)).uint64(checkpoint.from);
  writer.uint32(tag(12, VARINT)).uint32(checkpoint.guardBytes);
  writer.uint32(tag(13, FIXED32)).fixed32(checkpoint.guard);
  for (const range of checkpoint.held) {
    writer.uint32(tag(14, BYTES)).fork();
    writer.uint32(tag(1, VARINT)).uint64(range.from);
    writer.uint32(tag(2, VARINT)).uint64(range.to);
    writer.ldelim();
  }
  if (checkpoint.unterminated) writer.uint32(tag(15, VARINT)).bool(true);
  if (checkpoint.removed) writer.uint32(tag(16, VARINT)).bool(true);
  const { modifiedMs } = checkpoint;
  if (modifiedMs !== undefined) writer.uint32(tag(17, VARINT)).sint64(modifiedMs);
  if (checkpoint.complete) writer.uint32(tag(18, VARINT)).bool(true);
}

/** A batch whose deltas are checked, but are no objects yet. */
export interface ScannedBatch extends Omit<Batch, "deltas"> {
  readonly columns: readonly DeltaColumns[];
}

/** The batch of these bytes. Throws {@link MalformedError} that says what is wrong. */
export function decodeBatch(raw: Buffer): Batch {
  const { columns, ...batch } = scanBatch(raw);
  return { ...batch, deltas: columns.flatMap((part) => part.toDeltas()) };
}

/** Like {@link decodeBatch}, with the same checks, for callers that only check or merge. */
export function scanBatch(raw: Buffer): ScannedBatch {
  return decoding("the batch", () => readBatch(createReader(raw)));
}

function readBatch(reader: Reader): ScannedBatch {
  let agent = "";
  let epoch = "";
  let sequence = 0;
  let previousDigest = "";
  let sealedAtMs = 0;
  const strings: string[] = [];
  const columns: DeltaColumns[] = [];
  const checkpoints: Checkpoint[] = [];
  const sources: SourceReport[] = [];
  const ledger: LedgerEntry[] = [];
  let tombstone: Tombstone | undefined;
  let events: readonly SelectedEvent[] = [];
  const holes: Hole[] = [];
  let lines: readonly SelectedEvent[] = [];
  let selectorRevision = "";
  while (reader.pos < reader.len) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, BYTES)) agent = reader.string();
    else if (fieldTag === tag(2, BYTES)) epoch = readHex(reader);
    else if (fieldTag === tag(3, VARINT)) sequence = readUint(reader);
    else if (fieldTag === tag(4, BYTES)) previousDigest = readHex(reader);
    else if (fieldTag === tag(5, VARINT)) sealedAtMs = readSint(reader);
    else if (fieldTag === tag(6, BYTES)) strings.push(readText(reader));
    else if (fieldTag === tag(7, BYTES))
      columns.push(readDeltaColumns(reader, readEnd(reader), strings));
    else if (fieldTag === tag(8, BYTES)) checkpoints.push(readCheckpoint(reader, strings));
    else if (fieldTag === tag(9, BYTES)) sources.push(readSourceReport(reader, strings));
    else if (fieldTag === tag(10, BYTES)) ledger.push(readLedgerEntry(reader, strings));
    else if (fieldTag === tag(11, BYTES)) tombstone = readTombstone(reader);
    else if (fieldTag === tag(12, BYTES)) events = readOnlyEvents(reader, strings, events);
    else if (fieldTag === tag(13, BYTES)) holes.push(readHole(reader, readEnd(reader), strings));
    else if (fieldTag === tag(14, BYTES)) selectorRevision = readRevision(reader);
    else if (fieldTag === tag(15, BYTES)) lines = readOnlyEvents(reader, strings, lines);
    else refuseTag("Batch", fieldTag);
  }
  if (agent === "") throw new MalformedError("the batch names no agent");
  if (!/^[0-9a-f]{32}$/.test(epoch)) throw new MalformedError("the batch's epoch is not 16 bytes");
  if (!/^[0-9a-f]{32}$/.test(previousDigest))
    throw new MalformedError("the batch's previous digest is not 16 bytes");
  if (sequence < 1) throw new MalformedError("the batch's sequence is not at least 1");
  if (holes.length > HOLES_MAX)
    throw new MalformedError(`the batch has ${holes.length} holes; at most ${HOLES_MAX}`);
  return {
    agent,
    epoch,
    sequence,
    previousDigest,
    sealedAtMs,
    columns,
    checkpoints,
    sources,
    ledger,
    tombstone,
    events,
    holes,
    ...(lines.length === 0 ? {} : { lines: lines.map(lineOfEvent) }),
    selectorRevision,
  };
}

// The limits hold for one message; a second one would double them.
function readOnlyEvents(
  reader: Reader,
  strings: readonly string[],
  before: readonly SelectedEvent[],
): SelectedEvent[] {
  if (before.length > 0) throw new MalformedError("the batch has events twice");
  return readEvents(reader, readEnd(reader), strings);
}

/** Reads a revision of selectors. Throws {@link MalformedError} when it is none. */
export function readRevision(reader: Reader): string {
  const revision = reader.string();
  if (!REVISION.test(revision)) throw new MalformedError("a selector revision is no hex digits");
  return revision;
}

function readText(reader: Reader): string {
  const text = reader.string();
  if (text.length <= STRING_LENGTH_MAX) return text;
  throw new MalformedError(`a name has ${text.length} characters; at most ${STRING_LENGTH_MAX}`);
}

// Number 0 is left out by other writers of protobuf, so a name that is absent is the first of the table.
function readCheckpoint(reader: Reader, strings: readonly string[]): Checkpoint {
  const end = readEnd(reader);
  const held: ByteRange[] = [];
  const checkpoint: { -readonly [K in keyof Checkpoint]: Checkpoint[K] } = {
    source: strings[0] ?? "",
    file: 0,
    path: "",
    device: "",
    inode: "",
    birthMs: undefined,
    fingerprintBytes: 0,
    fingerprint: "",
    generation: 0,
    offset: 0,
    from: 0,
    guardBytes: 0,
    guard: 0,
    modifiedMs: undefined,
    held,
    unterminated: false,
    complete: false,
    removed: false,
  };
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) checkpoint.source = lookUp(strings, reader.uint32());
    else if (fieldTag === tag(2, VARINT)) checkpoint.file = readUint(reader);
    else if (fieldTag === tag(3, BYTES)) checkpoint.path = reader.string();
    else if (fieldTag === tag(4, BYTES)) checkpoint.device = reader.string();
    else if (fieldTag === tag(5, BYTES)) checkpoint.inode = reader.string();
    else if (fieldTag === tag(6, VARINT)) checkpoint.birthMs = readSint(reader);
    else if (fieldTag === tag(7, VARINT)) checkpoint.fingerprintBytes = reader.uint32();
    else if (fieldTag === tag(8, BYTES)) checkpoint.fingerprint = readHex(reader);
    else if (fieldTag === tag(9, VARINT)) checkpoint.generation = reader.uint32();
    else if (fieldTag === tag(10, VARINT)) checkpoint.offset = readUint(reader);
    else if (fieldTag === tag(11, VARINT)) checkpoint.from = readUint(reader);
    else if (fieldTag === tag(12, VARINT)) checkpoint.guardBytes = reader.uint32();
    else if (fieldTag === tag(13, FIXED32)) checkpoint.guard = reader.fixed32();
    else if (fieldTag === tag(14, BYTES)) held.push(readRange(reader));
    else if (fieldTag === tag(15, VARINT)) checkpoint.unterminated = reader.bool();
    else if (fieldTag === tag(16, VARINT)) checkpoint.removed = reader.bool();
    else if (fieldTag === tag(17, VARINT)) checkpoint.modifiedMs = readSint(reader);
    else if (fieldTag === tag(18, VARINT)) checkpoint.complete = reader.bool();
    else refuseTag("Checkpoint", fieldTag);
  }
  return checkpoint;
}

function readRange(reader: Reader): ByteRange {
  const end = readEnd(reader);
  let from = 0;
  let to = 0;
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) from = readUint(reader);
    else if (fieldTag === tag(2, VARINT)) to = readUint(reader);
    else refuseTag("Range", fieldTag);
  }
  if (from >= to) throw new MalformedError("a held range is empty");
  return { from, to };
}

function readSourceReport(reader: Reader, strings: readonly string[]): SourceReport {
  const end = readEnd(reader);
  let source = strings[0] ?? "";
  let state: SourceState = "live";
  let hasEventTime = false;
  let eventTimeMaxMs = 0;
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) source = lookUp(strings, reader.uint32());
    else if (fieldTag === tag(2, VARINT)) state = lookUp(SOURCE_STATES, reader.uint32());
    else if (fieldTag === tag(3, VARINT)) hasEventTime = reader.bool();
    else if (fieldTag === tag(4, VARINT)) eventTimeMaxMs = readSint(reader);
    else refuseTag("SourceReport", fieldTag);
  }
  return { source, state, eventTimeMaxMs: hasEventTime ? eventTimeMaxMs : undefined };
}

function readLedgerEntry(reader: Reader, strings: readonly string[]): LedgerEntry {
  const end = readEnd(reader);
  let source = strings[0] ?? "";
  let kind: LedgerKind = "aggregated";
  let reason = source;
  let lines = 0;
  let bytes = 0;
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) source = lookUp(strings, reader.uint32());
    else if (fieldTag === tag(2, VARINT)) kind = lookUp(LEDGER_KINDS, reader.uint32());
    else if (fieldTag === tag(3, VARINT)) reason = lookUp(strings, reader.uint32());
    else if (fieldTag === tag(4, VARINT)) lines = readUint(reader);
    else if (fieldTag === tag(5, VARINT)) bytes = readUint(reader);
    else refuseTag("LedgerEntry", fieldTag);
  }
  return { source, kind, reason, lines, bytes };
}

function readTombstone(reader: Reader): Tombstone {
  const end = readEnd(reader);
  let reason: Tombstone["reason"] = "malformed_batch";
  let replacedDigest = "";
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) reason = lookUp(TOMBSTONE_REASONS, reader.uint32());
    else if (fieldTag === tag(2, BYTES)) replacedDigest = readHex(reader);
    else refuseTag("Tombstone", fieldTag);
  }
  return { reason, replacedDigest };
}

function lookUp<T>(list: readonly T[], index: number): T {
  if (index >= list.length) throw new MalformedError(`number ${index} stands for nothing`);
  return present(list[index], "the entry");
}
