import { z } from "zod";
import { MEASURE_KINDS, type MeasureKind } from "../../shared/aggregates/detail.ts";

const latency = z.object({
  min: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
});

/** The numbers of a window as every interface shows it, for sinks that write them one by one. */
const windowFields = z.object({
  requestCount: z.int(),
  errorCount: z.int(),
  errorRate: z.number(),
  avgLatency: z.number().nullable(),
  latency: latency.nullable(),
  measures: z.record(z.string(), z.record(z.enum(MEASURE_KINDS), z.number().optional())).optional(),
  state: z.enum(["provisional", "final", "corrected"]).optional(),
});

/** See {@link readWindowFields}. */
export type WindowFields = z.infer<typeof windowFields>;

/** The numbers of all measures of a window, one by one. */
export function measureNumbers(
  window: WindowFields,
): { readonly name: string; readonly kind: MeasureKind; readonly value: number }[] {
  return Object.entries(window.measures ?? {}).flatMap(([name, numbers]) =>
    MEASURE_KINDS.flatMap((kind) => {
      const value = numbers[kind];
      return value === undefined ? [] : [{ name, kind, value }];
    }),
  );
}

/** Reads the JSON of a window result. */
export function readWindowFields(json: string): WindowFields {
  return windowFields.parse(JSON.parse(json));
}
