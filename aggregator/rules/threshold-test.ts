/** What comes in to a test of threshold rules: windows as numbers, or lines of logs, which are counted as agents count them. */
import { z } from "zod";
import { Aggregate, LEVEL_INDEX, LEVELS } from "../../shared/aggregates/aggregate.ts";
import { windowJson } from "../../shared/aggregates/window-json.ts";
import { duration } from "../../shared/config/units.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import type { RunWindow } from "./threshold-run.ts";

const MINUTE_MS = 60_000;
const REPEAT_MAX = 10_000;

const moment = () =>
  duration({ max: "365d" }).meta({ description: "Since the start of the test." });
const names = {
  service: z.string().min(1),
  stream: z.string().min(1).prefault(STREAM_DEFAULT),
};
const count = () => z.int().min(0);
const latency = () => z.number().min(0).optional();

/** A window of a test; `repeat` makes it that many minutes. */
export const testWindowSchema = z.strictObject({
  at: moment(),
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
  const given = test.windows.flatMap(({ at, repeat, service, stream, ...numbers }) => {
    const { requestCount, errorCount, avgLatency = null } = numbers;
    const errorRate = requestCount === 0 ? 0 : errorCount / requestCount;
    const fields = { ...numbers, avgLatency, errorRate, responseTime: avgLatency };
    return Array.from({ length: repeat }, (_, index) => {
      const minuteMs = Math.floor((startMs + at) / MINUTE_MS) * MINUTE_MS + index * MINUTE_MS;
      return { service, stream, startMs: minuteMs, fields };
    });
  });
  return [...given, ...countedWindows(test.lines, startMs)];
}

function countedWindows(
  lines: readonly z.output<typeof testLineSchema>[],
  startMs: number,
): RunWindow[] {
  const found = new Map<
    string,
    { readonly service: string; readonly stream: string; minute: number; aggregate: Aggregate }
  >();
  for (const { at, repeat, every, service, stream, level, duration: durationMs } of lines) {
    for (let index = 0; index < repeat; index++) {
      const minute = Math.floor((startMs + at + index * every) / MINUTE_MS);
      const key = JSON.stringify([stream, service, minute]);
      const known = found.get(key) ?? { service, stream, minute, aggregate: new Aggregate() };
      found.set(key, known);
      const durationUs = durationMs === undefined ? -1 : Math.floor(durationMs * 1_000 + 0.5);
      known.aggregate.add(LEVEL_INDEX[level], durationUs);
    }
  }
  return [...found.values()].map(({ service, stream, minute, aggregate }) => {
    const json = windowJson({ stream, service, minute, windowMinutes: 1, aggregate });
    const { latency: latencies, levels: _levels, dimensions: _dimensions, ...numbers } = json;
    const fields = { ...numbers, responseTime: json.avgLatency, ...latencies };
    return { service, stream, startMs: minute * MINUTE_MS, fields };
  });
}
