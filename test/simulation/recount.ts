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

/** What is known exactly of a window that is kept apart by level and file. */
export interface CountedPart {
  requestCount: number;
  /** Sum of the numbers of its lines. */
  lineSum: number;
  /** Lines that took longer than 100 ms. */
  slowCount: number;
}

/** Windows by `MINUTE SERVICE`, the minute as ISO 8601. */
export class Recount {
  readonly windows = new Map<string, CountedWindow>();
  /** By `MINUTE SERVICE LEVEL FILE`. */
  readonly parts = new Map<string, CountedPart>();
  private readonly starts = new Map<number, string>();
  /** By host: the lines that are to be selected, as `FILE LINE`. */
  readonly selected = new Map<string, Set<string>>();

  add(event: WrittenEvent): void {
    const key = windowKey(this.startOf(event.timeMs), event.service);
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

  /** Adds the same event where windows are kept apart; `line` is its number in `file`. */
  addPart({ service, timeMs, level, durationUs = 0 }: WrittenEvent, file: string, line: number) {
    const key = windowKey(this.startOf(timeMs), `${service} ${level} ${file}`);
    const part = this.parts.get(key) ?? { requestCount: 0, lineSum: 0, slowCount: 0 };
    part.requestCount++;
    part.lineSum += line;
    if (durationUs > 100_000) part.slowCount++;
    this.parts.set(key, part);
  }

  /** Start of the window of a moment, as ISO 8601. */
  private startOf(timeMs: number): string {
    const minute = Math.floor(timeMs / 60_000);
    let start = this.starts.get(minute);
    if (start === undefined) {
      start = new Date(minute * 60_000).toISOString();
      this.starts.set(minute, start);
    }
    return start;
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

/** The name of a window: its start as ISO 8601 and its service. */
export function windowKey(start: string, service: string): string {
  return `${start} ${service}`;
}
