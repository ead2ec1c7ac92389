/**
 * Stage 1: what agents sent becomes what counts. One of them owns one partition of `batches`.
 *
 * It takes the log's records in order, decides which batches are new (deduplicate), keeps mark, ledger and checkpoints by agent
 * (agent-table), merges deltas (pre-merge), sends events on (route-events) and moves the watermark (source-watermark). It does no I/O and
 * has no clock: the same records give the same state. What it changed is taken with {@link StageOne.flush}, as one commit or several.
 */
import { assert } from "../../shared/assert.ts";
import type { AgentMark, Outcome } from "../../shared/protocol/answers.ts";
import type { SealedRecord } from "../../shared/protocol/batch.ts";
import { type ScannedBatch, scanBatch } from "../../shared/protocol/codec.ts";
import { decodeEnvelope } from "../../shared/protocol/envelope.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import type { InletEntry } from "../log/inlet-entry.ts";
import type { KeyedDelta, PartitionWatermark, Selection } from "../log/keyed-entry.ts";
import type { KeyedEvent, KeyedHole } from "../log/keyed-event.ts";
import type { LogRecord, StateChange, StateView } from "../log/log.ts";
import { decodeLogEntry, type EnvelopeEntry, type FenceEntry } from "../log/log-entry.ts";
import type { OperationEntry } from "../log/operation-entry.ts";
import type { AgentRow } from "../state/agent-row.ts";
import type { Arrival } from "../state/archive-rows.ts";
import { COLLECT_KEY } from "../state/keys.ts";
import { markOf } from "../state/read-agents.ts";
import { type CollectRow, decodeCollectRow, encodeCollectRow } from "../state/stage-rows.ts";
import { type AgentSnapshot, AgentTable } from "./agent-table.ts";
import { judge, standingOf } from "./deduplicate.ts";
import { InletTable, type InletVerdict } from "./inlet-table.ts";
import { PreMerge } from "./pre-merge.ts";
import { EventRouter, type EventRoutes, NO_ROUTES } from "./route-events.ts";
import { noteRevision, selectionOf } from "./selection.ts";
import {
  advanceWatermark,
  awaitSource,
  takeReport,
  type WatermarkSettings,
} from "./source-watermark.ts";

/** What became of one record of an envelope. */
export interface RecordOutcome {
  readonly sequence: number;
  readonly outcome: Outcome;
}

/** What became of an entry of the log once it is committed. */
export type EntryResult =
  | {
      readonly kind: "envelope";
      /** In order, up to the first that was neither applied nor a duplicate. */
      readonly outcomes: readonly RecordOutcome[];
      /** How far the agent's records are applied; undefined when the agent is unknown. */
      readonly mark: AgentMark | undefined;
      /** Why a record that was checked before could not be read; a fault of this program or of the log. */
      readonly fault: string | undefined;
    }
  | {
      readonly kind: "fence";
      /** `taken`: the epoch is the agent's; `lost`: another hello came first, try again; `retired`: the epoch was fenced off for ever. */
      readonly verdict: "taken" | "lost" | "retired";
      /** What is held of the agent as of this entry. */
      readonly snapshot: AgentSnapshot;
    }
  | {
      readonly kind: "inlet";
      readonly verdict: InletVerdict;
      /** Where the inlet's next entry must begin. */
      readonly position: number;
    }
  | { readonly kind: "operation" }
  | { readonly kind: "tick" };

/** What a flush hands over. */
export interface StageOneOutput {
  /** Per partition of stage 2; deltas of one series stand together. */
  readonly deltas: readonly (readonly KeyedDelta[])[];
  /** Per partition of stage 2. */
  readonly events: readonly (readonly KeyedEvent[])[];
  /** For every partition of stage 2. */
  readonly holes: readonly KeyedHole[];
  /** Raw lines, and with an archive events and gaps to archive, per partition of stage 2. */
  readonly arrivals: readonly (readonly Arrival[])[];
  /** What people did, for every partition of stage 2. */
  readonly operations: readonly OperationEntry[];
  /** Undefined when it is the same as after the flush before. Comes after deltas, events and gaps. */
  readonly watermark: PartitionWatermark | undefined;
  /** May be committed before `last`: applying the same records again gives the same. */
  readonly early: readonly StateChange[];
  /** Make the records applied; committed with the position after them. */
  readonly last: readonly StateChange[];
  /** True when nothing but the clock and the watermark moved. */
  readonly isQuiet: boolean;
}

/** See the head of this file. */
export class StageOne {
  private readonly agents: AgentTable;
  private readonly inlets: InletTable;
  private readonly preMerge: PreMerge;
  private readonly router: EventRouter;
  private readonly settings: WatermarkSettings;
  private readonly row: CollectRow;
  private operations: OperationEntry[] = [];

