/**
 * Stage 2: windows, and beside them roll-ups, retention, rules (pattern-stage) and what is to be archived (archive-queue). One of them owns
 * one partition of `keyed`, or takes over what stage 1 hands it.
 *
 * A delta merges into its window whatever the window's age, within the retention. Every flush that changes a window raises its revision
 * and moves it to the end of the index of changes, which sinks walk. A window is provisional until the watermark reaches its end - 1,
 * then final; a change after that makes it corrected. Retention is measured from the watermark, never from a clock.
 *
 * It does no I/O and has no clock. The caller merges until {@link StageTwo.isFull}, flushes, commits, says {@link StageTwo.settle};
 * after a failed commit it begins anew from the view.
 */
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { WindowState } from "../../shared/aggregates/window-json.ts";
import { operationSchema } from "../alerts/operation.ts";
import type { KeyedDelta, PartitionWatermark } from "../log/keyed-entry.ts";
import type { KeyedEvent, KeyedHole } from "../log/keyed-event.ts";
import type { StateChange, StateView } from "../log/log.ts";
import type { OperationEntry } from "../log/operation-entry.ts";
import { NO_RULE_SET, type RuleSet } from "../rules/rule-set.ts";
import type { Arrival, Fate } from "../state/archive-rows.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import { Contributors } from "../state/contributors.ts";
import {
  changeKey,
  isApart,
  minuteKey,
  PROCESS_KEY,
  type SeriesKey,
  windowKey,
} from "../state/keys.ts";
import { revisionBase } from "../state/restored-row.ts";
import { decodeProcessRow, encodeProcessRow, type ProcessRow } from "../state/stage-rows.ts";
import { encodeChange, INDEX_VALUE } from "../state/window-index.ts";
import {
  decodeWindowRow,
  encodeWindowRow,
  mergeContent,
  rowBytesMax,
} from "../state/window-row.ts";
import type { ArchiveQueue } from "./archive-queue.ts";
import { DimensionLimit } from "./dimension-limit.ts";
import { FinalPass } from "./final-pass.ts";
import { LineRows, type LineSettings } from "./line-rows.ts";
import { metricsRow } from "./metrics-event.ts";
import { advancePartitions, selectionStart } from "./partition-watermark.ts";
import { type AlertSettings, PatternStage } from "./pattern-stage.ts";
import { Retention, type RetentionSettings } from "./retention.ts";
import { type Part, RollUps } from "./roll-ups.ts";
import { ServiceTable } from "./service-table.ts";
import type { SettledWindow } from "./settled-window.ts";
import { type CachedWindow, WindowCache } from "./window-cache.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** What one flush may fill of a commit's 10,000 keys and 4 MiB; stage 1 may need the rest. */
const FLUSH_KEYS_MAX = 7000;
const FLUSH_BYTES_MAX = 2.5 * 1024 * 1024;
/** Row, old and new change, index by time, service. */
const KEYS_PER_WINDOW = 5;
/** Row of what a window says when it becomes final, without the names, which stand in it thrice and may be escaped. */
const METRICS_BYTES = 1_200;
const METRICS_NAME_FACTOR = 9;
/** A number with its name in it. */
const MEASURE_BYTES = 120;

/** What stage 2 is given. Windows older than their retention are deleted; what comes for a minute beyond it is too late. */
export interface WindowSettings extends RetentionSettings, LineSettings {
  /** A partition holds the watermark back only while within this of the most advanced one. */
  readonly holdMaxMs: number;
  /** Estimated bytes of decoded windows in memory. */
  readonly cacheBytesMax: number;
  readonly alerts?: AlertSettings | undefined;
}

/** What holds unless configured otherwise. */
export const WINDOW_DEFAULTS: WindowSettings = {
  holdMaxMs: 60_000,
  windowsRetentionMs: 30 * DAY_MS,
  rollUpRetentionsMs: [30 * DAY_MS, 365 * DAY_MS, 3650 * DAY_MS],
  linesRetentionMs: 7 * DAY_MS,
  linesBytesMax: 1024 * 1024 * 1024,
  cacheBytesMax: 64 * 1024 * 1024,
};

