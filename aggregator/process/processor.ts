/**
 * Runs the two stages on a log. Where the log keeps `keyed`, every partition of both topics has an owner of its own, and stage 2 reads what
 * stage 1 appended; where it does not (the embedded log), one owner runs both stages and commits them together. A partition is owned here
 * only if it is named in the options; another process may own the others.
 *
 * The owner of a partition of `batches` appends a tick every second, which is the clock of all that follows.
 */
import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Clock } from "../../shared/platform/clock.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import type { EntryResult } from "../collect/stage-one.ts";
import type { InletEntry, InletName } from "../log/inlet-entry.ts";
import type { Log, StateView } from "../log/log.ts";
import { type EnvelopeEntry, encodeLogEntry, type FenceEntry } from "../log/log-entry.ts";
import type { OperationEntry } from "../log/operation-entry.ts";
import { batchesPartition, inletPartition } from "../log/partition.ts";
import { CollectSession } from "./collect-session.ts";
import { EmbeddedSession } from "./embedded-session.ts";
import { EntryResults } from "./entry-results.ts";
import { type LoopProgress, OwnerLoop, type OwnerLoopOptions } from "./owner-loop.ts";
import type { StageSettings } from "./session.ts";
import { WindowSession } from "./window-session.ts";

const TICK_INTERVAL_MS = 1000;
const EMISSION_INTERVAL_MS = 200;

/** Groups under which positions and state are kept in the log. */
export const PROCESS_GROUPS = {
  embedded: "embedded",
  collect: "collect",
  process: "process",
} as const;

/** What a processor works on and with. */
export interface ProcessorOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly settings: StageSettings;
  /** Partitions of `batches` to own; all when undefined. */
  readonly batches?: readonly number[];
  /** Partitions of `keyed` to own; all when undefined. */
  readonly keyed?: readonly number[];
  /** Called when a stage gave up for good: a fault of the program, or bytes that cannot be trusted. */
  readonly onFatal: (error: unknown) => void;
}

/** An entry that is durable in the log. */
export interface AppendedEntry {
  readonly partition: number;
  readonly position: number;
  /** Resolves with what became of it once that is committed; undefined when it is not known here, or when `signal` aborts. */
  result(signal: AbortSignal): Promise<EntryResult | undefined>;
}

/** See the head of this file. */
export class Processor {
  private readonly options: ProcessorOptions;
  private readonly isEmbedded: boolean;
  private readonly stop = new AbortController();
  private readonly collectLoops = new Map<number, OwnerLoop>();
  private readonly windowLoops = new Map<number, OwnerLoop>();
  private readonly results = new Map<number, EntryResults>();
  private readonly listeners = new Set<() => void>();
  private readonly ticking: Promise<unknown>;

  /** Starts at once. */
  constructor(options: ProcessorOptions) {
    this.options = options;
    const { log } = options;
    this.isEmbedded = log.partitionCount("keyed") === 0;
    const batches = options.batches ?? partitions(log.partitionCount("batches"));
    for (const partition of batches) this.startCollecting(partition);
    if (!this.isEmbedded) {
      for (const partition of options.keyed ?? partitions(log.partitionCount("keyed"))) {
        this.windowLoops.set(partition, this.startWindows(partition));
      }
    }
    this.ticking = Promise.all(batches.map((partition) => this.tick(partition)));
  }

  /** Appends an entry to the partition of its agent or inlet. Fails as the log does: LOG_FULL, LOG_UNAVAILABLE (certainly absent), LOG_UNKNOWN. */
  async append(
    entry: EnvelopeEntry | FenceEntry | InletEntry | OperationEntry,
  ): Promise<AppendedEntry> {
    const { log } = this.options;
    const partition = partitionOf(entry, log.partitionCount("batches"));
    const results = this.results.get(partition);
    const append = results?.beginAppend();
    try {
      const position = await log.append("batches", partition, encodeLogEntry(entry));
      return {
        partition,
        position,
        result: (signal) => this.waitApplied(partition, position, signal),
      };
    } finally {
      if (append !== undefined) results?.endAppend(append);
    }
  }

  /**
   * Resolves with what became of the entry at `position` of a partition of `batches` once that is committed. Undefined when the partition is
   * not owned here, when it was committed by another owner or too long ago, or when `signal` aborts.
   */
  waitApplied(
    partition: number,
    position: number,
    signal: AbortSignal,
  ): Promise<EntryResult | undefined> {
    return this.results.get(partition)?.wait(position, signal) ?? Promise.resolve(undefined);
  }

  /** State of stage 1 of the partition that an agent belongs to; undefined while it is not owned here. */
  agentView(tenant: string, agent: string): StateView | undefined {
    const count = this.options.log.partitionCount("batches");
    return this.collectLoops.get(batchesPartition(tenant, agent, count))?.state;
  }

