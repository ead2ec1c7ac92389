import type { StageOne } from "../collect/stage-one.ts";
import type { LogRecord } from "../log/log.ts";
import type { GroupCommit, GroupGather } from "./group-commit.ts";
import type { Applied } from "./session.ts";

/** A group of records of `batches` that stage 1 has taken. */
export interface CollectedGroup {
  /** Position of its last record. */
  readonly through: number;
  readonly results: Applied["results"];
}

/** Gives stage 1 as many records as make up a group; undefined when more are needed to make an unfinished one whole. */
export function collectGroup(
  stageOne: StageOne,
  records: readonly LogRecord[],
  commit: GroupCommit,
  gather: GroupGather,
): CollectedGroup | undefined {
  const gathered = gather.gather(records);
  if (gathered === undefined) return undefined;
  const results: Applied["results"][number][] = [];
  // The last record of an unfinished group may be gone: ticks are not synced.
  let through = commit.partial?.through ?? 0;
  for (const record of gathered.group) {
    if (stageOne.isFull && !gathered.isWhole) break;
    results.push([record.position, stageOne.apply(record)]);
    through = Math.max(through, record.position);
  }
  return { through, results };
}
