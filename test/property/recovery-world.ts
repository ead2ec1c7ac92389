/**
 * A model of files, one agent's timelines and an aggregator, as sets of bytes: what is counted how often, and what is ledgered as lost.
 * It knows nothing of how recovery decides; it only carries out what {@link planRecovery} says and counts.
 */
import { rangesBytes, subtractRanges, unionRanges } from "../../agent/spool/byte-ranges.ts";
import { planRecovery, type RetainedRecord } from "../../agent/spool/plan-recovery.ts";
import type { HeldBefore } from "../../agent/spool/record.ts";
import type { FileStart } from "../../agent/spool/segment.ts";
import type { ByteRange, Checkpoint, LedgerEntry } from "../../shared/protocol/batch.ts";

/** A file on disk. Each truncation gives it a new content. */
interface Inode {
  readonly name: string;
  /** Length of each content; the last is the one on disk. */
  readonly contents: number[];
}

/** Bytes of one content of a file. */
interface Reading {
  readonly content: string;
  readonly ranges: readonly ByteRange[];
}

/** A sealed record and what it truly counts. */
export interface ModelRecord {
  readonly digest: string;
  readonly checkpoints: readonly Checkpoint[];
  readonly heldBefore: readonly HeldBefore[];
  readonly ledger: readonly LedgerEntry[];
  readonly readings: readonly Reading[];
}

/** What an agent knows between two records. */
export interface AgentModel {
  readonly files: ReadonlyMap<number, Checkpoint>;
  readonly starts: readonly ModelStart[];
  readonly nextFile: number;
}

/** Where reading of a file began, and in which content. */
export interface ModelStart extends FileStart {
  readonly content: string;
}

/** What an aggregator holds. */
export interface AggregatorModel {
  readonly mark: number;
  readonly digest: string;
  readonly files: ReadonlyMap<number, Checkpoint>;
  readonly ledger: ReadonlyMap<string, LedgerEntry>;
  readonly readings: readonly Reading[];
}

/** An agent that knows nothing. */
export const NO_AGENT: AgentModel = { files: new Map(), starts: [], nextFile: 0 };

/** An aggregator that holds nothing. */
export const NO_AGGREGATOR: AggregatorModel = {
  mark: 0,
  digest: "",
  files: new Map(),
  ledger: new Map(),
  readings: [],
};

/** Random choices, as a generator of numbers below a limit. */
export type Choose = (limit: number) => number;

/** The disk with its files. */
export class World {
  readonly inodes: Inode[] = [];
  #digestCount = 0;

  /** Something happens to the files: one appears, grows or is truncated. */
  change(choose: Choose): void {
    const inode = this.inodes[choose(this.inodes.length + 1)];
    if (inode === undefined) {
      if (this.inodes.length < 4) {
        this.inodes.push({ name: `inode-${this.inodes.length}`, contents: [1 + choose(40)] });
      }
    } else if (choose(8) === 0) {
      inode.contents.push(choose(30));
    } else {
      const last = inode.contents.length - 1;
      inode.contents[last] = (inode.contents[last] ?? 0) + 1 + choose(40);
    }
  }

  /** The agent reads some of what there is and seals it. */
  seal(agent: AgentModel, choose: Choose): { record: ModelRecord; agent: AgentModel } {
    const files = new Map(agent.files);
    const starts = [...agent.starts];
    let { nextFile } = agent;
    const checkpoints: Checkpoint[] = [];
    const heldBefore: HeldBefore[] = [];
    const readings: Reading[] = [];
    let lostBytes = 0;
    for (const inode of this.inodes) {
      if (choose(3) === 0) continue;
      let known = [...files.values()].find((found) => found.inode === inode.name);
      if (known === undefined) {
        // Some files are copies, or fall under `start_at: end`: reading begins behind their start.
        const start = choose(4) === 0 ? choose(this.#bytes(inode) + 1) : 0;
        known = this.#checkpoint(inode, { file: nextFile++, generation: 0, offset: start });
        if (start > 0)
          starts.push({
            file: known.file,
            offset: start,
            content: contentOf(inode, inode.contents.length),
          });
      } else if (known.held.length > 0) {
        const { file, generation, held } = known;
        heldBefore.push({ file, generation, ranges: held });
      }
      if (known.guard !== inode.contents.length) {
        const end = inode.contents[known.guard - 1] ?? 0;
        lostBytes += rangesBytes(known.held) + end - known.offset;
        checkpoints.push({ ...known, from: known.offset, offset: end, held: [] });
        const generation = known.generation + 1;
        known = this.#checkpoint(inode, { file: known.file, generation, offset: 0 });
      }
      const { checkpoint, ranges } = this.#read(inode, known, choose);
      checkpoints.push(checkpoint);
      files.set(checkpoint.file, checkpoint);
      readings.push({ content: contentOf(inode, inode.contents.length), ranges });
    }
    const record = {
      digest: `d${this.#digestCount++}`,
      checkpoints,
      heldBefore,
      readings,
      ledger: ledgerOf(readings, lostBytes),
    };
    return { record, agent: { files, starts, nextFile } };
  }

  #read(inode: Inode, known: Checkpoint, choose: Choose) {
    const offset = known.offset + choose(this.#bytes(inode) - known.offset + 1);
    const unread = unionRanges([{ from: known.offset, to: offset }], known.held);
    const held: ByteRange[] = [];
    for (const range of unread) {
      if (choose(4) === 0)
        held.push({ from: range.from + choose(range.to - range.from), to: range.to });
    }
    const checkpoint = {
      ...this.#checkpoint(inode, { file: known.file, generation: known.generation, offset }),
      from: known.offset,
      held,
    };
    return { checkpoint, ranges: subtractRanges(unread, held) };
  }

  #bytes(inode: Inode): number {
    return inode.contents.at(-1) ?? 0;
  }

