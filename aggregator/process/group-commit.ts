import type { LogRecord, OutgoingRecord, Owner, StateChange, Topic } from "../log/log.ts";
import { PARTIAL_KEY } from "../state/keys.ts";
import { decodePartialRow, encodePartialRow, type PartialRow } from "../state/stage-rows.ts";

/** A little below the 10,000 keys and 4 MiB of a commit: positions and what tells of an unfinished group come on top. */
const COMMIT_KEYS_MAX = 9900;
const COMMIT_BYTES_MAX = 3.9 * 1024 * 1024;

/**
 * Commits a group of log records: in one commit where it fits, else in several. All but the last carry a row that says how far the group
 * is done: up to which position it goes, and how many of its steps are committed. After a crash the same group is made again from the
 * same records, and the steps that are committed are left out. Only the last commit moves the position and makes the records applied.
 *
 * How many steps the events of a group make depends on the rules. When these are others after the crash, all events are taken again: one that
 * waits already is the same row again, and one that waits no more is late.
 */
export class GroupCommit {
  private readonly owner: Owner;
  private readonly topic: Topic;
  /** The unfinished group that the last owner left, until it is finished. */
  partial: PartialRow | undefined;
  /** Names the routes by which the events of the group at hand are made into steps. */
  routes = "";

  constructor(owner: Owner, topic: Topic) {
    this.owner = owner;
    this.topic = topic;
    this.partial = decodePartialRow(owner.state.get(PARTIAL_KEY));
  }

  /** How many steps of the group at hand are committed already; the first `fixedCount` are the same whatever the routes. */
  stepsDone(fixedCount: number): number {
    if (this.partial === undefined) return 0;
    const { stepCount, routes } = this.partial;
    return routes === this.routes ? stepCount : Math.min(stepCount, fixedCount);
  }

  /** Commits a part of the group that ends at position `through`, of which then `stepCount` steps are done. */
  async slice(
    through: number,
    stepCount: number,
    changes: readonly StateChange[],
    records: readonly OutgoingRecord[] = [],
  ): Promise<void> {
    await this.commitPart({ through, stepCount, routes: this.routes }, changes, records);
  }

  /**
   * Commits the rest of the group that ends at position `through`: `last` and `records` together, `early` with them or before.
   * `last` and `records` must fit into one commit.
   */
  async finish(
    through: number,
    parts: {
      readonly early: readonly StateChange[];
      readonly last: readonly StateChange[];
      readonly records?: readonly OutgoingRecord[];
    },
  ): Promise<void> {
    const { early, last, records = [] } = parts;
    const room = new Room();
    for (const change of last) room.take(change);
    for (const record of records) room.bytes -= record.payload.length;
    let rest = early;
    if (!room.holds(early)) {
      rest = [];
      const partial = this.partial ?? { through, stepCount: 0, routes: this.routes };
      for (const part of pieces(early)) await this.commitPart(partial, part, []);
    }
    const changes = [...rest, ...last];
    if (this.partial !== undefined) changes.push({ key: PARTIAL_KEY, value: undefined });
    const positions = [{ topic: this.topic, position: through + 1 }];
    await this.owner.commit({ positions, changes, records });
    this.partial = undefined;
  }

  private async commitPart(
    partial: PartialRow,
    changes: readonly StateChange[],
    records: readonly OutgoingRecord[],
  ): Promise<void> {
    this.partial = partial;
    const row = { key: PARTIAL_KEY, value: encodePartialRow(partial) };
    await this.owner.commit({ positions: [], changes: [...changes, row], records });
  }

  /** Commits changes that belong to no record. */
  async maintain(changes: readonly StateChange[]): Promise<void> {
    await this.owner.commit({ positions: [], changes, records: [] });
  }
}

/** Gathers records until the group that the last owner left unfinished is whole; without one every call gives a group. */
export class GroupGather {
  private readonly commit: GroupCommit;
  private held: LogRecord[] = [];

  constructor(commit: GroupCommit) {
    this.commit = commit;
  }

  /** The next group, or undefined when more records are needed for it. `isWhole` says that it must be taken as it is. */
  gather(
    records: readonly LogRecord[],
  ): { readonly group: readonly LogRecord[]; readonly isWhole: boolean } | undefined {
    const { partial } = this.commit;
    if (partial === undefined) return { group: records, isWhole: false };
    this.held.push(...records);
    const last = this.held.at(-1);
    if (last === undefined || last.position < partial.through) return undefined;
    const group = this.held.filter((record) => record.position <= partial.through);
    this.held = [];
    return { group, isWhole: true };
  }
}

/** What is left of one commit. */
class Room {
  keys = COMMIT_KEYS_MAX;
  bytes = COMMIT_BYTES_MAX;

  take({ key, value }: StateChange): void {
    this.keys--;
    this.bytes -= key.length + (value?.length ?? 0);
  }

  holds(changes: readonly StateChange[]): boolean {
    const after = new Room();
    after.keys = this.keys;
    after.bytes = this.bytes;
    for (const change of changes) after.take(change);
    return after.keys >= 0 && after.bytes >= 0;
  }
}

/** Changes in parts of which each fits into a commit. */
function* pieces(changes: readonly StateChange[]): Iterable<StateChange[]> {
  let part: StateChange[] = [];
  let room = new Room();
  for (const change of changes) {
    if (part.length > 0 && !room.holds([change])) {
      yield part;
      part = [];
      room = new Room();
    }
    part.push(change);
    room.take(change);
  }
  if (part.length > 0) yield part;
}
