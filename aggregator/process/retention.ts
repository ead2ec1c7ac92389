/** Deletes windows of every width when their retention, measured from the watermark, is over: with all that points to them. */
import type { StateChange, StateView } from "../log/log.ts";
import {
  afterChildren,
  changeKey,
  MINUTE_MAX,
  type SeriesKey,
  serviceKey,
  windowKey,
  windowKind,
} from "../state/keys.ts";
import { type IndexedWindow, readMinuteIndex } from "../state/minute-index.ts";
import { ROLL_UP_WIDTHS } from "../state/roll-up-widths.ts";
import type { ProcessRow, RollUpProgress } from "../state/stage-rows.ts";
import { decodeWindowHead } from "../state/window-row.ts";

const MINUTE_MS = 60_000;
const PAGE_COUNT = 256;
const WIDTHS: readonly number[] = [1, ...ROLL_UP_WIDTHS];

/** How long windows are kept, in milliseconds: of a minute, and of each width of roll-ups. */
export interface RetentionSettings {
  readonly windowsRetentionMs: number;
  /** In the order of the widths. One that is shorter than that of narrower windows counts as that. */
  readonly rollUpRetentionsMs: readonly number[];
}

/** What {@link Retention} works on. */
export interface RetentionParts {
  readonly view: StateView;
  readonly row: ProcessRow;
  readonly settings: RetentionSettings;
  /** Called for every window that is deleted. */
  readonly forget: (series: SeriesKey, minute: number, widthMinutes: number) => void;
  /** Called when the last window of a service is deleted. */
  readonly forgetService: (series: SeriesKey) => void;
  /** Whether the series has a window after `minute`, or a roll-up, that is not committed yet. */
  readonly hasOpenAfter: (series: SeriesKey, minute: number) => boolean;
}

/** See the head of this file. */
export class Retention {
  private readonly parts: RetentionParts;
  private readonly retentionsMs: readonly number[];
  private deletions: StateChange[] = [];
  /** The last index key deleted in the open flush, by width. */
  private readonly deletedAfter = new Map<number, string>();
  /** What the open flush needs. */
  openKeys = 0;
  openBytes = 0;

  constructor(parts: RetentionParts) {
    this.parts = parts;
    let longestMs = 0;
    const { windowsRetentionMs, rollUpRetentionsMs } = parts.settings;
    this.retentionsMs = [windowsRetentionMs, ...rollUpRetentionsMs].map((retentionMs) => {
      longestMs = Math.max(longestMs, retentionMs);
      return longestMs;
    });
  }

  /** The newest minute whose windows are beyond the retention. */
  get pastMinute(): number | undefined {
    return this.lastPast(0);
  }

  /** True when windows wait to be deleted. */
  get hasWork(): boolean {
    return WIDTHS.some((_, at) => this.isBehind(at));
  }

  /** True when the open flush deletes something. */
  get hasChanges(): boolean {
    return this.deletions.length > 0;
  }

  /** Says that a window is emitted for the first time, which may be beyond its retention already: then the next deletion finds it. */
  noteNew(minute: number, widthMinutes: number): void {
    const at = WIDTHS.indexOf(widthMinutes);
    const past = this.lastPast(at);
    if (past !== undefined && minute <= past) this.setDeleted(at, undefined);
  }

  /** Deletes until `isFull`; true when it got further. */
  run(isFull: () => boolean): boolean {
    let hasMoved = false;
    for (const at of WIDTHS.keys()) {
      while (this.isBehind(at) && !isFull()) {
        if (this.deletePage(at, isFull)) hasMoved = true;
      }
    }
    return hasMoved;
  }

  /** Takes what is deleted. */
  flush(): StateChange[] {
    const taken = this.deletions;
    this.deletions = [];
    this.deletedAfter.clear();
    this.openKeys = 0;
    this.openBytes = 0;
    return taken;
  }

  /** The newest start of windows of a width that are over for longer than their retention. */
  private lastPast(at: number): number | undefined {
    const { watermarkMs } = this.parts.row;
    if (watermarkMs === undefined) return undefined;
    const retentionMs = this.retentionsMs[at] ?? Number.POSITIVE_INFINITY;
    return Math.floor((watermarkMs - retentionMs) / MINUTE_MS) - (WIDTHS[at] ?? 1);
  }

  /** Up to where windows of a width can go: of what is not rolled up yet roll-ups are still to be made. */
  private target(at: number): number | undefined {
    const past = this.lastPast(at);
    if (past === undefined || at === WIDTHS.length - 1) return past;
    const madeTo = this.parts.row.rollUps[at]?.madeToMinute;
    return madeTo === undefined ? undefined : Math.min(past, madeTo - 1);
  }

  private isBehind(at: number): boolean {
    const target = this.target(at);
    const deleted = this.deletedMinute(at);
    return target !== undefined && (deleted === undefined || deleted < target);
  }

  private deletedMinute(at: number): number | undefined {
    return (
      this.progressOf(at)?.deletedMinute ?? (at === 0 ? this.parts.row.deletedMinute : undefined)
    );
  }

  private setDeleted(at: number, minute: number | undefined): void {
    const progress = this.progressOf(at);
    if (progress === undefined) this.parts.row.deletedMinute = minute;
    else progress.deletedMinute = minute;
  }

  private progressOf(at: number): RollUpProgress | undefined {
    return this.parts.row.rollUps[at - 1];
  }

  /** Deletes one page of windows of a width; true when it was the last. */
  private deletePage(at: number, isFull: () => boolean): boolean {
    const widthMinutes = WIDTHS[at] ?? 1;
    const target = this.target(at) ?? -MINUTE_MAX;
    const range = { fromMinute: -MINUTE_MAX, toMinute: target + 1, widthMinutes };
    const after = this.deletedAfter.get(widthMinutes);
    const page = readMinuteIndex(this.parts.view, range, after, PAGE_COUNT);
    for (const indexed of page) {
      if (isFull()) return false;
      this.deleteWindow(indexed, widthMinutes);
      this.deletedAfter.set(widthMinutes, indexed.indexKey);
    }
    if (page.length === PAGE_COUNT) return false;
    this.setDeleted(at, target);
    return true;
  }

  private deleteWindow({ indexKey, series, minute }: IndexedWindow, widthMinutes: number): void {
    const key = windowKey(series.key, minute, widthMinutes);
    const bytes = this.parts.view.get(key);
    this.delete(indexKey);
    this.delete(key);
    if (bytes !== undefined) this.delete(changeKey(decodeWindowHead(bytes).changeNumber));
    this.parts.forget(series, minute, widthMinutes);
    if (this.hasOthers(series, minute, widthMinutes)) return;
    this.parts.forgetService(series);
    this.delete(serviceKey(series.key));
  }

  /** True when there are windows of the series beside this one and those that are about to be deleted, too. */
  private hasOthers(series: SeriesKey, minute: number, widthMinutes: number): boolean {
    if (this.parts.hasOpenAfter(series, minute)) return true;
    for (const [at, width] of WIDTHS.entries()) {
      const deleted = width === widthMinutes ? minute : (this.target(at) ?? -MINUTE_MAX);
      const from = windowKey(series.key, Math.min(deleted + 1, MINUTE_MAX), width);
      const to = afterChildren(`${windowKind(width)}/${series.key}`);
      for (const _entry of this.parts.view.range(from, to, { limit: 1 })) return true;
    }
    return false;
  }

  private delete(key: string): void {
    this.deletions.push({ key, value: undefined });
    this.openKeys++;
    this.openBytes += key.length;
  }
}
