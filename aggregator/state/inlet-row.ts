/**
 * The rows of an inlet, a way in that needs no agent: how far it is and what became of its records; its dead letters; the requests that it
 * knows. Written and read in the order of the interfaces below; each begins with format version 1, those of an inlet and of a dead letter with
 * 2: of version 1 they have no settled letters, and no names.
 */
import type { LedgerEntry } from "../../shared/protocol/batch.ts";
import {
  readLedger,
  readSourceInput,
  type SourceInput,
  writeLedger,
  writeSourceInput,
} from "./agent-row.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

const VERSION = 1;
const INLET_VERSION = 2;
const LETTER_VERSION = 2;
const DIGEST_BYTES = 16;

/** Counters of an inlet's entries and of what was in them. */
export interface InletCounters {
  applied: number;
  duplicate: number;
  /** Entries that did not begin where the one before ended. */
  rewound: number;
  /** Requests whose key was used for another body. */
  conflict: number;
  /** Records in windows. */
  records: number;
  /** Entries whose event times were too far ahead of the log's clock. */
  clockAhead: number;
}

/** What stage 1 knows of an inlet. */
export interface InletRow {
  readonly tenant: string;
  readonly source: string;
  readonly place: string;
  /** All records before it are counted. Of an inlet of requests: how many requests with a key were. */
  position: number;
  readonly counters: InletCounters;
  /** Cumulative. */
  ledger: LedgerEntry[];
  /** Dead letters kept, and numbered so far; the kept ones are the last, but for the settled ones. */
  letterCount: number;
  letterTotal: number;
  /** Numbers of those among the last that are no longer kept: replayed or dropped; ascending. */
  settledLetters: number[];
  /** Revision of the selectors that chose the events of the last applied entry. */
  selectorRevision: string;
  /** Up to this event time they may have been chosen by others, milliseconds; undefined: they never were. */
  selectedSinceMs: number | undefined;
  /** Log's clock at the last entry. */
  seenMs: number;
  /** For the watermark. */
  readonly sources: readonly [SourceInput];
}

/** A record that is no event. */
export interface LetterRow {
  readonly position: number;
  readonly reason: string;
  /** Log's clock when it was taken. */
  readonly takenMs: number;
  readonly isCut: boolean;
  /** Stream and service that its request came with; undefined of a topic's record. */
  readonly names?: { readonly stream: string; readonly service: string } | undefined;
  /** The record, or its beginning. */
  readonly value: Buffer;
}

/** Writes an inlet's row. */
export function encodeInletRow(row: InletRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(INLET_VERSION);
  writer.text(row.tenant);
  writer.text(row.source);
  writer.text(row.place);
  writer.uint(row.position);
  const { applied, duplicate, rewound, conflict, records, clockAhead } = row.counters;
  for (const count of [applied, duplicate, rewound, conflict, records, clockAhead]) {
    writer.uint(count);
  }
  writeLedger(writer, row.ledger);
  writer.uint(row.letterCount);
  writer.uint(row.letterTotal);
  writer.text(row.selectorRevision);
  writer.optionalInt(row.selectedSinceMs);
  writer.int(row.seenMs);
  writeSourceInput(writer, row.sources[0]);
  writer.uint(row.settledLetters.length);
  for (const number of row.settledLetters) writer.uint(number);
  return writer.finish();
}

/** Reads an inlet's row. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeInletRow(bytes: Buffer): InletRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, INLET_VERSION, "inlet");
  const row: InletRow = {
    tenant: reader.text(),
    source: reader.text(),
    place: reader.text(),
    position: reader.uint(),
    counters: {
      applied: reader.uint(),
      duplicate: reader.uint(),
      rewound: reader.uint(),
      conflict: reader.uint(),
      records: reader.uint(),
      clockAhead: reader.uint(),
    },
    ledger: readLedger(reader),
    letterCount: reader.uint(),
    letterTotal: reader.uint(),
    selectorRevision: reader.text(),
    selectedSinceMs: reader.optionalInt(),
    seenMs: reader.int(),
    sources: [readSourceInput(reader)],
    settledLetters: [],
  };
  if (version === 1) return row;
  for (let left = reader.uint(); left > 0; left--) row.settledLetters.push(reader.uint());
  return row;
}

/** Writes a dead letter. */
export function encodeLetterRow(letter: LetterRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(LETTER_VERSION);
  writer.uint(letter.position);
  writer.text(letter.reason);
  writer.int(letter.takenMs);
  writer.flag(letter.isCut);
  const { names } = letter;
  writer.flag(names !== undefined);
  if (names !== undefined) {
    writer.text(names.stream);
    writer.text(names.service);
  }
  writer.raw(letter.value);
  return writer.finish();
}

/** Reads a dead letter. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeLetterRow(bytes: Buffer): LetterRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, LETTER_VERSION, "dead letter");
  const head = {
    position: reader.uint(),
    reason: reader.text(),
    takenMs: reader.int(),
    isCut: reader.flag(),
  };
  const hasNames = version > 1 && reader.flag();
  const names = hasNames ? { stream: reader.text(), service: reader.text() } : undefined;
  return { ...head, ...(names && { names }), value: Buffer.from(reader.rest()) };
}

/** Writes that a request was counted: the digest of its body, 32 hex digits. */
export function encodeRequestRow(digest: string): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.hex(digest);
  return writer.finish();
}

/** Reads the digest of a counted request. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeRequestRow(bytes: Buffer): string {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "request");
  return reader.hex(DIGEST_BYTES);
}

/** Writes the key of a row of {@link encodeRequestRow}, for the ring of counted requests. */
export function encodeRequestSlotRow(key: string): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.text(key);
  return writer.finish();
}

/** Reads the key that a slot of the ring holds. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeRequestSlotRow(bytes: Buffer): string {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "slot of a request");
  return reader.text();
}
