/**
 * Whether the aggregator progresses, not merely lives. The owner of each partition of `batches` appends a tick every second and applies what it
 * reads, so a healthy one moves all the time, whether agents send or not: a log that takes nothing, a reader that hangs, a store that
 * fails all show as records that are not applied.
 */

/** Without an applied record for this long a partition does not progress: ten ticks. */
export const STALL_MS = 10_000;

/** How one partition is getting on. */
export interface PartitionProgress {
  readonly topic: "batches" | "keyed";
  readonly partition: number;
  readonly isOwned: boolean;
  /** How long the record that was applied last had waited; 0 when there is nothing to read. */
  readonly lagMs: number;
  /** When records were last applied, on the monotonic clock. */
  readonly lastProgressMs: number;
}

/** One line of a readiness report. */
export interface ProgressCheck {
  readonly name: string;
  readonly isOk: boolean;
  /** What is wrong, for people; empty when all is well. */
  readonly detail: string;
}

/** How each partition is doing at `nowMs` of the monotonic clock. */
export function checkProgress(
  partitions: readonly PartitionProgress[],
  nowMs: number,
): ProgressCheck[] {
  return partitions.map((progress) => {
    const detail = faultOf(progress, nowMs);
    const name = `${progress.topic} ${progress.partition}`;
    return { name, isOk: detail === "", detail };
  });
}

function faultOf(progress: PartitionProgress, nowMs: number): string {
  const { topic, isOwned, lagMs, lastProgressMs } = progress;
  const stalledMs = nowMs - lastProgressMs;
  const seconds = Math.round(stalledMs / 1_000);
  if (!isOwned) return `not owned; nothing applied for ${seconds} s`;
  if (stalledMs <= STALL_MS) return "";
  // Stage 2 hears nothing while no window and no watermark moves.
  if (topic === "keyed" && lagMs === 0) return "";
  return `owned, but nothing applied for ${seconds} s`;
}
