/**
 * One life of a fleet: agents read logs that are written and rotated, ship what they counted through a network to an aggregator, and all
 * of it is killed, cut off, robbed of unsynced bytes, rolled back and cloned as one seed says. Then the faults end, and the windows must
 * equal the recount of what was written, line for line.
 *
 * The agents and the aggregator are the real ones, on simulated ports.
 */

import { isDeepStrictEqual } from "node:util";
import { ROLL_UP_WIDTHS } from "../../aggregator/state/roll-up-widths.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import { CALM, SimulatedNetwork } from "../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../shared/platform/simulated/simulation.ts";
import { compareEvents } from "./check-events.ts";
import { compareLedger } from "./check-ledger.ts";
import { checkLimits } from "./check-limits.ts";
import { compareLines } from "./check-lines.ts";
import { AGGREGATE, compareParts } from "./check-parts.ts";
import { compareRollUps, compareWindows, RunningCheck } from "./check-windows.ts";
import { EventWitness } from "./event-witness.ts";
import type { Fleet } from "./fleet.ts";
import { HOUR_MS, injectFault, SETTLE_MS } from "./inject-fault.ts";
import { makeFleet } from "./make-fleet.ts";
import { type ObservedWindow, Observer } from "./observer.ts";
import { drawScenario, type FaultKind, type Scenario, type ScenarioOptions } from "./scenario.ts";

/** How to simulate. */
export interface SimulateOptions extends ScenarioOptions {
  /** Gets every event of the run and the programs' own logs. */
  readonly onTrace?: (entry: string) => void;
}

/** What became of a simulated fleet. */
export interface SimulationResult {
  readonly seed: number;
  readonly ok: boolean;
  /** What was wrong, or undefined. */
  readonly failure: string | undefined;
  /** The same for the same seed and code. */
  readonly traceHash: string;
  readonly eventCount: number;
  /** Virtual time that passed. */
  readonly timeMs: number;
  readonly lineCount: number;
  readonly faultKinds: readonly FaultKind[];
}

/** Longest time after the last fault until all is counted: an id stays in use for ten minutes, and a request may then wait for its turn. */
const DRAIN_MS_MAX = 1_500_000;
/** Longest way of a fresh line when nothing fails: the slowest flush, the slowest backoff, the slowest retry of a request. */
const FRESH_MS_MAX = 90_000;
const LOOK_MS = 2_000;
/** How long nothing may change any more: longer than a request or a duplicate can be under way. */
const QUIET_MS = 35_000;

