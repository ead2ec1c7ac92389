/** The one JSON object that a window is in every interface: files, the API, streams. */
import { MINUTE_MS } from "../time/window.ts";
import { type Aggregate, LEVELS, type Level } from "./aggregate.ts";
import type { Detail, MeasureKind } from "./detail.ts";
import { DIMENSIONS_NONE, type Dimensions } from "./dimensions.ts";

/** Latencies in milliseconds: exact extremes, quantiles at the nearest rank within 1 %. */
export interface LatencyJson {
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** A window as JSON, keys in this order. */
export interface WindowJson {
  readonly stream: string;
  readonly service: string;
  readonly windowStart: string;
  readonly windowEnd: string;
  readonly requestCount: number;
  readonly errorCount: number;
  readonly errorRate: number;
  /** Milliseconds, not rounded; null when no event had a duration. */
  readonly avgLatency: number | null;
  /** Null when no event had a duration. */
  readonly latency: LatencyJson | null;
  /** Only the levels that occurred. */
  readonly levels: Readonly<Partial<Record<Level, number>>>;
  readonly dimensions: Dimensions;
  readonly state?: WindowState;
  readonly revision?: number;
  /** Present when a cardinality limit folded other keys into this window. */
  readonly folded?: true;
  /** By name; present when there are any. */
  readonly measures?: Readonly<Record<string, MeasureJson>>;
  /** Sample lines; present when there are any. */
  readonly exemplars?: readonly ExemplarJson[];
}

/** The numbers of one measure, by their kinds. */
export type MeasureJson = Readonly<Partial<Record<MeasureKind, number>>>;

/** A sample line. */
export interface ExemplarJson {
  readonly id: string;
  readonly timestamp: string;
  readonly level: Level;
  readonly line: string;
}

/** How settled an aggregator's window is. */
export type WindowState = "provisional" | "final" | "corrected";

/** What {@link windowJson} needs to know of a window. */
export interface WindowFacts {
  readonly stream: string;
  readonly service: string;
  /** None when left out. */
  readonly dimensions?: Dimensions | undefined;
  /** Start, in minutes since the Unix epoch. */
  readonly minute: number;
  /** Length in minutes. */
  readonly windowMinutes: number;
  readonly aggregate: Aggregate;
  /** Only windows of an aggregator have one. */
  readonly progress?: { readonly state: WindowState; readonly revision: number };
}

/** The JSON object of one window. */
export function windowJson(facts: WindowFacts): WindowJson {
  const { aggregate, progress } = facts;
  const requestCount = aggregate.requestCount;
  const errorCount = aggregate.errorCount;
  return {
    stream: facts.stream,
    service: facts.service,
    windowStart: new Date(facts.minute * MINUTE_MS).toISOString(),
    windowEnd: new Date((facts.minute + facts.windowMinutes) * MINUTE_MS).toISOString(),
    requestCount,
    errorCount,
    errorRate: requestCount === 0 ? 0 : errorCount / requestCount,
    avgLatency: averageLatencyMs(aggregate),
    latency: latencyJson(aggregate),
    levels: levelsJson(aggregate),
    dimensions: facts.dimensions ?? DIMENSIONS_NONE,
    ...(progress === undefined ? {} : { state: progress.state, revision: progress.revision }),
    ...(aggregate.folded || aggregate.detail?.isFolded === true ? { folded: true } : {}),
    ...(aggregate.detail === undefined ? {} : detailJson(aggregate.detail)),
  };
}

/** The numbers of all measures, by name. */
export function measuresJson(detail: Detail): Record<string, MeasureJson> {
  const measures: Record<string, MeasureJson> = {};
  for (const { name, kind, value } of detail.measures) {
    measures[name] = { ...measures[name], [kind]: value };
  }
  return measures;
}

function detailJson(detail: Detail): Pick<WindowJson, "measures" | "exemplars"> {
  const measures = measuresJson(detail);
  const exemplars = detail.exemplars.map(({ id, timeMs, level, line }) => ({
    id,
    timestamp: new Date(timeMs).toISOString(),
    level: LEVELS[level] ?? "OTHER",
    line,
  }));
  return {
    ...(Object.keys(measures).length === 0 ? {} : { measures }),
    ...(exemplars.length === 0 ? {} : { exemplars }),
  };
}

/** The mean duration in milliseconds, not rounded; null when there is none. */
export function averageLatencyMs(aggregate: Aggregate): number | null {
  const count = aggregate.durationCount;
  return count === 0 ? null : aggregate.durationSum / 1000 / count;
}

function latencyJson(aggregate: Aggregate): LatencyJson | null {
  if (aggregate.durationCount === 0) return null;
  return {
    min: aggregate.durationMin / 1000,
    p50: (aggregate.durationQuantile(0.5) ?? 0) / 1000,
    p95: (aggregate.durationQuantile(0.95) ?? 0) / 1000,
    p99: (aggregate.durationQuantile(0.99) ?? 0) / 1000,
    max: aggregate.durationMax / 1000,
  };
}

function levelsJson(aggregate: Aggregate): Partial<Record<Level, number>> {
  const levels: Partial<Record<Level, number>> = {};
  LEVELS.forEach((level, index) => {
    const count = aggregate.levels[index] ?? 0;
    if (count > 0) levels[level] = count;
  });
  return levels;
}