  /** State of stage 1 of the partition that an inlet belongs to; undefined while it is not owned here. */
  inletView(name: InletName): StateView | undefined {
    const count = this.options.log.partitionCount("batches");
    return this.collectLoops.get(inletPartition(name, count))?.state;
  }

  /** State of stage 1 of all partitions owned here. */
  agentViews(): StateView[] {
    return views(this.collectLoops);
  }

  /** State of stage 2 of all partitions owned here; with the embedded log the same as {@link agentViews}. */
  windowViews(): StateView[] {
    return views(this.isEmbedded ? this.collectLoops : this.windowLoops);
  }

  /** Partitions of stage 2 that are owned here, or shall be. */
  windowPartitions(): number[] {
    return [...(this.isEmbedded ? this.collectLoops : this.windowLoops).keys()];
  }

  /** State of stage 2 of one partition; undefined while it is not owned here. */
  windowView(partition: number): StateView | undefined {
    return (this.isEmbedded ? this.collectLoops : this.windowLoops).get(partition)?.state;
  }

  /** How every loop is getting on. */
  progress(): LoopProgress[] {
    return [...this.collectLoops.values(), ...this.windowLoops.values()].map(
      (loop) => loop.progress,
    );
  }

  /** Calls `listener` after every commit; returns what ends that. */
  onCommit(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Finishes what is at hand and gives the partitions back. What is in the log is applied at the next start. */
  async close(): Promise<void> {
    this.stop.abort();
    const loops = [...this.collectLoops.values(), ...this.windowLoops.values()];
    await Promise.all([this.ticking, ...loops.map((loop) => loop.close())]);
  }

  private startCollecting(partition: number): void {
    const { log, settings } = this.options;
    const results = new EntryResults();
    const keyedCount = log.partitionCount("keyed");
    const loop = new OwnerLoop({
      ...this.loopOptions("batches", partition),
      group: this.isEmbedded ? PROCESS_GROUPS.embedded : PROCESS_GROUPS.collect,
      intervalMs: this.isEmbedded ? 0 : EMISSION_INTERVAL_MS,
      open: (owner) =>
        this.isEmbedded
          ? new EmbeddedSession(owner, settings)
          : new CollectSession(owner, { partition, keyedCount, settings }),
      onOwned: (position) => results.moveTo(position),
      onApplied: (applied) => {
        results.publish(applied.next, applied.results);
        this.reportFaults(applied.results);
        if (applied.isCommitted) this.tellListeners();
      },
    });
    this.results.set(partition, results);
    this.collectLoops.set(partition, loop);
  }

  private startWindows(partition: number): OwnerLoop {
    const { settings } = this.options;
    return new OwnerLoop({
      ...this.loopOptions("keyed", partition),
      group: PROCESS_GROUPS.process,
      intervalMs: EMISSION_INTERVAL_MS,
      open: (owner) => new WindowSession(owner, settings, partition),
      onOwned: () => undefined,
      onApplied: (applied) => {
        if (applied.isCommitted) this.tellListeners();
      },
    });
  }

  private loopOptions(topic: "batches" | "keyed", partition: number) {
    const { log, clock, timers, logger, onFatal } = this.options;
    return {
      log,
      clock,
      timers,
      logger,
      topic,
      partition,
      onFatal,
    } satisfies Partial<OwnerLoopOptions>;
  }

  private reportFaults(results: readonly (readonly [number, EntryResult])[]): void {
    for (const [position, result] of results) {
      if (result.kind !== "envelope" || result.fault === undefined) continue;
      const message = `An envelope in the log cannot be read, its agent is asked to send it again: ${result.fault}`;
      this.options.logger.error(message, { position });
    }
  }

  private tellListeners(): void {
    for (const listener of this.listeners) listener();
  }

  private async tick(partition: number): Promise<void> {
    const { log, clock, timers, logger } = this.options;
    const { signal } = this.stop;
    for (;;) {
      await timers.sleep(TICK_INTERVAL_MS, signal);
      if (signal.aborted) return;
      if (this.collectLoops.get(partition)?.progress.isOwned !== true) continue;
      try {
        const payload = encodeLogEntry({ kind: "tick", nowMs: clock.now() });
        await log.append("batches", partition, payload, { sync: false });
      } catch (error) {
        if (!(error instanceof TailraceError)) throw error;
        logger.debug(`A tick was not appended: ${error.message}`, { partition });
      }
    }
  }
}

/** What people do goes through the first partition, so that it has one order. */
function partitionOf(
  entry: EnvelopeEntry | FenceEntry | InletEntry | OperationEntry,
  count: number,
): number {
  if (entry.kind === "operation") return 0;
  if (entry.kind === "inlet") return inletPartition(entry, count);
  return batchesPartition(entry.tenant, entry.agent, count);
}

function partitions(count: number): number[] {
  return Array.from({ length: count }, (_, partition) => partition);
}

function views(loops: ReadonlyMap<number, OwnerLoop>): StateView[] {
  return [...loops.values()].map((loop) => loop.state).filter((state) => state !== undefined);
}
