/**
 * The agent's life as a daemon: it opens the admin door, tells the service manager how things stand, and takes a changed configuration over
 * while it runs.
 *
 * The service manager hears that the agent is ready as soon as it runs, whether an aggregator answers or not: neither the start of a machine nor
 * an upgrade waits for one. The text beside it says how things stand; ready by itself, as `status` has it, means that it works: it has an epoch,
 * reads, and its disk takes what it seals. The watchdog is fed only while reading goes round.
 * A configuration with a fault changes nothing. When only sources, intervals and telemetry differ, the running agent exchanges them at a seal; for any
 * other difference the agent seals, stops and starts anew within the process. `id` and `data_dir` need a new process.
 */

import { TailraceError } from "../shared/errors.ts";
import type { HttpRequest, Listener } from "../shared/platform/network.ts";
import type { Platform } from "../shared/platform/platform.ts";
import {
  noServiceManager,
  type ServiceManager,
  type ServiceState,
} from "../shared/platform/service-manager.ts";
import { compileRedaction } from "../shared/redaction/compile-redaction.ts";
import { openAdminDoor } from "./admin/admin-door.ts";
import { ProblemMemory } from "./admin/last-problem.ts";
import { LineMeaning } from "./admin/line-meaning.ts";
import { ObservedAgent, type ObservedSettings } from "./admin/observed-agent.ts";
import { type AgentOptions, type AgentStatus, type RunningAgent, startAgent } from "./agent.ts";
import type { AgentConfig } from "./config.ts";
import { lineKindOf } from "./line-kind.ts";
import { answerTelemetry } from "./telemetry/answer-telemetry.ts";
import { Telemetry } from "./telemetry/telemetry.ts";

/** Where a daemon gets a changed configuration from. */
export interface Reloading {
  /** Changes whenever the configuration may have; cheap, asked twice a second. */
  signature(): Promise<string>;
  /** The configuration as it is now; undefined when it has faults, which were told. */
  load(): Promise<AgentConfig | undefined>;
  /** Calls `listener` when somebody asks for a reload. */
  onAsked(listener: () => void): void;
}

/** What a daemon needs besides what an agent does. */
export interface DaemonOptions extends AgentOptions {
  readonly platform: Platform;
  readonly config: AgentConfig;
  readonly processId: number;
  /** Aborts when the agent is to seal, sync and end. */
  readonly signal: AbortSignal;
  readonly serviceManager?: ServiceManager;
  /** Called once the agent has started. */
  readonly onStarted?: () => void;
  /** Without it the configuration stays as it is. */
  readonly reloading?: Reloading;
}

const TICK_MS = 500;
/** For rates, no more is needed. */
const OBSERVE_MS = 1_000;
const START_TICK_MS = 20;
const START_MS_MAX = 2_000;

