/**
 * The agent: the only place that connects sources, spool and shipping.
 *
 * Two loops run side by side. The read loop (`read-loop.ts`) turns files into records of the spool, the send loop (`ship/send-loop.ts`) brings
 * records to the aggregator and deletes what is applied. They meet in the spool, and in one event: when agent and aggregator have to find
 * together anew (no spool, a damaged one, or `diverged`), the send loop says hello, the read loop seals what it has and ends, a new epoch
 * begins (`spool/begin-epoch.ts`), and a new read loop goes on from its state.
 */
import { join } from "node:path";
import { assert, present } from "../shared/assert.ts";
import { TailraceError } from "../shared/errors.ts";
import type { Logger } from "../shared/log.ts";
import type { DiskLock } from "../shared/platform/disk.ts";
import { makeDurableDirectory } from "../shared/platform/make-durable-directory.ts";
import type { Platform } from "../shared/platform/platform.ts";
import type { HelloAnswer } from "../shared/protocol/answers.ts";
import type { Checkpoint, LedgerEntry, SealedRecord } from "../shared/protocol/batch.ts";
import type { Selectors } from "../shared/protocol/selected-event.ts";
import type { AgentConfig } from "./config.ts";
import { changedSources, createSources } from "./create-sources.ts";
import { ReadLoop } from "./read-loop.ts";
import { Credentials } from "./ship/credentials.ts";
import { SendLoop, type ShipHost } from "./ship/send-loop.ts";
import { type ShipMode, type ShipPosition, Shipper } from "./ship/ship.ts";
import { type Source, type SourceStatus, sourceStatus } from "./source/source.ts";
import { beginEpoch } from "./spool/begin-epoch.ts";
import { keepDeadLetter } from "./spool/dead-letter.ts";
import { readEpoch, writeEpoch } from "./spool/epoch-file.ts";
import { makeTombstone } from "./spool/make-tombstone.ts";
import { type OpenedSpool, openSpool } from "./spool/open-spool.ts";
import { readSelectors, writeSelectors } from "./spool/selectors-file.ts";
import type { Spool } from "./spool/spool.ts";
import { EventSelection } from "./window/event-selection.ts";

/** What the configuration does not say. */
export interface AgentOptions {
  readonly logger: Logger;
  /** Name of the agent; needed when the configuration gives none. */
  readonly hostname?: string;
  /** Identity of this machine. */
  readonly machine: string;
  /** True to read everything from its beginning to its end, and then be {@link RunningAgent.isDrained}. */
  readonly once?: boolean;
  /** True to take the name over from another machine or another spool. */
  readonly takeover?: boolean;
  /** True to bind the spool to whatever log the endpoints lead to now. */
  readonly adoptLog?: boolean;
}

/** An agent as it stands. */
export interface AgentStatus {
  readonly agent: string;
  /** Undefined before the first hello was answered. */
  readonly epoch: string | undefined;
  readonly logId: string | undefined;
  readonly mode: ShipMode;
  /** False when it cannot do its work: it never spoke with an aggregator, was fenced, or its disk fails. */
  readonly isReady: boolean;
  /** Sequences of the newest records that are sealed and synced, held by an aggregator, and committed there. */
  readonly sealed: number;
  readonly accepted: number;
  readonly applied: number;
  readonly spoolBytes: number;
  readonly segmentCount: number;
  readonly isSpoolFull: boolean;
  /** Revision of the aggregator's selectors that choose events now; empty when there are none. */
  readonly selectorRevision: string;
  readonly readBytes: number;
  /** As they stand when this is looked at. */
  readonly sources: readonly SourceStatus[];
  /** Cumulative, as of the newest record. */
  readonly ledger: readonly LedgerEntry[];
  /** How often the spool was found damaged since the start. */
  readonly damageCount: number;
  /** Rises as long as reading goes round; stands still while there is no epoch to read in. */
  readonly turnCount: number;
}

