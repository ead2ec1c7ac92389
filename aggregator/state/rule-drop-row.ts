/**
 * The row of what one bound made a rule drop: the ledger of rules. It outlives the versions of the rule.
 *
 * ```text
 * byte         format version 1
 * text         tenant, rule, reason
 * uint         dropped so far, and of these how many when the last alert was raised
 * int          event times of the earliest and latest first event among what was dropped, and of the last drop; ms since the Unix epoch
 * text         value of the rule's key at the last drop (JSON)
 * optionalInt  event time before which no further alert is raised
 * ```
 */
import { z } from "zod";
import type { Value } from "../../shared/expression/parse.ts";
import type { StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { keyPart, rangeOf } from "./keys.ts";

const VERSION = 1;

/** See the head of this file. */
export interface RuleDropRow {
  readonly tenant: string;
  readonly rule: string;
  readonly reason: string;
  count: number;
  alertedCount: number;
  fromMs: number;
  toMs: number;
  lastMs: number;
  lastKey: Value;
  quietUntilMs: number | undefined;
}

const valueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Key of the row. */
export function ruleDropKey({ tenant, rule, reason }: RuleDropRow): string {
  return `rule-drop/${keyPart(tenant)}/${keyPart(rule)}/${keyPart(reason)}`;
}

/** Writes a row. */
export function encodeRuleDropRow(row: RuleDropRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  for (const text of [row.tenant, row.rule, row.reason]) writer.text(text);
  writer.uint(row.count);
  writer.uint(row.alertedCount);
  for (const timeMs of [row.fromMs, row.toMs, row.lastMs]) writer.int(timeMs);
  writer.text(JSON.stringify(row.lastKey));
  writer.optionalInt(row.quietUntilMs);
  return writer.finish();
}

/** Reads a row. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeRuleDropRow(bytes: Buffer): RuleDropRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "drops of a rule");
  return {
    tenant: reader.text(),
    rule: reader.text(),
    reason: reader.text(),
    count: reader.uint(),
    alertedCount: reader.uint(),
    fromMs: reader.int(),
    toMs: reader.int(),
    lastMs: reader.int(),
    lastKey: readValue(reader),
    quietUntilMs: reader.optionalInt(),
  };
}

/** What bounds made rules drop in one partition of stage 2, rules that are gone among them. */
export function* readRuleDrops(view: StateView): Iterable<RuleDropRow> {
  const { from, to } = rangeOf("rule-drop/");
  for (const [, bytes] of view.range(from, to)) yield decodeRuleDropRow(bytes);
}

function readValue(reader: ByteReader): Value {
  try {
    return valueSchema.parse(JSON.parse(reader.text()));
  } catch (error) {
    throw reader.corrupt(`holds no value (${String(error)})`);
  }
}
