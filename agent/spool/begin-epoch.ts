/** Carries a recovery out: from the answer to a hello and the retained segments to the first segments of a new epoch. */
import { present } from "../../shared/assert.ts";
import type { AgentMark, HelloAnswer } from "../../shared/protocol/answers.ts";
import { type Batch, DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { mergeHoles } from "../../shared/protocol/merge-holes.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import { Lineage } from "./lineage.ts";
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
    events: isCondemned ? [] : batch.events,
    ...(isCondemned || batch.lines === undefined ? {} : { lines: batch.lines }),
    holes: isCondemned ? mergeHoles(batch.holes, batch.events) : batch.holes,
    selectorRevision: batch.selectorRevision,
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
  const beginnings = new Map<string, AgentMark | undefined>();
  const headers: Pick<SegmentHeader, "epoch" | "nextSequence" | "previousDigest">[] = [];
  let nextFile = 0;
  const { numbers } = spool.retained;
  for (const number of numbers) {
    const header = await spool.retainedHeader(number);
    if (header === undefined) continue;
    const { epoch, nextSequence, previousDigest } = header;
    headers.push({ epoch, nextSequence, previousDigest });
    beginnings.set(epoch, header.before);
    for (const start of header.starts) starts.set(start.file, start);
    for (const source of header.sources) sources.add(source);
    nextFile = Math.max(nextFile, header.nextFile);
  }
  const lineage = new Lineage(mark, beginnings);
  for (const { epoch, nextSequence, previousDigest } of headers) {
    lineage.add(epoch, nextSequence - 1, previousDigest);
  }
  for (const number of numbers) {
    await spool.scanRetained(number, {
      record: async ({ found, epoch }) => {
        const { sequence, digest } = found.record;
        if (found.kind === "tombstone") return;
        const batch = lineage.isBehindMark(epoch, sequence) ? tryDecode(found) : undefined;
        if (batch !== undefined) lineage.add(epoch, sequence - 1, batch.previousDigest);
        lineage.add(epoch, sequence, digest);
      },
    });
  }
  return { starts: [...starts.values()], sources: [...sources], nextFile, lineage };
}

function firstHeader(beginning: EpochBeginning, survey: Survey): SegmentHeader {
  const { answer, agent, epoch } = beginning;
  const sources = new Set([...survey.sources, ...(answer.known ? beginning.sources : [])]);
  const fileMax = Math.max(-1, ...answer.checkpoints.map((found) => found.file));
  return {
    agent,
    epoch,
    logId: answer.logId,
    before: answer.mark,
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
