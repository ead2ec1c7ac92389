/**
 * The aggregator: where what all agents counted meets. This is the only place that connects its stages.
 *
 * ```text
 *  agents ── POST ──▶ receive ──▶ log `batches` ──▶ collect ──▶ process ──▶ store ──▶ serve ──▶ users
 *                        ▲                             │                      └─────▶ sinks ──▶ files, Redis, …
 *                        └── verdict: applied, … ──────┘
 * ```
 *
 * One direction. `receive` checks a request whole and appends it; the processor reads the log, decides which batches are new, merges them
 * into windows and commits state and position together; `serve` and the sinks read what is committed. Only the verdict on its own records
 * flows back to an agent. So a crash at any moment leaves a log and a state that fit together, and whatever was not answered is sent again.
 *
 * Nothing here reads the clock, the disk or the network but through the platform, so the simulator runs it as it is.
 */
import { resolve } from "node:path";
import type { Logger } from "../shared/log.ts";
import type { Platform } from "../shared/platform/platform.ts";
import { compileRedaction } from "../shared/redaction/compile-redaction.ts";
import { countOpenAlerts } from "./alert-figures.ts";
import { Archiver, type TableWriter } from "./archive/archiver.ts";
import { BackupApi } from "./backup/backup-api.ts";
import type { AggregatorConfig } from "./config.ts";
import { eventRoutes } from "./event-routes.ts";
import { Front } from "./front.ts";
import { sinkHolder, sourceHolders } from "./letter-holders.ts";
import type { Log } from "./log/log.ts";
import { WakeList } from "./log/wake-list.ts";
import type { ArchiveFigures } from "./monitor/archive-metrics.ts";
import { type Figures, type InletFigures, Metrics } from "./monitor/metrics.ts";
import { checkProgress } from "./monitor/progress.ts";
import { logClockMs, peopleRoutes } from "./people-routes.ts";
import { ARCHIVE_DEFAULTS } from "./process/archive-queue.ts";
import { Processor } from "./process/processor.ts";
import { WINDOW_DEFAULTS } from "./process/stage-two.ts";
import { ProcessorIntake } from "./processor-intake.ts";
import { ProcessorRecords } from "./processor-records.ts";
import { Receiver } from "./receive/receiver.ts";
import type { Route } from "./router.ts";
import { readRuleFigures } from "./rule-figures.ts";
import { NO_RULE_SET, type RuleSet } from "./rules/rule-set.ts";
import { SelfSampling } from "./self-sampling.ts";
import { answerAgents } from "./serve/agents.ts";
import { DeadLettersApi, type LetterHolder } from "./serve/dead-letters.ts";
import { answerHealth, answerReadiness, type Check } from "./serve/health.ts";
import { answerSources } from "./serve/sources.ts";
import { answerStatus } from "./serve/status.ts";
import { WindowsApi } from "./serve/windows.ts";
import { Delivery, placeOf } from "./sinks/deliver.ts";
import { FEEDS } from "./sinks/feeds.ts";
import type { ConfiguredSink } from "./sinks/sink.ts";
import { type FedDelivery, SinksApi } from "./sinks/sinks-api.ts";
import type { DeliveredState } from "./sinks/store-feed.ts";
import { type LeavingRecords, leavingRecords } from "./sources/count-records.ts";
import type { PostedParts } from "./sources/posted-records.ts";
import type { Source } from "./sources/source.ts";
import { readArchiveRow } from "./state/archive-rows.ts";
import { readAgents, readCollectRow, readProcessRow } from "./state/read-agents.ts";
import { readInlets } from "./state/read-inlets.ts";
import type { StateStore } from "./state/state-store.ts";

/** How long requests may go on being answered when the aggregator closes, then sinks delivering what waits, then the archive writing it. */
const DRAIN_MS_MAX = 5_000;
/** How often a partition that is not owned yet is looked at again. */
const OWN_LOOK_MS = 200;

/** What an aggregator is given beside its configuration. */
export interface AggregatorOptions {
  readonly log: Log;
  /** Keeps the cursors of sinks; with the embedded log everything else, too. The caller closes log and store. */
  readonly store: StateStore;
  readonly logger: Logger;
  /** The rules in use; may change at any time. None when undefined. */
  readonly rules?: () => RuleSet;
  /** Copies the store to a path, for backups; undefined where the store is no file. */
  readonly copyState?: (path: string) => Promise<void>;
  /** Writes the files of the archive; Parquet when undefined. */
  readonly openWriter?: () => Promise<TableWriter>;
  /** Instead of the configured ones. */
  readonly sinks?: readonly ConfiguredSink[];
  /** Partitions of each topic that this process owns; all when undefined. Others answer for the rest. */
  readonly partitions?: { readonly batches: readonly number[]; readonly keyed: readonly number[] };
  /** Whether `/metrics` also shows the figures of the Node process. */
  readonly hasProcessMetrics?: boolean;
}

