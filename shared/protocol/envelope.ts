/** The bytes of a request: `encodeEnvelope` and `decodeEnvelope` are each other's inverse. */
import type { Reader } from "protobufjs/minimal.js";
import { ENVELOPE_VERSION, type Envelope, isKnownVersion, type SealedRecord } from "./batch.ts";
import { readRevision } from "./codec.ts";
import {
  BYTES,
  createReader,
  createWriter,
  decoding,
  finish,
  MalformedError,
  readEnd,
  readHex,
  readUint,
  refuseTag,
  tag,
  VARINT,
} from "./wire.ts";

/** Thrown for an envelope version that this program does not know; nothing else of it was looked at. Look for it before its parent. */
export class UnknownVersionError extends MalformedError {
  override readonly name: string = "UnknownVersionError";
  readonly version: number;

  constructor(version: number) {
    super(
      `envelope version ${version} is not known here; this program takes versions up to ${ENVELOPE_VERSION}`,
    );
    this.version = version;
  }
}

/** The bytes of an envelope. */
export function encodeEnvelope(envelope: Envelope): Buffer {
  const writer = createWriter();
  writer.uint32(tag(1, VARINT)).uint32(envelope.version);
  writer.uint32(tag(2, BYTES)).string(envelope.agent);
  writer.uint32(tag(3, BYTES)).bytes(Buffer.from(envelope.epoch, "hex"));
  writer.uint32(tag(4, BYTES)).string(envelope.logId);
  writer.uint32(tag(5, BYTES)).string(envelope.machine);
  for (const record of envelope.records) {
    writer.uint32(tag(6, BYTES)).fork();
    writer.uint32(tag(1, VARINT)).uint64(record.sequence);
    writer.uint32(tag(2, BYTES)).bytes(Buffer.from(record.digest, "hex"));
    writer.uint32(tag(3, VARINT)).uint32(record.rawBytes);
    writer.uint32(tag(4, BYTES)).bytes(record.payload);
    writer.ldelim();
  }
  if (envelope.selectorRevision !== "") {
    writer.uint32(tag(8, BYTES)).string(envelope.selectorRevision);
  }
  return finish(writer);
}

/**
 * The envelope of these bytes; records' payloads point into them and are not opened.
 * Throws {@link UnknownVersionError}, or {@link MalformedError} when the bytes are no envelope or its records are not consecutive.
 */
export function decodeEnvelope(bytes: Buffer): Envelope {
  return decoding("the envelope", () => readEnvelope(createReader(bytes)));
}

function readEnvelope(reader: Reader): Envelope {
  let version = 0;
  let agent = "";
  let epoch = "";
  let logId = "";
  let machine = "";
  const records: SealedRecord[] = [];
  let selectorRevision = "";
  while (reader.pos < reader.len) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) version = readVersion(reader);
    else if (fieldTag === tag(2, BYTES)) agent = reader.string();
    else if (fieldTag === tag(3, BYTES)) epoch = readHex(reader);
    else if (fieldTag === tag(4, BYTES)) logId = reader.string();
    else if (fieldTag === tag(5, BYTES)) machine = reader.string();
    else if (fieldTag === tag(6, BYTES)) records.push(readRecord(reader));
    else if (fieldTag === tag(8, BYTES)) selectorRevision = readRevision(reader);
    else refuseTag("Envelope", fieldTag);
  }
  if (version === 0) throw new MalformedError("the envelope has no version");
  if (agent === "") throw new MalformedError("the envelope names no agent");
  if (!/^[0-9a-f]{32}$/.test(epoch))
    throw new MalformedError("the envelope's epoch is not 16 bytes");
  if (records.length === 0) throw new MalformedError("the envelope holds no records");
  for (const [index, record] of records.entries()) {
    const expected = (records[0]?.sequence ?? 0) + index;
    if (record.sequence !== expected)
      throw new MalformedError("the envelope's records are not consecutive");
  }
  return { version, agent, epoch, logId, machine, records, selectorRevision };
}

// The version comes first, so that a newer envelope is refused for its version and not for a field that this version does not know.
function readVersion(reader: Reader): number {
  const version = reader.uint32();
  if (!isKnownVersion(version)) throw new UnknownVersionError(version);
  return version;
}

function readRecord(reader: Reader): SealedRecord {
  const end = readEnd(reader);
  let sequence = 0;
  let digest = "";
  let rawBytes = 0;
  let payload: Buffer = Buffer.alloc(0);
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (fieldTag === tag(1, VARINT)) sequence = readUint(reader);
    else if (fieldTag === tag(2, BYTES)) digest = readHex(reader);
    else if (fieldTag === tag(3, VARINT)) rawBytes = reader.uint32();
    else if (fieldTag === tag(4, BYTES)) payload = toBuffer(reader.bytes());
    else refuseTag("Record", fieldTag);
  }
  if (sequence < 1) throw new MalformedError("a record's sequence is not at least 1");
  if (!/^[0-9a-f]{32}$/.test(digest)) throw new MalformedError("a record's digest is not 16 bytes");
  return { sequence, digest, rawBytes, payload };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
