/**
 * Entries of the topic `batches` that stem from no agent: records of one partition of a topic of Kafka, or of one request.
 *
 * ```text
 * byte     format version 2
 * byte     kind: 4 range, 5 request
 * text     tenant, source, place
 * range:   uint from, uint to
 * request: text key, 16 bytes digest
 * uint     count of letters; per letter: uint position, text reason, byte 1 when cut, uint bytes, the bytes
 * rest     a Batch message (shared/protocol) whose ledger tells only of these records; its agent is the source, epoch and digests say nothing
 * ```
 */
import { ByteReader } from "../state/byte-reader.ts";
import { ByteWriter } from "../state/byte-writer.ts";

/** Version that these entries begin with; what agents send has another. */
export const INLET_ENTRY_VERSION = 2;
const RANGE = 4;
const REQUEST = 5;
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
}

/** Which records an entry holds. */
export type InletRecords =
  /** All from position `from` up to, not including, `to`. Where both are equal, reading begins; the batch's source is live when records wait. */
  | { readonly kind: "range"; readonly from: number; readonly to: number }
  /** Those of one request; one with the same `key` counts once. An empty key is nobody's. `digest`: 32 hex digits, of its body. */
  | { readonly kind: "request"; readonly key: string; readonly digest: string };

/** Records of an inlet, counted. */
export interface InletEntry extends InletName {
  readonly kind: "inlet";
  readonly records: InletRecords;
  /** The Batch message. */
  readonly batch: Buffer;
  readonly letters: readonly Letter[];
}

/** The bytes of an entry. */
export function encodeInletEntry(entry: InletEntry): Buffer {
  const { records, batch, letters } = entry;
  const writer = new ByteWriter();
  writer.reserve(batch.length + letters.reduce((sum, { value }) => sum + value.length + 64, 512));
  writer.byte(INLET_ENTRY_VERSION);
  writer.byte(records.kind === "range" ? RANGE : REQUEST);
  writer.text(entry.tenant);
  writer.text(entry.source);
  writer.text(entry.place);
  if (records.kind === "range") {
    writer.uint(records.from);
    writer.uint(records.to);
  } else {
    writer.text(records.key);
    writer.hex(records.digest);
  }
  writer.uint(letters.length);
  for (const letter of letters) {
    writer.uint(letter.position);
    writer.text(letter.reason);
    writer.flag(letter.isCut);
    writer.uint(letter.value.length);
    writer.raw(letter.value);
  }
  writer.raw(batch);
  return writer.finish();
}

/** The entry of these bytes; the batch's bytes point into them. Fails with FORMAT_UNKNOWN or LOG_CORRUPT. */
export function decodeInletEntry(payload: Buffer): InletEntry {
  const reader = new ByteReader(payload, "LOG_CORRUPT");
  reader.version(INLET_ENTRY_VERSION, "log entry");
  const kind = reader.byte();
  if (kind !== RANGE && kind !== REQUEST) throw reader.corrupt(`is of unknown kind ${kind}`);
  const name = { tenant: reader.text(), source: reader.text(), place: reader.text() };
  const records: InletRecords =
    kind === RANGE
      ? { kind: "range", from: reader.uint(), to: reader.uint() }
      : { kind: "request", key: reader.text(), digest: reader.hex(DIGEST_BYTES) };
  const letters: Letter[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const position = reader.uint();
    const reason = reader.text();
    const isCut = reader.flag();
    letters.push({ position, reason, isCut, value: reader.take(reader.uint()) });
  }
  return { kind: "inlet", ...name, records, letters, batch: reader.rest() };
}
