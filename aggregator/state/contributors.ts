import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** How many agents a window remembers. */
export const CONTRIBUTOR_COUNT_MAX = 32;

/** What one agent gave to a window. */
export interface Contributor {
  readonly agent: string;
  readonly requestCount: number;
  readonly errorCount: number;
}

/** Requests and errors of the first 32 agents that gave something to a window; parallel arrays, since there is one per window. */
export class Contributors {
  private readonly agents: string[] = [];
  private readonly requestCounts: number[] = [];
  private readonly errorCounts: number[] = [];

  /** Bytes that {@link write} needs at most. */
  bytesMax = 2;

  get count(): number {
    return this.agents.length;
  }

  /** `likelyAt`: where the agent probably stands already. */
  add(
    agent: string,
    requestCount: number,
    errorCount: number,
    likelyAt: number = this.agents.length - 1,
  ): void {
    const at = this.agents[likelyAt] === agent ? likelyAt : this.agents.indexOf(agent);
    if (at < 0) {
      if (this.agents.length >= CONTRIBUTOR_COUNT_MAX) return;
      this.push(agent, requestCount, errorCount);
      return;
    }
    this.requestCounts[at] = (this.requestCounts[at] ?? 0) + requestCount;
    this.errorCounts[at] = (this.errorCounts[at] ?? 0) + errorCount;
  }

  merge(other: Contributors): void {
    const { agents, requestCounts, errorCounts } = other;
    for (let at = 0; at < agents.length; at++) {
      this.add(agents[at] ?? "", requestCounts[at] ?? 0, errorCounts[at] ?? 0, at);
    }
  }

  /** The contributors by agent name. */
  list(): Contributor[] {
    const list = this.agents.map((agent, at) => ({
      agent,
      requestCount: this.requestCounts[at] ?? 0,
      errorCount: this.errorCounts[at] ?? 0,
    }));
    return list.sort((a, b) => (a.agent < b.agent ? -1 : a.agent > b.agent ? 1 : 0));
  }

  write(writer: ByteWriter): void {
    writer.uint(this.agents.length);
    for (let at = 0; at < this.agents.length; at++) {
      writer.text(this.agents[at] ?? "");
      writer.uint(this.requestCounts[at] ?? 0);
      writer.uint(this.errorCounts[at] ?? 0);
    }
  }

  static read(reader: ByteReader): Contributors {
    const contributors = new Contributors();
    const count = reader.uint();
    if (count > CONTRIBUTOR_COUNT_MAX) throw reader.corrupt(`has ${count} contributors`);
    for (let at = 0; at < count; at++) {
      contributors.push(reader.text(), reader.uint(), reader.uint());
    }
    return contributors;
  }

  private push(agent: string, requestCount: number, errorCount: number): void {
    this.agents.push(agent);
    this.requestCounts.push(requestCount);
    this.errorCounts.push(errorCount);
    this.bytesMax += 20 + agent.length * 3;
  }
}
