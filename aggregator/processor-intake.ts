import type { Clock } from "../shared/platform/clock.ts";
import type { EntryResult } from "./collect/stage-one.ts";
import type { EnvelopeEntry, FenceEntry } from "./log/log-entry.ts";
import type { AppendedEntry, Processor } from "./process/processor.ts";
import type {
  AgentName,
  AgentStanding,
  Appended,
  Fence,
  FenceVerdict,
  Intake,
  Verdict,
} from "./receive/intake.ts";
import { readAgent, readCollectRow } from "./state/read-agents.ts";

/** What a processor offers to receiving. */
export class ProcessorIntake implements Intake {
  readonly logId: string;
  readonly #processor: Processor;
  readonly #clock: Clock;

  constructor(processor: Processor, logId: string, clock: Clock) {
    this.#processor = processor;
    this.logId = logId;
    this.#clock = clock;
  }

  isOwner(name: AgentName): boolean {
    return this.#processor.agentView(name.tenant, name.agent) !== undefined;
  }

  nowMs(name: AgentName): number {
    const view = this.#processor.agentView(name.tenant, name.agent);
    return (view && readCollectRow(view).clockMs) ?? this.#clock.now();
  }

  standing(name: AgentName): AgentStanding | undefined {
    const view = this.#processor.agentView(name.tenant, name.agent);
    return view && readAgent(view, name.tenant, name.agent);
  }

  appendEnvelope(name: AgentName, envelope: Buffer): Promise<Appended<Verdict>> {
    return this.#append({ kind: "envelope", ...name, envelope }, (result) =>
      result.kind === "envelope" ? result : undefined,
    );
  }

  appendFence(name: AgentName, fence: Fence): Promise<Appended<FenceVerdict>> {
    return this.#append({ kind: "fence", ...name, ...fence }, (result) =>
      result.kind === "fence" ? result : undefined,
    );
  }

  async #append<Word>(
    entry: EnvelopeEntry | FenceEntry,
    read: (result: EntryResult) => Word | undefined,
  ): Promise<Appended<Word>> {
    const appended: AppendedEntry = await this.#processor.append(entry);
    return {
      word: async (signal) => {
        const result = await appended.result(signal);
        return result && read(result);
      },
    };
  }
}
