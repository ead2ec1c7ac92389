import type { PartitionWatermark } from "../log/keyed-entry.ts";
import type { ProcessRow } from "../state/stage-rows.ts";

/**
 * Moves stage 2's watermark: the minimum over the partitions of `batches` that are neither idle nor empty and within `holdMaxMs` of the
 * most advanced one. When all are idle, nothing is held back and the most advanced counts: as if they were one partition.
 */
export function advancePartitions(row: ProcessRow, holdMaxMs: number): void {
  let newestLive = Number.NEGATIVE_INFINITY;
  let newestIdle = Number.NEGATIVE_INFINITY;
  for (const { watermarkMs, idle } of row.partitions.values()) {
    if (watermarkMs === undefined) continue;
    if (idle) newestIdle = Math.max(newestIdle, watermarkMs);
    else newestLive = Math.max(newestLive, watermarkMs);
  }
  let target = newestLive;
  for (const { watermarkMs, idle } of row.partitions.values()) {
    if (watermarkMs === undefined || idle || watermarkMs < newestLive - holdMaxMs) continue;
    target = Math.min(target, watermarkMs);
  }
  if (newestLive === Number.NEGATIVE_INFINITY) target = newestIdle;
  if (target === Number.NEGATIVE_INFINITY) return;
  if (row.watermarkMs === undefined || target > row.watermarkMs) row.watermarkMs = target;
}

/**
 * From where on all live agents select by the selectors of `revision`: `sinceMs` is the last event time at which one may have selected by
 * others, undefined when none ever did. Undefined while a partition has agents that did not switch, or nothing is known of any.
 */
export function selectionStart(
  partitions: Iterable<PartitionWatermark>,
  revision: string,
): { readonly sinceMs: number | undefined } | undefined {
  let isKnown = false;
  let sinceMs: number | undefined;
  for (const { selection } of partitions) {
    if (selection?.revision !== revision) return undefined;
    isKnown = true;
    if (selection.sinceMs !== undefined)
      sinceMs = Math.max(sinceMs ?? selection.sinceMs, selection.sinceMs);
  }
  return isKnown ? { sinceMs } : undefined;
}
