/**
 * A log in memory with several partitions, for the simulator and for tests. It keeps the whole contract and is otherwise as nasty as the
 * contract allows: appends whose outcome is unknown and that show up at once, later, behind newer ones, or never; a log that cannot be
 * reached; owners that hear late or never that they lost a partition and find out at their next commit; commits that are decided only after
 * their owner was told that nothing is known; positions that skip; reads that bring less than there is; times that jump.
 *
 * The object stands outside the simulated processes and so outlives them. Each process talks to it through a {@link SimulatedLog.client} of its own:
 * what it asked for arrives though it died meanwhile, and what it is answered goes through its own timers, which never fire after a kill.
 */
import { assert, present } from "../../shared/assert.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { OrderedMap } from "../state/ordered-map.ts";
import type { Commit, Log, LogRecord, StateView, Topic } from "./log.ts";
import { SimulatedLogClient } from "./simulated-log-client.ts";
import { WakeList } from "./wake-list.ts";

/** How nasty the log is; may be changed at any time. Chances are from 0 to 1. */
export interface LogFaults {
  /** Longest way of a request, and of its answer. */
  latencyMsMax: number;
  /** Chance that a call does not reach the log: LOG_UNAVAILABLE, for a commit LOG_UNKNOWN. 1 is an outage. */
  unavailable: number;
  /** Chance that an append or a commit that reached the log ends in LOG_UNKNOWN. */
  unknown: number;
  /** How much later something of unknown outcome may still come about. */
  lateMsMax: number;
  /** How late an owner may hear that it lost its partition. */
  lostNoticeMsMax: number;
  /** Chance that positions skip. */
  gap: number;
  /** How far behind the clock `appendedAtMs` may be. */
  clockErrorMsMax: number;
}

/** No faults at all. */
export const calmLogFaults: Readonly<LogFaults> = {
  latencyMsMax: 0,
  unavailable: 0,
  unknown: 0,
  lateMsMax: 0,
  lostNoticeMsMax: 0,
  gap: 0,
  clockErrorMsMax: 0,
};

/** Everything that can go wrong does so now and then. */
export const nastyLogFaults: Readonly<LogFaults> = {
  latencyMsMax: 20,
  unavailable: 0.02,
  unknown: 0.05,
  lateMsMax: 5_000,
  lostNoticeMsMax: 3_000,
  gap: 0.2,
  clockErrorMsMax: 300,
};

/** How a simulated log is made. `world` belongs to the simulator and lives on when processes die. */
export interface SimulatedLogOptions {
  readonly partitionCounts: Readonly<Record<Topic, number>>;
  readonly world: Pick<Platform, "clock" | "random" | "timers">;
  readonly faults?: Partial<LogFaults>;
}

/** One partition of a topic. For the files of the simulated log. */
export interface SimulatedPartition {
  records: LogRecord[];
  nextPosition: number;
  readonly readers: WakeList;
}

/** What a group keeps in one partition. For the files of the simulated log. */
export interface SimulatedShare {
  readonly group: string;
  readonly partition: number;
  rows: OrderedMap;
  positions: Map<Topic, number>;
  /** Rises with every owner; only the newest may commit. */
  ownerNumber: number;
  /** Tells the newest owner that it is one no longer. */
  tellOwner: () => void;
  /** Settles when a commit that is under way is decided. */
  undecided: Promise<void>;
  /** Rises when a backup is restored: what was under way then comes to nothing. */
  restoreCount: number;
}

/** What {@link SimulatedLog.takeBackup} took. */
export interface SimulatedLogBackup {
  readonly partitions: ReadonlyMap<string, Omit<SimulatedPartition, "readers">>;
  readonly shares: ReadonlyMap<string, Pick<SimulatedShare, "rows" | "positions">>;
}

/** See the head of this file. */
export class SimulatedLog {
  readonly logId: string;
  readonly partitionCounts: Readonly<Record<Topic, number>>;
  readonly world: SimulatedLogOptions["world"];
  /** The chances in force. */
  readonly faults: LogFaults;
  readonly #partitions = new Map<string, SimulatedPartition>();
  readonly #shares = new Map<string, SimulatedShare>();

  constructor(options: SimulatedLogOptions) {
    this.world = options.world;
    this.partitionCounts = options.partitionCounts;
    this.faults = { ...calmLogFaults, ...options.faults };
    this.logId = options.world.random.bytes(16).toString("hex");
    for (const topic of ["batches", "keyed"] as const) {
      for (let partition = 0; partition < options.partitionCounts[topic]; partition++) {
        const readers = new WakeList();
        this.#partitions.set(`${topic}/${partition}`, { records: [], nextPosition: 0, readers });
      }
    }
  }

