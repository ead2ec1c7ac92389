import { isLook } from "../alerts/operation.ts";
import { StageOne, type StageOneOutput } from "../collect/stage-one.ts";
import {
  encodeArrivals,
  encodeDeltas,
  encodeEvents,
  encodeHoles,
  encodeOperations,
  encodeWatermark,
} from "../log/keyed-entry.ts";
import type { LogRecord, OutgoingRecord, Owner } from "../log/log.ts";
import { collectGroup } from "./collect-group.ts";
import { GroupCommit, GroupGather } from "./group-commit.ts";
import {
  type Applied,
  QUIET_GROUP_COUNT_MAX,
  routesOf,
  type Session,
  type StageSettings,
  waitForMore,
} from "./session.ts";

/** Bytes of keyed records in one commit; the rows of stage 1 come on top. */
const RECORD_BYTES_MAX = 2 * 1024 * 1024;

/** What a {@link CollectSession} is made of. */
export interface CollectSessionOptions {
  readonly partition: number;
  /** Count of the partitions of `keyed`. */
  readonly keyedCount: number;
  readonly settings: StageSettings;
}

/** Stage 1 on one partition of `batches`: its commits append to `keyed`. */
export class CollectSession implements Session {
  readonly hasHousekeeping = false;
  private readonly partition: number;
  private readonly keyedCount: number;
  private readonly settings: StageSettings;
  private readonly stageOne: StageOne;
  private readonly commit: GroupCommit;
  private readonly gather: GroupGather;
  private quietGroupCount = 0;

  constructor(owner: Owner, options: CollectSessionOptions) {
    this.partition = options.partition;
    this.keyedCount = options.keyedCount;
    this.settings = options.settings;
    const { watermark, archive } = options.settings;
    const hasArchive = archive !== undefined;
    this.stageOne = new StageOne(owner.state, options.keyedCount, watermark, hasArchive);
    this.commit = new GroupCommit(owner, "batches");
    this.gather = new GroupGather(this.commit);
  }

  async apply(records: readonly LogRecord[]): Promise<Applied> {
    const { stageOne, commit, gather } = this;
    stageOne.route(this.settings.rules());
    commit.routes = routesOf(this.settings);
    const group = collectGroup(stageOne, records, commit, gather);
    if (group === undefined) return waitForMore(records);
    const isCommitted = await this.finish(group.through);
    return { next: group.through + 1, results: group.results, isCommitted };
  }

  async housekeep(): Promise<void> {
    await Promise.resolve();
  }

  private async finish(through: number): Promise<boolean> {
    const { commit } = this;
    const one = this.stageOne.flush();
    const steps = this.fixedRecords(one);
    const stepsDone = commit.stepsDone(steps.length);
    steps.push(...this.eventRecords(one));
    if (one.watermark !== undefined) {
      const payload = encodeWatermark(this.partition, one.watermark);
      for (let partition = 0; partition < this.keyedCount; partition++) {
        steps.push({ topic: "keyed", partition, payload });
      }
    }
    const isQuiet = one.isQuiet && steps.length === 0 && commit.partial === undefined;
    this.quietGroupCount = isQuiet ? this.quietGroupCount + 1 : 0;
    if (isQuiet && this.quietGroupCount < QUIET_GROUP_COUNT_MAX) return false;
    this.quietGroupCount = 0;
    let records: OutgoingRecord[] = [];
    let bytes = 0;
    for (const [step, record] of steps.entries()) {
      if (step < stepsDone) continue;
      if (records.length > 0 && bytes + record.payload.length > RECORD_BYTES_MAX) {
        await commit.slice(through, step, [], records);
        records = [];
        bytes = 0;
      }
      records.push(record);
      bytes += record.payload.length;
    }
    await commit.finish(through, { early: one.early, last: one.last, records });
    return true;
  }

  /** Those that are the same whatever the routes. */
  private fixedRecords({ deltas, arrivals, operations }: StageOneOutput): OutgoingRecord[] {
    const done = encodeOperations(this.partition, operations);
    const byPeople = operations.filter(({ json }) => !isLook(json));
    const elsewhere =
      byPeople.length === operations.length ? done : encodeOperations(this.partition, byPeople);
    return this.recordsOf((partition) => [
      ...encodeDeltas(this.partition, deltas[partition] ?? []),
      ...encodeArrivals(this.partition, arrivals[partition] ?? []),
      // Silences hold everywhere; an alert about the program itself, or about an agent, is one alert.
      ...(partition === 0 ? done : elsewhere),
    ]);
  }

  private eventRecords({ events, holes }: StageOneOutput): OutgoingRecord[] {
    const gaps = encodeHoles(this.partition, holes);
    return this.recordsOf((partition) => [
      ...encodeEvents(this.partition, events[partition] ?? []),
      ...gaps,
    ]);
  }

  private recordsOf(payloadsOf: (partition: number) => readonly Buffer[]): OutgoingRecord[] {
    const partitions = Array.from({ length: this.keyedCount }, (_, partition) => partition);
    return partitions.flatMap((partition) =>
      payloadsOf(partition).map((payload) => ({ topic: "keyed" as const, partition, payload })),
    );
  }
}
