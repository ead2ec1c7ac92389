/**
 * The row of one revision of an alert. It never changes: what changes of an alert is another row.
 *
 * ```text
 * byte    format version 2; of version 1 there is one revision, which fires and is not suppressed
 * text    tenant, id, rule, type, severity
 * int     event time, milliseconds since the Unix epoch
 * text    the alert as every interface shows it (JSON)
 * byte    state: 1 pending, 2 firing, 3 acknowledged, 4 resolved
 * uint    revision
 * byte    1 when nobody is to be notified: silenced or inhibited
 * ```
 */
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

const VERSION = 2;
const STATES = ["pending", "firing", "acknowledged", "resolved"] as const;

/** A revision of an alert as it is stored. */
export interface AlertRow {
  readonly tenant: string;
  /** The same for the same rule, key and events, whoever finds them. */
  readonly id: string;
  readonly rule: string;
  readonly alertType: string;
  readonly severity: string;
  readonly timestampMs: number;
  readonly json: string;
  readonly state: (typeof STATES)[number];
  /** From 1; rises with every change. */
  readonly revision: number;
  /** True when nobody is to be notified of it. */
  readonly isSuppressed: boolean;
}

/** Writes an alert. */
export function encodeAlertRow(row: AlertRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  for (const text of [row.tenant, row.id, row.rule, row.alertType, row.severity]) writer.text(text);
  writer.int(row.timestampMs);
  writer.text(row.json);
  writer.byte(STATES.indexOf(row.state) + 1);
  writer.uint(row.revision);
  writer.flag(row.isSuppressed);
  return writer.finish();
}

/** Reads an alert. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeAlertRow(bytes: Buffer): AlertRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, VERSION, "alert");
  const alert = {
    tenant: reader.text(),
    id: reader.text(),
    rule: reader.text(),
    alertType: reader.text(),
    severity: reader.text(),
    timestampMs: reader.int(),
    json: reader.text(),
  };
  if (version === 1) return { ...alert, state: "firing", revision: 1, isSuppressed: false };
  const state = STATES[reader.byte() - 1];
  if (state === undefined) throw reader.corrupt("has an unknown state of an alert");
  return { ...alert, state, revision: reader.uint(), isSuppressed: reader.flag() };
}
