/**
 * Entries of the topic `batches` that stem from a person: what is done to alerts.
 *
 * ```text
 * byte    format version 4
 * byte    kind: 6 operation
 * text    tenant
 * text    the operation as JSON; stage 2 knows what it means
 * ```
 */
import { ByteReader } from "../state/byte-reader.ts";
import { ByteWriter } from "../state/byte-writer.ts";

/** Version that these entries begin with; what agents and inlets send has others. */
export const OPERATION_ENTRY_VERSION = 4;
const OPERATION = 6;

/** What a person did. */
export interface OperationEntry {
  readonly kind: "operation";
  readonly tenant: string;
  readonly json: string;
}

/** The bytes of an entry. */
export function encodeOperationEntry({ tenant, json }: OperationEntry): Buffer {
  const writer = new ByteWriter();
  writer.byte(OPERATION_ENTRY_VERSION);
  writer.byte(OPERATION);
  writer.text(tenant);
  writer.text(json);
  return writer.finish();
}

/** The entry of these bytes. Fails with FORMAT_UNKNOWN or LOG_CORRUPT. */
export function decodeOperationEntry(payload: Buffer): OperationEntry {
  const reader = new ByteReader(payload, "LOG_CORRUPT");
  reader.version(OPERATION_ENTRY_VERSION, "log entry");
  const kind = reader.byte();
  if (kind !== OPERATION) throw reader.corrupt(`is of unknown kind ${kind}`);
  return { kind: "operation", tenant: reader.text(), json: reader.text() };
}
