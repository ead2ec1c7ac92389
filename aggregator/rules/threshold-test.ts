/** What comes in to a test of threshold rules: windows as numbers, or lines of logs, which are counted as agents count them. */
import { z } from "zod";
import { Aggregate, LEVEL_INDEX, LEVELS } from "../../shared/aggregates/aggregate.ts";
import {
  DIMENSIONS_NONE,
  type Dimensions,
  makeDimensions,
} from "../../shared/aggregates/dimensions.ts";
import { windowJson } from "../../shared/aggregates/window-json.ts";
import { duration } from "../../shared/config/units.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { MINUTE_MS, minuteOf, windowStartMinute } from "../../shared/time/window.ts";
import { WIDTH_NAMES, WIDTHS } from "./threshold-rule.ts";
import type { RunWindow } from "./threshold-run.ts";

const REPEAT_MAX = 10_000;
/** As many as a rule may name. */
const DIMENSIONS_MAX = 4;

const moment = () =>
  duration({ max: "365d" }).meta({ description: "Since the start of the test." });
const names = {
  service: z.string().min(1),
  stream: z.string().min(1).prefault(STREAM_DEFAULT),
  dimensions: z
    .record(z.string(), z.string())
    .refine((value) => Object.keys(value).length <= DIMENSIONS_MAX, {
      error: `expected at most ${DIMENSIONS_MAX} dimensions`,
    })
    .optional()
    .meta({ description: "What keeps it apart, for rules with `by`." }),
};
const count = () => z.int().min(0);
const latency = () => z.number().min(0).optional();

const measure = /^[A-Za-z_][A-Za-z0-9_]*_(sum|count|distinct)$/;

/** A window of a test, of the width that its rule looks at; `repeat` makes it that many, one after the other. */
export const testWindowSchema = z.strictObject({
  at: moment(),
  window: z.enum(WIDTH_NAMES).prefault("1m"),
  repeat: z.int().min(1).max(REPEAT_MAX).prefault(1),
  ...names,
  requestCount: count().prefault(1),
  errorCount: count().prefault(0),
  avgLatency: latency(),
  min: latency(),
  p50: latency(),
  p95: latency(),
  p99: latency(),
  max: latency(),
  measures: z
    .record(z.string().regex(measure, { error: "expected a name such as revenue_sum" }), z.number())
    .prefault({})
    .meta({ description: "Numbers of measures, by the names that conditions use." }),
});

/** A line of a test. */
export const testLineSchema = z.strictObject({
  at: moment(),
  repeat: z.int().min(1).max(REPEAT_MAX).prefault(1),
  every: duration({ max: "365d" }).prefault("0s"),
  ...names,
  level: z.enum(LEVELS).prefault("INFO"),
  duration: z.number().min(0).optional().meta({ description: "Milliseconds." }),
});

/** The windows of a test that begins at `startMs`. */
export function testWindows(
  test: {
    readonly windows: readonly z.output<typeof testWindowSchema>[];
    readonly lines: readonly z.output<typeof testLineSchema>[];
  },
  startMs: number,
): RunWindow[] {
  const given = test.windows.flatMap(
    ({ at, window, repeat, service, stream, dimensions, measures, ...numbers }) => {
      const { requestCount, errorCount, avgLatency = null } = numbers;
      const errorRate = requestCount === 0 ? 0 : errorCount / requestCount;
      const widthMinutes = WIDTHS[window];
      const widthMs = widthMinutes * MINUTE_MS;
      const firstMs = Math.floor((startMs + at) / widthMs) * widthMs;
      return Array.from({ length: repeat }, (_, index) => {
        const fields = { ...numbers, ...measures, avgLatency, errorRate, responseTime: avgLatency };
        const ofMs = firstMs + index * widthMs;
        const times = windowTimes(ofMs, widthMs);
        const names = { service, stream, dimensions, widthMinutes };
        return { ...names, startMs: ofMs, fields: { ...fields, ...times } };
      });
    },
  );
  return [...given, ...countedWindows(test.lines, startMs)];
}

/** What every window says of its time. */
function windowTimes(startMs: number, widthMs: number) {
  const iso = (timeMs: number) => new Date(timeMs).toISOString();
  return { windowStart: iso(startMs), windowEnd: iso(startMs + widthMs) };
}

/** What rules may look at a line by: all choices of its dimensions, and none of them. */
function subsetsOf(dimensions: Dimensions = DIMENSIONS_NONE): (Dimensions | undefined)[] {
  let subsets: [string, string][][] = [[]];
  for (const pair of Object.entries(dimensions)) {
    subsets = subsets.flatMap((subset) => [subset, [...subset, pair]]);
  }
  return subsets.map((pairs) => (pairs.length === 0 ? undefined : makeDimensions(pairs)));
}

interface Counted {
  readonly service: string;
  readonly stream: string;
  readonly dimensions: Dimensions | undefined;
  readonly minute: number;
  readonly widthMinutes: number;
  readonly aggregate: Aggregate;
}

/** Lines as windows of every width, of the whole service and of their dimensions. */
function countedWindows(
  lines: readonly z.output<typeof testLineSchema>[],
  startMs: number,
): RunWindow[] {
  const found = new Map<string, Counted>();
  const count = (names: Omit<Counted, "aggregate">, levelIndex: number, durationUs: number) => {
    const key = JSON.stringify(names);
    const known = found.get(key) ?? { ...names, aggregate: new Aggregate() };
    found.set(key, known);
    known.aggregate.add(levelIndex, durationUs);
  };
  for (const line of lines) {
    const { at, repeat, every, service, stream, level, duration: durationMs } = line;
    const durationUs = durationMs === undefined ? -1 : Math.floor(durationMs * 1_000 + 0.5);
    for (let index = 0; index < repeat; index++) {
      const timeMs = startMs + at + index * every;
      for (const widthMinutes of Object.values(WIDTHS)) {
        const minute = windowStartMinute(minuteOf(timeMs), widthMinutes);
        for (const dimensions of subsetsOf(line.dimensions)) {
          const names = { service, stream, dimensions, minute, widthMinutes };
          count(names, LEVEL_INDEX[level], durationUs);
        }
      }
    }
  }
  return [...found.values()].map(({ minute, aggregate, dimensions, ...names }) => {
    const { stream, service, widthMinutes } = names;
    const of = { stream, service, minute, windowMinutes: widthMinutes, aggregate };
    const { latency: latencies, levels: _levels, dimensions: _none, ...numbers } = windowJson(of);
    const fields = { ...numbers, responseTime: numbers.avgLatency, ...latencies };
    return { ...names, dimensions, startMs: minute * MINUTE_MS, fields };
  });
}
