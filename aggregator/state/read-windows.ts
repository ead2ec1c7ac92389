/**
 * Reading windows from stored state, for the API and for sinks. Everything is synchronous over a view as of the last commit. Where stage 2
 * has several partitions, each has its own view; a series is in one of them only.
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import {
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
} from "../../shared/aggregates/dimensions.ts";
import type { WindowState } from "../../shared/aggregates/window-json.ts";
import type { StateView } from "../log/log.ts";
import type { Contributor } from "./contributors.ts";
import {
  afterChildren,
  changeKey,
  MINUTE_MAX,
  makeSeries,
  numberOfPart,
  parseWindowKey,
} from "./keys.ts";
import { isRollUpWidth } from "./roll-up-widths.ts";
import { readServiceRow, type ServiceRow } from "./service-row.ts";
import { decodeChange } from "./window-index.ts";
import { partsOfSeries, type SeriesPart, type StoredPart, storedParts } from "./window-parts.ts";
import { decodeWindowRow, mergeContent } from "./window-row.ts";

/** A window of one or more minutes, as outputs see it. */
export interface StoredWindow {
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  /** None when left out: the window of all of the service. */
  readonly dimensions?: Dimensions | undefined;
  /** Start, in minutes since the Unix epoch. */
  readonly minute: number;
  /** Length in minutes. */
  readonly windowMinutes: number;
  readonly state: WindowState;
  /** Of several minutes: the sum of theirs, so it rises with every change of one of them. */
  readonly revision: number;
  readonly aggregate: Aggregate;
  /** Requests and errors of up to 32 agents, by name. */
  readonly contributors: readonly Contributor[];
}

/** Which windows to read. */
export interface WindowQuery {
  readonly tenant: string;
  readonly stream: string;
  /** All services when undefined. */
  readonly service: string | undefined;
  /** Names of the dimensions by which windows are kept apart; absent: the windows of whole services. */
  readonly by?: readonly string[] | undefined;
  /** First minute since the epoch. With steps, a step is read when its start is in the range. */
  readonly fromMinute: number;
  /** First minute that is no longer read. */
  readonly toMinute: number;
  /** Minutes per window; windows are aligned to the epoch. */
  readonly stepMinutes: number;
  /** Most windows to return. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: WindowCursor | undefined;
}

/** The last window of a page. */
export interface WindowCursor {
  readonly minute: number;
  readonly service: string;
  /** Key of the dimensions; absent when there are none. */
  readonly dimensions?: string | undefined;
}

/** One page of windows, ascending by (minute, service, dimensions). */
export interface WindowPage {
  readonly windows: readonly StoredWindow[];
  /** Where the next page goes on; undefined when this is the last. */
  readonly next: WindowCursor | undefined;
}

/** The stored windows of a range, whatever their state; none for minutes without data. */
export function readWindows(views: readonly StateView[], query: WindowQuery): WindowPage {
  const { stepMinutes, after, limit } = query;
  const windows: StoredWindow[] = [];
  let from = Math.ceil(clampMinute(query.fromMinute) / stepMinutes) * stepMinutes;
  if (after !== undefined && after.minute >= from) from = after.minute;
  // The last step begins before `toMinute` and may end after it.
  const to = clampMinute(Math.ceil(clampMinute(query.toMinute) / stepMinutes) * stepMinutes);
  let group: StepGroup | undefined;
  for (const entry of storedParts(views, query, { from, to, stepMinutes })) {
    const minute = Math.floor(entry.minute / stepMinutes) * stepMinutes;
    if (group !== undefined && group.minute !== minute) {
      takeStep(windows, group, query);
      if (windows.length > limit) break;
      group = undefined;
    }
    group ??= { minute, byKey: new Map() };
    addPart(group, entry);
  }
  if (group !== undefined && windows.length <= limit) takeStep(windows, group, query);
  if (windows.length <= limit) return { windows, next: undefined };
  windows.length = limit;
  const last = windows.at(-1);
  return { windows, next: last && cursorOf(last) };
}

function cursorOf({ minute, service, dimensions = DIMENSIONS_NONE }: StoredWindow): WindowCursor {
  const key = dimensionsKey(dimensions);
  return { minute, service, dimensions: key === "" ? undefined : key };
}

interface StepGroup {
  readonly minute: number;
  /** By service and the key of the dimensions. */
  readonly byKey: Map<string, StepWindow>;
}

interface StepWindow {
  readonly service: string;
  readonly dimensions: Dimensions;
  readonly dimensionsKey: string;
  readonly joined: JoinedParts;
}

function clampMinute(minute: number): number {
  return Math.min(Math.max(minute, -MINUTE_MAX), MINUTE_MAX);
}

function addPart(group: StepGroup, part: StoredPart): void {
  const { service, dimensions } = part;
  const keyOfDimensions = dimensionsKey(dimensions);
  const key = keyOfDimensions === "" ? service : JSON.stringify([service, keyOfDimensions]);
  const known = group.byKey.get(key);
  if (known !== undefined) {
    known.joined.add(part);
    return;
  }
  const joined = new JoinedParts(part);
  group.byKey.set(key, { service, dimensions, dimensionsKey: keyOfDimensions, joined });
}

function isAfter(window: StepWindow, cursor: WindowCursor): boolean {
  if (window.service !== cursor.service) return window.service > cursor.service;
  return window.dimensionsKey > (cursor.dimensions ?? "");
}

function compareStepWindows(a: StepWindow, b: StepWindow): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  return a.dimensionsKey < b.dimensionsKey ? -1 : 1;
}

