import { z } from "zod";
import type { SimulatedProcess } from "../../shared/platform/simulated/simulated-process.ts";

const windowSchema = z.object({
  service: z.string(),
  windowStart: z.string(),
  requestCount: z.number(),
  errorCount: z.number(),
  avgLatency: z.number().nullable(),
  latency: z.object({ min: z.number(), max: z.number() }).nullable(),
  levels: z.record(z.string(), z.number()),
  state: z.enum(["provisional", "final", "corrected"]),
  revision: z.number(),
});

/** A window as the API gives it, without what the checkers do not look at. */
export type ObservedWindow = z.output<typeof windowSchema>;

const partSchema = z.object({
  service: z.string(),
  windowStart: z.string(),
  requestCount: z.number(),
  dimensions: z.record(z.string(), z.string()),
  measures: z
    .record(
      z.string(),
      z.object({
        sum: z.number().optional(),
        count: z.number().optional(),
        distinct: z.number().optional(),
      }),
    )
    .optional(),
});

/** A window that is kept apart by dimensions, as the API gives it. */
export type ObservedPart = z.output<typeof partSchema>;

const lineSchema = z.object({
  id: z.string(),
  level: z.string(),
  line: z.string(),
  agent: z.string(),
});

/** A raw line as the API gives it, without what the checkers do not look at. */
export type ObservedLine = z.output<typeof lineSchema>;

const agentSchema = z.object({
  agent: z.string(),
  epoch: z.string(),
  mark: z.object({ sequence: z.number(), digest: z.string() }),
  ledger: z.array(
    z.object({
      source: z.string(),
      kind: z.string(),
      reason: z.string(),
      lines: z.number(),
      bytes: z.number(),
    }),
  ),
});

/** An agent as the API gives it, without what the checkers do not look at. */
export type ObservedAgent = z.output<typeof agentSchema>;

const agentsSchema = z.object({ agents: z.array(agentSchema) });

/** Asks the aggregator as any user would, over the network; where there are several members, all of them. */
export class Observer {
  private readonly process: SimulatedProcess;
  private readonly endpoints: readonly string[];

  constructor(process: SimulatedProcess, endpoints: readonly string[]) {
    this.process = process;
    this.endpoints = endpoints;
  }

  /** All windows, or undefined when not everybody gave a good answer. */
  windows(): Promise<ObservedWindow[] | undefined> {
    return this.pages("windows", "", windowSchema);
  }

  /** All windows of so many minutes, or undefined when not everybody gave a good answer. */
  rollUps(widthMinutes: number): Promise<ObservedWindow[] | undefined> {
    return this.pages("windows", `step=${widthMinutes}m&`, windowSchema);
  }

  /** All windows by these dimensions, or undefined when not everybody gave a good answer. */
  parts(by: readonly string[]): Promise<ObservedPart[] | undefined> {
    return this.pages("windows", `by=${by.join()}&`, partSchema);
  }

  /** All raw lines, or undefined when not everybody gave a good answer. */
  lines(): Promise<ObservedLine[] | undefined> {
    return this.pages("lines", "", lineSchema);
  }

  private async pages<T>(
    kind: "lines" | "windows",
    query: string,
    item: z.ZodType<T>,
  ): Promise<T[] | undefined> {
    const pageSchema = z.looseObject({ next: z.string().nullish() });
    const items: T[] = [];
    for (const endpoint of this.endpoints) {
      let rest = query;
      for (;;) {
        const page = pageSchema.safeParse(await this.get(`${endpoint}/v1/${kind}?${rest}`));
        const found = z.array(item).safeParse(page.data?.[kind]);
        if (!page.success || !found.success) return undefined;
        items.push(...found.data);
        if (page.data.next === undefined || page.data.next === null) break;
        rest = `${query}next=${encodeURIComponent(page.data.next)}`;
      }
    }
    return items;
  }

  /** All agents, or undefined when not everybody gave a good answer. */
  async agents(): Promise<ObservedAgent[] | undefined> {
    const agents: ObservedAgent[] = [];
    for (const endpoint of this.endpoints) {
      const body = agentsSchema.safeParse(await this.get(`${endpoint}/v1/agents`));
      if (!body.success) return undefined;
      agents.push(...body.data.agents);
    }
    return agents;
  }

  private async get(url: string): Promise<unknown> {
    const { network } = this.process.platform;
    try {
      const answer = await network.call({ url, method: "GET", timeoutMs: 5_000 });
      return answer.status === 200 ? JSON.parse(answer.body.toString()) : undefined;
    } catch {
      // No answer now; the next look will tell.
      return undefined;
    }
  }
}
