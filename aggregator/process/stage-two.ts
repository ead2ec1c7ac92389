/**
 * Stage 2: windows, and beside them rules (pattern-stage) and what is to be archived (archive-queue). One of them owns one partition of `keyed`, or takes over what stage 1 hands it.
 *
 * A delta merges into its window whatever the window's age, within the retention. Every flush that changes a window raises its revision
 * and moves it to the end of the index of changes, which sinks walk. A window is provisional until the watermark reaches its end - 1,
 * then final; a change after that makes it corrected. Retention is measured from the watermark, never from a clock.
 *
 * It does no I/O and has no clock. The caller merges until {@link StageTwo.isFull}, flushes, commits, says {@link StageTwo.settle};
 * after a failed commit it begins anew from the view.
 */
import type { WindowState } from "../../shared/aggregates/window-json.ts";
import { present } from "../../shared/assert.ts";
import { operationSchema } from "../alerts/operation.ts";
import type { KeyedDelta, PartitionWatermark } from "../log/keyed-entry.ts";
import type { KeyedEvent, KeyedHole } from "../log/keyed-event.ts";
import type { StateChange, StateView } from "../log/log.ts";
import type { OperationEntry } from "../log/operation-entry.ts";
import { NO_RULE_SET, type RuleSet } from "../rules/rule-set.ts";
import { aggregateBytesMax } from "../state/aggregate-format.ts";
import type { Arrival, Fate } from "../state/archive-rows.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import {
  afterChildren,
  changeKey,
  MINUTE_MAX,
  minuteKey,
  PROCESS_KEY,
  type Series,
  type SeriesKey,
  serviceKey,
  windowKey,
} from "../state/keys.ts";
import { type IndexedWindow, readMinuteIndex } from "../state/minute-index.ts";
import { encodeServiceRow, readServiceRow, type ServiceRow } from "../state/read-windows.ts";
import { decodeProcessRow, encodeProcessRow, type ProcessRow } from "../state/stage-rows.ts";
import { decodeWindowHead, encodeWindowRow } from "../state/window-row.ts";
import type { ArchiveQueue } from "./archive-queue.ts";
import { metricsRow } from "./metrics-event.ts";
import { advancePartitions, selectionStart } from "./partition-watermark.ts";
import { type AlertSettings, PatternStage } from "./pattern-stage.ts";
import { type CachedWindow, WindowCache } from "./window-cache.ts";

const MINUTE_MS = 60_000;
/** What one flush may fill of a commit's 10,000 keys and 4 MiB; stage 1 may need the rest. */
const FLUSH_KEYS_MAX = 7000;
const FLUSH_BYTES_MAX = 2.5 * 1024 * 1024;
/** Row, old and new change, index by time, service. */
const KEYS_PER_WINDOW = 5;
const PAGE_COUNT = 256;
/** Services whose row is known to be there; forgotten beyond this, some 10 MiB. */
const KNOWN_SERVICE_COUNT_MAX = 50_000;
const CHANGE_VERSION = 1;
const INDEX_VALUE: Buffer = Buffer.of(1);
/** Row of what a window says when it becomes final, without the names, which stand in it thrice and may be escaped. */
const METRICS_BYTES = 1_200;
const METRICS_NAME_FACTOR = 9;

/** What stage 2 is given. */
export interface WindowSettings {
  /** A partition holds the watermark back only while within this of the most advanced one. */
  readonly holdMaxMs: number;
  /** Windows older than this, measured from the watermark, are deleted; what comes for them is too late. */
  readonly windowsRetentionMs: number;
  /** Estimated bytes of decoded windows in memory. */
  readonly cacheBytesMax: number;
  readonly alerts?: AlertSettings | undefined;
}

