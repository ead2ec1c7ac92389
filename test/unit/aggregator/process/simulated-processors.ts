import { WATERMARK_DEFAULTS } from "../../../../aggregator/collect/source-watermark.ts";
import type { EntryResult } from "../../../../aggregator/collect/stage-one.ts";
import type { InletEntry } from "../../../../aggregator/log/inlet-entry.ts";
import type { StateView } from "../../../../aggregator/log/log.ts";
import type { EnvelopeEntry, FenceEntry } from "../../../../aggregator/log/log-entry.ts";
import type { OperationEntry } from "../../../../aggregator/log/operation-entry.ts";
import { type LogFaults, SimulatedLog } from "../../../../aggregator/log/simulated-log.ts";
import { PROCESS_GROUPS, Processor } from "../../../../aggregator/process/processor.ts";
import type { StageSettings } from "../../../../aggregator/process/session.ts";
import { WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { NO_RULE_SET } from "../../../../aggregator/rules/rule-set.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import type { Logger } from "../../../../shared/log.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";

/** Where the partitions are: one owner of both stages, or four partitions of each topic and two owners. */
export type Layout = "embedded" | "topics";

interface Member {
  process: SimulatedProcess;
  processor: Processor;
}

const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};

/** Processors on a simulated log, in virtual time. */
export class SimulatedProcessors {
  readonly simulation: Simulation;
  readonly log: SimulatedLog;
  readonly fatal: unknown[] = [];
  private readonly layout: Layout;
  private readonly settings: StageSettings;
  private readonly host: SimulatedHost;
  private readonly client: SimulatedProcess;
  private readonly members: Member[] = [];

  constructor(
    layout: Layout,
    seed: number,
    faults: Partial<LogFaults> = {},
    settings: Partial<StageSettings> = {},
  ) {
    this.layout = layout;
    this.settings = {
      ...{ watermark: WATERMARK_DEFAULTS, windows: WINDOW_DEFAULTS, rules: () => NO_RULE_SET },
      ...settings,
    };
    this.simulation = new Simulation(seed);
    this.host = new SimulatedHost(
      this.simulation,
      "central",
      new SimulatedNetwork(this.simulation),
    );
    const world = this.host.start("log").platform;
    const partitionCounts =
      layout === "embedded" ? { batches: 1, keyed: 0 } : { batches: 4, keyed: 4 };
    this.log = new SimulatedLog({ partitionCounts, world, faults });
    this.client = this.host.start("client");
    const owned =
      layout === "embedded"
        ? [undefined]
        : [
            [0, 1],
            [2, 3],
          ];
    for (const partitions of owned) this.members.push(this.start(partitions));
  }

  /** Wall time. */
  get nowMs(): number {
    return this.host.now();
  }

  /** The first processor. */
  get processor(): Processor {
    const member = this.members[0];
    if (member === undefined) throw new Error("there is no processor");
    return member.processor;
  }

  /** Lets virtual time pass. */
  async pass(ms: number): Promise<void> {
    await this.simulation.run(this.simulation.timeMs + ms);
    if (this.fatal.length > 0) throw this.fatal[0];
  }

  /** Kills the processors as `kill -9` would and starts new ones. */
  restart(): void {
    const owned =
      this.layout === "embedded"
        ? [undefined]
        : [
            [0, 1],
            [2, 3],
          ];
    this.members.splice(0).forEach(({ process }) => process.kill());
    for (const partitions of owned) this.members.push(this.start(partitions));
  }

  /** Appends an entry and resolves with its result, trying again, as agents do, while there is none. */
  async send(
    entry: EnvelopeEntry | FenceEntry | InletEntry | OperationEntry,
  ): Promise<EntryResult> {
    const { timers } = this.client.platform;
    for (;;) {
      const limit = new AbortController();
      const timeout = timers.sleep(20_000, limit.signal).then(() => undefined);
      // A processor that was killed never answers.
      const result = await Promise.race([this.tryOnce(entry, limit.signal), timeout]);
      limit.abort();
      if (result !== undefined) return result;
      await timers.sleep(100);
    }
  }

  private async tryOnce(
    entry: EnvelopeEntry | FenceEntry | InletEntry | OperationEntry,
    signal: AbortSignal,
  ): Promise<EntryResult | undefined> {
    const members = [...this.members];
    try {
      const receiver = members[this.simulation.prng.below(members.length)];
      const appended = await receiver?.processor.append(entry);
      if (appended === undefined) return undefined;
      const { partition, position } = appended;
      const results = await Promise.all(
        members.map(({ processor }) => processor.waitApplied(partition, position, signal)),
      );
      return results.find((result) => result !== undefined);
    } catch (error) {
      if (error instanceof TailraceError) return undefined;
      throw error;
    }
  }

  /** State of stage 1. */
  get agentViews(): StateView[] {
    const group = this.layout === "embedded" ? PROCESS_GROUPS.embedded : PROCESS_GROUPS.collect;
    return this.partitions.map((partition) => this.log.state(group, partition));
  }

  /** State of stage 2. */
  get windowViews(): StateView[] {
    const group = this.layout === "embedded" ? PROCESS_GROUPS.embedded : PROCESS_GROUPS.process;
    return this.partitions.map((partition) => this.log.state(group, partition));
  }

  private get partitions(): number[] {
    return this.layout === "embedded" ? [0] : [0, 1, 2, 3];
  }

  private start(partitions: readonly number[] | undefined): Member {
    const process = this.host.start("processor");
    const { clock, timers } = process.platform;
    const processor = new Processor({
      log: this.log.client(process.platform),
      clock,
      timers,
      logger: silent,
      settings: this.settings,
      ...(partitions === undefined ? {} : { batches: partitions, keyed: partitions }),
      onFatal: (error) => this.fatal.push(error),
    });
    return { process, processor };
  }
}
