/**
 * The row of an alert. It never changes.
 *
 * ```text
 * byte    format version 1
 * text    tenant, id, rule, type, severity
 * int     event time, milliseconds since the Unix epoch
 * text    the alert as every interface shows it (JSON)
 * ```
 */
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

const VERSION = 1;

/** An alert as it is stored. */
export interface AlertRow {
  readonly tenant: string;
  /** The same for the same rule, key and events, whoever finds them. */
  readonly id: string;
  readonly rule: string;
  readonly alertType: string;
  readonly severity: string;
  readonly timestampMs: number;
  readonly json: string;
}

/** Writes an alert. */
export function encodeAlertRow(row: AlertRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  for (const text of [row.tenant, row.id, row.rule, row.alertType, row.severity]) writer.text(text);
  writer.int(row.timestampMs);
  writer.text(row.json);
  return writer.finish();
}

/** Reads an alert. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeAlertRow(bytes: Buffer): AlertRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "alert");
  return {
    tenant: reader.text(),
    id: reader.text(),
    rule: reader.text(),
    alertType: reader.text(),
    severity: reader.text(),
    timestampMs: reader.int(),
    json: reader.text(),
  };
}
