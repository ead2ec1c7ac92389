/** The table that people read: a row per service with its error rate over time as a line of bars. */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { minuteToIso } from "../../shared/time/window.ts";
import { type CollectedWindow, mergedByService } from "../scan/collected-windows.ts";

const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const NO_REQUESTS = "·";
const SPARKLINE_WIDTH_MAX = 40;
const SPARKLINE_WIDTH_MIN = 8;
const SERVICE_WIDTH_MAX = 40;
/** Rates from which a service is shown as bad, or as worth a look. */
const RATE_BAD = 0.05;
const RATE_SUSPICIOUS = 0.01;
const COLORS = {
  bad: "\u001b[31m",
  suspicious: "\u001b[33m",
  dim: "\u001b[2m",
  none: "\u001b[0m",
} as const;

/** How a table is laid out. */
export interface TableOptions {
  readonly windowMinutes: number;
  readonly hasColor: boolean;
  /** Width of the terminal in characters. */
  readonly columns: number;
}

/** The share of errors among requests; 0 when there are none. */
function errorRate(errorCount: number, requestCount: number): number {
  return requestCount === 0 ? 0 : errorCount / requestCount;
}

/** The table as text, busiest service first; empty when there are no windows. */
export function serviceTable(windows: readonly CollectedWindow[], options: TableOptions): string {
  const first = windows[0];
  const last = windows.at(-1);
  if (first === undefined || last === undefined) return "";
  const services = [...mergedByService(windows)].toSorted(
    ([, a], [, b]) => b.requestCount - a.requestCount,
  );
  const cells = services.map(([service, aggregate]) => rowCells(service, aggregate));
  const header = ["service", "requests", "errors", "rate", "p50", "p99"];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => (row[column] ?? "").length)),
  );
  const used = widths.reduce((sum, width) => sum + width + 2, 0);
  const spans = new TimeSpans(first.minute, last.minute + options.windowMinutes, {
    windowMinutes: options.windowMinutes,
    countMax: Math.max(SPARKLINE_WIDTH_MIN, Math.min(SPARKLINE_WIDTH_MAX, options.columns - used)),
  });
  const rates = ratesByService(windows, spans);
  const rateMax = Math.max(0, ...[...rates.values()].flat().filter((rate) => rate >= 0));
  const paint = (color: keyof typeof COLORS, text: string): string =>
    options.hasColor ? `${COLORS[color]}${text}${COLORS.none}` : text;
  const lines = [paint("dim", `${padded(header, widths)}  error rate over time`)];
  services.forEach(([service, aggregate], index) => {
    const rate = errorRate(aggregate.errorCount, aggregate.requestCount);
    const line = `${padded(cells[index] ?? [], widths)}  ${sparkline(rates.get(service) ?? [], rateMax)}`;
    if (rate >= RATE_BAD) lines.push(paint("bad", line));
    else lines.push(rate >= RATE_SUSPICIOUS ? paint("suspicious", line) : line);
  });
  lines.push(paint("dim", caption(windows, spans, rateMax)));
  return `${lines.join("\n")}\n`;
}

function caption(windows: readonly CollectedWindow[], spans: TimeSpans, rateMax: number): string {
  const requests = windows.reduce((sum, { aggregate }) => sum + aggregate.requestCount, 0);
  const scale = rateMax > 0 ? `, █ = ${percent(rateMax)}` : "";
  const bars = `a bar is ${spans.minutesEach} min${scale}, ${NO_REQUESTS} = no requests`;
  return `${minuteToIso(spans.from)} to ${minuteToIso(spans.to)}, ${requests} requests; ${bars}`;
}

function rowCells(service: string, aggregate: Aggregate): string[] {
  const name = [...service];
  const shown =
    name.length > SERVICE_WIDTH_MAX ? `${name.slice(0, SERVICE_WIDTH_MAX - 1).join("")}…` : service;
  return [
    // Names come from logs: they must not steer the terminal.
    shown.replace(/\p{Cc}/gu, "�"),
    String(aggregate.requestCount),
    String(aggregate.errorCount),
    percent(errorRate(aggregate.errorCount, aggregate.requestCount)),
    latency(aggregate.durationQuantile(0.5)),
    latency(aggregate.durationQuantile(0.99)),
  ];
}

function padded(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    })
    .join("  ");
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(rate > 0 && rate < 0.1 ? 2 : 1)} %`;
}

function latency(us: number | undefined): string {
  if (us === undefined) return "-";
  if (us >= 1e7) return `${(us / 1e6).toFixed(1)} s`;
  return us >= 1e5 ? `${(us / 1e3).toFixed(0)} ms` : `${(us / 1e3).toFixed(us >= 1e4 ? 1 : 2)} ms`;
}

/** Equal parts of a time range, each a whole number of windows. */
class TimeSpans {
  readonly from: number;
  readonly to: number;
  readonly minutesEach: number;
  readonly count: number;

  constructor(
    from: number,
    to: number,
    limits: { readonly windowMinutes: number; readonly countMax: number },
  ) {
    this.from = from;
    this.to = to;
    const windowCount = (to - from) / limits.windowMinutes;
    this.minutesEach = Math.ceil(windowCount / limits.countMax) * limits.windowMinutes;
    this.count = Math.ceil((to - from) / this.minutesEach);
  }

  index(minute: number): number {
    return Math.floor((minute - this.from) / this.minutesEach);
  }
}

/** The error rate of each service in each span; -1 where it had no requests. */
function ratesByService(
  windows: readonly CollectedWindow[],
  spans: TimeSpans,
): Map<string, number[]> {
  const counts = new Map<string, { errors: number; requests: number }[]>();
  for (const { service, minute, aggregate } of windows) {
    let list = counts.get(service);
    if (list === undefined) {
      list = Array.from({ length: spans.count }, () => ({ errors: 0, requests: 0 }));
      counts.set(service, list);
    }
    const span = list[spans.index(minute)];
    if (span === undefined) continue;
    span.errors += aggregate.errorCount;
    span.requests += aggregate.requestCount;
  }
  const rates = new Map<string, number[]>();
  for (const [service, list] of counts) {
    rates.set(
      service,
      list.map(({ errors, requests }) => (requests === 0 ? -1 : errors / requests)),
    );
  }
  return rates;
}

/** One character per rate: the lowest bar is no error at all, the highest is `rateMax`. */
function sparkline(rates: readonly number[], rateMax: number): string {
  let line = "";
  for (const rate of rates) {
    if (rate < 0) line += NO_REQUESTS;
    else if (rate === 0) line += BARS[0];
    else line += BARS[Math.max(1, Math.round((rate / rateMax) * (BARS.length - 1)))] ?? BARS[1];
  }
  return line;
}