/** An aggregator that runs. */
export interface Aggregator {
  readonly host: string;
  /** The port in use, also when any was asked for. */
  readonly port: number;
  /** Rejects when it cannot go on: a fault of the program, or bytes that cannot be trusted. Never settles otherwise. */
  readonly ended: Promise<void>;
  /** Drains: takes no more requests, answers those under way, lets the sinks deliver what waits. May be called again. */
  close(): Promise<void>;
}

/** Starts an aggregator; resolves when it listens. Fails with LISTEN_FAILED, or FORMAT_UNKNOWN when a sink's cursor cannot be read. */
export async function startAggregator(
  platform: Platform,
  config: AggregatorConfig,
  options: AggregatorOptions,
): Promise<Aggregator> {
  const aggregator = new RunningAggregator(platform, config, options);
  try {
    await aggregator.listen();
  } catch (error) {
    await aggregator.close();
    throw error;
  }
  return aggregator;
}

class RunningAggregator implements Aggregator {
  readonly ended: Promise<void>;
  readonly #platform: Platform;
  readonly #config: AggregatorConfig;
  readonly #options: AggregatorOptions;
  readonly #rules: () => RuleSet;
  readonly #processor: Processor;
  readonly #archiver: Archiver | undefined;
  readonly #receiver: Receiver;
  readonly #front: Front;
  readonly #posted: LeavingRecords;
  readonly #sources: readonly Source[];
  readonly #deliveries: readonly FedDelivery[];
  readonly #metrics: Metrics;
  readonly #self: SelfSampling;
  readonly #commits = new WakeList();
  #closing: Promise<void> | undefined;

