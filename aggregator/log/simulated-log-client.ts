import { assert } from "../../shared/assert.ts";
import { type ErrorCode, TailraceError } from "../../shared/errors.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import { OrderedMap } from "../state/ordered-map.ts";
import { checkCommit } from "./check-commit.ts";
import type { Commit, Log, LogRecord, Owner, StateView, Topic } from "./log.ts";
import type { SimulatedLog, SimulatedPartition, SimulatedShare } from "./simulated-log.ts";

/** The simulated log as one process sees it. Made by {@link SimulatedLog.client}. */
export class SimulatedLogClient implements Log {
  readonly logId: string;
  readonly #log: SimulatedLog;
  readonly #timers: Timers;
  readonly #owners = new Set<SimulatedOwner>();
  #isClosed = false;

  constructor(log: SimulatedLog, timers: Timers) {
    this.#log = log;
    this.#timers = timers;
    this.logId = log.logId;
  }

  partitionCount(topic: Topic): number {
    return this.#log.partitionCounts[topic];
  }

  async append(topic: Topic, partition: number, payload: Buffer): Promise<number> {
    this.#checkOpen();
    const log = this.#log;
    // The process may use its bytes again as soon as it is killed, or answered; the log keeps its own.
    const copy = Buffer.from(payload);
    await arrive(log);
    const outcome = decideAppend(log, () => log.insert(topic, partition, copy));
    await answer(log, this.#timers);
    if (typeof outcome === "number") return outcome;
    throw failure(outcome, `an append to ${topic}/${partition}`);
  }

  async own(group: string, partition: number, onLost: () => void): Promise<Owner> {
    this.#checkOpen();
    const log = this.#log;
    await arrive(log);
    if (log.chance(log.faults.unavailable)) {
      await answer(log, this.#timers);
      throw failure("LOG_UNAVAILABLE", `owning ${group}/${partition}`);
    }
    const share = log.share(group, partition);
    const number = log.fence(share);
    share.tellOwner = () => {
      const delayMs = log.upTo(log.faults.lostNoticeMsMax);
      void this.#timers.sleep(delayMs).then(() => owner.hearLost());
    };
    const owner = new SimulatedOwner(log, this.#timers, { share, number, onLost });
    await share.undecided;
    await answer(log, this.#timers);
    owner.load();
    this.#owners.add(owner);
    return owner;
  }

  async trim(topic: Topic, partition: number, before: number): Promise<void> {
    this.#checkOpen();
    await arrive(this.#log);
    this.#log.trim(topic, partition, before);
    await answer(this.#log, this.#timers);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const owner of this.#owners) await owner.close();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw failure("LOG_UNAVAILABLE", "a call to a closed log");
  }
}

/** The right to commit, as its holder believes. */
class SimulatedOwner implements Owner {
  readonly #log: SimulatedLog;
  readonly #timers: Timers;
  readonly #share: SimulatedShare;
  readonly #number: number;
  readonly #onLost: () => void;
  /** The owner's own copy, as a local store is: a fenced owner goes on seeing what it last committed. */
  #rows = new OrderedMap();
  #positions = new Map<Topic, number>();
  #isCommitting = false;
  #end: "lost" | "unknown" | "closed" | undefined;

  constructor(
    log: SimulatedLog,
    timers: Timers,
    options: {
      readonly share: SimulatedShare;
      readonly number: number;
      readonly onLost: () => void;
    },
  ) {
    this.#log = log;
    this.#timers = timers;
    this.#share = options.share;
    this.#number = options.number;
    this.#onLost = options.onLost;
  }

  readonly state: StateView = {
    get: (key) => this.#rows.get(key),
    range: (from, to, options) => this.#rows.range(from, to, options),
  };

  position(topic: Topic): number {
    return this.#positions.get(topic) ?? 0;
  }

  async read(
    topic: Topic,
    from: number,
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<LogRecord[]> {
    this.#checkOpen();
    const log = this.#log;
    const partition = log.partition(topic, this.#share.partition);
    // Whoever reads is registered: what it has not read is not trimmed.
    if (!this.#share.positions.has(topic)) this.#share.positions.set(topic, 0);
    while (!signal.aborted) {
      const records = this.#recordsFrom(partition, from, bytesMax);
      if (records.length === 0) {
        await partition.readers.wait(signal);
        continue;
      }
      const isUnavailable = log.chance(log.faults.unavailable);
      await answer(log, this.#timers);
      if (isUnavailable) throw failure("LOG_UNAVAILABLE", `reading ${topic}`);
      return signal.aborted ? [] : records;
    }
    return [];
  }

  async commit(commit: Commit): Promise<void> {
    assert(!this.#isCommitting, "an owner has one open commit");
    this.#checkOpen();
    checkCommit(commit, (topic) => this.position(topic));
    const log = this.#log;
    const copy = copyCommit(commit);
    this.#isCommitting = true;
    try {
      await arrive(log);
      const outcome = this.#decide(copy);
      await answer(log, this.#timers);
      if (outcome !== "committed") {
        this.#end ??= "unknown";
        throw failure(outcome, `a commit of ${this.#share.group}/${this.#share.partition}`);
      }
    } finally {
      this.#isCommitting = false;
    }
    for (const { key, value } of copy.changes) this.#rows.set(key, value);
    for (const { topic, position } of copy.positions) this.#positions.set(topic, position);
  }

  async close(): Promise<void> {
    this.#end = "closed";
  }

  /** Takes over what is committed; once, before the owner is handed out. */
  load(): void {
    // Another owner may have come meanwhile. It cannot be told from the state, only by the commit that fails.
    this.#rows = new OrderedMap(this.#share.rows);
    this.#positions = new Map(this.#share.positions);
  }

  /** The news that another owner came; late, as news are. */
  hearLost(): void {
    if (this.#end === "closed") return;
    this.#end = "lost";
    this.#onLost();
  }

  #decide(commit: Commit): "committed" | "LOG_FENCED" | "LOG_UNKNOWN" {
    const log = this.#log;
    const share = this.#share;
    if (log.chance(log.faults.unavailable)) return "LOG_UNKNOWN";
    if (share.ownerNumber !== this.#number) return "LOG_FENCED";
    if (!log.chance(log.faults.unknown)) {
      log.apply(share, commit);
      return "committed";
    }
    // Decided later; the next owner waits for that.
    const willHappen = log.chance(0.5);
    const { restoreCount } = share;
    share.undecided = log.world.timers.sleep(log.upTo(log.faults.lateMsMax)).then(() => {
      if (willHappen && share.restoreCount === restoreCount) log.apply(share, commit);
    });
    return "LOG_UNKNOWN";
  }

  /** At least one record when there is one, and often fewer than there are. */
  #recordsFrom(partition: SimulatedPartition, from: number, bytesMax: number): LogRecord[] {
    const found: LogRecord[] = [];
    let bytes = 0;
    const first = firstIndexFrom(partition.records, from);
    for (let index = first; index < partition.records.length; index++) {
      const record = partition.records[index];
      if (record === undefined || (found.length > 0 && bytes >= bytesMax)) break;
      found.push(record);
      bytes += record.payload.length;
    }
    if (found.length > 1 && this.#log.chance(this.#log.faults.gap)) {
      found.length = 1 + this.#log.upTo(found.length - 1);
    }
    return found;
  }

  #checkOpen(): void {
    if (this.#end === undefined) return;
    throw failure("LOG_FENCED", `a call of an owner that is ${this.#end}`);
  }
}

/** A request on its way; it goes on when the process that sent it dies. */
function arrive(log: SimulatedLog): Promise<void> {
  return log.world.timers.sleep(log.upTo(log.faults.latencyMsMax));
}

/** An answer on its way; it ends with the process that waits for it. */
function answer(log: SimulatedLog, timers: Timers): Promise<void> {
  return timers.sleep(log.upTo(log.faults.latencyMsMax));
}

function decideAppend(log: SimulatedLog, insert: () => number): number | ErrorCode {
  if (log.chance(log.faults.unavailable)) return "LOG_UNAVAILABLE";
  if (!log.chance(log.faults.unknown)) return insert();
  const fate = log.upTo(2);
  if (fate === 0) insert();
  if (fate === 1) void log.world.timers.sleep(log.upTo(log.faults.lateMsMax)).then(insert);
  return "LOG_UNKNOWN";
}

function failure(code: ErrorCode, what: string): TailraceError {
  return new TailraceError(code, `The simulated log failed: ${what}.`);
}

function copyCommit(commit: Commit): Commit {
  return {
    positions: [...commit.positions],
    changes: commit.changes.map(({ key, value }) => ({
      key,
      value: value === undefined ? undefined : Buffer.from(value),
    })),
    records: commit.records.map((record) => ({ ...record, payload: Buffer.from(record.payload) })),
  };
}

function firstIndexFrom(records: readonly LogRecord[], position: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.position ?? Number.POSITIVE_INFINITY) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