  #checkpoint(
    inode: Inode,
    at: { readonly file: number; readonly generation: number; readonly offset: number },
  ): Checkpoint {
    const fingerprintBytes = Math.min(30, this.#bytes(inode));
    return {
      source: "app",
      path: inode.name,
      device: "1",
      inode: inode.name,
      birthMs: 1,
      modifiedMs: 2,
      fingerprintBytes,
      fingerprint: `${contentOf(inode, inode.contents.length)}/${fingerprintBytes}`,
      from: at.offset,
      guardBytes: 1,
      // Stands for the bytes before the offset: the model compares contents by it.
      guard: inode.contents.length,
      held: [],
      unterminated: false,
      complete: false,
      removed: false,
      ...at,
    };
  }

  /** Whoever reads on from checkpoints reads everything there is: what it counts, and what it finds to be gone. */
  readOn(checkpoints: readonly Checkpoint[], starts: readonly FileStart[]) {
    const readings: Reading[] = [];
    let lostBytes = 0;
    for (const inode of this.inodes) {
      const content = contentOf(inode, inode.contents.length);
      const known = checkpoints.find((found) => found.inode === inode.name);
      const bytes = this.#bytes(inode);
      if (known === undefined) {
        const start = starts.find((found) => found.file === numberOf(inode))?.offset ?? 0;
        readings.push({ content, ranges: unionRanges([{ from: start, to: bytes }]) });
      } else if (known.guard !== inode.contents.length) {
        const end = inode.contents[known.guard - 1] ?? 0;
        lostBytes += rangesBytes(known.held) + end - known.offset;
        readings.push({ content, ranges: unionRanges([{ from: 0, to: bytes }]) });
      } else {
        const unread = unionRanges([{ from: known.offset, to: bytes }], known.held);
        readings.push({ content, ranges: unread });
      }
    }
    return { readings, lostBytes };
  }
}

function numberOf(inode: Inode): number {
  return Number(inode.name.slice("inode-".length)) + 1000;
}

/** Name of one content of a file. */
export function contentOf(inode: { readonly name: string }, number: number): string {
  return `${inode.name}#${number}`;
}

function ledgerOf(readings: readonly Reading[], lostBytes: number): LedgerEntry[] {
  const bytes = readings.reduce((sum, reading) => sum + rangesBytes(reading.ranges), 0);
  const entries: LedgerEntry[] = [];
  if (bytes > 0) entries.push({ source: "app", kind: "aggregated", reason: "", lines: 0, bytes });
  if (lostBytes > 0) {
    const reason = "truncated_unread";
    entries.push({ source: "app", kind: "lost", reason, lines: 0, bytes: lostBytes });
  }
  return entries;
}

/** The aggregator after it applied a record. */
export function applyRecord(
  aggregator: AggregatorModel,
  record: Pick<ModelRecord, "digest" | "checkpoints" | "ledger" | "readings">,
): AggregatorModel {
  const files = new Map(aggregator.files);
  for (const found of record.checkpoints) files.set(found.file, { ...found, from: found.offset });
  const ledger = new Map(aggregator.ledger);
  for (const entry of record.ledger) {
    const key = `${entry.kind}/${entry.reason}`;
    const bytes = (ledger.get(key)?.bytes ?? 0) + entry.bytes;
    ledger.set(key, { ...entry, bytes });
  }
  return {
    mark: aggregator.mark + 1,
    digest: record.digest,
    files,
    ledger,
    readings: [...aggregator.readings, ...record.readings],
  };
}

/** Carries a recovery out to its end: what is counted afterwards, and the ledger. */
export function recover(
  world: World,
  aggregator: AggregatorModel,
  spool: {
    readonly records: readonly (ModelRecord & Pick<RetainedRecord, "isApplied" | "isAfterGap">)[];
    readonly starts: readonly FileStart[];
    readonly seen: readonly Checkpoint[];
    readonly isForked: boolean;
  },
) {
  const plan = planRecovery(
    {
      checkpoints: [...aggregator.files.values()],
      ledger: [...aggregator.ledger.values()],
      starts: spool.starts,
      isForked: spool.isForked,
    },
    spool.seen,
    spool.records,
  );
  let after = aggregator;
  for (const [index, kept] of plan.kept) {
    const record = spool.records[index];
    if (record === undefined) throw new Error("a kept record was offered");
    after = applyRecord(after, {
      digest: record.digest,
      checkpoints: kept.checkpoints,
      ledger: kept.ledgerChanges,
      readings: record.readings,
    });
  }
  const rest = world.readOn(plan.checkpoints, []);
  const planned = new Map(plan.ledger.map((entry) => [`${entry.kind}/${entry.reason}`, entry]));
  const lastLedger = ledgerOf(rest.readings, rest.lostBytes);
  const final = applyRecord(
    { ...after, ledger: planned },
    { digest: "", checkpoints: [], ledger: lastLedger, readings: rest.readings },
  );
  return { plan, readings: final.readings, ledger: final.ledger, keptFiles: after.files };
}

/** How often each byte of a content is counted. */
export function countsOf(readings: readonly Reading[], content: string, bytes: number): number[] {
  const counts = Array.from({ length: bytes }, () => 0);
  for (const reading of readings) {
    if (reading.content !== content) continue;
    for (const range of reading.ranges) {
      for (let at = range.from; at < range.to; at++) counts[at] = (counts[at] ?? 0) + 1;
    }
  }
  return counts;
}
