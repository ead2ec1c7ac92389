/** Carries a recovery out: from the answer to a hello and the retained segments to the first segments of a new epoch. */
import { present } from "../../shared/assert.ts";
import type { AgentMark, HelloAnswer } from "../../shared/protocol/answers.ts";
import { type Batch, DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import { asCondemned } from "./make-tombstone.ts";
import { RecoveryPlan } from "./plan-recovery.ts";
import { BODY_BYTES_MAX, type FoundRecord, readNotes } from "./record.ts";
import type { VisitedRecord } from "./recover.ts";
import type { FileStart, SegmentHeader } from "./segment.ts";
import type { Spool } from "./spool.ts";

/** What a new epoch begins with. */
export interface EpochBeginning {
  readonly agent: string;
  readonly epoch: string;
  readonly answer: HelloAnswer;
  /** Names of all configured sources. */
  readonly sources: readonly string[];
}

/** What became of the records that were retained. */
export interface EpochReport {
  readonly keptCount: number;
  readonly droppedCount: number;
  /** Records with a good checksum that hold no batch. */
  readonly unreadableCount: number;
}

/**
 * Retires what the spool holds, begins `epoch` and seals again in it what {@link RecoveryPlan} keeps. A retained segment is deleted only
 * when everything after it that replaces it is synced; a crash in between leaves segments of two epochs, and the recovery is done again.
 * Nothing of the new epoch may be sent before this resolves. Fails with DISK_FAILED: open the spool anew and say hello again.
 */
export async function beginEpoch(spool: Spool, beginning: EpochBeginning): Promise<EpochReport> {
  const { answer } = beginning;
  await spool.retire();
  const survey = await surveyRetained(spool, answer.mark);
  const header = firstHeader(beginning, survey);
  const plan = new RecoveryPlan({
    checkpoints: answer.checkpoints,
    ledger: answer.ledger,
    starts: header.starts,
    isForked: survey.lineage.isForked(),
  });
  const numbers = spool.retained.numbers;
  await spool.begin(header);
  const count = { keptCount: 0, droppedCount: 0, unreadableCount: 0 };
  for (const number of numbers) {
    await spool.scanRetained(number, {
      header: (found) => plan.see(found.checkpoints),
      record: async (visited) => {
        if (visited.found.kind === "tombstone") return;
        const batch = tryDecode(visited.found);
        if (batch === undefined) count.unreadableCount++;
        else if (await reseal(spool, plan, { visited, batch, lineage: survey.lineage }))
          count.keptCount++;
        else count.droppedCount++;
      },
    });
    await spool.sync();
    await spool.dropRetained(number);
  }
  if (numbers.length === 0) return count;
  present(spool.state, "the new epoch").adopt(plan.finish());
  await spool.roll();
  return count;
}

interface RetainedBatch {
  readonly visited: VisitedRecord;
  readonly batch: Batch;
  readonly lineage: Lineage;
}

async function reseal(spool: Spool, plan: RecoveryPlan, retained: RetainedBatch): Promise<boolean> {
  const { batch, visited, lineage } = retained;
  const { found, epoch, isAfterGap } = visited;
  const notes = readNotes(found.notesBytes);
  const isCondemned = spool.retained.condemned.has(`${epoch}/${batch.sequence}`);
  const ledger = isCondemned ? notes.ledger.map(asCondemned) : notes.ledger;
  const { checkpoints, deltas } = batch;
  // A heartbeat says nothing that the next one does not say.
  if (checkpoints.length + deltas.length + ledger.length === 0) return false;
  const isApplied = lineage.isApplied(epoch, batch.sequence);
  const { heldBefore } = notes;
  const kept = plan.offer({ checkpoints, heldBefore, ledger, isApplied, isAfterGap });
  if (kept === undefined) return false;
  const state = present(spool.state, "the new epoch");
  const resealed: Batch = {
    agent: state.agent,
    epoch: state.epoch,
    sequence: state.nextSequence,
    previousDigest: state.previousDigest,
    sealedAtMs: batch.sealedAtMs,
    deltas: isCondemned ? [] : deltas,
    checkpoints: kept.checkpoints,
    sources: isCondemned ? [] : batch.sources,
    ledger: kept.ledger,
    tombstone: undefined,
  };
  const keptNotes = { ledger: kept.ledgerChanges, heldBefore: kept.heldBefore };
  await spool.append(resealed, keptNotes, false);
  return true;
}

interface Survey {
  readonly starts: readonly FileStart[];
  readonly sources: readonly string[];
  readonly nextFile: number;
  readonly lineage: Lineage;
}

async function surveyRetained(spool: Spool, mark: AgentMark | undefined): Promise<Survey> {
  const starts = new Map<number, FileStart>();
  const sources = new Set<string>();
  const lineage = new Lineage(mark);
  let nextFile = 0;
  for (const number of spool.retained.numbers) {
    await spool.scanRetained(number, {
      header: (header) => {
        lineage.add(header.epoch, header.nextSequence - 1, header.previousDigest);
        for (const start of header.starts) starts.set(start.file, start);
        for (const source of header.sources) sources.add(source);
        nextFile = Math.max(nextFile, header.nextFile);
      },
      record: async ({ found, epoch }) => {
        if (found.kind === "sealed") lineage.add(epoch, found.record.sequence, found.record.digest);
      },
    });
  }
  return { starts: [...starts.values()], sources: [...sources], nextFile, lineage };
}

/** Finds out whether the aggregator's mark lies on the line of records that the spool holds, or before it. */
class Lineage {
  readonly #mark: AgentMark | undefined;
  #isEmpty = true;
  #lowest = Number.POSITIVE_INFINITY;
  #isOnLine: boolean | undefined;

  constructor(mark: AgentMark | undefined) {
    this.#mark = mark;
  }

  add(epoch: string, sequence: number, digest: string): void {
    this.#isEmpty = false;
    if (epoch !== this.#mark?.epoch) return;
    this.#lowest = Math.min(this.#lowest, sequence);
    if (sequence !== this.#mark.sequence) return;
    this.#isOnLine = digest === this.#mark.digest || sequence === 0;
  }

  /** True when the aggregator's mark says that the record was applied. */
  isApplied(epoch: string, sequence: number): boolean {
    if (this.#mark === undefined || this.isForked()) return false;
    return epoch === this.#mark.epoch && sequence <= this.#mark.sequence;
  }

  /** True when it is not certain that both are on one line. */
  isForked(): boolean {
    if (this.#isEmpty || this.#mark === undefined) return false;
    if (this.#isOnLine !== undefined) return !this.#isOnLine;
    return this.#mark.sequence >= this.#lowest || this.#lowest === Number.POSITIVE_INFINITY;
  }
}

function firstHeader(beginning: EpochBeginning, survey: Survey): SegmentHeader {
  const { answer, agent, epoch } = beginning;
  const sources = new Set([...survey.sources, ...(answer.known ? beginning.sources : [])]);
  const fileMax = Math.max(-1, ...answer.checkpoints.map((found) => found.file));
  return {
    agent,
    epoch,
    logId: answer.logId,
    nextSequence: 1,
    previousDigest: DIGEST_NONE,
    nextFile: Math.max(survey.nextFile, fileMax + 1),
    sources: [...sources],
    starts: survey.starts,
    checkpoints: answer.checkpoints
      .filter((checkpoint) => !checkpoint.removed)
      .map((checkpoint) => ({ ...checkpoint, from: checkpoint.offset })),
    ledger: answer.ledger.filter((entry) => entry.kind !== "held"),
  };
}

function tryDecode(found: FoundRecord): Batch | undefined {
  try {
    return decodeBatch(openRecord(found.record, BODY_BYTES_MAX));
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
