/** What windows must be: a recount of the lines that were written, which knows nothing of the program's own parsers. */

/** One line that a test wrote. */
export interface WrittenLine {
  readonly service: string;
  readonly timeMs: number;
  readonly level: string;
  readonly durationMs: number | undefined;
}

/** The parts of a window that can be compared exactly. */
export interface ExpectedWindow {
  readonly service: string;
  readonly windowStart: string;
  readonly requestCount: number;
  readonly errorCount: number;
  readonly levels: Readonly<Record<string, number>>;
  readonly avgLatency: number | null;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/** Windows of `lines`, of so many minutes, in the order of (windowStart, service). */
export function recount(lines: readonly WrittenLine[], windowMinutes = 1): ExpectedWindow[] {
  const windowMs = windowMinutes * 60_000;
  const groups = Map.groupBy(
    lines,
    (line) => `${Math.floor(line.timeMs / windowMs)} ${line.service}`,
  );
  return [...groups.values()].map((group) => windowOf(group, windowMs)).toSorted(byStartAndService);
}

function windowOf(lines: readonly WrittenLine[], windowMs: number): ExpectedWindow {
  const [first] = lines;
  const levels: Record<string, number> = {};
  let errorCount = 0;
  let sumUs = 0n;
  const durations: number[] = [];
  for (const line of lines) {
    levels[line.level] = (levels[line.level] ?? 0) + 1;
    if (line.level === "ERROR" || line.level === "FATAL") errorCount++;
    if (line.durationMs === undefined) continue;
    const us = Math.floor(line.durationMs * 1000 + 0.5);
    durations.push(us);
    sumUs += BigInt(us);
  }
  const startMs = Math.floor((first?.timeMs ?? 0) / windowMs) * windowMs;
  return {
    service: first?.service ?? "",
    windowStart: new Date(startMs).toISOString(),
    requestCount: lines.length,
    errorCount,
    levels,
    avgLatency: durations.length === 0 ? null : Number(sumUs) / 1000 / durations.length,
    min: durations.length === 0 ? undefined : Math.min(...durations) / 1000,
    max: durations.length === 0 ? undefined : Math.max(...durations) / 1000,
  };
}

/** The comparable parts of a window as the program gives it. */
export function comparable(window: Record<string, unknown>): ExpectedWindow {
  const latency = window["latency"];
  const extremes = typeof latency === "object" && latency !== null ? latency : {};
  const read = JSON.parse(JSON.stringify({ ...window, ...extremes }));
  return {
    service: read.service,
    windowStart: read.windowStart,
    requestCount: read.requestCount,
    errorCount: read.errorCount,
    levels: read.levels,
    avgLatency: read.avgLatency,
    min: read.min,
    max: read.max,
  };
}

function byStartAndService(a: ExpectedWindow, b: ExpectedWindow): number {
  if (a.windowStart !== b.windowStart) return a.windowStart < b.windowStart ? -1 : 1;
  return a.service < b.service ? -1 : a.service > b.service ? 1 : 0;
}
