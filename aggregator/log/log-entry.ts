/**
 * Entries of the topic `batches`: what receive, or the owner of a partition, puts into the log.
 *
 * ```text
 * byte    format version 1
 * byte    kind: 1 envelope, 2 fence, 3 tick
 * envelope: text tenant, text agent, then the bytes of the Envelope message as they were received and checked
 * fence:    text tenant, text agent, uint number, 16 bytes epoch, text machine
 * tick:     int milliseconds since the Unix epoch
 * ```
 *
 * What stems from no agent is drawn in `inlet-entry.ts`; it begins with format version 2 or 3. What people do is drawn in
 * `operation-entry.ts`; it begins with format version 4.
 */
import { ByteReader } from "../state/byte-reader.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import {
  decodeInletEntry,
  encodeInletEntry,
  type InletEntry,
  isInletEntry,
} from "./inlet-entry.ts";
import {
  decodeOperationEntry,
  encodeOperationEntry,
  OPERATION_ENTRY_VERSION,
  type OperationEntry,
} from "./operation-entry.ts";

const VERSION = 1;
const ENVELOPE = 1;
const FENCE = 2;
const TICK = 3;
const EPOCH_BYTES = 16;

/** On whose behalf an entry was appended. */
export interface AgentName {
  readonly tenant: string;
  readonly agent: string;
}

/** Batches of one agent. */
export interface EnvelopeEntry extends AgentName {
  readonly kind: "envelope";
  /** The Envelope message, as received. */
  readonly envelope: Buffer;
}

/** A hello: takes effect only if `number` is one more than the agent's current one. */
export interface FenceEntry extends AgentName {
  readonly kind: "fence";
  readonly number: number;
  /** 32 hex digits. */
  readonly epoch: string;
  readonly machine: string;
}

/** What the time is; the only clock that the stages have, together with the log's stamps. */
export interface TickEntry {
  readonly kind: "tick";
  readonly nowMs: number;
}

/** An entry of the topic `batches`. */
export type LogEntry = EnvelopeEntry | FenceEntry | InletEntry | OperationEntry | TickEntry;

/** The bytes of an entry. */
export function encodeLogEntry(entry: LogEntry): Buffer {
  if (entry.kind === "inlet") return encodeInletEntry(entry);
  if (entry.kind === "operation") return encodeOperationEntry(entry);
  const writer = new ByteWriter();
  writer.reserve(entry.kind === "envelope" ? entry.envelope.length + 512 : 512);
  writer.byte(VERSION);
  if (entry.kind === "tick") {
    writer.byte(TICK);
    writer.int(Math.floor(entry.nowMs));
    return writer.finish();
  }
  writer.byte(entry.kind === "envelope" ? ENVELOPE : FENCE);
  writer.text(entry.tenant);
  writer.text(entry.agent);
  if (entry.kind === "envelope") {
    writer.raw(entry.envelope);
  } else {
    writer.uint(entry.number);
    writer.hex(entry.epoch);
    writer.text(entry.machine);
  }
  return writer.finish();
}

/** The entry of these bytes; an envelope's bytes point into them. Fails with FORMAT_UNKNOWN or LOG_CORRUPT. */
export function decodeLogEntry(payload: Buffer): LogEntry {
  if (isInletEntry(payload)) return decodeInletEntry(payload);
  if (payload[0] === OPERATION_ENTRY_VERSION) return decodeOperationEntry(payload);
  const reader = new ByteReader(payload, "LOG_CORRUPT");
  reader.version(VERSION, "log entry");
  const kind = reader.byte();
  if (kind === TICK) return { kind: "tick", nowMs: reader.int() };
  if (kind !== ENVELOPE && kind !== FENCE) throw reader.corrupt(`is of unknown kind ${kind}`);
  const tenant = reader.text();
  const agent = reader.text();
  if (kind === ENVELOPE) return { kind: "envelope", tenant, agent, envelope: reader.rest() };
  const number = reader.uint();
  const epoch = reader.hex(EPOCH_BYTES);
  return { kind: "fence", tenant, agent, number, epoch, machine: reader.text() };
}
