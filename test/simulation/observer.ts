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

const windowsSchema = z.object({
  windows: z.array(windowSchema),
  next: z.string().nullish(),
});

/** Asks the aggregator as any user would, over the network; where there are several members, all of them. */
export class Observer {
  private readonly process: SimulatedProcess;
  private readonly endpoints: readonly string[];

  constructor(process: SimulatedProcess, endpoints: readonly string[]) {
    this.process = process;
    this.endpoints = endpoints;
  }

  /** All windows, or undefined when not everybody gave a good answer. */
  async windows(): Promise<ObservedWindow[] | undefined> {
    const windows: ObservedWindow[] = [];
    for (const endpoint of this.endpoints) {
      let query = "";
      for (;;) {
        const page = windowsSchema.safeParse(await this.get(`${endpoint}/v1/windows${query}`));
        if (!page.success) return undefined;
        windows.push(...page.data.windows);
        if (page.data.next === undefined || page.data.next === null) break;
        query = `?next=${encodeURIComponent(page.data.next)}`;
      }
    }
    return windows;
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
