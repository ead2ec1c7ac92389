/**
 * How far event time has come in one partition of `batches`: W = max event time − out-of-orderness − 1 ms, as Flink's
 * `BoundedOutOfOrdernessWatermarks`, over many sources as in Flink's `StatusWatermarkValve`, with differences:
 *
 * - a source holds W back only while it is within `holdMaxMs` of the most advanced one, so a host with an old backlog makes corrections
 *   instead of stopping everybody;
 * - a source is idle when no event time that may move W came for `idleAfterMs` of the log's clock, whatever it reports;
 * - a source that is awaited (an inlet with a backlog of which nothing was read yet) holds W where it is, for `idleAfterMs` at most;
 * - when no source is live, W follows the log's clock, so that the last windows become final; or, when the data is from the past, it
 *   goes to the end of the newest window with data.
 */
import type { SourceReport } from "../../shared/protocol/batch.ts";
import type { SourceInput } from "../state/agent-row.ts";
import type { CollectRow } from "../state/stage-rows.ts";

const MINUTE_MS = 60_000;

/** The numbers of the watermark, in milliseconds. */
export interface WatermarkSettings {
  /** How late an event may be before its window's final. */
  readonly outOfOrdernessMs: number;
  readonly holdMaxMs: number;
  readonly idleAfterMs: number;
  /** Event times further ahead of the log's clock do not move W. */
  readonly maxFutureMs: number;
}

/** What holds unless configured otherwise. */
export const WATERMARK_DEFAULTS: WatermarkSettings = {
  outOfOrdernessMs: 10_000,
  holdMaxMs: 60_000,
  idleAfterMs: 30_000,
  maxFutureMs: 600_000,
};

/** Takes a source's report into account; returns false when its event time is too far ahead of the clock and was not. */
export function takeReport(
  input: SourceInput,
  report: SourceReport,
  clockMs: number,
  settings: WatermarkSettings,
): boolean {
  input.state = report.state;
  input.seenMs = clockMs;
  const eventTimeMs = report.eventTimeMaxMs;
  if (eventTimeMs === undefined) return true;
  if (eventTimeMs > clockMs + settings.maxFutureMs) return false;
  input.eventTimeMaxMs = Math.max(input.eventTimeMaxMs ?? eventTimeMs, eventTimeMs);
  input.eventSeenMs = clockMs;
  return true;
}

/** Moves `row`'s watermark as far as its sources and its clock allow, and says whether it is idle. Call it after all events of a batch. */
export function advanceWatermark(
  row: CollectRow,
  sources: readonly SourceInput[],
  settings: WatermarkSettings,
): void {
  const clockMs = row.clockMs;
  if (clockMs === undefined) return;
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const input of sources) {
    if (isAwaited(input, clockMs, settings)) {
      row.idle = false;
      return;
    }
    const eventTimeMs = liveEventTime(input, clockMs, settings);
    if (eventTimeMs > newestMs) newestMs = eventTimeMs;
  }
  row.idle = newestMs === Number.NEGATIVE_INFINITY;
  const target = row.idle
    ? idleTarget(row, clockMs, settings)
    : slowest(sources, newestMs, clockMs, settings) - settings.outOfOrdernessMs - 1;
  if (target === undefined) return;
  if (row.watermarkMs === undefined || target > row.watermarkMs) row.watermarkMs = target;
}

/** Notes that something is to be read of a source, of which no event time is known. */
export function awaitSource(input: SourceInput, clockMs: number): void {
  input.state = "live";
  input.seenMs = clockMs;
  if (input.eventTimeMaxMs === undefined) input.eventSeenMs = clockMs;
}

function isAwaited(input: SourceInput, clockMs: number, settings: WatermarkSettings): boolean {
  const { eventTimeMaxMs, eventSeenMs } = input;
  return (
    eventTimeMaxMs === undefined &&
    eventSeenMs !== undefined &&
    clockMs - eventSeenMs < settings.idleAfterMs
  );
}

/** The event time of a live source, -Infinity of the others. */
function liveEventTime(input: SourceInput, clockMs: number, settings: WatermarkSettings): number {
  const { eventTimeMaxMs, eventSeenMs } = input;
  const isLive =
    input.state !== "ended" &&
    eventTimeMaxMs !== undefined &&
    eventSeenMs !== undefined &&
    clockMs - eventSeenMs < settings.idleAfterMs;
  return isLive ? eventTimeMaxMs : Number.NEGATIVE_INFINITY;
}

function slowest(
  sources: readonly SourceInput[],
  newestMs: number,
  clockMs: number,
  settings: WatermarkSettings,
): number {
  let slowestMs = newestMs;
  for (const input of sources) {
    const eventTimeMs = liveEventTime(input, clockMs, settings);
    if (eventTimeMs < slowestMs && eventTimeMs >= newestMs - settings.holdMaxMs) {
      slowestMs = eventTimeMs;
    }
  }
  return slowestMs;
}

function idleTarget(
  row: CollectRow,
  clockMs: number,
  settings: WatermarkSettings,
): number | undefined {
  const { watermarkMs, newestMinute } = row;
  if (watermarkMs !== undefined && clockMs - watermarkMs <= settings.holdMaxMs) {
    return clockMs - settings.outOfOrdernessMs - settings.idleAfterMs;
  }
  return newestMinute === undefined ? undefined : Math.min((newestMinute + 1) * MINUTE_MS, clockMs);
}
