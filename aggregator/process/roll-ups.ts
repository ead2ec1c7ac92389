/**
 * Roll-ups: windows of five minutes, an hour and a day, each merged from the narrower ones and stored like them.
 *
 * A roll-up is made when all that it is made of is final and committed, so an open one costs nothing; readers put it together from its parts
 * until then. From then on it takes every late delta in the same commit as the minute does. Both ways its content is the merge of its minutes
 * and its revision the sum of theirs, so a reader sees the same by either way, and it lives on when its minutes' retention is over.
 *
 * ```text
 * minutes final up to ──▶ 5 minutes made up to ──▶ hours made up to ──▶ days made up to      each by a pass over the index of the one before
 *         └── late delta ────▶ made? merge ───────────▶ made? merge ──────▶ made? merge
 * ```
 *
 * A pass goes up to what was committed before the open flush. What a late delta of the open flush touches there is made at once where the pass
 * has not come yet, since the index does not know of a window before it is committed.
 */
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { windowStartMinute } from "../../shared/time/window.ts";
import type { StateChange, StateView } from "../log/log.ts";
import type { ByteWriter } from "../state/byte-writer.ts";
import { Contributors } from "../state/contributors.ts";
import { changeKey, MINUTE_MAX, minuteKey, type SeriesKey, windowKey } from "../state/keys.ts";
import { type IndexedWindow, readMinuteIndex } from "../state/minute-index.ts";
import type { ProcessRow, RollUpProgress } from "../state/stage-rows.ts";
import { encodeChange, INDEX_VALUE } from "../state/window-index.ts";
import {
  decodeWindowRow,
  encodeWindowRow,
  mergeContent,
  rowBytesMax,
  type WindowContent,
} from "../state/window-row.ts";
import type { SettledWindow } from "./settled-window.ts";

/** Row, old and new change, index by time. */
const KEYS_PER_ROLL_UP = 4;
const PAGE_COUNT = 256;

/** A minute, or a roll-up, as it will be when the open flush is committed. */
export interface Part extends WindowContent {
  readonly revision: number;
}

/** What roll-ups are made from and tell. */
export interface RollUpParts {
  readonly view: StateView;
  /** Says what is final, and how far roll-ups are. */
  readonly row: ProcessRow;
  /** A minute as it will be when the open flush is committed; undefined when there is none. */
  readonly minuteOf: (series: SeriesKey, minute: number) => Part | undefined;
}

interface OpenRollUp extends WindowContent {
  readonly series: SeriesKey;
  readonly minute: number;
  readonly widthMinutes: number;
  revision: number;
  /** Of its last emission; undefined when this is its first. */
  readonly changeNumber: number | undefined;
  bytes: number;
}

/** Where a pass over the index of a narrower width is. */
interface Pass {
  readonly toMinute: number;
  after: string | undefined;
  /** The roll-ups of one stream and start that were looked at. */
  group: string;
  seen: Set<string>;
}

/** See the head of this file. */
export class RollUps {
  private readonly parts: RollUpParts;
  /** To be emitted, by key. */
  private open = new Map<string, OpenRollUp>();
  private readonly openSeries = new Set<string>();
  private readonly passes = new Map<RollUpProgress, Pass>();
  private hasMoved = false;
  /** Per width: all that they are made of is committed up to here. */
  private limits: readonly number[] = [];
  /** What the open flush needs at most. */
  openKeys = 0;
  openBytes = 0;

  constructor(parts: RollUpParts) {
    this.parts = parts;
    this.settle();
  }

  /** True when roll-ups wait to be made. */
  get hasWork(): boolean {
    return this.parts.row.rollUps.some((progress, at) => this.isBehind(progress, at));
  }

  /** True when the open flush changes a roll-up, or how far they are. */
  get hasChanges(): boolean {
    return this.hasMoved || this.open.size > 0;
  }

  /**
   * Takes a delta that was merged into a minute that is final and committed; `rise` is by how much the minute's revision rises for it in the
   * open flush. Call it after the merge.
   */
  addLate(series: SeriesKey, minute: number, delta: WindowContent, rise: number): void {
    for (const [at, { widthMinutes }] of this.parts.row.rollUps.entries()) {
      const start = windowStartMinute(minute, widthMinutes);
      if (start + widthMinutes > (this.limits[at] ?? Number.NEGATIVE_INFINITY)) return;
      const known = this.find(series, start, widthMinutes);
      if (known === undefined) {
        this.make(series, start, at);
        continue;
      }
      mergeContent(known, delta);
      known.revision += rise;
      this.recount(known);
    }
  }

  /** Makes roll-ups of what is final, until `isFull`. */
  run(isFull: () => boolean): void {
    for (const [at, progress] of this.parts.row.rollUps.entries()) {
      while (this.isBehind(progress, at) && !isFull()) this.makePage(progress, at, isFull);
    }
  }

  /** Adds what changed to `changes`, and says it. */
  flush(writer: ByteWriter, changes: StateChange[], say: (settled: SettledWindow) => void): void {
    const { row } = this.parts;
    for (const [key, rollUp] of this.open) {
      const { series, minute, widthMinutes, revision } = rollUp;
      const isFirst = rollUp.changeNumber === undefined;
      if (rollUp.changeNumber === undefined) {
        const indexKey = minuteKey(series.streamKey, minute, series.servicePart, widthMinutes);
        changes.push({ key: indexKey, value: INDEX_VALUE });
      } else {
        changes.push({ key: changeKey(rollUp.changeNumber), value: undefined });
      }
      const state = isFirst ? ("final" as const) : ("corrected" as const);
      const { aggregate, contributors } = rollUp;
      const changeNumber = ++row.changeNumber;
      const stored = { state, revision, changeNumber, aggregate, contributors };
      changes.push({ key, value: encodeWindowRow(stored, writer) });
      changes.push({ key: changeKey(changeNumber), value: encodeChange(key, writer) });
      say({ series, minute, widthMinutes, state, revision, aggregate, contributors });
    }
    this.open = new Map();
    this.openSeries.clear();
    this.hasMoved = false;
    this.openKeys = 0;
    this.openBytes = 0;
  }

