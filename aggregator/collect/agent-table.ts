import type { HelloAnswer } from "../../shared/protocol/answers.ts";
import { type Batch, type Checkpoint, DIGEST_NONE } from "../../shared/protocol/batch.ts";
import type { StateChange, StateView } from "../log/log.ts";
import type { FenceEntry } from "../log/log-entry.ts";
import {
  type AgentRow,
  decodeDigestRow,
  encodeAgentRow,
  encodeCheckpointRow,
  encodeDigestRow,
  encodeLedgerRow,
  type SourceInput,
} from "../state/agent-row.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import { agentKey, checkpointPrefix, digestPrefix, ledgerKey, numberPart } from "../state/keys.ts";
import { Overlay } from "../state/overlay.ts";
import { markOf, readAgents, readCheckpoints, readLedger } from "../state/read-agents.ts";
import { digestSlot } from "./deduplicate.ts";

/** A delayed copy of a hello is recognised among this many epochs. */
const RETIRED_EPOCH_COUNT_MAX = 32;
/** Checkpoints of removed files that an agent which lost its own may still need to recognise their rotated copies. */
const REMOVED_FILE_COUNT_MAX = 256;
/** Beyond this the source not reported for longest is forgotten. */
const SOURCE_COUNT_MAX = 1000;

/** What the rows of agents may fill of a commit's 4 MiB and 10,000 keys. */
const OPEN_BYTES_MAX = 512 * 1024;
const OPEN_AGENT_COUNT_MAX = 500;

/** What a hello is told, but for the log's id. */
export type AgentSnapshot = Omit<HelloAnswer, "logId">;

/** Everything that stage 1 keeps by agent: rows of agents in memory, the rest in stored state, with what is not committed on top. */
export class AgentTable {
  private readonly overlay: Overlay;
  private readonly agents = new Map<string, AgentRow>();
  private readonly changed = new Set<AgentRow>();
  private openBytes = 0;
  /** Of all agents. */
  readonly sources: SourceInput[] = [];

  constructor(view: StateView) {
    this.overlay = new Overlay(view);
    for (const row of readAgents(view)) {
      this.agents.set(agentKey(row.tenant, row.agent), row);
      this.sources.push(...row.sources);
    }
  }

  /** True when something is to be committed. */
  get hasChanges(): boolean {
    return this.changed.size > 0;
  }

  /** All agents. */
  get rows(): Iterable<AgentRow> {
    return this.agents.values();
  }

  find(tenant: string, agent: string): AgentRow | undefined {
    return this.agents.get(agentKey(tenant, agent));
  }

  /** True when the rows of agents fill so much of a commit that no more records should be applied before it. */
  get isFull(): boolean {
    return this.openBytes >= OPEN_BYTES_MAX || this.changed.size >= OPEN_AGENT_COUNT_MAX;
  }

  /** Says that `row` was changed. */
  touch(row: AgentRow): void {
    if (this.changed.has(row)) return;
    this.changed.add(row);
    this.openBytes += rowBytes(row);
  }

  /** Begins a new epoch of an agent, which may be new itself. */
  fence(before: AgentRow | undefined, entry: FenceEntry, clockMs: number): AgentRow {
    const retired = before === undefined ? [] : [...before.retiredEpochs, before.epoch];
    const row: AgentRow = {
      tenant: entry.tenant,
      agent: entry.agent,
      fenceNumber: entry.number,
      epoch: entry.epoch,
      machine: entry.machine,
      known: before !== undefined,
      markBefore: before === undefined ? undefined : markOf(before),
      sequence: 0,
      digest: DIGEST_NONE,
      diverged: false,
      seenMs: clockMs,
      sealedAtMs: before?.sealedAtMs,
      counters: before?.counters ?? noCounters(),
      retiredEpochs: retired.slice(-RETIRED_EPOCH_COUNT_MAX),
      removedFiles: before?.removedFiles ?? [],
      sources: before?.sources ?? [],
      selectorRevision: before?.selectorRevision ?? "",
      selectedSinceMs: before?.selectedSinceMs,
    };
    if (before !== undefined) this.changed.delete(before);
    this.agents.set(agentKey(row.tenant, row.agent), row);
    this.touch(row);
    return row;
  }

  /** What an agent is told of itself after its fence. */
  snapshot(row: AgentRow): AgentSnapshot {
    return {
      known: row.known,
      mark: row.markBefore,
      checkpoints: readCheckpoints(this.overlay, row.tenant, row.agent),
      ledger: readLedger(this.overlay, row.tenant, row.agent),
    };
  }

