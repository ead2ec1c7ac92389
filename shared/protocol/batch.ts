/**
 * What agent and aggregator agree on: the batch, its parts and its bytes. `FORMAT.md` draws them, `tailrace.proto` numbers them.
 */
import type { Aggregate } from "../aggregates/aggregate.ts";
import type { Dimensions } from "../aggregates/dimensions.ts";
import type { Hole, SelectedEvent } from "./selected-event.ts";
import type { SelectedLine } from "./selected-line.ts";

/** The stream that windows belong to unless a source says otherwise. */
export const STREAM_DEFAULT = "application-logs";

/** One window's part that is new since the last batch. */
export interface Delta {
  readonly stream: string;
  readonly service: string;
  /** Start of the window, in minutes since the Unix epoch; may be negative. */
  readonly minute: number;
  /** Of a source that keeps windows apart; none when left out. Every line is in one delta only, whether that has dimensions or not. */
  readonly dimensions?: Dimensions;
  readonly aggregate: Aggregate;
}

/** A half-open range of bytes. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** How far a file has been read. Everything below `offset` but the held ranges is in this or earlier batches. */
export interface Checkpoint {
  readonly source: string;
  /** Number that the agent gave the file when it first saw it; rises, never given twice by one agent. */
  readonly file: number;
  /** Path where the file was last seen. */
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  /** Milliseconds since the Unix epoch; undefined where the file system reports none. */
  readonly birthMs: number | undefined;
  /** Count of the first bytes that `fingerprint` covers; 0 to 1024. */
  readonly fingerprintBytes: number;
  /** Lower-case hex; empty when `fingerprintBytes` is 0. */
  readonly fingerprint: string;
  /** Rises by one with each truncation. */
  readonly generation: number;
  readonly offset: number;
  /** In a batch: the offset (of this generation) where this batch's reading began; in a full set equal to `offset`. */
  readonly from: number;
  /** Count of the bytes before `offset` that `guard` covers; 0 to 256. */
  readonly guardBytes: number;
  /** CRC-32 of these bytes. */
  readonly guard: number;
  /** Milliseconds since the Unix epoch: the file's last change when what was read was last proven to be there; undefined before. */
  readonly modifiedMs: number | undefined;
  /** Ranges below `offset` that are not yet in any batch; ascending, disjoint. */
  readonly held: readonly ByteRange[];
  /** True when the bytes before `offset` were counted as a line although no line end followed; what follows is a continuation. */
  readonly unterminated: boolean;
  /** True when nothing can follow: the file is packed, and read to its end. */
  readonly complete: boolean;
  /** True when the file is gone and wholly read: the checkpoint may be forgotten. */
  readonly removed: boolean;
}

/** Whether more is expected of a source. The place of each here is its number in batches and stored rows. */
export const SOURCE_STATES = ["live", "idle", "ended"] as const;

/** One of {@link SOURCE_STATES}. */
export type SourceState = (typeof SOURCE_STATES)[number];

/** What a batch says of a source's progress in event time. */
export interface SourceReport {
  readonly source: string;
  readonly state: SourceState;
  /** Highest event time of this batch's events that are not beyond the agent's clock + `max_future`; undefined when there are none. */
  readonly eventTimeMaxMs: number | undefined;
}

/**
 * The sides of the ledger. Of lines: read = aggregated + filtered + rejected + lost + held; `noted` stands beside the balance (a duration out
 * of range, a clock ahead). Of events, apart from lines: events_selected = events_sent + events_shed; of raw lines that are sent for search,
 * apart from both: lines_selected = lines_sent + lines_shed.
 * The place of each here is its number in batches and stored rows: new ones go to the end.
 */
export const LEDGER_KINDS = [
  "aggregated",
  "filtered",
  "rejected",
  "lost",
  "held",
  "noted",
  "events_selected",
  "events_sent",
  "events_shed",
  "lines_selected",
  "lines_sent",
  "lines_shed",
] as const;

/** One of {@link LEDGER_KINDS}. */
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** The sides between which read lines and bytes are divided. */
export const BALANCED_KINDS = [
  "aggregated",
  "filtered",
  "rejected",
  "lost",
  "held",
] as const satisfies readonly LedgerKind[];

/** One of {@link BALANCED_KINDS}. */
export type BalancedKind = (typeof BALANCED_KINDS)[number];

/** True for what was read, false for what is only noted, for events and for raw lines. */
export function isBalanced(entry: LedgerEntry): boolean {
  return BALANCED_KINDS.some((kind) => kind === entry.kind);
}

/** One line of the cumulative ledger. */
export interface LedgerEntry {
  readonly source: string;
  readonly kind: LedgerKind;
  /** Why, such as `too_long`; empty for `aggregated`, `held`, `events_selected` and `events_sent`. */
  readonly reason: string;
  /** Count of lines, or of events. */
  readonly lines: number;
  /** Of lines: line ends included. Of events: as `eventBytes` counts. */
  readonly bytes: number;
}

/** Takes the place of a record that was condemned. */
export interface Tombstone {
  readonly reason: "malformed_batch" | "spool_corrupt";
  /** Digest of the record whose sequence it takes. */
  readonly replacedDigest: string;
}

/** One sealed cut of everything an agent knows. Names a moment for ever by (agent, epoch, sequence). */
export interface Batch {
  readonly agent: string;
  /** 32 hex digits: the life of the agent's spool. */
  readonly epoch: string;
  /** Rises by one, from 1, within an epoch. */
  readonly sequence: number;
  /** Digest of the record before, {@link DIGEST_NONE} for the first of an epoch. */
  readonly previousDigest: string;
  readonly sealedAtMs: number;
  readonly deltas: readonly Delta[];
  /** Changes only. */
  readonly checkpoints: readonly Checkpoint[];
  readonly sources: readonly SourceReport[];
  /** Cumulative, every entry of the agent. */
  readonly ledger: readonly LedgerEntry[];
  readonly tombstone: Tombstone | undefined;
  /** By source, in the order in which their lines were read. */
  readonly events: readonly SelectedEvent[];
  /** At most one per stream. */
  readonly holes: readonly Hole[];
  /** Raw lines; none when left out. */
  readonly lines?: readonly SelectedLine[];
  /** Revision of the selectors that chose the events; empty when there were none. */
  readonly selectorRevision: string;
}

/** What the first record of an epoch names as the digest before it. */
export const DIGEST_NONE = "00000000000000000000000000000000";

/** A sealed batch as it lies in the spool and travels: compressed, with what is needed to check it. */
export interface SealedRecord {
  readonly sequence: number;
  /** First 16 bytes of the SHA-256 of the uncompressed bytes, as lower-case hex. A tombstone's is its `replacedDigest`. */
  readonly digest: string;
  readonly rawBytes: number;
  /** LZ4 block with the uncompressed size before it (32 bits, little endian). */
  readonly payload: Buffer;
}

/** One request: consecutive records of one epoch, appended whole or not at all. */
export interface Envelope {
  readonly version: number;
  readonly agent: string;
  readonly epoch: string;
  /** The log that the epoch is bound to; empty before the first answer. */
  readonly logId: string;
  readonly machine: string;
  readonly records: readonly SealedRecord[];
  /** Revision of the selectors that the agent has, which those of its next batches may be; empty when it has none, and in version 1. */
  readonly selectorRevision: string;
}

/** The envelope version that this program produces. 1: without events. 2: without dimensions, measures, sample lines and raw lines. */
export const ENVELOPE_VERSION = 3;

/** True for versions that this program reads. */
export function isKnownVersion(version: number): boolean {
  return version >= 1 && version <= ENVELOPE_VERSION;
}