/** Simulates the fleet of one seed. Never rejects; what goes wrong is in the result. */
export async function simulate(
  seed: number,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  const simulation = new Simulation(seed);
  simulation.trace.onEntry = options.onTrace;
  const scenario = drawScenario(simulation.prng, options);
  const network = new SimulatedNetwork(simulation);
  // Every second seed selects events; drawing that would change what the seeds have been so far.
  const witness = seed % 2 === 1 ? new EventWitness() : undefined;
  const { onTrace } = options;
  const isDetailed = seed % 4 === 2;
  const fleet = makeFleet({ simulation, network, scenario, witness, isDetailed, onTrace });
  const life = new Life(fleet, scenario, isDetailed);
  let failure: string | undefined;
  try {
    failure = await life.run();
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  let lineCount = 0;
  for (const agent of fleet.agents) {
    for (const writer of agent.writers) lineCount += writer.totals.lines;
  }
  return {
    seed,
    ok: failure === undefined,
    failure,
    traceHash: simulation.trace.hash,
    eventCount: simulation.eventCount,
    timeMs: simulation.timeMs,
    lineCount,
    faultKinds: [...new Set(scenario.faults.map((fault) => fault.kind))],
  };
}

/** What a look found: the first fault, and the windows if they could be had. */
interface Look {
  readonly failure?: string | undefined;
  readonly windows?: readonly ObservedWindow[];
}

class Life {
  private readonly fleet: Fleet;
  private readonly scenario: Scenario;
  /** True when windows are also kept apart. */
  private readonly isDetailed: boolean;
  private readonly observer: Observer;
  private readonly check = new RunningCheck();
  private lineRateMs = 500;
  private restoreCount = 0;

  constructor(fleet: Fleet, scenario: Scenario, isDetailed: boolean) {
    this.fleet = fleet;
    this.isDetailed = isDetailed;
    this.scenario = scenario;
    const host = new SimulatedHost(fleet.simulation, "observer", fleet.network);
    this.observer = new Observer(host.start("observer"), fleet.aggregator.endpoints);
    fleet.onRestore = () => {
      this.restoreCount++;
      this.check.forget();
    };
  }

  async run(): Promise<string | undefined> {
    this.begin();
    const { simulation } = this.fleet;
    const endMs = this.endOfFaultsMs();
    while (simulation.timeMs < endMs) {
      await simulation.run(Math.min(endMs, simulation.timeMs + 5_000));
      const { failure } = await this.look();
      if (failure !== undefined) return `while faults went on: ${failure}`;
    }
    this.heal();
    return (
      (await this.settle("drain", DRAIN_MS_MAX)) ??
      (await this.stayQuiet()) ??
      (await this.showFreshLines())
    );
  }

  private begin(): void {
    const { simulation, agents, aggregator } = this.fleet;
    for (const [index, agent] of agents.entries()) {
      const count = this.scenario.agents[index]?.initialLineCount ?? 0;
      for (const writer of agent.writers) {
        if (count > 0) writer.write(count);
        this.writeOn(() => writer.write(1 + simulation.prng.below(16)));
      }
      simulation.schedule(simulation.prng.between(0, 2_000), "start", () => agent.node.want());
    }
    for (const node of aggregator.nodes) node.want();
    for (const fault of this.scenario.faults) {
      simulation.schedule(fault.atMs, "fault", () => injectFault(this.fleet, fault));
    }
    // An hour's backlog needs no more lines than a minute's.
    if (this.isHourLong()) this.lineRateMs = 20_000;
  }

  private writeOn(write: () => void): void {
    const { simulation } = this.fleet;
    const delayMs = simulation.prng.between(0, 2 * this.lineRateMs);
    simulation.schedule(delayMs, "write", () => {
      if (simulation.timeMs > this.endOfFaultsMs()) return;
      write();
      this.writeOn(write);
    });
  }

  private isHourLong(): boolean {
    return this.scenario.faults.some((fault) => fault.kind === "aggregator away for an hour");
  }

  private endOfFaultsMs(): number {
    let endMs = this.scenario.durationMs;
    for (const fault of this.scenario.faults) {
      endMs = Math.max(endMs, fault.atMs + waitMsOf(fault.kind) + fault.durationMs);
    }
    return endMs + 5_000;
  }

  /** From now on nothing fails. */
  private heal(): void {
    const { network, aggregator, agents, intruders } = this.fleet;
    network.faults = { ...CALM };
    network.partitions.clear();
    aggregator.setLogFaults(false);
    for (const node of intruders) node.unwant();
    for (const agent of agents) {
      agent.host.disk.slowness = 1;
      agent.host.disk.faults.clear();
      agent.host.disk.bytesMax = Number.POSITIVE_INFINITY;
      agent.node.want();
      for (const writer of agent.writers) writer.finishLine();
    }
    for (const node of aggregator.nodes) {
      node.host.disk.faults.clear();
      node.want();
    }
  }

  /** Runs until everything written is counted, or tells what is not. */
  private async settle(name: string, limitMs: number): Promise<string | undefined> {
    const { simulation } = this.fleet;
    const untilMs = simulation.timeMs + limitMs;
    let difference: string | undefined;
    while (simulation.timeMs < untilMs) {
      await simulation.run(simulation.timeMs + LOOK_MS);
      const { failure, windows } = await this.look();
      if (failure !== undefined) return `${name}: ${failure}`;
      difference = await this.difference(windows);
      if (difference === undefined) return undefined;
    }
    return `${name}: after ${limitMs / 1_000} s ${difference}`;
  }

  private async stayQuiet(): Promise<string | undefined> {
    await this.fleet.simulation.run(this.fleet.simulation.timeMs + QUIET_MS);
    const { failure, windows } = await this.look();
    const difference = failure ?? (await this.difference(windows));
    return difference === undefined ? undefined : `later, without any fault: ${difference}`;
  }

  private async showFreshLines(): Promise<string | undefined> {
    for (const agent of this.fleet.agents) {
      for (const writer of agent.writers) {
        writer.write(1);
        writer.finishLine();
      }
    }
    return this.settle("fresh lines", FRESH_MS_MAX);
  }

  /** Looks at the windows, if they can be had now, for what may never be. */
  private async look(): Promise<Look> {
    const failure = checkLimits(this.fleet.agents);
    if (failure !== undefined) return { failure };
    const { restoreCount } = this;
    const windows = await this.onTime(this.observer.windows());
    // An answer from before a restore says nothing about what is now.
    if (windows === undefined || restoreCount !== this.restoreCount) return {};
    return { failure: this.check.look(windows, this.fleet.recount), windows };
  }

  /** What is not counted yet, or not as it was written. */
  private async difference(
    windows: readonly ObservedWindow[] | undefined,
  ): Promise<string | undefined> {
    if (windows === undefined) return "the aggregator does not answer";
    const difference = compareWindows(windows, this.fleet.recount);
    if (difference !== undefined) return difference;
    for (const widthMinutes of ROLL_UP_WIDTHS) {
      const rollUps = await this.onTime(this.observer.rollUps(widthMinutes));
      if (rollUps === undefined) return "the aggregator does not answer";
      const wrong = compareRollUps(windows, rollUps, widthMinutes);
      if (wrong === undefined) continue;
      // A window that became final between the two looks has another revision by now.
      const now = await this.onTime(this.observer.windows());
      if (now === undefined || isDeepStrictEqual(now, windows)) return wrong;
      return this.difference(now);
    }
    if (this.isDetailed) {
      const parts = await this.onTime(this.observer.parts(AGGREGATE.dimensions));
      if (parts === undefined) return "the aggregator does not answer";
      const wrong = compareParts(parts, this.fleet.recount);
      if (wrong !== undefined) return wrong;
    }
    const agents = await this.onTime(this.observer.agents());
    if (agents === undefined) return "the aggregator does not answer";
    const { recount, witness } = this.fleet;
    const imbalance = compareLedger(agents, this.fleet.agents);
    if (imbalance === undefined && this.isDetailed) {
      const lines = await this.onTime(this.observer.lines());
      if (lines === undefined) return "the aggregator does not answer";
      const wrong = compareLines(lines, agents, recount);
      if (wrong !== undefined) return wrong;
    }
    if (imbalance !== undefined || witness === undefined) return imbalance;
    return compareEvents(agents, this.fleet.agents, recount, witness);
  }

  /** Lets virtual time pass until `work` is done. */
  private async onTime<T>(work: Promise<T>): Promise<T> {
    const { simulation } = this.fleet;
    let isDone = false;
    const finish = () => {
      isDone = true;
    };
    work.then(finish, finish);
    while (!isDone) await simulation.run(simulation.timeMs + 10);
    return work;
  }
}

/** How long a fault goes on, its duration aside. */
function waitMsOf(kind: FaultKind): number {
  if (kind === "aggregator away for an hour") return HOUR_MS;
  return kind === "old logs deleted" ? SETTLE_MS : 0;
}
