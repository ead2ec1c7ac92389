/**
 * Entries of the topic `batches` that stem from no agent: records of one partition of a topic of Kafka, or of one request; or what became of
 * dead letters.
 *
 * ```text
 * byte     format version 2; 3 of letters, and of requests with letters
 * byte     kind: 4 range, 5 request, 6 letters
 * text     tenant, source, place
 * range:   uint from, uint to
 * request: text key, 16 bytes digest
 * letters: byte 1 when they are counted, 0 when they are dropped; uint count; per letter: uint number, text reason, uint bytes
 * uint     count of letters; per letter: uint position, text reason, byte 1 when cut, uint bytes, the bytes; in version 3 text stream, text service
 * rest     a Batch message (shared/protocol) whose ledger tells only of these records; its agent is the source, epoch and digests say nothing
 * ```
 */
import { ByteReader } from "../state/byte-reader.ts";
import { ByteWriter } from "../state/byte-writer.ts";

const VERSION = 2;
/** A program that does not know what these say of letters refuses them. */
const LETTERS_VERSION = 3;
const RANGE = 4;
const REQUEST = 5;
const LETTERS = 6;
const DIGEST_BYTES = 16;

/** A way in that needs no agent. */
export interface InletName {
  readonly tenant: string;
  /** Name of the source, as configured. */
  readonly source: string;
  /** Which of the source's inlets: `TOPIC/PARTITION`; empty where there is only one. */
  readonly place: string;
}

/** A record that is no event, kept with the reason. */
export interface Letter {
  /** Of the record in its inlet. */
  readonly position: number;
  readonly reason: string;
  /** The record, or its beginning. */
  readonly value: Buffer;
  readonly isCut: boolean;
  /** What the request said that it came with; undefined of a topic, whose source says so. */
  readonly names?: RequestNames | undefined;
}

/** Where records of a request belong. */
export interface RequestNames {
  readonly stream: string;
  /** Of events that name none. */
  readonly service: string;
}

/** A dead letter that is one no longer. */
export interface SettledLetter {
  /** Among all letters of its inlet. */
  readonly number: number;
  /** What the ledger says of it: the reason, and the bytes of the record. */
  readonly reason: string;
  readonly bytes: number;
}

/** Which records an entry holds. */
export type InletRecords =
  /** All from position `from` up to, not including, `to`. Where both are equal, reading begins; the batch's source is live when records wait. */
  | { readonly kind: "range"; readonly from: number; readonly to: number }
  /** Those of one request; one with the same `key` counts once. An empty key is nobody's. `digest`: 32 hex digits, of its body. */
  | { readonly kind: "request"; readonly key: string; readonly digest: string }
  /** Dead letters: `isCounted`, as the batch says, since now they are events; otherwise nobody wants them any more. All of them or none. */
  | {
      readonly kind: "letters";
      readonly isCounted: boolean;
      readonly settled: readonly SettledLetter[];
    };

/** Records of an inlet, counted. */
export interface InletEntry extends InletName {
  readonly kind: "inlet";
  readonly records: InletRecords;
  /** The Batch message. */
  readonly batch: Buffer;
  readonly letters: readonly Letter[];
}

/** Tells by the first byte whether an entry is one of these; what agents send begins with another. */
export function isInletEntry(payload: Buffer): boolean {
  return payload[0] === VERSION || payload[0] === LETTERS_VERSION;
}

/** The bytes of an entry. */
export function encodeInletEntry(entry: InletEntry): Buffer {
  const { records, batch, letters } = entry;
  const writer = new ByteWriter();
  writer.reserve(batch.length + letters.reduce((sum, { value }) => sum + value.length + 64, 512));
  const hasNames = letters.some(({ names }) => names !== undefined);
  writer.byte(records.kind === "letters" || hasNames ? LETTERS_VERSION : VERSION);
  writer.byte(KINDS[records.kind]);
  writer.text(entry.tenant);
  writer.text(entry.source);
  writer.text(entry.place);
  writeRecords(writer, records);
  writer.uint(letters.length);
  for (const letter of letters) {
    writer.uint(letter.position);
    writer.text(letter.reason);
    writer.flag(letter.isCut);
    writer.uint(letter.value.length);
    writer.raw(letter.value);
    if (!hasNames) continue;
    writer.text(letter.names?.stream ?? "");
    writer.text(letter.names?.service ?? "");
  }
  writer.raw(batch);
  return writer.finish();
}

const KINDS = { range: RANGE, request: REQUEST, letters: LETTERS } as const;

function writeRecords(writer: ByteWriter, records: InletRecords): void {
  if (records.kind === "range") {
    writer.uint(records.from);
    writer.uint(records.to);
  } else if (records.kind === "request") {
    writer.text(records.key);
    writer.hex(records.digest);
  } else {
    writer.flag(records.isCounted);
    writer.uint(records.settled.length);
    for (const { number, reason, bytes } of records.settled) {
      writer.uint(number);
      writer.text(reason);
      writer.uint(bytes);
    }
  }
}

/** The entry of these bytes; the batch's bytes point into them. Fails with FORMAT_UNKNOWN or LOG_CORRUPT. */
export function decodeInletEntry(payload: Buffer): InletEntry {
  const reader = new ByteReader(payload, "LOG_CORRUPT");
  const version = reader.versions(VERSION, LETTERS_VERSION, "log entry");
  const kind = reader.byte();
  const isKnown = kind === REQUEST || kind === (version === VERSION ? RANGE : LETTERS);
  if (!isKnown) throw reader.corrupt(`is of unknown kind ${kind}`);
  const name = { tenant: reader.text(), source: reader.text(), place: reader.text() };
  const records = readRecords(reader, kind);
  const letters: Letter[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const position = reader.uint();
    const reason = reader.text();
    const isCut = reader.flag();
    const letter = { position, reason, isCut, value: reader.take(reader.uint()) };
    if (version === VERSION) letters.push(letter);
    else letters.push({ ...letter, names: { stream: reader.text(), service: reader.text() } });
  }
  return { kind: "inlet", ...name, records, letters, batch: reader.rest() };
}

function readRecords(reader: ByteReader, kind: number): InletRecords {
  if (kind === RANGE) return { kind: "range", from: reader.uint(), to: reader.uint() };
  if (kind === REQUEST) {
    return { kind: "request", key: reader.text(), digest: reader.hex(DIGEST_BYTES) };
  }
  const isCounted = reader.flag();
  const settled: SettledLetter[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    settled.push({ number: reader.uint(), reason: reader.text(), bytes: reader.uint() });
  }
  return { kind: "letters", isCounted, settled };
}