  constructor(platform: Platform, config: AggregatorConfig, options: AggregatorOptions) {
    this.#platform = platform;
    this.#config = config;
    this.#options = options;
    this.#rules = options.rules ?? (() => NO_RULE_SET);
    const { promise, reject } = Promise.withResolvers<void>();
    this.ended = promise;
    // Whoever wants to know waits for it; nobody has to.
    this.ended.catch(() => undefined);
    this.#processor = this.#startProcessor(reject);
    this.#archiver = this.#startArchiver(reject);
    this.#metrics = new Metrics(() => this.#figures(), options.hasProcessMetrics ?? false);
    this.#receiver = new Receiver({
      intake: new ProcessorIntake(this.#processor, options.log.logId, platform.clock),
      limits: config.limits,
      selectors: () => this.#rules().selectors,
      timers: platform.timers,
      logger: options.logger,
      observer: this.#metrics,
    });
    this.#front = new Front({
      ...{ platform, config, logger: options.logger },
      observe: ({ route, status, durationMs }) => {
        this.#metrics.answered(route, status, durationMs);
        this.#self.answered(route, durationMs);
      },
      callerRefused: (reason) => this.#metrics.callerRefused(reason),
    });
    this.#posted = leavingRecords(config.postedAggregate, compileRedaction(config.redact));
    this.#sources = this.#startSources();
    this.#deliveries = this.#startDeliveries();
    const { timers } = platform;
    const { logger } = options;
    this.#self = new SelfSampling({
      ...{ processor: this.#processor, rules: this.#rules, timers, logger },
    });
  }

  get host(): string {
    return this.#front.host;
  }

  get port(): number {
    return this.#front.port;
  }

  listen(): Promise<void> {
    return this.#front.open(this.#routes());
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    await this.#front.close();
    await this.#self.close();
    await Promise.all(this.#sources.map((source) => source.close()));
    await this.#receiver.drain(DRAIN_MS_MAX);
    await Promise.all(this.#deliveries.map(({ delivery }) => delivery.close(DRAIN_MS_MAX)));
    await this.#archiver?.close(DRAIN_MS_MAX);
    await this.#processor.close();
  }

  #startProcessor(onFatal: (error: unknown) => void): Processor {
    const { log, logger, partitions } = this.#options;
    const { clock, timers } = this.#platform;
    const { time, windowsRetentionMs, rollUpRetentionsMs, archive, alerts } = this.#config;
    const { linesRetentionMs, linesBytesMax } = this.#config;
    const windows = {
      ...{ ...WINDOW_DEFAULTS, windowsRetentionMs, rollUpRetentionsMs, alerts },
      ...{ linesRetentionMs, linesBytesMax },
      holdMaxMs: time.holdMaxMs,
    };
    const settings = {
      watermark: time,
      windows,
      rules: this.#rules,
      archive: archive && {
        settings: { ...ARCHIVE_DEFAULTS, intervalMs: archive.intervalMs },
        writtenBlocks: (partition: number) => this.#archiver?.writtenBlocks(partition) ?? 0,
        isDraining: () => this.#archiver?.isDraining ?? false,
      },
    };
    const processor = new Processor({
      ...{ log, clock, timers, logger, settings, onFatal },
      ...partitions,
    });
    processor.onCommit(() => this.#commits.wakeAll());
    return processor;
  }

  #startSources(): Source[] {
    const { log, logger } = this.#options;
    return this.#config.sources.map((source) =>
      source.start({
        ...this.#postedParts(),
        ...{ logger, instance: log.logId, redactor: this.#posted.redactor },
      }),
    );
  }

  #startArchiver(onFatal: (error: unknown) => void): Archiver | undefined {
    const { archive } = this.#config;
    if (archive === undefined) return undefined;
    const { logger, openWriter } = this.#options;
    const { bytesMax, retentionMs } = archive;
    return new Archiver({
      ...{ logger, onFatal },
      directory: resolve(archive.directory),
      platform: this.#platform,
      limits: { bytesMax, retentionMs },
      partitions: this.#processor.windowPartitions(),
      view: (partition) => this.#processor.windowView(partition),
      openWriter:
        openWriter ??
        (async () => {
          const { openParquetWriter } = await import("./archive/duckdb.ts");
          return openParquetWriter();
        }),
    });
  }

  /** One loop for every sink, kind of results and partition of stage 2. */
  #startDeliveries(): FedDelivery[] {
    const { store, logger, sinks = this.#config.sinks } = this.#options;
    const partitions = this.#processor.windowPartitions();
    const isOnly = this.#options.log.partitionCount("keyed") <= 1;
    return partitions.flatMap((partition) =>
      sinks.flatMap((sink) =>
        sink.results.map((results) => {
          const state = this.#deliveredState(partition);
          const feed = new FEEDS[results](state);
          const given = isOnly ? undefined : partition;
          const place = placeOf(sink.name, results, given);
          const parts = { sink, results, place, partition: given, feed, store, logger };
          return { delivery: new Delivery({ ...parts, platform: this.#platform }), feed };
        }),
      ),
    );
  }

  #deliveredState(partition: number): DeliveredState {
    const view = () => this.#processor.windowView(partition);
    return {
      view,
      nextCommit: (signal) =>
        view() === undefined
          ? this.#platform.timers.sleep(OWN_LOOK_MS, signal)
          : this.#commits.wait(signal),
    };
  }

  #routes(): Route[] {
    const receiver = this.#receiver;
    const processor = this.#processor;
    const windows = new WindowsApi({
      views: () => processor.windowViews(),
      watermarkMs: () => this.#watermarkMs(),
      timers: this.#platform.timers,
    });
    return [
      {
        ...{ method: "POST", path: "/v1/batches", scope: "ingest" },
        handle: ({ request, principal }) => receiver.batches(request, principal),
      },
      {
        ...{ method: "POST", path: "/v1/hello", scope: "ingest" },
        handle: ({ request, principal }) => receiver.hello(request, principal),
      },
      {
        ...{ method: "GET", path: "/v1/windows", scope: "read" },
        handle: ({ query, principal, request }) =>
          windows.answer(principal.tenant, query, request.remoteAddress),
      },
      ...peopleRoutes({
        ...{ processor, platform: this.#platform, rules: this.#rules },
        commits: this.#commits,
      }),
      {
        ...{ method: "GET", path: "/v1/agents", scope: "read" },
        handle: async ({ query, principal }) =>
          answerAgents(processor.agentViews(), principal.tenant, query),
      },
      {
        ...{ method: "POST", path: "/v1/enroll", scope: undefined },
        handle: (routed) => this.#front.enroll(routed),
      },
      ...this.#sinkRoutes(),
      ...this.#backupRoutes(),
      ...eventRoutes(this.#postedParts()),
      {
        ...{ method: "GET", path: "/v1/sources", scope: "read" },
        handle: async ({ query, principal }) =>
          answerSources(processor.agentViews(), this.#sources, principal.tenant, query),
      },
      {
        ...{ method: "GET", path: "/metrics", scope: "read" },
        handle: () => this.#metrics.answer(),
      },
      {
        ...{ method: "GET", path: "/healthz", scope: undefined },
        handle: async () => answerHealth(),
      },
      {
        ...{ method: "GET", path: "/readyz", scope: undefined },
        handle: async () => answerReadiness(this.#checks()),
      },
      {
        ...{ method: "GET", path: "/v1/status", scope: "read" },
        handle: async () => answerStatus(this.#figures(), this.#checks()),
      },
    ];
  }

  #sinkRoutes(): Route[] {
    const sinks = new SinksApi(() => this.#deliveries);
    const letters = new DeadLettersApi(() => this.#letterHolders());
    return [
      {
        ...{ method: "GET", path: "/v1/sinks", scope: "read" },
        handle: async () => sinks.status(),
      },
      {
        ...{ method: "POST", path: "/v1/sinks/replay", scope: "operate" },
        handle: ({ request }) => sinks.replaySink(request),
      },
      {
        ...{ method: "GET", path: "/v1/dead-letters", scope: "operate" },
        handle: async ({ query }) => letters.letters(query),
      },
      {
        ...{ method: "POST", path: "/v1/dead-letters/replay", scope: "operate" },
        handle: ({ request }) => letters.replay(request),
      },
      {
        ...{ method: "POST", path: "/v1/dead-letters/drop", scope: "admin" },
        handle: ({ request }) => letters.drop(request),
      },
    ];
  }

  #backupRoutes(): Route[] {
    const { log, copyState } = this.#options;
    if (copyState === undefined) return [];
    const backups = new BackupApi(this.#platform, { logId: log.logId, copyState });
    return [
      {
        ...{ method: "POST", path: "/v1/backup", scope: "admin" },
        handle: ({ request }) => backups.answer(request),
      },
    ];
  }

  #letterHolders(): LetterHolder[] {
    const parts = { processor: this.#processor, sources: this.#sources, ...this.#postedParts() };
    return [
      ...this.#deliveries.map(({ delivery }) => sinkHolder(delivery)),
      ...sourceHolders({ ...parts, posted: this.#posted }),
    ];
  }

  #checks(): Check[] {
    const nowMs = this.#platform.clock.monotonic();
    const checks: Check[] = checkProgress(this.#processor.progress(), nowMs);
    if (this.#closing !== undefined) {
      checks.push({ name: "drain", isOk: false, detail: "shutting down" });
    }
    return checks;
  }

  /** The lowest of the partitions, which all windows have reached. */
  #watermarkMs(): number | undefined {
    let lowestMs: number | undefined;
    for (const view of this.#processor.windowViews()) {
      const { watermarkMs } = readProcessRow(view);
      if (watermarkMs === undefined) return undefined;
      lowestMs = Math.min(lowestMs ?? watermarkMs, watermarkMs);
    }
    return lowestMs;
  }

  #archiveFigures(): ArchiveFigures | undefined {
    if (this.#archiver === undefined) return undefined;
    let [waitingBytes, shedItems] = [0, 0];
    for (const row of this.#processor.windowViews().map(readArchiveRow)) {
      waitingBytes += row.waitingBytes;
      shedItems += row.shedItems;
    }
    return { ...this.#archiver.counters, waitingBytes, shedItems };
  }

  #figures(): Figures {
    const collected = this.#processor.agentViews().map(readCollectRow);
    const processed = this.#processor.windowViews().map(readProcessRow);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const agents = this.#processor.agentViews().map((view) => [...readAgents(view)].length);
    return {
      isReady: this.#checks().every(({ isOk }) => isOk),
      inFlightBytes: this.#receiver.inFlightBytes,
      clockMs: logClockMs(this.#processor.agentViews()),
      watermarkMs: this.#watermarkMs(),
      agentCount: sum(agents),
      receivedLines: sum(collected.map((row) => row.receivedLines)),
      mergedLines: sum(processed.map((row) => row.mergedLines)),
      tooLateLines: sum(processed.map((row) => row.tooLateLines)),
      windowChanges: sum(processed.map((row) => row.changeNumber)),
      inlets: this.#inletFigures(),
      alerts: countOpenAlerts(this.#processor.windowViews()),
      rules: readRuleFigures(this.#processor.windowViews(), this.#rules().thresholds),
      archive: this.#archiveFigures(),
      sinks: this.#deliveries.map(({ delivery, feed }) => {
        const behindCount = Math.max(0, feed.newestChange() - delivery.status.change);
        return { ...delivery.status, behindCount };
      }),
    };
  }

  #postedParts(): PostedParts {
    return {
      records: new ProcessorRecords(this.#processor),
      platform: this.#platform,
      maxFutureMs: this.#config.time.maxFutureMs,
      leaving: this.#posted,
      selectors: () => this.#rules().selectors,
    };
  }

  #inletFigures(): InletFigures[] {
    const rows = this.#processor.agentViews().flatMap((view) => [...readInlets(view)]);
    return rows.map(({ source, place, counters, letterTotal }) => {
      const running = this.#sources.find(({ name }) => name === source);
      const behindCount = running?.inlets.find((inlet) => inlet.place === place)?.behindCount;
      return { source, place, recordCount: counters.records, deadTotal: letterTotal, behindCount };
    });
  }
}
