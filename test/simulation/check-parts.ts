import type { ObservedPart } from "./observer.ts";
import { type Recount, windowKey } from "./recount.ts";

/** The dimensions by which the agents of some seeds keep windows apart, and the measures of these. */
export const AGGREGATE = {
  dimensions: ["level", "file"],
  measures: {
    numbers: { sum: "line" },
    slow: { count: "duration", where: "duration > 100" },
    files: { distinct: "file" },
  },
  exemplars: {},
} as const;

/** The first difference between the windows that are kept apart and what was written, or undefined. */
export function compareParts(parts: readonly ObservedPart[], recount: Recount): string | undefined {
  const seen = new Set<string>();
  for (const { windowStart, service, dimensions, requestCount, measures } of parts) {
    const { level = "", file = "" } = dimensions;
    const key = windowKey(windowStart, `${service} ${level} ${file}`);
    if (seen.has(key)) return `${key} is served twice`;
    seen.add(key);
    const counted = recount.parts.get(key);
    if (counted === undefined) return `${key} was never written`;
    const found = {
      requests: requestCount,
      numbers: measures?.["numbers"]?.sum ?? 0,
      slow: measures?.["slow"]?.count ?? 0,
      files: measures?.["files"]?.distinct ?? 0,
    };
    const { slowCount: slow, lineSum: numbers } = counted;
    const wanted = { requests: counted.requestCount, numbers, slow, files: 1 };
    if (JSON.stringify(found) === JSON.stringify(wanted)) continue;
    return `${key} is ${JSON.stringify(found)}, the recount says ${JSON.stringify(wanted)}`;
  }
  for (const key of recount.parts.keys()) if (!seen.has(key)) return `${key} is missing`;
  return undefined;
}
