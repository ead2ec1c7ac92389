import type { Logger } from "../shared/log.ts";
import { readHeap } from "../shared/platform/heap.ts";
import type { Timers } from "../shared/platform/timers.ts";
import { SelfSampler } from "./monitor/self-sampler.ts";
import type { Processor } from "./process/processor.ts";
import type { RuleSet } from "./rules/rule-set.ts";
import { SELF_STREAM } from "./rules/threshold-rule.ts";
import { readCollectRow } from "./state/read-agents.ts";

/** How often the aggregator looks at itself. */
const SAMPLE_MS = 10_000;

/** What the sampling needs. */
export interface SelfSamplingParts {
  readonly processor: Processor;
  readonly rules: () => RuleSet;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** Puts what the program sees of itself into the log, as long as rules look at it: there it has a place among all that happens. */
export class SelfSampling {
  readonly #parts: SelfSamplingParts;
  readonly #sampler = new SelfSampler();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  /** Begins at once. */
  constructor(parts: SelfSamplingParts) {
    this.#parts = parts;
    this.#running = this.#run();
  }

  /** A request was answered. */
  answered(route: string, durationMs: number): void {
    this.#sampler.answered(route, durationMs);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { processor, rules, timers, logger } = this.#parts;
    const { signal } = this.#stop;
    for (;;) {
      await timers.sleep(SAMPLE_MS, signal);
      if (signal.aborted) return;
      const lines = processor.agentViews().map((view) => readCollectRow(view).receivedLines);
      const total = lines.reduce((sum, one) => sum + one, 0);
      const fields = this.#sampler.take(total, SAMPLE_MS, readHeap());
      if (!rules().thresholds.some(({ config }) => config.stream === SELF_STREAM)) continue;
      const sample = { kind: "sample", key: "aggregator", widthMs: SAMPLE_MS, fields };
      const entry = { kind: "operation", tenant: "", json: JSON.stringify(sample) } as const;
      await processor.append(entry).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        logger.debug(`A look at itself was not appended: ${reason}`);
      });
    }
  }
}