  /** Says that everything flushed is committed. */
  settle(): void {
    const { finalMinute, rollUps } = this.parts.row;
    const finalEnd = finalMinute === undefined ? undefined : finalMinute + 1;
    const ends = [finalEnd, ...rollUps.map((each) => each.madeToMinute)];
    this.limits = rollUps.map(({ widthMinutes }, at) => {
      const end = ends[at];
      return end === undefined ? Number.NEGATIVE_INFINITY : windowStartMinute(end, widthMinutes);
    });
  }

  /** True when the open flush changes a roll-up of the series. */
  hasOpen(series: SeriesKey): boolean {
    return this.openSeries.has(series.key);
  }

  /** Forgets a roll-up that is deleted in the open flush. */
  forget(series: SeriesKey, minute: number, widthMinutes: number): void {
    this.open.delete(windowKey(series.key, minute, widthMinutes));
  }

  private isBehind({ madeToMinute }: RollUpProgress, at: number): boolean {
    const limit = this.limits[at] ?? Number.NEGATIVE_INFINITY;
    return limit > (madeToMinute ?? Number.NEGATIVE_INFINITY);
  }

  private find(series: SeriesKey, minute: number, widthMinutes: number): OpenRollUp | undefined {
    const key = windowKey(series.key, minute, widthMinutes);
    const open = this.open.get(key);
    if (open !== undefined) return open;
    const bytes = this.parts.view.get(key);
    if (bytes === undefined) return undefined;
    const row = decodeWindowRow(bytes);
    return this.insert(key, { series, minute, widthMinutes, bytes: 0, ...row });
  }

  /** Makes a roll-up of its parts; nothing where there are none. */
  private make(series: SeriesKey, minute: number, at: number): void {
    const { rollUps } = this.parts.row;
    const widthMinutes = rollUps[at]?.widthMinutes ?? 1;
    const partMinutes = rollUps[at - 1]?.widthMinutes ?? 1;
    const made: OpenRollUp = {
      ...{ series, minute, widthMinutes, revision: 0, changeNumber: undefined, bytes: 0 },
      aggregate: new Aggregate(),
      contributors: new Contributors(),
    };
    for (let start = minute; start < minute + widthMinutes; start += partMinutes) {
      const part = this.partOf(series, start, partMinutes);
      if (part === undefined) continue;
      mergeContent(made, part);
      made.revision += part.revision;
    }
    if (made.revision > 0) this.insert(windowKey(series.key, minute, widthMinutes), made);
  }

  private partOf(series: SeriesKey, minute: number, widthMinutes: number): Part | undefined {
    if (widthMinutes === 1) return this.parts.minuteOf(series, minute);
    const key = windowKey(series.key, minute, widthMinutes);
    const open = this.open.get(key);
    if (open !== undefined) return open;
    const bytes = this.parts.view.get(key);
    return bytes && decodeWindowRow(bytes);
  }

  private insert(key: string, rollUp: OpenRollUp): OpenRollUp {
    this.open.set(key, rollUp);
    this.openSeries.add(rollUp.series.key);
    this.openKeys += KEYS_PER_ROLL_UP;
    this.openBytes += 4 * key.length;
    this.recount(rollUp);
    return rollUp;
  }

  private recount(rollUp: OpenRollUp): void {
    const bytes = rowBytesMax(rollUp);
    this.openBytes += bytes - rollUp.bytes;
    rollUp.bytes = bytes;
  }

  /** Makes the roll-ups that one page of the index of their parts names. */
  private makePage(progress: RollUpProgress, at: number, isFull: () => boolean): void {
    const toMinute = this.limits[at] ?? Number.NEGATIVE_INFINITY;
    const pass = this.passes.get(progress) ?? {
      toMinute,
      after: undefined,
      group: "",
      seen: new Set(),
    };
    this.passes.set(progress, pass);
    const range = {
      fromMinute: progress.madeToMinute ?? -MINUTE_MAX,
      toMinute: Math.min(pass.toMinute, MINUTE_MAX),
      widthMinutes: this.parts.row.rollUps[at - 1]?.widthMinutes ?? 1,
    };
    const page = readMinuteIndex(this.parts.view, range, pass.after, PAGE_COUNT);
    for (const indexed of page) {
      if (isFull()) return;
      this.makeOf(indexed, pass, at);
      pass.after = indexed.indexKey;
    }
    if (page.length === PAGE_COUNT) return;
    progress.madeToMinute = pass.toMinute;
    this.hasMoved = true;
    this.passes.delete(progress);
  }

  /** Makes the roll-up that a part belongs to, unless it is there. */
  private makeOf({ series, minute }: IndexedWindow, pass: Pass, at: number): void {
    const widthMinutes = this.parts.row.rollUps[at]?.widthMinutes ?? 1;
    const start = windowStartMinute(minute, widthMinutes);
    const group = `${series.streamKey}/${start}`;
    if (group !== pass.group) {
      pass.group = group;
      pass.seen = new Set();
    }
    if (pass.seen.has(series.servicePart)) return;
    pass.seen.add(series.servicePart);
    const key = windowKey(series.key, start, widthMinutes);
    // A crash in the middle of a pass, or a late delta, may have made it before.
    if (this.open.has(key) || this.parts.view.get(key) !== undefined) return;
    this.make(series, start, at);
  }
}