/** What one flush makes durable. */
export interface StageTwoOutput {
  readonly changes: readonly StateChange[];
  /** True when no window changed and the watermark did not move to another minute. */
  readonly isQuiet: boolean;
}

/** See the head of this file. */
export class StageTwo {
  private readonly view: StateView;
  private readonly settings: WindowSettings;
  private readonly row: ProcessRow;
  private readonly cache: WindowCache;
  private readonly finalPass: FinalPass;
  private readonly rollUps: RollUps;
  private readonly retention: Retention;
  private readonly patterns: PatternStage;
  private readonly archive: ArchiveQueue | undefined;
  private readonly lines: LineRows;
  private rules: RuleSet;
  private readonly services: ServiceTable;
  private readonly dimensionLimit: DimensionLimit;
  private readonly revisionBase: number;
  private dirty: CachedWindow[] = [];
  private openKeys = 0;
  private openBytes = 0;
  private rowChanged = false;

  /** `view`: the state of this partition as of its last commit; `archive` is on the same. */
  constructor(
    view: StateView,
    settings: WindowSettings,
    rules: RuleSet = NO_RULE_SET,
    archive?: ArchiveQueue,
  ) {
    this.view = view;
    this.archive = archive;
    this.lines = new LineRows(view, settings);
    this.settings = settings;
    this.rules = rules;
    this.row = decodeProcessRow(view.get(PROCESS_KEY));
    this.cache = new WindowCache(view, settings.cacheBytesMax);
    const { row, cache } = this;
    const emit = (window: CachedWindow) => this.markDirty(window);
    this.finalPass = new FinalPass({ view, row, cache, emit });
    const minuteOf = (series: SeriesKey, minute: number) => this.partOf(series, minute);
    this.rollUps = new RollUps({ view, row, minuteOf });
    this.retention = this.openRetention();
    this.dimensionLimit = new DimensionLimit(view);
    this.revisionBase = revisionBase(view);
    this.services = new ServiceTable(view);
    const { windowsRetentionMs: retentionMs, alerts } = settings;
    const patterns = { rules, retentionMs, alerts };
    this.patterns = new PatternStage(view, patterns, this.row.watermarkMs);
  }

  /** True when a flush is due before more may be merged. */
  get isFull(): boolean {
    const { patterns, archive, rollUps, retention, lines } = this;
    let keys = this.openKeys;
    let bytes = this.openBytes + this.services.openBytes;
    for (const part of [patterns, rollUps, retention, lines, archive]) {
      keys += part?.openKeys ?? 0;
      bytes += part?.openBytes ?? 0;
    }
    return keys >= FLUSH_KEYS_MAX || bytes >= FLUSH_BYTES_MAX;
  }

  /** True when windows wait to be made final or deleted; {@link housekeep} does some of it. */
  get hasHousekeeping(): boolean {
    return (
      this.finalPass.isDue(this.finalMinute) ||
      this.patterns.hasWork ||
      this.archive?.hasWork === true ||
      this.lines.hasWork(this.row.watermarkMs) ||
      this.rollUps.hasWork ||
      this.retention.hasWork
    );
  }

  /** No event with a time up to this is expected, milliseconds; undefined before the first event. */
  get watermarkMs(): number | undefined {
    return this.row.watermarkMs;
  }

  /** Merges one delta, whose parts then belong to this stage. */
  merge(delta: KeyedDelta): void {
    const { series, minute, aggregate } = delta;
    const lines = aggregate.requestCount;
    this.rowChanged = true;
    const { pastMinute } = this.retention;
    if (pastMinute !== undefined && minute <= pastMinute) {
      this.row.tooLateLines += lines;
      this.archiveDelta(delta, "too_late");
      return;
    }
    this.row.mergedLines += lines;
    const window = this.cache.find(series.whole ?? series, minute);
    this.archiveDelta(delta, this.isLate(window, minute) ? "late" : "in_time");
    if (series.whole === undefined) {
      this.mergeInto(window, delta);
      return;
    }
    const copy = { series: series.whole, minute, aggregate: new Aggregate() };
    copy.aggregate.merge(aggregate);
    const contributors = new Contributors();
    contributors.merge(delta.contributors);
    this.mergeInto(window, { ...copy, contributors });
    this.mergePart(delta);
  }

