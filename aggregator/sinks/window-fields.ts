import { z } from "zod";

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
  state: z.enum(["provisional", "final", "corrected"]).optional(),
});

/** See {@link readWindowFields}. */
export type WindowFields = z.infer<typeof windowFields>;

/** Reads the JSON of a window result. */
export function readWindowFields(json: string): WindowFields {
  return windowFields.parse(JSON.parse(json));
}
