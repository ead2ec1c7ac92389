import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { WindowState } from "../../shared/aggregates/window-json.ts";
import type { StateView } from "../log/log.ts";
import { Contributors } from "../state/contributors.ts";
import { type SeriesKey, windowKey } from "../state/keys.ts";
import { decodeWindowRow } from "../state/window-row.ts";

const MINUTE_MS = 60_000;
/** A window of which nothing came for this long after it was final is rarely touched again. */
const KEPT_AFTER_FINAL_MS = 600_000;
/** Memory of a window beside its bins. */
const WINDOW_BYTES = 700;

/** A window in memory. */
export interface CachedWindow {
  readonly series: SeriesKey;
  readonly minute: number;
  readonly key: string;
  aggregate: Aggregate;
  contributors: Contributors;
  /** As last emitted; undefined before the first emission. */
  state: WindowState | undefined;
  revision: number;
  changeNumber: number;
  /** True when it is to be emitted. */
  isDirty: boolean;
  /** Bytes that its row needs at most, as counted for the open commit. */
  rowBytes: number;
  /** Used since the last look for windows to evict. */
  isRecent: boolean;
  /** Estimate of its memory, as counted by the cache. */
  memoryBytes: number;
}

/** Decoded windows, so that merging into a recent one needs neither a read nor a decoding. Bounded by an estimate of its memory. */
export class WindowCache {
  private readonly view: StateView;
  private readonly bytesMax: number;
  private readonly bySeries = new Map<string, Map<number, CachedWindow>>();
  /** In the order in which they are looked at for eviction. */
  private readonly queue = new Set<CachedWindow>();
  private bytes = 0;
  private oldestMinute = Number.NEGATIVE_INFINITY;

  constructor(view: StateView, bytesMax: number) {
    this.view = view;
    this.bytesMax = bytesMax;
  }

  get count(): number {
    return this.queue.size;
  }

  /** The window from memory or stored state; undefined when there is none. */
  find(series: SeriesKey, minute: number): CachedWindow | undefined {
    const cached = this.bySeries.get(series.key)?.get(minute);
    if (cached !== undefined) {
      cached.isRecent = true;
      return cached;
    }
    const key = windowKey(series.key, minute);
    const bytes = this.view.get(key);
    if (bytes === undefined) return undefined;
    const row = decodeWindowRow(bytes);
    return this.insert({ ...newWindow(series, minute, key), ...row });
  }

  /** The window from memory only. */
  peek(series: SeriesKey, minute: number): CachedWindow | undefined {
    return this.bySeries.get(series.key)?.get(minute);
  }

  /** True when a window of the series after `minute` is in memory. */
  hasAfter(series: SeriesKey, minute: number): boolean {
    for (const cached of this.bySeries.get(series.key)?.keys() ?? []) {
      if (cached > minute) return true;
    }
    return false;
  }

  /** Puts a window with its first data in; there must be none. */
  create(
    series: SeriesKey,
    minute: number,
    aggregate: Aggregate,
    contributors: Contributors,
  ): CachedWindow {
    const window = newWindow(series, minute, windowKey(series.key, minute));
    window.aggregate = aggregate;
    window.contributors = contributors;
    return this.insert(window);
  }

  /** Forgets a window that is deleted, so that it is not emitted any more. */
  forget(series: SeriesKey, minute: number): void {
    const window = this.peek(series, minute);
    if (window === undefined) return;
    window.isDirty = false;
    this.remove(window);
  }

  private remove(window: CachedWindow): void {
    const windows = this.bySeries.get(window.series.key);
    windows?.delete(window.minute);
    if (windows?.size === 0) this.bySeries.delete(window.series.key);
    this.queue.delete(window);
    this.bytes -= window.memoryBytes;
  }

  /** Counts the memory of a window whose aggregate changed. */
  recount(window: CachedWindow): void {
    const bytes = memoryOf(window);
    this.bytes += bytes - window.memoryBytes;
    window.memoryBytes = bytes;
  }

  /** Forgets what is not needed: long final, or too much. Dirty windows stay. Call it when what they hold is committed. */
  evict(watermarkMs: number | undefined): void {
    if (watermarkMs !== undefined) {
      const oldest = Math.floor((watermarkMs - KEPT_AFTER_FINAL_MS) / MINUTE_MS);
      if (oldest > this.oldestMinute) this.evictBefore(oldest);
    }
    if (this.bytes <= this.bytesMax) return;
    for (const window of this.queue) {
      if (this.bytes <= this.bytesMax) return;
      if (window.isDirty) continue;
      if (!window.isRecent) {
        this.remove(window);
        continue;
      }
      // A second chance: it goes to the end of the queue, where this loop meets it again.
      window.isRecent = false;
      this.queue.delete(window);
      this.queue.add(window);
    }
  }

  private evictBefore(minute: number): void {
    this.oldestMinute = minute;
    for (const window of this.queue) {
      if (window.minute >= minute || window.isDirty) continue;
      if (window.isRecent) window.isRecent = false;
      else this.remove(window);
    }
  }

  private insert(window: CachedWindow): CachedWindow {
    const { series, minute } = window;
    let windows = this.bySeries.get(series.key);
    if (windows === undefined) {
      windows = new Map();
      this.bySeries.set(series.key, windows);
    }
    windows.set(minute, window);
    this.queue.add(window);
    window.memoryBytes = memoryOf(window);
    this.bytes += window.memoryBytes;
    return window;
  }
}

function newWindow(series: SeriesKey, minute: number, key: string): CachedWindow {
  return {
    series,
    minute,
    key,
    aggregate: new Aggregate(),
    contributors: new Contributors(),
    state: undefined,
    revision: 0,
    changeNumber: 0,
    isDirty: false,
    rowBytes: 0,
    isRecent: true,
    memoryBytes: 0,
  };
}

function memoryOf(window: CachedWindow): number {
  const { sketch, detail } = window.aggregate;
  const detailBytes = detail?.bytes ?? 0;
  return WINDOW_BYTES + sketch.bins.length * 8 + window.contributors.count * 40 + detailBytes;
}