/** An agent that runs. */
export interface RunningAgent {
  status(): AgentStatus;
  /** How far each file is read now, also beyond what is sealed. */
  files(): readonly Checkpoint[];
  /** Consecutive synced records behind `sequence`, of those that are still in the spool; at most about `bytesMax`. */
  sealedAfter(sequence: number, bytesMax: number): Promise<readonly SealedRecord[]>;
  /**
   * Takes other sources, `flush_interval`, `poll_interval` and `max_future` over, at a seal; sources that are configured as before are read on
   * as they are. Everything else of `config` has to be as it was. Resolves with false when that comes only with the next epoch.
   */
  reconfigure(config: AgentConfig): Promise<boolean>;
  /** With `once`: true when everything was read and all of it is applied. */
  readonly isDrained: boolean;
  /** Settles when the agent ends: resolves after {@link close}, rejects for a fault of this program. */
  readonly ended: Promise<void>;
  /** Seals and syncs what was counted, ends both loops and gives the data directory free. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts an agent; resolves when it works on its data directory, not when an aggregator has answered.
 * Fails with LOCK_HELD, FORMAT_UNKNOWN, AGENT_MISMATCH, TLS_INVALID or DISK_FAILED.
 */
export async function startAgent(
  platform: Platform,
  config: AgentConfig,
  options: AgentOptions,
): Promise<RunningAgent> {
  await makeDurableDirectory(platform.disk, config.data_dir);
  const lock = await platform.disk.lock(join(config.data_dir, "lock"));
  if (lock === undefined) {
    throw new TailraceError(
      "LOCK_HELD",
      `another agent uses ${config.data_dir}: stop it, or give this one another data_dir`,
      { facts: { path: config.data_dir } },
    );
  }
  try {
    const credentials = await Credentials.open(platform, config.ship, options.logger);
    const agent = new Agent(platform, config, options, { lock, credentials });
    await agent.start();
    return agent;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

type Owned = { readonly lock: DiskLock; readonly credentials: Credentials };

class Agent implements RunningAgent, ShipHost {
  readonly ended: Promise<void>;
  readonly #platform: Platform;
  #config: AgentConfig;
  readonly #options: AgentOptions;
  readonly #lock: DiskLock;
  readonly #name: string;
  readonly #selection: EventSelection;
  readonly #shipper: Shipper;
  readonly #sendLoop: SendLoop;
  readonly #stopping = new AbortController();
  readonly #end = Promise.withResolvers<void>();
  #spool: Spool | undefined;
  #isSpoolBroken = false;
  #sources: readonly Source[] = [];
  /** From which they were made; undefined before the first were. */
  #readConfig: AgentConfig | undefined;
  #readLoop: { readonly loop: ReadLoop; readonly done: Promise<void> } | undefined;
  #readBytesBefore = 0;
  #sending: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #damageCount = 0;

  constructor(platform: Platform, config: AgentConfig, options: AgentOptions, own: Owned) {
    this.#platform = platform;
    this.#config = config;
    this.#options = options;
    this.#lock = own.lock;
    this.#name = present(config.id ?? options.hostname, "the name of the agent");
    const select = config.events.select.map(({ stream, where, fields }) => ({
      ...{ stream, keys: [], where: where === undefined ? [] : [where], fields },
    }));
    this.#selection = new EventSelection({ forbid: config.events.forbid, select });
    this.ended = this.#end.promise;
    // Whoever does not look at it must not be killed by it.
    this.ended.catch(() => undefined);
    this.#shipper = new Shipper({
      endpoints: config.ship.endpoints,
      requestBytesMax: config.ship.request_bytes,
      random: () => platform.random.float(),
    });
    this.#sendLoop = new SendLoop({
      platform,
      agent: this.#name,
      machine: options.machine,
      takeover: options.takeover ?? false,
      timeoutMs: config.ship.timeout,
      credentials: own.credentials,
      shipper: this.#shipper,
      host: this,
      logger: options.logger,
      signal: this.#stopping.signal,
    });
  }

  async start(): Promise<void> {
    const { logger, takeover = false, adoptLog = false } = this.#options;
    await this.#recallSelectors();
    const { spool, condition, logId } = await this.#open();
    const remembered = await readEpoch(this.#platform.disk, this.#config.data_dir);
    const isPending =
      typeof remembered === "object" ? !spool.epochs.includes(remembered.epoch) : true;
    if (condition === "whole" && !isPending && !takeover && !adoptLog) {
      const state = present(spool.state, "the state of a whole spool");
      logger.info("going on", { epoch: state.epoch, next: state.nextSequence });
      this.#shipper.begin(positionOf(spool));
      this.#startReading();
    } else {
      this.#shipper.sayHello(adoptLog ? undefined : logId);
    }
    this.#sending = this.#watch(this.#sendLoop.run());
  }

  get isDrained(): boolean {
    const sealed = this.#spool?.lastSequence ?? 0;
    return this.#readLoop?.loop.hasEnded === true && this.#shipper.applied >= sealed;
  }

  status(): AgentStatus {
    const spool = this.#spool;
    const { mode, accepted, applied } = this.#shipper;
    const sources = this.#sources;
    return {
      agent: this.#name,
      epoch: spool?.state?.epoch,
      logId: spool?.state?.logId,
      mode,
      isReady: this.#readLoop !== undefined && mode !== "fenced" && spool?.hasFailed === false,
      sealed: spool?.lastSequence ?? 0,
      accepted,
      applied,
      spoolBytes: spool?.bytes ?? 0,
      segmentCount: spool?.segmentCount ?? 0,
      isSpoolFull: spool?.isFull ?? false,
      selectorRevision: this.#selection.revision,
      readBytes: this.#readBytesBefore + (this.#readLoop?.loop.readBytes ?? 0),
      // It goes over all files, and most who ask want to know something else.
      get sources() {
        return sources.map(sourceStatus);
      },
      ledger: spool?.state?.ledger() ?? [],
      damageCount: this.#damageCount,
      turnCount: this.#readLoop?.loop.turnCount ?? 0,
    };
  }

  files(): readonly Checkpoint[] {
    return this.#sources.flatMap((source) => source.checkpoints());
  }

  async sealedAfter(sequence: number, bytesMax: number): Promise<readonly SealedRecord[]> {
    const spool = this.#spool;
    if (spool?.state === undefined) return [];
    return spool.read(Math.max(sequence + 1, spool.firstSequence), bytesMax);
  }

  async reconfigure(config: AgentConfig): Promise<boolean> {
    this.#config = config;
    const loop = this.#readLoop?.loop;
    if (loop === undefined) return false;
    // Asked when it is carried out: a configuration between may never have been.
    const changed = () => changedSources(present(this.#readConfig, "what is read"), config);
    return loop.exchange({
      names: new Set(config.sources.map(({ name }) => name)),
      isKept: ({ name }) => config.sources.some((s) => s.name === name && !changed().includes(s)),
      make: (kept) => {
        const made = this.#createSources({ ...config, sources: changed() });
        this.#readConfig = config;
        const byName = new Map([...kept, ...made].map((source) => [source.name, source]));
        this.#sources = config.sources.map(({ name }) => present(byName.get(name), "a source"));
        return this.#sources;
      },
      flushIntervalMs: config.flush_interval,
      pollIntervalMs: config.poll_interval,
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  position(): { readonly epoch: string; readonly logId: string } {
    const { epoch, logId } = present(this.#spool?.state, "the epoch that is being sent");
    return { epoch, logId };
  }

  get selectorRevision(): string {
    return this.#selection.nextRevision;
  }

  async takeSelectors(selectors: Selectors): Promise<void> {
    await writeSelectors(this.#platform.disk, this.#config.data_dir, selectors);
    this.#selection.offer(selectors);
    this.#readLoop?.loop.wake();
    const { revision } = selectors;
    const streams = selectors.selectors.map(({ stream }) => stream).join(", ");
    this.#options.logger.info("the aggregator selects events", { revision, streams });
  }

  read(sequence: number, bytesMax: number): Promise<SealedRecord[]> {
    return present(this.#spool, "the spool").read(sequence, bytesMax);
  }

  async drawEpoch(isFresh: boolean): Promise<string> {
    if (this.#isSpoolBroken) {
      await this.#stopReading();
      await this.#open();
    }
    const { disk, random } = this.#platform;
    const remembered = await readEpoch(disk, this.#config.data_dir);
    const epochs = this.#spool?.epochs ?? [];
    if (!isFresh && typeof remembered === "object" && !epochs.includes(remembered.epoch)) {
      return remembered.epoch;
    }
    const epoch = random.bytes(16).toString("hex");
    await writeEpoch(disk, this.#config.data_dir, epoch);
    return epoch;
  }

  async recover(epoch: string, answer: HelloAnswer): Promise<ShipPosition> {
    await this.#stopReading();
    const spool = present(this.#spool, "the spool");
    try {
      const sources = this.#config.sources.map((source) => source.name);
      const report = await beginEpoch(spool, { agent: this.#name, epoch, answer, sources });
      this.#options.logger.info("a new epoch begins", {
        epoch,
        log: answer.logId,
        known: answer.known,
        kept: report.keptCount,
        dropped: report.droppedCount,
        unreadable: report.unreadableCount,
      });
    } catch (error) {
      this.#isSpoolBroken = true;
      throw error;
    }
    if (!this.#stopping.signal.aborted) this.#startReading();
    return positionOf(spool);
  }

  async release(applied: number): Promise<void> {
    await present(this.#spool, "the spool").release(applied);
    this.#readLoop?.loop.wake();
  }

  async condemn(sequence: number, detail: string): Promise<void> {
    const spool = present(this.#spool, "the spool");
    const state = present(spool.state, "the epoch that is being sent");
    const found = await spool.readSealed(sequence);
    const path = await keepDeadLetter(this.#platform.disk, this.#config.data_dir, {
      agent: this.#name,
      epoch: state.epoch,
      logId: state.logId,
      machine: this.#options.machine,
      record: found.record,
    });
    const previousDigest = await spool.digestBefore(sequence);
    const { record, notes, lines } = makeTombstone(state, found, previousDigest);
    await spool.condemn(record, notes);
    this.#options.logger.error("a batch is lost: the aggregator cannot read it", {
      sequence,
      lines,
      detail,
      path,
    });
  }

  damaged(error: TailraceError): void {
    this.#damageCount++;
    this.#isSpoolBroken = true;
    this.#options.logger.error(
      "the spool is damaged: what is gone is read again from the files after the aggregator told what it holds",
      { ...error.facts },
    );
    this.#shipper.sayHelloAgain();
    this.#sendLoop.wake();
  }

  /** What was selected before the agent was stopped. */
  async #recallSelectors(): Promise<void> {
    const found = await readSelectors(this.#platform.disk, this.#config.data_dir);
    if (found === "damaged") {
      this.#options.logger.warn(
        "the file of selectors is damaged: no events are selected until the aggregator sends them again",
        { path: join(this.#config.data_dir, "selectors") },
      );
    } else if (found !== "absent") this.#selection.offer(found);
  }

  async #open(): Promise<OpenedSpool> {
    const { data_dir: dataDir, spool: limits } = this.#config;
    const { disk } = this.#platform;
    const { logger } = this.#options;
    const before = this.#spool;
    this.#spool = undefined;
    await before?.close();
    const remembered = await readEpoch(disk, dataDir);
    const opened = await openSpool(
      {
        disk,
        directory: join(dataDir, "spool"),
        agent: this.#name,
        bytesMax: limits.max_bytes,
        segmentBytes: limits.segment_bytes,
      },
      typeof remembered === "object" ? remembered.epoch : undefined,
    );
    this.#spool = opened.spool;
    this.#isSpoolBroken = false;
    const { detail, cutBytes } = opened;
    if (opened.condition === "damaged") {
      this.#damageCount++;
      logger.error("the spool is damaged; the aggregator is asked what it holds", { detail });
    } else if (opened.condition === "unfinished") {
      logger.warn("the spool has to be put in order again", { detail });
    }
    if (cutBytes > 0) logger.warn("a torn record was cut from the spool", { bytes: cutBytes });
    return opened;
  }

  #createSources(config: AgentConfig): Source[] {
    const state = present(this.#spool?.state, "the state of the epoch");
    const { logger, once = false, hostname: host = this.#name } = this.#options;
    return createSources({
      ...{ platform: this.#platform, config, state, selection: this.#selection },
      ...{ agent: this.#name, host, once, logger },
      names: this.#config.sources.map(({ name }) => name),
    });
  }

  #startReading(): void {
    const spool = present(this.#spool, "the spool");
    assert(this.#readLoop === undefined, "only one loop reads");
    const { logger, once = false } = this.#options;
    this.#selection.switch();
    const sources = this.#createSources(this.#config);
    this.#readConfig = this.#config;
    const shipper = this.#shipper;
    const loop = new ReadLoop({
      platform: this.#platform,
      sources,
      spool,
      selection: this.#selection,
      ship: {
        get isFenced() {
          return shipper.mode === "fenced";
        },
        get hasUnacknowledged() {
          return shipper.hasUnacknowledged;
        },
        get hasUnapplied() {
          return shipper.applied < shipper.accepted;
        },
      },
      flushIntervalMs: this.#config.flush_interval,
      pollIntervalMs: this.#config.poll_interval,
      once,
      logger,
      onSealed: (sequence) => {
        shipper.sealed(sequence);
        this.#sendLoop.wake();
      },
      onDamaged: (error) => this.damaged(error),
    });
    this.#sources = sources;
    this.#readLoop = { loop, done: this.#watch(loop.run()) };
  }

  async #stopReading(): Promise<void> {
    const reading = this.#readLoop;
    if (reading === undefined) return;
    reading.loop.stop();
    await reading.done;
    this.#readBytesBefore += reading.loop.readBytes;
    this.#readLoop = undefined;
    this.#sources = [];
  }

  /** A loop that ends with an error is a fault of this program: it ends the agent. */
  async #watch(run: Promise<void>): Promise<void> {
    try {
      await run;
    } catch (error) {
      this.#end.reject(error);
      this.#stopping.abort();
    }
  }

  async #close(): Promise<void> {
    this.#stopping.abort();
    await this.#sending;
    await this.#stopReading();
    await this.#spool?.close();
    await this.#lock.release();
    this.#end.resolve();
  }
}

function positionOf(spool: Spool): ShipPosition {
  const { epoch, logId } = present(spool.state, "the state of the epoch");
  const { firstSequence, lastSequence } = spool;
  return { epoch, logId, firstSequence, lastSequence };
}
