import { StageOne, type StageOneOutput } from "../collect/stage-one.ts";
import type { LogRecord, Owner } from "../log/log.ts";
import { collectGroup } from "./collect-group.ts";
import { GroupCommit, GroupGather } from "./group-commit.ts";
import { openStageTwo } from "./open-stage-two.ts";
import {
  type Applied,
  appendedAtMs,
  QUIET_GROUP_COUNT_MAX,
  routesOf,
  type Session,
  type StageSettings,
  waitForMore,
} from "./session.ts";
import type { StageTwo } from "./stage-two.ts";

/** Both stages on one partition: what stage 1 makes of a group of records is merged at once and committed with it. */
export class EmbeddedSession implements Session {
  private readonly settings: StageSettings;
  private readonly stageOne: StageOne;
  private readonly stageTwo: StageTwo;
  private readonly commit: GroupCommit;
  private readonly gather: GroupGather;
  private quietGroupCount = 0;

  constructor(owner: Owner, settings: StageSettings) {
    const hasArchive = settings.archive !== undefined;
    this.stageOne = new StageOne(owner.state, 1, settings.watermark, hasArchive);
    this.settings = settings;
    this.stageTwo = openStageTwo(owner.state, settings, 0);
    this.commit = new GroupCommit(owner, "batches");
    this.gather = new GroupGather(this.commit);
  }

  get hasHousekeeping(): boolean {
    return this.stageTwo.hasHousekeeping;
  }

  async apply(records: readonly LogRecord[]): Promise<Applied> {
    const { stageOne, stageTwo, commit, gather } = this;
    const rules = this.settings.rules();
    stageOne.route(rules);
    stageTwo.use(rules);
    commit.routes = routesOf(this.settings);
    const group = collectGroup(stageOne, records, commit, gather);
    if (group === undefined) return waitForMore(records);
    stageTwo.observeClock(appendedAtMs(records));
    const isCommitted = await this.finish(group.through);
    return { next: group.through + 1, results: group.results, isCommitted };
  }

  async housekeep(): Promise<void> {
    this.stageTwo.housekeep();
    await this.commit.maintain(this.stageTwo.flush().changes);
    this.stageTwo.settle();
  }

  private async finish(through: number): Promise<boolean> {
    const { stageTwo, commit } = this;
    const one = this.stageOne.flush();
    const [deltas = [], arrivals = []] = [one.deltas[0], one.arrivals[0]];
    const fixedCount = deltas.length + arrivals.length + one.operations.length;
    const stepsDone = commit.stepsDone(fixedCount);
    for (const [step, merge] of mergeSteps(stageTwo, one)) {
      if (step < stepsDone) continue;
      if (stageTwo.isFull) {
        await commit.slice(through, step, stageTwo.flush().changes);
        stageTwo.settle();
      }
      merge();
    }
    if (one.watermark !== undefined) stageTwo.observe(0, one.watermark);
    stageTwo.housekeep();
    const two = stageTwo.flush();
    const isQuiet = one.isQuiet && two.isQuiet && commit.partial === undefined;
    this.quietGroupCount = isQuiet ? this.quietGroupCount + 1 : 0;
    if (isQuiet && this.quietGroupCount < QUIET_GROUP_COUNT_MAX) return false;
    this.quietGroupCount = 0;
    await commit.finish(through, { early: one.early, last: [...one.last, ...two.changes] });
    stageTwo.settle();
    return true;
  }
}

/** What stage 1 hands over, one part after the other, with its number: the same parts in the same order for the same records. */
function* mergeSteps(
  stageTwo: StageTwo,
  { deltas, events, holes, arrivals, operations }: StageOneOutput,
): Iterable<readonly [step: number, merge: () => void]> {
  let step = 0;
  for (const delta of deltas[0] ?? []) yield [step++, () => stageTwo.merge(delta)];
  for (const arrival of arrivals[0] ?? []) yield [step++, () => stageTwo.addArrival(arrival)];
  for (const operation of operations) yield [step++, () => stageTwo.operate(operation)];
  for (const event of events[0] ?? []) yield [step++, () => stageTwo.addEvent(event)];
  for (const hole of holes) yield [step++, () => stageTwo.addHole(hole)];
}