/** Runs an agent until the signal aborts or it ends by itself; fails like {@link startAgent}. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const problems = new ProblemMemory(options.logger, () => options.platform.clock.now());
  const daemon = new Daemon({ ...options, logger: problems }, problems);
  try {
    await daemon.start();
    await daemon.run();
  } finally {
    await daemon.close();
  }
}

class Daemon {
  readonly #options: DaemonOptions;
  readonly #problems: ProblemMemory;
  readonly #manager: ServiceManager;
  /** Aborts with the error when the agent ends by itself. */
  readonly #failing = new AbortController();
  #config: AgentConfig;
  #agent: RunningAgent | undefined;
  #observed: ObservedAgent | undefined;
  #door: Listener | undefined;
  #telemetry: Telemetry | undefined;
  #isReloadAsked = false;
  /** Of the configuration that is in use, or was refused, and as it was seen at the last look. */
  #signature = "";
  #seenSignature = "";
  /** How things stand, as the service manager was told last. */
  #standing: string | undefined;
  #isManagerFailing = false;
  #observedAtMs = Number.NEGATIVE_INFINITY;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #turnCount = -1;

  constructor(options: DaemonOptions, problems: ProblemMemory) {
    this.#options = options;
    this.#problems = problems;
    this.#manager = options.serviceManager ?? noServiceManager;
    this.#config = options.config;
  }

  async start(): Promise<void> {
    const { platform, processId, logger, reloading } = this.#options;
    // Before anything is waited for: until somebody listens a hangup ends the process.
    reloading?.onAsked(() => {
      this.#isReloadAsked = true;
    });
    // What is changed while the agent starts, and as soon as it says that it has, is not in use yet.
    this.#signature = (await reloading?.signature()) ?? "";
    const agent = await this.#startAgent();
    const startedAtMs = platform.clock.now();
    const facts = { disk: platform.disk, processId, startedAtMs, problems: this.#problems };
    const observed = new ObservedAgent(
      facts,
      agent,
      settingsOf(this.#config, () => platform.clock.now()),
    );
    this.#observed = observed;
    this.#door = await this.#openDoor(observed);
    this.#telemetry = await this.#openTelemetry(observed);
    const { sources, ship, data_dir } = this.#config;
    logger.info("the agent runs", {
      agent: agent.status().agent,
      sources: sources.map((source) => source.name).join(","),
      endpoints: ship.endpoints.join(","),
      data_dir,
    });
  }

  async run(): Promise<void> {
    const { platform } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#failing.signal]);
    await this.#startQuickly(signal);
    this.#options.onStarted?.();
    while (!signal.aborted) {
      await this.#tick();
      await platform.timers.sleep(TICK_MS, signal);
    }
    this.#failing.signal.throwIfAborted();
  }

  /** Whoever waits for the start is told as soon as it is done, which is mostly at once. */
  async #startQuickly(signal: AbortSignal): Promise<void> {
    const { timers } = this.#options.platform;
    for (let waitedMs = 0; waitedMs < START_MS_MAX && !signal.aborted; waitedMs += START_TICK_MS) {
      if (this.#agent?.status().isReady === true) return;
      await timers.sleep(START_TICK_MS, signal);
    }
  }

  async close(): Promise<void> {
    const { logger } = this.#options;
    await this.#tell("stopping", "sealing what was counted");
    await this.#telemetry?.close();
    await this.#door?.close();
    const agent = this.#agent;
    if (agent === undefined) return;
    await agent.close();
    const { sealed, applied } = agent.status();
    const keptBatches = Math.max(0, sealed - applied);
    logger.info("the agent has stopped; what is not applied is kept", { keptBatches });
  }

  async #startAgent(): Promise<RunningAgent> {
    const agent = await startAgent(this.#options.platform, this.#config, this.#options);
    agent.ended.catch((error: unknown) => this.#failing.abort(error));
    this.#agent = agent;
    this.#turnCount = -1;
    return agent;
  }

  async #openDoor(host: ObservedAgent): Promise<Listener | undefined> {
    const { platform, logger } = this.#options;
    const answerOther = (request: HttpRequest) => answerTelemetry(host, request);
    try {
      return await openAdminDoor(platform, this.#config.data_dir, { host, answerOther, logger });
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      logger.warn("status, top and tap will not reach this agent", { detail: error.message });
      return undefined;
    }
  }

  #openTelemetry(host: ObservedAgent): Promise<Telemetry> {
    const { platform, logger, hostname = "" } = this.#options;
    const { telemetry: config } = this.#config;
    return Telemetry.open({ platform, config, host, hostname, logger });
  }

  async #tick(): Promise<void> {
    const nowMs = this.#options.platform.clock.monotonic();
    if (nowMs - this.#observedAtMs >= OBSERVE_MS) {
      this.#observed?.observe(nowMs);
      this.#observedAtMs = nowMs;
    }
    if (this.#isReloadAsked || (await this.#hasChanged())) await this.#reload();
    await this.#tellProgress(nowMs);
  }

  /** True once for each change, when nothing changed any more since the look before: editors write in pieces. */
  async #hasChanged(): Promise<boolean> {
    const signature = (await this.#options.reloading?.signature()) ?? "";
    const isSettled = signature === this.#seenSignature;
    this.#seenSignature = signature;
    if (!isSettled || signature === this.#signature) return false;
    this.#signature = signature;
    return true;
  }

  async #tellProgress(nowMs: number): Promise<void> {
    const status = this.#agent?.status();
    if (status === undefined) return;
    const standing = this.#standingOf(status);
    if (standing !== this.#standing) await this.#tellReady(standing);
    const { watchdogMs } = this.#manager;
    if (watchdogMs === undefined || nowMs - this.#toldAtMs < watchdogMs / 2) return;
    // Without an epoch there is nothing to go round in: that is no reason to be killed.
    if (status.isReady && status.turnCount === this.#turnCount) return;
    this.#turnCount = status.turnCount;
    this.#toldAtMs = nowMs;
    await this.#tell("watchdog");
  }

  #standingOf({ isReady, mode }: AgentStatus): string {
    if (isReady) return `reads ${this.#config.sources.length} sources`;
    return mode === "hello" ? "waits for an aggregator" : `not ready: ${mode}`;
  }

  async #tellReady(standing: string): Promise<void> {
    this.#standing = standing;
    await this.#tell("ready", standing);
  }

  async #tell(state: ServiceState, text?: string): Promise<void> {
    try {
      await this.#manager.notify(state, text);
      this.#isManagerFailing = false;
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      if (!this.#isManagerFailing) this.#options.logger.warn(error.message, { code: error.code });
      this.#isManagerFailing = true;
    }
  }

  async #reload(): Promise<void> {
    const { reloading, logger } = this.#options;
    const isAsked = this.#isReloadAsked;
    this.#isReloadAsked = false;
    const next = await reloading?.load();
    if (next === undefined) {
      logger.error("the configuration is refused; the agent goes on with the one before");
      return;
    }
    const change = changeBetween(this.#config, next);
    if (change === "none") {
      if (isAsked) logger.info("the configuration is as it was");
      return;
    }
    if (change === "identity") {
      logger.error(
        "`id` and `data_dir` cannot change while the agent runs: restart it for the new configuration; until then it goes on with the one before",
      );
      return;
    }
    await this.#tell("reloading", "takes a new configuration over");
    const isTelemetryKept =
      JSON.stringify(next.telemetry) === JSON.stringify(this.#config.telemetry);
    await this.#take(next, change);
    const observed = this.#observed;
    if (!isTelemetryKept && observed !== undefined) {
      await this.#telemetry?.close();
      this.#telemetry = await this.#openTelemetry(observed);
    }
    await this.#tellReady(`reads ${next.sources.length} sources`);
  }

  async #exchange(agent: RunningAgent, next: AgentConfig): Promise<void> {
    await agent.reconfigure(next);
    const sources = namesOf(next);
    this.#options.logger.info("the new configuration is in use", { sources });
  }

  async #take(next: AgentConfig, change: "sources" | "rest"): Promise<void> {
    const { logger } = this.#options;
    const agent = this.#agent;
    this.#config = next;
    if (change === "sources" && agent !== undefined) {
      // While the spool takes nothing the exchange waits; so may everything else not.
      const exchanged = this.#exchange(agent, next);
      await Promise.race([exchanged, this.#options.platform.timers.sleep(TICK_MS)]);
      this.#observed?.replace(
        agent,
        settingsOf(next, () => this.#options.platform.clock.now()),
      );
      return;
    }
    await agent?.close();
    const started = await this.#startAgent();
    this.#observed?.replace(
      started,
      settingsOf(next, () => this.#options.platform.clock.now()),
    );
    logger.info("the agent started anew with the new configuration", { sources: namesOf(next) });
  }
}

function namesOf(config: AgentConfig): string {
  return config.sources.map((source) => source.name).join(",");
}

/** What has to be done for `after` to take the place of `before`. */
function changeBetween(
  before: AgentConfig,
  after: AgentConfig,
): "none" | "sources" | "rest" | "identity" {
  if (JSON.stringify(before) === JSON.stringify(after)) return "none";
  if (before.id !== after.id || before.data_dir !== after.data_dir) return "identity";
  const { sources, flush_interval, poll_interval, max_future, telemetry } = after;
  const exchangeable = { sources, flush_interval, poll_interval, max_future, telemetry };
  const isRest = JSON.stringify({ ...before, ...exchangeable }) !== JSON.stringify(after);
  return isRest ? "rest" : "sources";
}

function settingsOf(config: AgentConfig, nowMs: () => number): ObservedSettings {
  const redactor = compileRedaction(config.redact);
  return {
    endpoints: config.ship.endpoints,
    spoolBytesMax: config.spool.max_bytes,
    meanings: new Map(
      config.sources.map((source) => {
        const { format, service, options } = lineKindOf(source);
        return [source.name, new LineMeaning(format, service, { ...options, nowMs }, redactor)];
      }),
    ),
  };
}
