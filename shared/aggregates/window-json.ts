/** The one JSON object that a window is in every interface: files, the API, streams. */
import { minuteToIso } from "../time/window.ts";
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
  /** What agents gave to it; present when there are any. */
  readonly contributors?: readonly ContributorJson[];
}

/** What one agent gave to a window. */
export interface ContributorJson {
  readonly agent: string;
  readonly requestCount: number;
  readonly errorCount: number;
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
  readonly contributors?: readonly ContributorJson[];
}

/** The JSON object of one window. A query makes thousands: keys that are not always there are added, since spreads take twice the time. */
export function windowJson(facts: WindowFacts): WindowJson {
  const { aggregate, progress } = facts;
  const { detail } = aggregate;
  const requestCount = aggregate.requestCount;
  const errorCount = aggregate.errorCount;
  const json: Writable<WindowJson> = {
    stream: facts.stream,
    service: facts.service,
    windowStart: minuteToIso(facts.minute),
    windowEnd: minuteToIso(facts.minute + facts.windowMinutes),
    requestCount,
    errorCount,
    errorRate: requestCount === 0 ? 0 : errorCount / requestCount,
    avgLatency: averageLatencyMs(aggregate),
    latency: latencyJson(aggregate),
    levels: levelsJson(aggregate),
    dimensions: facts.dimensions ?? DIMENSIONS_NONE,
  };
  if (progress !== undefined) {
    json.state = progress.state;
    json.revision = progress.revision;
  }
  if (aggregate.folded || detail?.isFolded === true) json.folded = true;
  if (detail !== undefined) Object.assign(json, detailJson(detail));
  const { contributors = [] } = facts;
  if (contributors.length > 0) json.contributors = contributors;
  return json;
}

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

/** The numbers of all measures, by name. */
export function measuresJson(detail: Detail): Record<string, MeasureJson> {
  const measures: Record<string, MeasureJson> = {};
  for (const { name, kind, value } of detail.measures) {
    measures[name] = { ...measures[name], [kind]: value };
  }
  return measures;
}

/** Measures and sample lines, as far as there are any. */
export function detailJson(detail: Detail): Pick<WindowJson, "measures" | "exemplars"> {
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
