/** Opening a spool: what lies on the disk, what of it counts, and the state after its newest record. */
import { join } from "node:path";
import { present } from "../../shared/assert.ts";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import { diskFailed } from "./read-record.ts";
import { BODY_BYTES_MAX, readNotes } from "./record.ts";
import { type Judgement, judgeSegments, type ScannedSegment, scanSegment } from "./recover.ts";
import { readHeader, SegmentWindow, segmentName, segmentNumber } from "./segment.ts";
import {
  NOTHING_RETAINED,
  type Retained,
  type Segment,
  Spool,
  type SpoolOptions,
} from "./spool.ts";
import { SpoolState } from "./spool-state.ts";
import { withSegment } from "./with-segment.ts";

/** A spool and what was found when it was opened. */
export interface OpenedSpool {
  readonly spool: Spool;
  /**
   * `whole`: go on. `absent`: nothing there. `damaged`: bytes are not what was written; `unfinished`: a recovery was interrupted.
   * In all but the first the aggregator has to be asked (hello) before anything is read.
   */
  readonly condition: Judgement["condition"];
  /** What is wrong, for people; empty when nothing is. */
  readonly detail: string;
  /** The log that the spool is bound to; undefined when nothing says so. */
  readonly logId: string | undefined;
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
}

/**
 * Opens the spool in a folder, which is made when missing. `epochHint` is tried for records whose segment lost its header.
 * Fails with FORMAT_UNKNOWN, with AGENT_MISMATCH when the spool is another agent's, with DISK_FAILED.
 */
export async function openSpool(options: SpoolOptions, epochHint?: string): Promise<OpenedSpool> {
  try {
    await makeDurableDirectory(options.disk, options.directory);
    const scanned = await scanAll(options, epochHint);
    const judgement = judgeSegments(scanned);
    for (const number of judgement.unused) {
      await options.disk.remove(join(options.directory, segmentName(number)));
      await options.disk.syncDirectory(options.directory);
    }
    const unused = new Set(judgement.unused);
    const used = scanned.filter((segment) => !unused.has(segment.number));
    refuseForeign(used, options);
    if (judgement.condition === "whole") {
      const opened = await openWhole(options, used, judgement.cutBytes);
      if (opened !== undefined) return opened;
    }
    const detail =
      judgement.condition === "whole"
        ? "a record has a good checksum but holds no batch"
        : judgement.condition === "absent"
          ? ""
          : judgement.detail;
    const condition = judgement.condition === "whole" ? "damaged" : judgement.condition;
    const contents = { state: undefined, segments: [], tombstones: new Map() };
    const retained = retain(used);
    const spool = new Spool(options, { ...contents, retained }, undefined);
    const logId = used.findLast((segment) => segment.header !== undefined)?.header?.logId;
    return { spool, condition, detail, logId, cutBytes: 0 };
  } catch (cause) {
    if (cause instanceof TailraceError || systemCode(cause) === undefined) throw cause;
    throw diskFailed(options.directory, cause);
  }
}

async function scanAll(options: SpoolOptions, epochHint?: string): Promise<ScannedSegment[]> {
  const numbers = (await options.disk.list(options.directory))
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  const epochs = new Set(epochHint === undefined ? [] : [epochHint]);
  for (const number of numbers) {
    const epoch = await withSegment(options, number, async (file, path) => {
      const found = await readHeader(new SegmentWindow(file), path);
      return found?.header.epoch;
    });
    if (epoch !== undefined) epochs.add(epoch);
  }
  const scanned: ScannedSegment[] = [];
  for (const number of numbers) {
    const found = await withSegment(options, number, (file, path) =>
      scanSegment(file, { number, path }, [...epochs]),
    );
    scanned.push(found);
  }
  return scanned;
}

function refuseForeign(used: readonly ScannedSegment[], options: SpoolOptions): void {
  for (const { header } of used) {
    if (header === undefined || header.agent === options.agent) continue;
    throw new TailraceError(
      "AGENT_MISMATCH",
      `the spool in ${options.directory} belongs to the agent \`${header.agent}\`, this one is \`${options.agent}\`: ` +
        "give the agent its former id back, or another data_dir",
      { facts: { directory: options.directory, agent: header.agent } },
    );
  }
}

async function openWhole(
  options: SpoolOptions,
  used: readonly ScannedSegment[],
  cutBytes: number | undefined,
): Promise<OpenedSpool | undefined> {
  const newest = present(used.at(-1), "the newest segment");
  const state = await loadState(options, newest);
  if (state === undefined) return undefined;
  const path = join(options.directory, segmentName(newest.number));
  const active = await options.disk.open(path, "write");
  if (cutBytes !== undefined) await active.truncate(cutBytes);
  // What a killed process wrote but did not sync is taken over: it has to be durable before it is sent.
  await active.sync();
  await options.disk.syncDirectory(options.directory);
  const segments = used.map((segment): Segment => {
    const firstSequence = present(segment.header, "the header").nextSequence;
    const { number, headerBytes, lastSequence, goodBytes } = segment;
    return { number, headerBytes, firstSequence, lastSequence, bytes: goodBytes };
  });
  const tombstones = new Map(
    used.flatMap((segment) => segment.tombstones).map((place) => [place.sequence, place]),
  );
  const contents = { state, segments, tombstones, retained: NOTHING_RETAINED };
  const spool = new Spool(options, contents, active);
  const cut = cutBytes === undefined ? 0 : newest.bytes - cutBytes;
  return { spool, condition: "whole", detail: "", logId: state.logId, cutBytes: cut };
}

/** The state after the newest segment's last record, or undefined when a record holds no batch. */
async function loadState(
  options: SpoolOptions,
  newest: ScannedSegment,
): Promise<SpoolState | undefined> {
  const state = new SpoolState(present(newest.header, "the newest header"));
  try {
    await withSegment(options, newest.number, (file, path) =>
      scanSegment(file, { number: newest.number, path }, [], {
        record: async ({ found }) => {
          const notes = readNotes(found.notesBytes);
          if (found.kind === "tombstone") {
            state.correct(notes);
          } else {
            const batch = decodeBatch(openRecord(found.record, BODY_BYTES_MAX));
            state.apply(batch, notes, found.record.digest);
          }
        },
      }),
    );
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
  return state;
}

function retain(used: readonly ScannedSegment[]): Retained {
  if (used.length === 0) return NOTHING_RETAINED;
  const tombstones = used.flatMap((segment) => segment.tombstones);
  return {
    numbers: used.map((segment) => segment.number),
    epochs: [...new Set(used.flatMap((segment) => [...segment.epochs]))],
    condemned: new Set(tombstones.map(({ epoch, sequence }) => `${epoch}/${sequence}`)),
  };
}