  /** The digest of a record of the agent's epoch, while it is in the ring. */
  digestOf(row: AgentRow, sequence: number): string | undefined {
    const bytes = this.overlay.get(digestKey(row, sequence));
    if (bytes === undefined) return undefined;
    const found = decodeDigestRow(bytes);
    const fits = found.fenceNumber === row.fenceNumber && found.sequence === sequence;
    return fits ? found.digest : undefined;
  }

  /** Takes over what an applied batch says, but for its deltas and sources. */
  advance(row: AgentRow, batch: Omit<Batch, "deltas">, digest: string): void {
    row.sequence = batch.sequence;
    row.digest = digest;
    row.sealedAtMs = batch.sealedAtMs;
    const { fenceNumber } = row;
    this.overlay.set(
      digestKey(row, batch.sequence),
      encodeDigestRow({ fenceNumber, sequence: batch.sequence, digest }, new ByteWriter()),
    );
    this.overlay.set(
      ledgerKey(row.tenant, row.agent),
      encodeLedgerRow(batch.ledger, new ByteWriter()),
    );
    for (const checkpoint of batch.checkpoints) this.setCheckpoint(row, checkpoint);
    this.touch(row);
  }

  private setCheckpoint(row: AgentRow, checkpoint: Checkpoint): void {
    const prefix = checkpointPrefix(row.tenant, row.agent);
    const { file } = checkpoint;
    // In a full set, a checkpoint's reading begins where it stands.
    const settled = { ...checkpoint, from: checkpoint.offset };
    this.overlay.set(prefix + numberPart(file), encodeCheckpointRow(settled, new ByteWriter()));
    const others = row.removedFiles.filter((removed) => removed !== file);
    row.removedFiles = checkpoint.removed ? [...others, file] : others;
    if (row.removedFiles.length <= REMOVED_FILE_COUNT_MAX) return;
    // The lowest number, never the highest: the agent gives the next file a higher one than all that are answered.
    const forgotten = Math.min(...row.removedFiles);
    row.removedFiles = row.removedFiles.filter((removed) => removed !== forgotten);
    this.overlay.set(prefix + numberPart(forgotten), undefined);
  }

  /** The input of one source of an agent; made when there is none. */
  sourceOf(row: AgentRow, source: string, clockMs: number): SourceInput {
    const found = row.sources.find((input) => input.source === source);
    if (found !== undefined) return found;
    const input: SourceInput = {
      source,
      state: "idle",
      eventTimeMaxMs: undefined,
      eventSeenMs: undefined,
      seenMs: clockMs,
    };
    row.sources.push(input);
    this.sources.push(input);
    if (row.sources.length > SOURCE_COUNT_MAX) this.forgetSource(row);
    return input;
  }

  private forgetSource(row: AgentRow): void {
    let oldest = row.sources[0];
    for (const input of row.sources) {
      if (oldest !== undefined && input.seenMs < oldest.seenMs) oldest = input;
    }
    if (oldest === undefined) return;
    row.sources.splice(row.sources.indexOf(oldest), 1);
    this.sources.splice(this.sources.indexOf(oldest), 1);
  }

  /**
   * Takes all changes: `early` ones may be committed before the records count as applied, since applying these again gives the same;
   * `last` ones make them applied.
   */
  take(): { readonly early: StateChange[]; readonly last: StateChange[] } {
    const writer = new ByteWriter();
    const last: StateChange[] = [];
    for (const row of this.changed) {
      last.push({ key: agentKey(row.tenant, row.agent), value: encodeAgentRow(row, writer) });
    }
    this.changed.clear();
    this.openBytes = 0;
    return { early: this.overlay.take(), last };
  }
}

function digestKey(row: AgentRow, sequence: number): string {
  return `${digestPrefix(row.tenant, row.agent)}${String(digestSlot(sequence)).padStart(3, "0")}`;
}

/** About the bytes of an agent's row and key. */
function rowBytes(row: AgentRow): number {
  let bytes = 480 + 16 * row.retiredEpochs.length + 5 * row.removedFiles.length;
  for (const { source } of row.sources) bytes += 40 + 3 * source.length;
  return bytes;
}

function noCounters(): AgentRow["counters"] {
  return { applied: 0, duplicate: 0, diverged: 0, fenced: 0, lines: 0, clockAhead: 0 };
}
