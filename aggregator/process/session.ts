import { present } from "../../shared/assert.ts";
import type { WatermarkSettings } from "../collect/source-watermark.ts";
import type { EntryResult } from "../collect/stage-one.ts";
import type { LogRecord } from "../log/log.ts";
import type { RuleSet } from "../rules/rule-set.ts";
import type { ArchiveSettings } from "./archive-queue.ts";
import type { WindowSettings } from "./stage-two.ts";

/** The settings of both stages. */
export interface StageSettings {
  readonly watermark: WatermarkSettings;
  readonly windows: WindowSettings;
  /** The rules in use; may change at any time, and is looked at before every group. */
  readonly rules: () => RuleSet;
  /** Undefined: nothing is archived. */
  readonly archive?: ArchivedBlocks | undefined;
}

/** What stage 2 is told of the archive. */
export interface ArchivedBlocks {
  readonly settings: ArchiveSettings;
  /** All blocks of a partition below this number are in durable files. */
  writtenBlocks(partition: number): number;
  /** True when the aggregator is about to stop: what is open is to be closed, so that it can be written. */
  isDraining(): boolean;
}

/** What became of records. */
export interface Applied {
  /** The position after the last record that is done; those from there on are given again. */
  readonly next: number;
  /** Per position of `batches`; empty for `keyed`. */
  readonly results: readonly (readonly [position: number, result: EntryResult])[];
  /** True when something was committed; otherwise there was nothing to commit but the position. */
  readonly isCommitted: boolean;
}

/** The work of one owner on one partition, from the state of its last commit on. After a failure it is thrown away. */
export interface Session {
  /** Applies some of the records, at least one, in order, and commits what they changed. */
  apply(records: readonly LogRecord[]): Promise<Applied>;
  /** True when there is work that no record asks for. */
  readonly hasHousekeeping: boolean;
  /** Does some of that work and commits it. */
  housekeep(): Promise<void>;
}

/** Positions of records that changed nothing are committed after this many groups, so that they can be trimmed. */
export const QUIET_GROUP_COUNT_MAX = 60;

/** Position of the last of some records. */
export function lastPosition(records: readonly LogRecord[]): number {
  return present(records.at(-1), "the last record").position;
}

/** Names what decides into which steps a group is made; the arrivals of an archive are steps, too. */
export function routesOf({ rules, archive }: StageSettings): string {
  const { routes } = rules();
  return archive === undefined ? routes : `${routes} archived`;
}

/** The log's clock at the last of some records. */
export function appendedAtMs(records: readonly LogRecord[]): number {
  return present(records.at(-1), "the last record").appendedAtMs;
}

/** The answer of a session that keeps the records until it has a whole group. */
export function waitForMore(records: readonly LogRecord[]): Applied {
  return { next: lastPosition(records) + 1, results: [], isCommitted: false };
}
