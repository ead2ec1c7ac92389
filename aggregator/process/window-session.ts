import { decodeKeyedEntry, type KeyedEntry } from "../log/keyed-entry.ts";
import type { LogRecord, Owner } from "../log/log.ts";
import { GroupCommit, GroupGather } from "./group-commit.ts";
import { openStageTwo } from "./open-stage-two.ts";
import {
  type Applied,
  appendedAtMs,
  lastPosition,
  QUIET_GROUP_COUNT_MAX,
  type Session,
  type StageSettings,
  waitForMore,
} from "./session.ts";
import type { StageTwo } from "./stage-two.ts";

/** Stage 2 on one partition of `keyed`. */
export class WindowSession implements Session {
  private readonly rules: StageSettings["rules"];
  private readonly stageTwo: StageTwo;
  private readonly commit: GroupCommit;
  private readonly gather: GroupGather;
  private quietGroupCount = 0;

  constructor(owner: Owner, settings: StageSettings, partition: number) {
    this.rules = settings.rules;
    this.stageTwo = openStageTwo(owner.state, settings, partition);
    this.commit = new GroupCommit(owner, "keyed");
    this.gather = new GroupGather(this.commit);
  }

  get hasHousekeeping(): boolean {
    return this.stageTwo.hasHousekeeping;
  }

  async apply(records: readonly LogRecord[]): Promise<Applied> {
    this.stageTwo.use(this.rules());
    const gathered = this.gather.gather(records);
    if (gathered === undefined) return waitForMore(records);
    this.stageTwo.observeClock(appendedAtMs(records));
    const through = this.commit.partial?.through ?? lastPosition(records);
    const isCommitted = await this.merge(gathered.group, through);
    return { next: through + 1, results: [], isCommitted };
  }

  async housekeep(): Promise<void> {
    this.stageTwo.housekeep();
    await this.commit.maintain(this.stageTwo.flush().changes);
    this.stageTwo.settle();
  }

  private async merge(group: readonly LogRecord[], through: number): Promise<boolean> {
    const { stageTwo, commit } = this;
    const stepsDone = commit.stepsDone(0);
    let step = 0;
    for (const record of group) {
      const entry = decodeKeyedEntry(record.payload);
      if (entry.kind === "watermark") {
        stageTwo.observe(entry.from, entry.watermark);
        continue;
      }
      for (const merge of mergeSteps(stageTwo, entry)) {
        if (step++ < stepsDone) continue;
        if (stageTwo.isFull) {
          await commit.slice(through, step - 1, stageTwo.flush().changes);
          stageTwo.settle();
        }
        merge();
      }
    }
    stageTwo.housekeep();
    const { changes, isQuiet } = stageTwo.flush();
    const isAllQuiet = isQuiet && commit.partial === undefined;
    this.quietGroupCount = isAllQuiet ? this.quietGroupCount + 1 : 0;
    if (isAllQuiet && this.quietGroupCount < QUIET_GROUP_COUNT_MAX) return false;
    this.quietGroupCount = 0;
    await commit.finish(through, { early: [], last: changes });
    stageTwo.settle();
    return true;
  }
}

/** What an entry holds, one part after the other. */
function* mergeSteps(
  stageTwo: StageTwo,
  entry: Exclude<KeyedEntry, { readonly kind: "watermark" }>,
): Iterable<() => void> {
  if (entry.kind === "deltas") {
    for (const delta of entry.deltas) yield () => stageTwo.merge(delta);
  } else if (entry.kind === "events") {
    for (const event of entry.events) yield () => stageTwo.addEvent(event);
  } else if (entry.kind === "operations") {
    for (const operation of entry.operations) yield () => stageTwo.operate(operation);
  } else if (entry.kind === "arrivals") {
    for (const arrival of entry.arrivals) yield () => stageTwo.addArrival(arrival);
  } else {
    for (const hole of entry.holes) yield () => stageTwo.addHole(hole);
  }
}