function takeStep(windows: StoredWindow[], group: StepGroup, query: WindowQuery): void {
  const { tenant, stream, stepMinutes, after } = query;
  for (const window of [...group.byKey.values()].sort(compareStepWindows)) {
    if (after !== undefined && group.minute === after.minute && !isAfter(window, after)) continue;
    const { service, joined } = window;
    const dimensions = window.dimensions === DIMENSIONS_NONE ? undefined : window.dimensions;
    const { state, revision, aggregate, contributors } = joined.valueOf(stepMinutes);
    const [minute, windowMinutes] = [group.minute, stepMinutes];
    const names = { tenant, stream, service, dimensions, minute, windowMinutes };
    windows.push({ ...names, state, revision, aggregate, contributors });
    if (windows.length > query.limit) return;
  }
}

/** What parts are together: each is merged as it comes, so that a long window takes no more memory than a short one. */
class JoinedParts {
  private readonly first: SeriesPart;
  private state: WindowState;
  private revision: number;

  /** Begins with the first part, which belongs to this from now on. */
  constructor(first: SeriesPart) {
    this.first = first;
    this.state = first.row.state;
    this.revision = first.row.revision;
  }

  add({ row }: SeriesPart): void {
    mergeContent(this.first.row, row);
    this.revision += row.revision;
    if (row.state === "provisional") this.state = "provisional";
    else if (row.state === "corrected" && this.state === "final") this.state = "corrected";
  }

  /** As a window of so many minutes. While a roll-up is put together from its parts it is not final. */
  valueOf(
    windowMinutes: number,
  ): Pick<StoredWindow, "state" | "revision" | "aggregate" | "contributors"> {
    const { first, revision } = this;
    const isOpen = isRollUpWidth(windowMinutes) && first.widthMinutes !== windowMinutes;
    const state = isOpen ? "provisional" : this.state;
    const { aggregate, contributors } = first.row;
    return { state, revision, aggregate, contributors: contributors.list() };
  }
}

/**
 * The window of `windowMinutes` from `minute` on (aligned to the epoch); undefined when there is no data. A roll-up is what is stored, or
 * provisional. One of another width is final once all that it is made of is, corrected when a part of it is. Contributors beyond 32 are
 * left out.
 */
export function readWindow(
  view: StateView,
  names: ServiceRow,
  minute: number,
  windowMinutes: number,
): StoredWindow | undefined {
  const { tenant, stream, service, dimensions } = names;
  const { key } = makeSeries(tenant, stream, service, dimensions);
  const range = { from: minute, to: minute + windowMinutes, stepMinutes: windowMinutes };
  let joined: JoinedParts | undefined;
  for (const part of partsOfSeries(view, key, range)) {
    if (joined === undefined) joined = new JoinedParts(part);
    else joined.add(part);
  }
  if (joined === undefined) return undefined;
  const apart = dimensions === undefined ? {} : { dimensions };
  const content = joined.valueOf(windowMinutes);
  return { tenant, stream, service, ...apart, minute, windowMinutes, ...content };
}

/** One entry of the index of changes. */
export interface WindowChange {
  readonly changeNumber: number;
  readonly window: StoredWindow;
}

/**
 * Windows of a minute and roll-ups that changed after `changeNumber`, in the order of their last change, each once in its newest form; at most
 * `limit`, none only at the end.
 */
export function readChanges(view: StateView, changeNumber: number, limit: number): WindowChange[] {
  const changes: WindowChange[] = [];
  const range = { from: changeKey(changeNumber + 1), to: afterChildren("change") };
  const names = new Map<string, ServiceRow | undefined>();
  for (const [key, value] of view.range(range.from, range.to)) {
    if (changes.length >= limit) break;
    const windowKey = decodeChange(value);
    const [row, parsed] = [view.get(windowKey), parseWindowKey(windowKey)];
    if (row === undefined || parsed === undefined) continue;
    const { seriesKey, minute, widthMinutes } = parsed;
    if (!names.has(seriesKey)) names.set(seriesKey, readServiceRow(view, seriesKey));
    const service = names.get(seriesKey);
    if (service === undefined) continue;
    const part = { minute, widthMinutes, row: decodeWindowRow(row) };
    const content = new JoinedParts(part).valueOf(widthMinutes);
    changes.push({
      changeNumber: numberOfPart(key.slice("change/".length)),
      window: { ...service, minute, windowMinutes: widthMinutes, ...content },
    });
  }
  return changes;
}
