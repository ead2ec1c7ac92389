import type { ObservedWindow } from "./observer.ts";
import { type CountedWindow, type Recount, windowKey } from "./recount.ts";

/** What is wrong with windows at any moment: nothing counted that was not written, and no revision that goes back. */
export class RunningCheck {
  private revisions = new Map<string, number>();

  /** After a restore from a backup the aggregator's past is another one. */
  forget(): void {
    this.revisions.clear();
  }

  /** The first fault, or undefined. */
  look(windows: readonly ObservedWindow[], recount: Recount): string | undefined {
    for (const window of windows) {
      const key = windowKey(window.windowStart, window.service);
      const counted = recount.windows.get(key);
      if (counted === undefined) return `${key} was never written`;
      if (window.requestCount > counted.requestCount) {
        return `${key} has ${window.requestCount} requests, only ${counted.requestCount} were written`;
      }
      for (const [level, count] of Object.entries(window.levels)) {
        const written = counted.levels.get(level) ?? 0;
        if (count > written) return `${key} has ${count} ${level}, only ${written} were written`;
      }
      const before = this.revisions.get(key) ?? 0;
      if (window.revision < before) {
        return `${key} went from revision ${before} back to ${window.revision}`;
      }
      this.revisions.set(key, window.revision);
    }
    return undefined;
  }
}

/** The first difference between what is served and what was written, or undefined. */
export function compareWindows(
  windows: readonly ObservedWindow[],
  recount: Recount,
): string | undefined {
  const seen = new Set<string>();
  for (const window of windows) {
    const key = windowKey(window.windowStart, window.service);
    if (seen.has(key)) return `${key} is served twice`;
    seen.add(key);
    const counted = recount.windows.get(key);
    if (counted === undefined) return `${key} was never written`;
    const found = textOfObserved(window);
    const wanted = textOfCounted(counted);
    if (found !== wanted) return `${key} is ${found}, the recount says ${wanted}`;
  }
  for (const key of recount.windows.keys()) {
    if (!seen.has(key)) return `${key} is missing`;
  }
  return undefined;
}

/** The first roll-up that is not what its minutes are together, or undefined. */
export function compareRollUps(
  minutes: readonly ObservedWindow[],
  rollUps: readonly ObservedWindow[],
  widthMinutes: number,
): string | undefined {
  const widthMs = widthMinutes * 60_000;
  const wanted = new Map<string, { requests: number; errors: number; revision: number }>();
  for (const { service, windowStart, requestCount, errorCount, revision } of minutes) {
    const startMs = Math.floor(Date.parse(windowStart) / widthMs) * widthMs;
    const key = windowKey(new Date(startMs).toISOString(), service);
    const sum = wanted.get(key) ?? { requests: 0, errors: 0, revision: 0 };
    sum.requests += requestCount;
    sum.errors += errorCount;
    sum.revision += revision;
    wanted.set(key, sum);
  }
  if (rollUps.length !== wanted.size) {
    return `there are ${rollUps.length} windows of ${widthMinutes} minutes instead of ${wanted.size}`;
  }
  for (const { service, windowStart, requestCount, errorCount, revision } of rollUps) {
    const key = windowKey(windowStart, service);
    const found = JSON.stringify({ requests: requestCount, errors: errorCount, revision });
    const want = JSON.stringify(wanted.get(key));
    if (found !== want) {
      return `${key} of ${widthMinutes} minutes is ${found}, its minutes are ${want}`;
    }
  }
  return undefined;
}

function textOfCounted(window: CountedWindow): string {
  const levels = Object.fromEntries(window.levels);
  const hasDuration = window.durationCount > 0;
  return textOf({
    requests: window.requestCount,
    errors: window.errorCount,
    levels,
    average: hasDuration ? window.durationSumUs / 1_000 / window.durationCount : null,
    min: hasDuration ? window.durationMinUs / 1_000 : null,
    max: hasDuration ? window.durationMaxUs / 1_000 : null,
  });
}

function textOfObserved(window: ObservedWindow): string {
  return textOf({
    requests: window.requestCount,
    errors: window.errorCount,
    levels: window.levels,
    average: window.avgLatency,
    min: window.latency?.min ?? null,
    max: window.latency?.max ?? null,
  });
}

function textOf(facts: {
  readonly levels: Readonly<Record<string, number>>;
  readonly [name: string]: unknown;
}): string {
  const levels = Object.entries(facts.levels).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify({ ...facts, levels: Object.fromEntries(levels) });
}