  /** Merges a delta into the window of its dimensions, or of those that too many are folded into. */
  private mergePart(delta: KeyedDelta): void {
    const { minute } = delta;
    const window = this.cache.find(delta.series, minute);
    const isNew = window === undefined;
    const series = isNew ? this.dimensionLimit.admit(delta.series, minute) : delta.series;
    if (series === delta.series) {
      this.mergeInto(window, delta);
      return;
    }
    delta.aggregate.folded = true;
    this.mergeInto(this.cache.find(series, minute), { ...delta, series });
  }

  /** Merges a delta, whose parts then belong to this stage, into `found`, the window of its series; undefined when there is none yet. */
  private mergeInto(found: CachedWindow | undefined, delta: KeyedDelta): void {
    const { series, minute, aggregate, contributors } = delta;
    let window = found;
    if (window === undefined) {
      window = this.cache.create(series, minute, aggregate, contributors);
      this.services.add(series);
    } else {
      mergeContent(window, delta);
      this.cache.recount(window);
    }
    const rise = window.isDirty ? 0 : this.nextRevision(window) - window.revision;
    this.markDirty(window);
    if (!isBefore(this.row.finalMinute, minute)) {
      this.rollUps.addLate(series, minute, delta, rise);
    }
  }

  /** Changes the rules; between a flush and what comes after it. */
  use(rules: RuleSet): void {
    if (rules === this.rules) return;
    this.rules = rules;
    this.observeMetrics();
    this.patterns.use(rules);
    this.startRules();
  }

  /** Takes an event for rules. */
  addEvent(event: KeyedEvent): void {
    this.patterns.add(event);
  }

  /** Takes a gap in the events of a stream. */
  addHole(hole: KeyedHole): void {
    this.patterns.addHole(hole);
  }

  /** Takes a raw line, and what is to be archived. */
  addArrival(arrival: Arrival): void {
    const { watermarkMs } = this.row;
    if (arrival.kind === "line" && !this.lines.add(arrival, watermarkMs)) return;
    const isLate =
      arrival.kind === "event" && watermarkMs !== undefined && arrival.event.timeMs <= watermarkMs;
    this.archive?.add({ ...arrival, fate: isLate ? "late" : "in_time" });
  }

  /** Does what a person asked for. */
  operate({ tenant, json }: OperationEntry): void {
    const operation = operationSchema.safeParse(JSON.parse(json));
    // Only a newer program writes others; the one that runs now cannot know what it means.
    if (operation.success) this.patterns.operate(tenant, operation.data);
  }

  /** Moves the log's clock, by which only the archive and silences go. */
  observeClock(nowMs: number): void {
    this.archive?.observeClock(nowMs);
    this.patterns.observeClock(nowMs);
  }

  /** Takes a watermark of a partition of `batches`; it comes after the deltas that it covers. */
  observe(partition: number, watermark: PartitionWatermark): void {
    const before = this.finalMinute;
    this.row.partitions.set(partition, { ...watermark });
    advancePartitions(this.row, this.settings.holdMaxMs);
    if (this.finalMinute !== before) this.rowChanged = true;
    this.patterns.observe("events", this.row.watermarkMs);
    this.startRules();
  }

  /** Runs rules, makes windows final and deletes old ones, as much as fits into the open flush. Call it after the merging. */
  housekeep(): void {
    this.patterns.run(() => this.isFull);
    this.archive?.run(() => this.isFull);
    if (this.finalPass.run(this.finalMinute, () => this.isFull)) this.rowChanged = true;
    this.lines.run(this.row.watermarkMs, () => this.isFull);
    this.rollUps.run(() => this.isFull);
    if (this.retention.run(() => this.isFull)) this.rowChanged = true;
  }