  /**
   * `view`: the state of this partition as of its last commit. `partitionCount`: of stage 2. `hasArchive`: events and gaps are handed on
   * to be archived.
   */
  constructor(
    view: StateView,
    partitionCount: number,
    settings: WatermarkSettings,
    hasArchive = false,
  ) {
    this.agents = new AgentTable(view);
    this.inlets = new InletTable(view, this.agents.sources);
    this.preMerge = new PreMerge(partitionCount);
    this.router = new EventRouter(partitionCount, NO_ROUTES, hasArchive);
    this.settings = settings;
    this.row = decodeCollectRow(view.get(COLLECT_KEY));
  }

  /** True when a flush is due before more is applied. */
  get isFull(): boolean {
    return this.agents.isFull || this.inlets.isFull;
  }

  /** Says where events go from now on; nowhere before the first call. */
  route(routes: EventRoutes): void {
    this.router.routes = routes;
  }

  /** Applies one record of `batches`. Fails with FORMAT_UNKNOWN or LOG_CORRUPT when it is none of this program's. */
  apply(record: LogRecord): EntryResult {
    const entry = decodeLogEntry(record.payload);
    this.moveClock(record.appendedAtMs);
    if (entry.kind === "envelope") return this.applyEnvelope(entry);
    if (entry.kind === "fence") return this.applyFence(entry);
    if (entry.kind === "inlet") return this.applyInlet(entry);
    if (entry.kind === "operation") {
      this.operations.push(entry);
      return { kind: "operation" };
    }
    this.moveClock(entry.nowMs);
    return entry;
  }

  /** Takes what changed since the last flush. Nothing is applied before it is committed; after a failed commit begin anew from the view. */
  flush(): StageOneOutput {
    const { watermarkMs, idle, selection } = this.row;
    advanceWatermark(this.row, this.agents.sources, this.settings);
    this.row.selection = this.selection;
    const isSame =
      this.row.watermarkMs === watermarkMs &&
      this.row.idle === idle &&
      isSameSelection(this.row.selection, selection);
    const watermark = isSame
      ? undefined
      : {
          watermarkMs: this.row.watermarkMs,
          idle: this.row.idle,
          selection: this.row.selection,
        };
    const { operations } = this;
    this.operations = [];
    const isQuiet = !this.agents.hasChanges && !this.inlets.hasChanges && operations.length === 0;
    const [agents, inlets] = [this.agents.take(), this.inlets.take()];
    const early = [...agents.early, ...inlets.early];
    const last = [...agents.last, ...inlets.last];
    last.push({ key: COLLECT_KEY, value: encodeCollectRow(this.row) });
    return {
      deltas: this.preMerge.take(),
      ...this.router.take(),
      operations,
      watermark,
      early,
      last,
      isQuiet,
    };
  }

  private get selection(): Selection | undefined {
    const { clockMs, watermarkMs } = this.row;
    if (clockMs === undefined) return undefined;
    const liveMs = this.settings.idleAfterMs;
    const { revision } = this.router.routes;
    const selecting = [...this.agents.rows, ...this.inlets.rows];
    return selectionOf(selecting, revision, { clockMs, liveMs, watermarkMs });
  }

  private moveClock(nowMs: number): void {
    this.row.clockMs = Math.max(this.row.clockMs ?? nowMs, nowMs);
  }

  private get clockMs(): number {
    assert(this.row.clockMs !== undefined, "an entry moves the clock before it is applied");
    return this.row.clockMs;
  }

  private applyFence(entry: FenceEntry): EntryResult {
    const row = this.agents.find(entry.tenant, entry.agent);
    const standing = standingOf(row, entry.epoch);
    if (row !== undefined) {
      // A hello that is repeated because its answer got lost: the fence before did it. Who has sent records has had the answer: a data
      // directory that does not know so was rolled back, and to number its records anew would hide that from a restored aggregator.
      if (standing === "current")
        return this.fenceResult(row.sequence === 0 ? "taken" : "retired", row);
      if (standing === "retired") return this.fenceResult("retired", row);
    }
    if (entry.number !== (row?.fenceNumber ?? 0) + 1) return this.fenceResult("lost", row);
    return this.fenceResult("taken", this.agents.fence(row, entry, this.clockMs));
  }

  private fenceResult(verdict: "taken" | "lost" | "retired", row?: AgentRow): EntryResult {
    const nothing = { known: false, mark: undefined, checkpoints: [], ledger: [] };
    const snapshot = row === undefined ? nothing : this.agents.snapshot(row);
    return { kind: "fence", verdict, snapshot };
  }

