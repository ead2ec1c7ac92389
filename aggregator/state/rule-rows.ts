/** The rows in which stage 2 keeps what rules need. Each begins with format version 1; values of events are JSON within. */
import { z } from "zod";
import type { Value } from "../../shared/expression/parse.ts";
import type { Hole } from "../../shared/protocol/selected-event.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

const VERSION = 1;

/** An event that waits for the watermark, or came too late. Its place in the order of events stands in the key of its row. */
export interface WaitingRow {
  readonly tenant: string;
  readonly stream: string;
  /** Field by which it is keyed here; undefined: for the rules without a key. */
  readonly keyField: string | undefined;
  readonly key: Value;
  readonly timeMs: number;
  readonly type: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What happened to a version of a rule so far. */
export interface RuleCounters {
  /** Alerts raised. */
  alerts: number;
  /** Matches that raised none since one was raised a moment before. */
  cooledDown: number;
  /** Matches that raised none since events were shed within them. */
  suppressed: number;
  /** Events that came behind the watermark and were dropped. */
  late: number;
  /** What bounds dropped: partial matches, alerts, keys that begin nothing. By reason it stands in rule-drop-row. */
  dropped: number;
  /** Keys that began anew since the rule failed: a skip strategy did not find its stage. */
  failed: number;
  /** Values of the key of which something is known, now. */
  keys: number;
  /** Partial matches, now. */
  partials: number;
}

/** A version of a rule: as long as its pattern stays the same. */
export interface RuleRow {
  readonly name: string;
  readonly stream: string;
  /** False while agents have yet to send what it needs. */
  isRunning: boolean;
  /** Event time after which it sees events; undefined: from the first event on. */
  startMs: number | undefined;
  readonly counters: RuleCounters;
}

/** What a rule knows of one value of its key. */
export interface RuleKeyRow {
  readonly tenant: string;
  readonly key: Value;
  /** Under which time its timer stands; undefined: it has none. */
  readonly timerMs: number | undefined;
  /** Matches before this raise no alert. */
  readonly cooldownUntilMs: number | undefined;
  /** Partial matches, now. */
  readonly partialCount: number;
  /** State of its partial matches, whatever the rule wrote; empty: there are none. */
  readonly state: Buffer;
}

/** A gap in the events of a stream. */
export interface HoleRow {
  readonly tenant: string;
  readonly hole: Hole;
}

/** Stage 2's row about rules. */
export interface PatternsRow {
  /** Number of the last alert. */
  alertNumber: number;
  /** Number of the last gap. */
  holeNumber: number;
  /** Count of the late events so far. */
  lateNumber: number;
  /** No window with an end - 1 up to this becomes final for the first time any more, as rules see it. */
  metricsMs: number | undefined;
}

/** The names of the counters in the order in which they are written. */
const COUNTERS = [
  "alerts",
  "cooledDown",
  "suppressed",
  "late",
  "dropped",
  "failed",
  "keys",
  "partials",
] as const satisfies readonly (keyof RuleCounters)[];

/** The counters of a rule that has yet to see an event. */
export function noCounters(): RuleCounters {
  return {
    alerts: 0,
    cooledDown: 0,
    suppressed: 0,
    late: 0,
    dropped: 0,
    failed: 0,
    keys: 0,
    partials: 0,
  };
}

const valueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const fieldsSchema = z.record(z.string(), z.unknown());

/** Writes a waiting event. */
export function encodeWaitingRow(row: WaitingRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writeWaiting(writer, row);
  return writer.finish();
}

/** Writes a waiting event without a version, as part of something else. */
export function writeWaiting(writer: ByteWriter, row: WaitingRow): void {
  writer.text(row.tenant);
  writer.text(row.stream);
  writeOptionalText(writer, row.keyField);
  writer.text(JSON.stringify(row.key));
  writer.int(row.timeMs);
  writeOptionalText(writer, row.type ?? undefined);
  writer.text(JSON.stringify(row.fields));
}

/** Reads a waiting event. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeWaitingRow(bytes: Buffer): WaitingRow {
  const reader = open(bytes, "waiting event");
  return readWaiting(reader);
}

/** Reads what {@link writeWaiting} wrote. */
export function readWaiting(reader: ByteReader): WaitingRow {
  return {
    tenant: reader.text(),
    stream: reader.text(),
    keyField: readOptionalText(reader),
    key: readJson(reader, valueSchema),
    timeMs: reader.int(),
    type: readOptionalText(reader) ?? null,
    fields: readJson(reader, fieldsSchema),
  };
}

/** Writes a version of a rule. */
export function encodeRuleRow(row: RuleRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.text(row.name);
  writer.text(row.stream);
  writer.flag(row.isRunning);
  writer.optionalInt(row.startMs);
  for (const name of COUNTERS) writer.uint(row.counters[name]);
  return writer.finish();
}

/** Reads a version of a rule. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeRuleRow(bytes: Buffer): RuleRow {
  const reader = open(bytes, "rule");
  const row: RuleRow = {
    name: reader.text(),
    stream: reader.text(),
    isRunning: reader.flag(),
    startMs: reader.optionalInt(),
    counters: noCounters(),
  };
  for (const name of COUNTERS) row.counters[name] = reader.uint();
  return row;
}

/** Writes what a rule knows of one value of its key. */
export function encodeRuleKeyRow(row: RuleKeyRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.text(row.tenant);
  writer.text(JSON.stringify(row.key));
  writer.optionalInt(row.timerMs);
  writer.optionalInt(row.cooldownUntilMs);
  writer.uint(row.partialCount);
  writer.raw(row.state);
  return writer.finish();
}

/** Reads what a rule knows of one value of its key. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeRuleKeyRow(bytes: Buffer): RuleKeyRow {
  const reader = open(bytes, "state of a rule");
  return {
    tenant: reader.text(),
    key: readJson(reader, valueSchema),
    timerMs: reader.optionalInt(),
    cooldownUntilMs: reader.optionalInt(),
    partialCount: reader.uint(),
    state: reader.rest(),
  };
}

/** Writes a gap. */
export function encodeHoleRow(row: HoleRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writeHole(writer, row);
  return writer.finish();
}

/** Writes a gap without a version, as part of something else. */
export function writeHole(writer: ByteWriter, { tenant, hole }: HoleRow): void {
  writer.text(tenant);
  writer.text(hole.stream);
  writer.int(hole.fromMs);
  writer.int(hole.toMs);
  writer.uint(hole.count);
}

/** Reads a gap. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeHoleRow(bytes: Buffer): HoleRow {
  return readHole(open(bytes, "gap"));
}

/** Reads what {@link writeHole} wrote. */
export function readHole(reader: ByteReader): HoleRow {
  const tenant = reader.text();
  const stream = reader.text();
  const fromMs = reader.int();
  const toMs = reader.int();
  return { tenant, hole: { stream, fromMs, toMs, count: reader.uint() } };
}

/** Writes stage 2's row about rules. */
export function encodePatternsRow(row: PatternsRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.uint(row.alertNumber);
  writer.uint(row.holeNumber);
  writer.uint(row.lateNumber);
  writer.optionalInt(row.metricsMs);
  return writer.finish();
}

/** Reads stage 2's row about rules; undefined bytes give the row before the first commit. */
export function decodePatternsRow(bytes: Buffer | undefined): PatternsRow {
  if (bytes === undefined) {
    return { alertNumber: 0, holeNumber: 0, lateNumber: 0, metricsMs: undefined };
  }
  const reader = open(bytes, "row about rules");
  return {
    alertNumber: reader.uint(),
    holeNumber: reader.uint(),
    lateNumber: reader.uint(),
    metricsMs: reader.optionalInt(),
  };
}

function open(bytes: Buffer, what: string): ByteReader {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, what);
  return reader;
}

function writeOptionalText(writer: ByteWriter, text: string | undefined): void {
  writer.flag(text !== undefined);
  if (text !== undefined) writer.text(text);
}

function readOptionalText(reader: ByteReader): string | undefined {
  return reader.flag() ? reader.text() : undefined;
}

function readJson<T>(reader: ByteReader, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(reader.text());
  } catch (error) {
    throw reader.corrupt(`holds no JSON (${String(error)})`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw reader.corrupt("holds JSON of another form");
  return parsed.data;
}
