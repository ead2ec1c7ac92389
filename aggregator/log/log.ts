/**
 * The log: what an aggregator may rely on between receiving a batch and having committed it. It promises only what Kafka can promise,
 * so that the embedded log, Kafka and the simulator's log are interchangeable; one conformance suite holds for all.
 *
 * Not promised: delivery to sinks, order across partitions, order of `appendedAtMs`.
 */

/** The topics: what agents sent by agent, and what stage 1 made of it by key. */
export type Topic = "batches" | "keyed";

/** One record as a reader gets it. */
export interface LogRecord {
  /** Rises within a partition, may skip. */
  readonly position: number;
  /** Stamped by the log; milliseconds since the Unix epoch, may jump. */
  readonly appendedAtMs: number;
  readonly payload: Buffer;
}

/** A record that a commit appends. */
export interface OutgoingRecord {
  readonly topic: Topic;
  readonly partition: number;
  readonly payload: Buffer;
}

/** A change of state: `value` undefined deletes. Keys are printable ASCII, ordered by code unit. */
export interface StateChange {
  readonly key: string;
  readonly value: Buffer | undefined;
}

/** State as of the last commit; what an open commit holds is not yet seen. */
export interface StateView {
  get(key: string): Buffer | undefined;
  /** Entries with `from` <= key < `to`, ascending (descending when `reverse`), at most `limit`. */
  range(
    from: string,
    to: string,
    options?: { readonly limit?: number; readonly reverse?: boolean },
  ): Iterable<readonly [key: string, value: Buffer]>;
}

/** The next position to read of one topic's partition (the owner's own). */
export interface TopicPosition {
  readonly topic: Topic;
  readonly position: number;
}

/** What one commit makes durable, all or nothing. At most 4 MiB and 10,000 keys. */
export interface Commit {
  readonly positions: readonly TopicPosition[];
  readonly changes: readonly StateChange[];
  readonly records: readonly OutgoingRecord[];
}

/** The right to commit for one partition of one group. At most one owner can commit. */
export interface Owner {
  /** Next position to read, as of the last commit; 0 before the first. */
  position(topic: Topic): number;
  /** The group's state in this partition. */
  readonly state: StateView;
  /**
   * Records from `from` on, at least one when there is one, at most about `bytesMax`; waits for the first until `signal` aborts, then
   * resolves empty. Committed records only; the same position always has the same bytes. May be called again from any position not trimmed.
   */
  read(topic: Topic, from: number, bytesMax: number, signal: AbortSignal): Promise<LogRecord[]>;
  /**
   * All or nothing; durable when it resolves. One open commit per owner.
   * Fails with LOG_FENCED (close) or LOG_UNKNOWN (close, own again, look at {@link position}).
   */
  commit(commit: Commit): Promise<void>;
  close(): Promise<void>;
}

/** See the head of this file. */
export interface Log {
  /** Drawn once when the log is made; an agent's epoch is bound to it. */
  readonly logId: string;
  /** Fixed when the log is made. */
  partitionCount(topic: Topic): number;
  /**
   * Resolves with the record's position when it is durable: whole or absent; one caller's awaited appends keep their order.
   * Fails with LOG_FULL or LOG_UNAVAILABLE (certainly absent), or LOG_UNKNOWN: it may appear once, now or later, even after newer records.
   * `sync` false: may be lost in a crash (ticks).
   */
  append(
    topic: Topic,
    partition: number,
    payload: Buffer,
    options?: { readonly sync?: boolean },
  ): Promise<number>;
  /** Becomes the owner: fences the one before and waits until its open commit is decided. `onLost` is called at most once. */
  own(group: string, partition: number, onLost: () => void): Promise<Owner>;
  /** Gives space back below `before`, and below the minimum position of all registered readers; nothing unread is ever deleted. */
  trim(topic: Topic, partition: number, before: number): Promise<void>;
  close(): Promise<void>;
}
