/** What the windows must be: counted while the lines are written, by nothing of the program. */

/** One line that a simulated program wrote. */
export interface WrittenEvent {
  readonly service: string;
  readonly timeMs: number;
  readonly level: string;
  /** Undefined when the line has none. */
  readonly durationUs: number | undefined;
}

/** The parts of a window that are known exactly. */
export interface CountedWindow {
  requestCount: number;
  errorCount: number;
  readonly levels: Map<string, number>;
  durationCount: number;
  durationSumUs: number;
  durationMinUs: number;
  durationMaxUs: number;
}

/** Windows by `MINUTE SERVICE`, the minute as ISO 8601. */
export class Recount {
  readonly windows = new Map<string, CountedWindow>();
  /** By host: the lines that are to be selected, as `FILE LINE`. */
  readonly selected = new Map<string, Set<string>>();

  add(event: WrittenEvent): void {
    const key = windowKey(new Date(Math.floor(event.timeMs / 60_000) * 60_000), event.service);
    let window = this.windows.get(key);
    if (window === undefined) {
      window = {
        requestCount: 0,
        errorCount: 0,
        levels: new Map(),
        durationCount: 0,
        durationSumUs: 0,
        durationMinUs: Number.POSITIVE_INFINITY,
        durationMaxUs: -1,
      };
      this.windows.set(key, window);
    }
    window.requestCount++;
    if (event.level === "ERROR" || event.level === "FATAL") window.errorCount++;
    window.levels.set(event.level, (window.levels.get(event.level) ?? 0) + 1);
    if (event.durationUs === undefined) return;
    window.durationCount++;
    window.durationSumUs += event.durationUs;
    window.durationMinUs = Math.min(window.durationMinUs, event.durationUs);
    window.durationMaxUs = Math.max(window.durationMaxUs, event.durationUs);
  }

  /** Notes a line that is to be selected. */
  select(host: string, line: string): void {
    const lines = this.selected.get(host) ?? new Set();
    this.selected.set(host, lines.add(line));
  }

  get requestCount(): number {
    let count = 0;
    for (const window of this.windows.values()) count += window.requestCount;
    return count;
  }
}

/** The name of a window: its minute and its service. */
export function windowKey(start: Date, service: string): string {
  return `${start.toISOString()} ${service}`;
}