  private applyEnvelope(entry: EnvelopeEntry): EntryResult {
    const row = this.agents.find(entry.tenant, entry.agent);
    const outcomes: RecordOutcome[] = [];
    let fault: string | undefined;
    try {
      const envelope = decodeEnvelope(entry.envelope);
      const standing = standingOf(row, envelope.epoch);
      // Who lost the name must not keep the one who has it alive.
      if (row !== undefined && standing === "current") row.seenMs = this.clockMs;
      for (const record of envelope.records) {
        const outcome = this.applyRecord(row, standing, record);
        outcomes.push({ sequence: record.sequence, outcome });
        if (outcome === "diverged" || outcome === "fenced") break;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // Receive checked these bytes. Letting the agent say hello and send again what is not applied loses nothing.
      fault = error.message;
      if (row !== undefined) row.diverged = true;
    }
    if (row === undefined) return { kind: "envelope", outcomes, mark: undefined, fault };
    this.agents.touch(row);
    return { kind: "envelope", outcomes, mark: markOf(row), fault };
  }

  private applyRecord(
    row: AgentRow | undefined,
    standing: ReturnType<typeof standingOf>,
    record: SealedRecord,
  ): Outcome {
    // An unknown agent, or an epoch that this state never saw: this aggregator was restored from a backup.
    if (row === undefined) return "diverged";
    if (standing === "retired") {
      row.counters.fenced++;
      return "fenced";
    }
    if (standing === "unknown") {
      row.counters.diverged++;
      return "diverged";
    }
    let batch: ScannedBatch | undefined;
    const open = () => {
      batch = scanBatch(openRecord(record, record.rawBytes));
      return batch.sequence === record.sequence ? batch.previousDigest : undefined;
    };
    const outcome = judge(row, record, open, (sequence) => this.agents.digestOf(row, sequence));
    row.counters[outcome]++;
    if (outcome === "diverged") row.diverged = true;
    if (outcome === "applied") {
      assert(batch !== undefined, "a record is opened before it is applied");
      this.applyBatch(row, batch, record.digest);
    }
    return outcome;
  }

  private applyBatch(row: AgentRow, batch: ScannedBatch, digest: string): void {
    row.counters.lines += this.count(row.tenant, row.agent, batch);
    noteRevision(row, batch.selectorRevision);
    for (const report of batch.sources) {
      const input = this.agents.sourceOf(row, report.source, this.clockMs);
      if (!takeReport(input, report, this.clockMs, this.settings)) row.counters.clockAhead++;
    }
    this.agents.advance(row, batch, digest);
  }

  private applyInlet(entry: InletEntry): EntryResult {
    const { clockMs } = this;
    const { row, verdict } = this.inlets.judge(entry, clockMs);
    if (verdict !== "applied") {
      this.inlets.refuse(row, verdict, clockMs);
      return { kind: "inlet", verdict, position: row.position };
    }
    const batch = scanBatch(entry.batch);
    row.counters.records += this.count(row.tenant, row.source, batch);
    // What was refused once says nothing of how far the inlet is.
    const isReading = entry.records.kind !== "letters";
    if (isReading) noteRevision(row, batch.selectorRevision);
    for (const report of isReading ? batch.sources : []) {
      const [input] = row.sources;
      if (isOpening(entry) && report.state === "live") awaitSource(input, clockMs);
      else if (!takeReport(input, report, clockMs, this.settings)) row.counters.clockAhead++;
    }
    this.inlets.advance(row, entry, { ledger: batch.ledger, clockMs });
    return { kind: "inlet", verdict, position: row.position };
  }

  /** Hands on what a batch counted and selected; returns how many lines are in its windows. */
  private count(tenant: string, agent: string, batch: ScannedBatch): number {
    const { preMerge, row } = this;
    const linesBefore = preMerge.lines;
    for (const columns of batch.columns) preMerge.add(tenant, agent, columns);
    const lines = preMerge.lines - linesBefore;
    row.receivedLines += lines;
    const newest = Math.max(
      row.newestMinute ?? Number.NEGATIVE_INFINITY,
      preMerge.newestMinute ?? Number.NEGATIVE_INFINITY,
    );
    if (newest !== Number.NEGATIVE_INFINITY) row.newestMinute = newest;
    for (const event of batch.events) this.router.add(tenant, agent, event);
    for (const hole of batch.holes) this.router.addHole(tenant, hole);
    for (const line of batch.lines ?? []) this.router.addLine(tenant, agent, line);
    return lines;
  }
}

/** True of the entry that only says where the reading of an inlet begins. */
function isOpening({ records }: InletEntry): boolean {
  return records.kind === "range" && records.from === records.to;
}

function isSameSelection(a: Selection | undefined, b: Selection | undefined): boolean {
  return a?.revision === b?.revision && a?.sinceMs === b?.sinceMs;
}
