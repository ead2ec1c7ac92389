import { QuantileSketch } from "../../shared/aggregates/quantile-sketch.ts";

/** Requests whose time is the processing latency: from the whole request to the answer that says it is counted. */
const ROUTES: readonly string[] = ["/v1/batches", "/v1/events", "/v1/logs"];

/** What the process says of its memory. */
export interface HeapFigures {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/** What the program sees of itself between two looks, as rules over the stream `tailrace` read it. */
export class SelfSampler {
  #latencies = new QuantileSketch();
  #lines: number | undefined;

  /** A request was answered. */
  answered(route: string, durationMs: number): void {
    if (ROUTES.includes(route)) this.#latencies.add(Math.round(durationMs * 1_000));
  }

  /** What was seen in `widthMs`, and begins anew; `lines` so far. */
  take(lines: number, widthMs: number, heap: HeapFigures): Readonly<Record<string, number | null>> {
    const sketch = this.#latencies;
    const quantile = (q: number) => {
      const us = sketch.quantile(q);
      return us === undefined ? null : us / 1_000;
    };
    const before = this.#lines;
    const fields = {
      eventsPerSecond: before === undefined ? null : ((lines - before) / widthMs) * 1_000,
      heapUsedRatio: heap.usedBytes / heap.limitBytes,
      processingLatencyP50: quantile(0.5),
      processingLatencyP95: quantile(0.95),
      processingLatencyP99: quantile(0.99),
    };
    this.#latencies = new QuantileSketch();
    this.#lines = lines;
    return fields;
  }
}