/** What holds unless configured otherwise. */
export const WINDOW_DEFAULTS: WindowSettings = {
  holdMaxMs: 60_000,
  windowsRetentionMs: 30 * 86_400_000,
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
  private readonly patterns: PatternStage;
  private readonly archive: ArchiveQueue | undefined;
  private rules: RuleSet;
  private readonly knownServices = new Map<string, ServiceRow>();
  private dirty: CachedWindow[] = [];
  private deletions: StateChange[] = [];
  private services: StateChange[] = [];
  /** The last index key deleted in the open flush. */
  private deletedAfter: string | undefined;
  private openKeys = 0;
  private openBytes = 0;
  private rowChanged = false;
  /** Windows up to `toMinute` are being made final; `after` is the last index key looked at. */
  private finalPass: { readonly toMinute: number; after: string | undefined } | undefined;

  /** `view`: the state of this partition as of its last commit; `archive` is on the same. */
  constructor(
    view: StateView,
    settings: WindowSettings,
    rules: RuleSet = NO_RULE_SET,
    archive?: ArchiveQueue,
  ) {
    this.view = view;
    this.archive = archive;
    this.settings = settings;
    this.rules = rules;
    this.row = decodeProcessRow(view.get(PROCESS_KEY));
    this.cache = new WindowCache(view, settings.cacheBytesMax);
    const { windowsRetentionMs: retentionMs, alerts } = settings;
    const patterns = { rules, retentionMs, alerts };
    this.patterns = new PatternStage(view, patterns, this.row.watermarkMs);
  }

  /** True when a flush is due before more may be merged. */
  get isFull(): boolean {
    const { patterns, archive } = this;
    const keys = this.openKeys + patterns.openKeys + (archive?.openKeys ?? 0);
    const bytes = this.openBytes + patterns.openBytes + (archive?.openBytes ?? 0);
    return keys >= FLUSH_KEYS_MAX || bytes >= FLUSH_BYTES_MAX;
  }

  /** True when windows wait to be made final or deleted; {@link housekeep} does some of it. */
  get hasHousekeeping(): boolean {
    return (
      this.finalPass !== undefined ||
      this.patterns.hasWork ||
      this.archive?.hasWork === true ||
      isBefore(this.row.finalMinute, this.finalMinute) ||
      isBefore(this.row.deletedMinute, this.retentionMinute)
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
    const retentionMinute = this.retentionMinute;
    if (retentionMinute !== undefined && minute <= retentionMinute) {
      this.row.tooLateLines += lines;
      this.archiveDelta(delta, "too_late");
      return;
    }
    this.row.mergedLines += lines;
    let window = this.cache.find(series, minute);
    this.archiveDelta(delta, this.isLate(window, minute) ? "late" : "in_time");
    if (window === undefined) {
      window = this.cache.create(series, minute, aggregate, delta.contributors);
      this.addService(series);
    } else {
      window.aggregate.merge(aggregate);
      window.contributors.merge(delta.contributors);
      this.cache.recount(window);
    }
    this.markDirty(window);
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

  /** Takes what is to be archived. */
  addArrival(arrival: Arrival): void {
    const { watermarkMs } = this.row;
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
    const finalMinute = this.finalMinute;
    if (this.finalPass === undefined && isBefore(this.row.finalMinute, finalMinute)) {
      this.finalPass = { toMinute: finalMinute ?? 0, after: undefined };
    }
    while (this.finalPass !== undefined && !this.isFull) this.makeFinal(this.finalPass);
    const retentionMinute = this.retentionMinute;
    if (retentionMinute === undefined) return;
    while (isBefore(this.row.deletedMinute, retentionMinute) && !this.isFull) {
      this.deleteOld(retentionMinute);
    }
  }

  /** Takes what changed. Its states are as of the watermark of now. */
  flush(): StageTwoOutput {
    const changes: StateChange[] = [];
    const writer = new ByteWriter();
    const finalMinute = this.finalMinute;
    for (const window of this.dirty) {
      if (window.isDirty) this.emit(window, finalMinute, writer, changes);
    }
    const beside = [...this.patterns.flush(), ...(this.archive?.flush() ?? [])];
    const isQuiet =
      !this.rowChanged &&
      this.dirty.length === 0 &&
      this.deletions.length === 0 &&
      beside.length === 0;
    changes.push(...beside);
    // Services last: a window deleted and a window made in one flush leave the service there.
    changes.push(...this.deletions, ...this.services);
    changes.push({ key: PROCESS_KEY, value: encodeProcessRow(this.row) });
    this.dirty = [];
    this.deletions = [];
    this.deletedAfter = undefined;
    this.services = [];
    this.openKeys = 0;
    this.openBytes = 0;
    this.rowChanged = false;
    if (this.patterns.wantsMetrics) this.observeMetrics();
    return { changes, isQuiet };
  }

  /** Says that everything flushed is committed. */
  settle(): void {
    this.cache.evict(this.row.watermarkMs);
    this.patterns.settle();
    if (this.knownServices.size > KNOWN_SERVICE_COUNT_MAX) this.knownServices.clear();
  }

  /** The newest minute whose windows are final: the watermark is at its end - 1 or later. */
  private get finalMinute(): number | undefined {
    const watermarkMs = this.row.watermarkMs;
    return watermarkMs === undefined ? undefined : Math.floor((watermarkMs + 1) / MINUTE_MS) - 1;
  }

  /** The newest minute whose windows are beyond the retention. */
  private get retentionMinute(): number | undefined {
    const watermarkMs = this.row.watermarkMs;
    if (watermarkMs === undefined) return undefined;
    return Math.floor((watermarkMs - this.settings.windowsRetentionMs) / MINUTE_MS) - 1;
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
    const { tenant, stream, service } = series;
    this.archive?.add({ kind: "delta", fate, tenant, stream, service, ...delta });
  }

  private addService(series: Series): void {
    if (this.knownServices.has(series.key)) return;
    this.knownServices.set(series.key, series);
    const key = serviceKey(series.key);
    if (this.view.get(key) !== undefined) return;
    const writer = new ByteWriter();
    this.services.push({ key, value: encodeServiceRow(series, writer) });
    this.openBytes += key.length + 3 * (series.service.length + series.stream.length);
  }

  private markDirty(window: CachedWindow): void {
    const bytes =
      128 +
      4 * window.key.length +
      aggregateBytesMax(window.aggregate) +
      window.contributors.bytesMax;
    if (!window.isDirty) {
      window.isDirty = true;
      window.rowBytes = 0;
      this.dirty.push(window);
      this.openKeys += KEYS_PER_WINDOW;
      if (this.patterns.wantsMetrics) this.openBytes += this.metricsBytes(window.series);
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
      // The watermark passed its retention in this very flush: let the next deletion find it.
      if (!isBefore(this.retentionMinute, minute)) this.row.deletedMinute = undefined;
    } else {
      changes.push({ key: changeKey(window.changeNumber), value: undefined });
    }
    const isFinal = finalMinute !== undefined && minute <= finalMinute;
    const state = isFinal ? settledState(window.state) : "provisional";
    if (this.patterns.wantsMetrics) this.sayMetrics(window, state);
    window.state = state;
    window.revision++;
    window.changeNumber = ++this.row.changeNumber;
    window.isDirty = false;
    const { revision, changeNumber, aggregate, contributors } = window;
    changes.push({
      key,
      value: encodeWindowRow({ state, revision, changeNumber, aggregate, contributors }, writer),
    });
    writer.byte(CHANGE_VERSION);
    writer.ascii(key);
    changes.push({ key: changeKey(changeNumber), value: writer.finish() });
  }

  /** Tells rules of a window that is final for the first time, and those over windows of every other state, too. */
  private sayMetrics({ series, minute, aggregate }: CachedWindow, state: WindowState): void {
    const { thresholds } = this.patterns;
    const names = this.namesOf(series);
    if (state === "provisional") {
      thresholds.offer(names, minute, aggregate);
      return;
    }
    const row = metricsRow(names, minute, aggregate);
    if (state === "final") this.patterns.addMetrics(series.key, row);
    else if (thresholds.wantsWindows) thresholds.correct(names, row.timeMs, row.fields);
  }

  private metricsBytes(series: SeriesKey): number {
    const { tenant, stream, service } = this.namesOf(series);
    return METRICS_BYTES + METRICS_NAME_FACTOR * (tenant.length + stream.length + service.length);
  }

  private namesOf({ key }: SeriesKey): ServiceRow {
    const known = this.knownServices.get(key);
    if (known !== undefined) return known;
    const names = present(readServiceRow(this.view, key), `the row of service ${key}`);
    this.knownServices.set(key, names);
    return names;
  }

  /** Makes one page of windows final. */
  private makeFinal(pass: { readonly toMinute: number; after: string | undefined }): void {
    const fromMinute = (this.row.finalMinute ?? -MINUTE_MAX - 1) + 1;
    const range = { fromMinute, toMinute: Math.min(pass.toMinute, MINUTE_MAX - 1) + 1 };
    const page = readMinuteIndex(this.view, range, pass.after, PAGE_COUNT);
    for (const { indexKey, series, minute } of page) {
      if (this.isFull) return;
      const window = this.findProvisional(series, minute);
      if (window !== undefined) this.markDirty(window);
      pass.after = indexKey;
    }
    if (page.length === PAGE_COUNT) return;
    this.row.finalMinute = pass.toMinute;
    this.finalPass = undefined;
    this.rowChanged = true;
  }

  private findProvisional(series: SeriesKey, minute: number): CachedWindow | undefined {
    const cached = this.cache.peek(series, minute);
    if (cached !== undefined) return cached.state === "provisional" ? cached : undefined;
    const bytes = this.view.get(windowKey(series.key, minute));
    if (bytes === undefined || decodeWindowHead(bytes).state !== "provisional") return undefined;
    return this.cache.find(series, minute);
  }

  /** Deletes one page of windows beyond the retention. */
  private deleteOld(retentionMinute: number): void {
    const range = { fromMinute: -MINUTE_MAX, toMinute: retentionMinute + 1 };
    const page = readMinuteIndex(this.view, range, this.deletedAfter, PAGE_COUNT);
    for (const indexed of page) {
      if (this.isFull) return;
      this.deleteWindow(indexed, retentionMinute);
      this.deletedAfter = indexed.indexKey;
    }
    if (page.length === PAGE_COUNT) return;
    this.row.deletedMinute = retentionMinute;
    this.rowChanged = true;
  }

  private deleteWindow(indexed: IndexedWindow, retentionMinute: number): void {
    const { indexKey, series, minute } = indexed;
    const key = windowKey(series.key, minute);
    const bytes = this.view.get(key);
    this.delete(indexKey);
    this.delete(key);
    if (bytes !== undefined) this.delete(changeKey(decodeWindowHead(bytes).changeNumber));
    const cached = this.cache.peek(series, minute);
    if (cached !== undefined) {
      // No longer to be emitted, should it be dirty.
      cached.isDirty = false;
      this.cache.remove(cached);
    }
    if (this.hasNewerWindow(series, retentionMinute)) return;
    this.knownServices.delete(series.key);
    this.delete(serviceKey(series.key));
  }

  private hasNewerWindow(series: SeriesKey, minute: number): boolean {
    if (this.cache.hasAfter(series, minute)) return true;
    const from = windowKey(series.key, minute + 1);
    for (const _entry of this.view.range(from, afterChildren(`window/${series.key}`), { limit: 1 }))
      return true;
    return false;
  }

  private delete(key: string): void {
    this.deletions.push({ key, value: undefined });
    this.openKeys++;
    this.openBytes += key.length;
  }
}

function isBefore(minute: number | undefined, other: number | undefined): boolean {
  return other !== undefined && (minute === undefined || minute < other);
}

/** The state of a window that is emitted when its end is reached. */
function settledState(before: WindowState | undefined): WindowState {
  return before === "final" || before === "corrected" ? "corrected" : "final";
}
