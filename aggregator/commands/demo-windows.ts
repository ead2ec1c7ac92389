/** How the demo asks for windows, over the API that everybody uses, and shows them. */
import { z } from "zod";
import type { Network } from "../../shared/platform/network.ts";

const windowSchema = z.object({
  service: z.string(),
  windowStart: z.string(),
  requestCount: z.number(),
  errorCount: z.number(),
  errorRate: z.number(),
  latency: z.object({ p50: z.number(), p99: z.number() }).nullable(),
  state: z.string(),
});
const pageSchema = z.object({ windows: z.array(windowSchema), next: z.string().optional() });

/** One final window. */
export interface DemoWindow extends z.output<typeof windowSchema> {
  /** The same for all revisions of a window. */
  readonly id: string;
}

/** Final windows from `fromMs` on, and how many are not final. Fails with NETWORK_FAILED. */
export async function readFinalWindows(
  network: Network,
  address: string,
  fromMs: number,
): Promise<{ readonly windows: readonly DemoWindow[]; readonly openCount: number }> {
  const windows: DemoWindow[] = [];
  let openCount = 0;
  const from = new Date(Math.floor(fromMs / 60_000) * 60_000).toISOString();
  let cursor = "";
  do {
    const query = `from=${from}&to=9999-01-01T00:00:00Z${cursor === "" ? "" : `&cursor=${cursor}`}`;
    const url = `${address}/v1/windows?${query}`;
    const answer = await network.call({ url, method: "GET", timeoutMs: 10_000 });
    const page = pageSchema.parse(JSON.parse(answer.body.toString("utf8")));
    for (const window of page.windows) {
      if (window.state === "provisional") openCount++;
      else windows.push({ ...window, id: `${window.windowStart} ${window.service}` });
    }
    cursor = page.next ?? "";
  } while (cursor !== "");
  return { windows, openCount };
}

/** Every window in a line of its own. */
export function windowTable(windows: readonly DemoWindow[]): string {
  const width = Math.max(...windows.map((window) => window.service.length));
  const head = `${"window".padEnd(17)}  ${"service".padEnd(width)}  requests  errors    rate       p50       p99  state\n`;
  return head + windows.map((window) => windowRow(window, width)).join("");
}

function windowRow(window: DemoWindow, width: number): string {
  const { service, windowStart, requestCount, errorCount, errorRate, latency, state } = window;
  const cells = [
    windowStart.slice(0, 16).replace("T", " ").padEnd(17),
    service.padEnd(width),
    String(requestCount).padStart(8),
    String(errorCount).padStart(6),
    percent(errorRate).padStart(6),
    milliseconds(latency?.p50).padStart(8),
    milliseconds(latency?.p99).padStart(8),
    state,
  ];
  return `${cells.join("  ")}\n`;
}

const WORST_COUNT = 3;

/** A line per minute: all requests, and the services with the most errors. */
export function minuteLines(windows: readonly DemoWindow[]): string {
  let text = "";
  for (const [start, ofMinute] of Map.groupBy(windows, (window) => window.windowStart)) {
    const requestCount = ofMinute.reduce((sum, window) => sum + window.requestCount, 0);
    const errorCount = ofMinute.reduce((sum, window) => sum + window.errorCount, 0);
    const worst = ofMinute
      .filter((window) => window.errorCount > 0)
      .toSorted((a, b) => b.errorCount - a.errorCount)
      .slice(0, WORST_COUNT)
      .map(
        ({ service, errorCount, errorRate }) => `${service} ${errorCount} (${percent(errorRate)})`,
      );
    text += `${start.slice(11, 16)}Z final  ${String(requestCount).padStart(5)} requests of ${String(ofMinute.length).padStart(2)} services  ${String(errorCount).padStart(3)} errors${worst.length > 0 ? `: ${worst.join(", ")}` : ""}\n`;
  }
  return text;
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(1)} %`;
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "-" : `${value < 100 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
