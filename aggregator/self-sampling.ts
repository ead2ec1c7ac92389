import type { Logger } from "../shared/log.ts";
import { readHeap } from "../shared/platform/heap.ts";
import type { Timers } from "../shared/platform/timers.ts";
import { labelsOf } from "./alerts/alert-record.ts";
import type { AnyOperation } from "./alerts/operation.ts";
import { SelfSampler } from "./monitor/self-sampler.ts";
import { SilentAgents } from "./monitor/silent-agents.ts";
import type { Processor } from "./process/processor.ts";
import type { RuleSet } from "./rules/rule-set.ts";
import { AGENTS_STREAM, SELF_STREAM } from "./rules/threshold-rule.ts";
import { readCollectRow, seenAgents } from "./state/read-agents.ts";
import { readOpenAlerts } from "./state/read-alerts.ts";

/** How often the aggregator looks at itself. */
const SAMPLE_MS = 10_000;
/** … and, every so many times, at its agents. */
const AGENTS_EVERY = 3;

/** What the sampling needs. */
export interface SelfSamplingParts {
  readonly processor: Processor;
  readonly rules: () => RuleSet;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** Puts what the program sees of itself, and of agents that are silent, into the log, as long as rules look at it: there it has a place among all that happens. */
export class SelfSampling {
  readonly #parts: SelfSamplingParts;
  readonly #sampler = new SelfSampler();
  readonly #agents = new SilentAgents();
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
    const { processor, timers } = this.#parts;
    const { signal } = this.#stop;
    for (let look = 1; ; look++) {
      await timers.sleep(SAMPLE_MS, signal);
      if (signal.aborted) return;
      const lines = processor.agentViews().map((view) => readCollectRow(view).receivedLines);
      const total = lines.reduce((sum, one) => sum + one, 0);
      const fields = this.#sampler.take(total, SAMPLE_MS, readHeap());
      if (this.#isWatched(SELF_STREAM)) {
        await this.#append("", { kind: "sample", key: "aggregator", widthMs: SAMPLE_MS, fields });
      }
      if (look % AGENTS_EVERY === 0 && this.#isWatched(AGENTS_STREAM)) await this.#lookAtAgents();
    }
  }

  async #lookAtAgents(): Promise<void> {
    const { processor } = this.#parts;
    const firing = [...readOpenAlerts(processor.windowViews())].flatMap(({ tenant, json }) => {
      const { stream, service: agent } = labelsOf(json);
      return stream === AGENTS_STREAM && agent !== undefined ? [{ tenant, agent }] : [];
    });
    const looks = this.#agents.look(processor.agentViews().flatMap(seenAgents), firing);
    const widthMs = AGENTS_EVERY * SAMPLE_MS;
    for (const { tenant, silent } of looks) {
      await this.#append(tenant, { kind: "agents", widthMs, silent });
    }
  }

  #isWatched(stream: string): boolean {
    return this.#parts.rules().thresholds.some(({ config }) => config.stream === stream);
  }

  async #append(tenant: string, operation: AnyOperation): Promise<void> {
    const { processor, logger } = this.#parts;
    const entry = { kind: "operation", tenant, json: JSON.stringify(operation) } as const;
    await processor.append(entry).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      logger.debug(`A look at itself was not appended: ${reason}`);
    });
  }
}