  /** The log as one process sees it. When the timers of the process stop for ever, so do the answers. */
  client(process: Pick<Platform, "timers">): Log {
    return new SimulatedLogClient(this, process.timers);
  }

  /** What a group has committed in a partition: for checkers, and for queries beside the owners. */
  state(group: string, partition: number): StateView {
    const share = this.share(group, partition);
    return {
      get: (key) => share.rows.get(key),
      range: (from, to, options) => share.rows.range(from, to, options),
    };
  }

  /** The records of a partition that were not trimmed, for checkers. */
  records(topic: Topic, partition: number): readonly LogRecord[] {
    return this.partition(topic, partition).records;
  }

  /** Everything as it is now: records, states, positions. */
  takeBackup(): SimulatedLogBackup {
    const partitions = new Map(
      [...this.#partitions].map(([name, { records, nextPosition }]) => [
        name,
        { records: records.slice(), nextPosition },
      ]),
    );
    const shares = new Map(
      [...this.#shares].map(([name, { rows, positions }]) => [
        name,
        { rows: new OrderedMap(rows), positions: new Map(positions) },
      ]),
    );
    return { partitions, shares };
  }

  /** Puts everything back as it was and fences all owners: what happened since is gone, as after a restore of the whole cluster. */
  restore(backup: SimulatedLogBackup): void {
    for (const [name, partition] of this.#partitions) {
      const saved = present(backup.partitions.get(name), "the partition in the backup");
      partition.records = saved.records.slice();
      partition.nextPosition = saved.nextPosition;
    }
    for (const [name, share] of this.#shares) {
      const saved = backup.shares.get(name);
      share.rows = new OrderedMap(saved?.rows);
      share.positions = new Map(saved?.positions);
      share.restoreCount++;
      this.fence(share);
    }
  }

  /** For clients: one partition of a topic. */
  partition(topic: Topic, partition: number): SimulatedPartition {
    return present(
      this.#partitions.get(`${topic}/${partition}`),
      `partition ${partition} of ${topic}`,
    );
  }

  /** For clients: what a group has in a partition. */
  share(group: string, partition: number): SimulatedShare {
    const name = `${group}/${partition}`;
    let share = this.#shares.get(name);
    if (share === undefined) {
      share = {
        group,
        partition,
        rows: new OrderedMap(),
        positions: new Map(),
        ownerNumber: 0,
        tellOwner: () => undefined,
        undecided: Promise.resolve(),
        restoreCount: 0,
      };
      this.#shares.set(name, share);
    }
    return share;
  }

  /** For clients: takes the right to commit from the newest owner and returns the number of the next one. */
  fence(share: SimulatedShare): number {
    share.tellOwner();
    share.tellOwner = () => undefined;
    share.ownerNumber++;
    return share.ownerNumber;
  }

  /** For clients: puts a record at the end of a partition. */
  insert(topic: Topic, partition: number, payload: Buffer): number {
    const target = this.partition(topic, partition);
    if (this.chance(this.faults.gap)) target.nextPosition += 1 + this.upTo(3);
    const position = target.nextPosition++;
    const appendedAtMs =
      Math.floor(this.world.clock.now()) - this.upTo(this.faults.clockErrorMsMax);
    target.records.push({ position, appendedAtMs, payload });
    target.readers.wakeAll();
    return position;
  }

  /** For clients: what a commit does, all of it. */
  apply(share: SimulatedShare, commit: Commit): void {
    for (const { key, value } of commit.changes) share.rows.set(key, value);
    for (const { topic, position } of commit.positions) share.positions.set(topic, position);
    for (const { topic, partition, payload } of commit.records) {
      this.insert(topic, partition, payload);
    }
  }

  /** For clients: removes what lies below `before` and was read by all groups that read this partition. */
  trim(topic: Topic, partition: number, before: number): void {
    let limit = before;
    let isRead = false;
    for (const share of this.#shares.values()) {
      const position = share.partition === partition ? share.positions.get(topic) : undefined;
      if (position === undefined) continue;
      isRead = true;
      limit = Math.min(limit, position);
    }
    if (!isRead) return;
    const target = this.partition(topic, partition);
    const kept = target.records.findIndex((record) => record.position >= limit);
    target.records = kept === -1 ? [] : target.records.slice(kept);
  }

  /** True with the given chance. Draws nothing when the outcome is sure. */
  chance(chance: number): boolean {
    return chance > 0 && (chance >= 1 || this.world.random.float() < chance);
  }

  /** A whole number from 0 to `max`. */
  upTo(max: number): number {
    assert(max >= 0, "a range does not end before it begins");
    return max === 0 ? 0 : Math.floor(this.world.random.float() * (max + 1));
  }
}