  /** Takes what changed. Its states are as of the watermark of now. */
  flush(): StageTwoOutput {
    const changes: StateChange[] = [];
    const writer = new ByteWriter();
    const finalMinute = this.finalMinute;
    for (const window of this.dirty) {
      if (window.isDirty) this.emit(window, finalMinute, writer, changes);
    }
    const hasRollUps = this.rollUps.hasChanges;
    this.rollUps.flush(writer, changes, (settled) => this.noteRollUp(settled));
    const beside = [
      ...this.patterns.flush(),
      ...this.lines.flush(),
      ...(this.archive?.flush() ?? []),
    ];
    const isQuiet =
      !this.rowChanged &&
      !hasRollUps &&
      this.dirty.length === 0 &&
      !this.retention.hasChanges &&
      beside.length === 0;
    changes.push(...beside);
    // Services last: a window deleted and a window made in one flush leave the service there.
    changes.push(...this.retention.flush(), ...this.services.flush());
    changes.push({ key: PROCESS_KEY, value: encodeProcessRow(this.row) });
    this.dirty = [];
    this.openKeys = 0;
    this.openBytes = 0;
    this.rowChanged = false;
    if (this.patterns.wantsMetrics) this.observeMetrics();
    return { changes, isQuiet };
  }

  /** Says that everything flushed is committed. */
  settle(): void {
    this.cache.evict(this.row.watermarkMs);
    this.rollUps.settle();
    this.patterns.settle();
    this.services.settle();
  }

  /** The newest minute whose windows are final: the watermark is at its end - 1 or later. */
  private get finalMinute(): number | undefined {
    const watermarkMs = this.row.watermarkMs;
    return watermarkMs === undefined ? undefined : Math.floor((watermarkMs + 1) / MINUTE_MS) - 1;
  }

  /** What became final up to there has said so in the flush before; what comes for it later is late for rules. */
  private observeMetrics(): void {
    const { finalMinute } = this.row;
    if (finalMinute === undefined) return;
    this.patterns.observe("metrics", (finalMinute + 1) * MINUTE_MS - 1);
  }

  /** New rules see events as soon as all live agents of all partitions select what they need. */
  private startRules(): void {
    if (!this.patterns.hasWaitingRules) return;
    const start = selectionStart(this.row.partitions.values(), this.rules.revision);
    if (start !== undefined) this.patterns.start(start.sinceMs);
  }

  /** Whether what comes for a window changes what it said, or would have said, when it became final. */
  private isLate(window: CachedWindow | undefined, minute: number): boolean {
    if (window !== undefined) return window.state === "final" || window.state === "corrected";
    return !isBefore(this.row.finalMinute, minute);
  }

  private archiveDelta({ series, ...delta }: KeyedDelta, fate: Fate): void {
    const { tenant, stream, service, dimensions } = series;
    this.archive?.add({ kind: "delta", fate, tenant, stream, service, dimensions, ...delta });
  }

  private markDirty(window: CachedWindow): void {
    const bytes = 128 + 4 * window.key.length + rowBytesMax(window);
    if (!window.isDirty) {
      window.isDirty = true;
      window.rowBytes = 0;
      this.dirty.push(window);
      this.openKeys += KEYS_PER_WINDOW;
      if (this.patterns.wantsMetrics) this.openBytes += this.metricsBytes(window);
    }
    this.openBytes += bytes - window.rowBytes;
    window.rowBytes = bytes;
  }

