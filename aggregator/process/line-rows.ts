import type { StateChange, StateView } from "../log/log.ts";
import { LINE_TIME_PREFIX, LINES_KEY, lineKey, lineTimeKey } from "../state/keys.ts";
import {
  decodeLineRow,
  encodeLineRow,
  encodeLinesRow,
  idOfLine,
  type KeyedLine,
  type LinesRow,
  readLinesRow,
} from "../state/line-row.ts";
import { Overlay } from "../state/overlay.ts";
import { TimeQueue } from "./time-queue.ts";

const PAGE_COUNT = 256;

/** How long lines are kept, and how many bytes of them. */
export interface LineSettings {
  /** In event time, measured from the watermark. */
  readonly linesRetentionMs: number;
  /** Beyond it the oldest are deleted. */
  readonly linesBytesMax: number;
}

/**
 * The raw lines of one partition: each once, whoever sends it again, in the order of their times, and under rising numbers in the order in which
 * they came.
 */
export class LineRows {
  private readonly overlay: Overlay;
  private readonly settings: LineSettings;
  private readonly row: LinesRow;
  private readonly byTime: TimeQueue;
  private hasChanged = false;

  /** `view`: the state of this partition as of its last commit. */
  constructor(view: StateView, settings: LineSettings) {
    this.overlay = new Overlay(view);
    this.settings = settings;
    this.row = readLinesRow(view);
    this.byTime = new TimeQueue(this.overlay, LINE_TIME_PREFIX);
  }

  /** Keys that the open flush changes. */
  get openKeys(): number {
    return this.overlay.changeCount + 1;
  }

  /** Bytes of the open flush. */
  get openBytes(): number {
    return this.overlay.changeBytes;
  }

  /** Takes a line; false when it is there already. `watermarkMs`: what is older than the retention is not kept. */
  add(line: KeyedLine, watermarkMs: number | undefined): boolean {
    const { timeMs } = line.line;
    if (timeMs < this.oldestMs(watermarkMs)) return true;
    this.hasChanged = true;
    const key = lineTimeKey(timeMs, idOfLine(line));
    if (this.overlay.get(key) !== undefined) {
      this.row.repeatedLines++;
      return false;
    }
    const number = ++this.row.number;
    const bytes = encodeLineRow({ number, ...line });
    this.row.lines++;
    this.row.bytes += bytes.length;
    this.overlay.set(key, bytes);
    this.overlay.set(lineKey(number), Buffer.from(key.slice(LINE_TIME_PREFIX.length), "latin1"));
    this.byTime.note(timeMs);
    return true;
  }

  /** True when lines wait to be deleted. */
  hasWork(watermarkMs: number | undefined): boolean {
    return this.isTooMuch || this.byTime.isDue(this.oldestMs(watermarkMs) - 1);
  }

  /** Deletes what is too old or too much until `isFull`. */
  run(watermarkMs: number | undefined, isFull: () => boolean): void {
    const oldestMs = this.oldestMs(watermarkMs);
    while (this.hasWork(watermarkMs) && !isFull()) {
      const untilMs = this.isTooMuch ? Number.MAX_SAFE_INTEGER : oldestMs - 1;
      const page = this.byTime.page(Math.min(untilMs, TIME_MS_MAX), PAGE_COUNT);
      if (page.length === 0 && this.isTooMuch) return;
      for (const [key, bytes] of page) {
        if (isFull()) return;
        const { number, line } = decodeLineRow(bytes);
        const isOld = line.timeMs < oldestMs;
        if (!isOld && !this.isTooMuch) break;
        if (!isOld) this.row.evictedLines++;
        this.row.lines--;
        this.row.bytes -= bytes.length;
        this.overlay.set(lineKey(number), undefined);
        this.byTime.take(key);
        this.hasChanged = true;
      }
    }
  }

  /** Takes what changed. */
  flush(): StateChange[] {
    if (!this.hasChanged) return [];
    this.hasChanged = false;
    return [...this.overlay.take(), { key: LINES_KEY, value: encodeLinesRow(this.row) }];
  }

  private get isTooMuch(): boolean {
    return this.row.bytes > this.settings.linesBytesMax;
  }

  private oldestMs(watermarkMs: number | undefined): number {
    if (watermarkMs === undefined) return -TIME_MS_MAX;
    return Math.max(-TIME_MS_MAX, watermarkMs - this.settings.linesRetentionMs);
  }
}

/** What a date can show. */
const TIME_MS_MAX = 8.64e15;