  private emit(
    window: CachedWindow,
    finalMinute: number | undefined,
    writer: ByteWriter,
    changes: StateChange[],
  ): void {
    const { series, minute, key } = window;
    if (window.state === undefined) {
      changes.push({
        key: minuteKey(series.streamKey, minute, series.servicePart),
        value: INDEX_VALUE,
      });
      this.retention.noteNew(minute, 1);
    } else {
      changes.push({ key: changeKey(window.changeNumber), value: undefined });
    }
    const isFinal = finalMinute !== undefined && minute <= finalMinute;
    const state = isFinal ? settledState(window.state) : "provisional";
    window.state = state;
    window.revision = this.nextRevision(window);
    window.changeNumber = ++this.row.changeNumber;
    window.isDirty = false;
    const { revision, changeNumber, aggregate, contributors } = window;
    changes.push({
      key,
      value: encodeWindowRow({ state, revision, changeNumber, aggregate, contributors }, writer),
    });
    changes.push({ key: changeKey(changeNumber), value: encodeChange(key, writer) });
    if (state === "provisional") {
      this.offer(window);
      return;
    }
    this.saySettled({ series, minute, widthMinutes: 1, state, revision, aggregate, contributors });
  }

  /** Shows a window that may still change to the rules that do not want to wait. */
  private offer({ series, minute, aggregate }: CachedWindow): void {
    const { thresholds } = this.patterns;
    if (!thresholds.wantsProvisional || isApart(series.servicePart)) return;
    thresholds.offer(this.services.namesOf(series), minute, aggregate);
  }

  private noteRollUp(settled: SettledWindow): void {
    if (settled.state === "final") this.retention.noteNew(settled.minute, settled.widthMinutes);
    this.saySettled(settled);
  }

  /** Tells rules of a window or a roll-up that is final, or corrected. */
  private saySettled({ series, minute, widthMinutes, state, aggregate }: SettledWindow): void {
    if (widthMinutes > 1 || !this.patterns.wantsMetrics || isApart(series.servicePart)) return;
    const { thresholds } = this.patterns;
    if (state !== "final" && !thresholds.wantsWindows) return;
    const names = this.services.namesOf(series);
    const row = metricsRow(names, minute, aggregate);
    if (state === "final") this.patterns.addMetrics(series.key, row);
    else thresholds.correct(names, row.timeMs, row.fields);
  }

  private metricsBytes({ series, aggregate }: CachedWindow): number {
    const { tenant, stream, service } = this.services.namesOf(series);
    const measures = (aggregate.detail?.measures.length ?? 0) * MEASURE_BYTES;
    return (
      measures +
      METRICS_BYTES +
      METRICS_NAME_FACTOR * (tenant.length + stream.length + service.length)
    );
  }

  private openRetention(): Retention {
    const { view, row, settings, cache, rollUps } = this;
    return new Retention({
      ...{ view, row, settings },
      forget: (series, minute, widthMinutes) => {
        if (widthMinutes > 1) rollUps.forget(series, minute, widthMinutes);
        else cache.forget(series, minute);
      },
      forgetService: (series) => this.services.forget(series),
      hasOpenAfter: (series, minute) => cache.hasAfter(series, minute) || rollUps.hasOpen(series),
    });
  }

  /** What the revision of a window that is emitted becomes. */
  private nextRevision({ revision }: CachedWindow): number {
    return Math.max(revision + 1, this.revisionBase);
  }

  /** A minute as the open flush will leave it. */
  private partOf(series: SeriesKey, minute: number): Part | undefined {
    const cached = this.cache.peek(series, minute);
    if (cached !== undefined) {
      const { aggregate, contributors, isDirty } = cached;
      const revision = isDirty ? this.nextRevision(cached) : cached.revision;
      return { aggregate, contributors, revision };
    }
    const bytes = this.view.get(windowKey(series.key, minute));
    return bytes && decodeWindowRow(bytes);
  }
}

function isBefore(minute: number | undefined, other: number | undefined): boolean {
  return other !== undefined && (minute === undefined || minute < other);
}

/** The state of a window that is emitted when its end is reached. */
function settledState(before: WindowState | undefined): WindowState {
  return before === "final" || before === "corrected" ? "corrected" : "final";
}
