/**
 * Reading windows from stored state, for the API and for sinks. Everything is synchronous over a view as of the last commit. Where stage 2
 * has several partitions, each has its own view; a series is in one of them only.
 */
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import {
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
  pickDimensions,
} from "../../shared/aggregates/dimensions.ts";
import type { WindowState } from "../../shared/aggregates/window-json.ts";
import type { StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type Contributor, Contributors } from "./contributors.ts";
import { readDimensions, writeDimensions } from "./detail-format.ts";
import {
  afterChildren,
  changeKey,
  isApart,
  keyPart,
  MINUTE_MAX,
  makeSeries,
  minuteOfPart,
  minutePart,
  nameOfKeyPart,
  numberOfPart,
  partOfService,
  rangeOf,
  serviceKey,
  windowKey,
} from "./keys.ts";
import { decodeWindowRow, type WindowRow } from "./window-row.ts";

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
  for (const entry of minutesOf(views, query, from, to)) {
    const minute = Math.floor(entry.minute / stepMinutes) * stepMinutes;
    if (group !== undefined && group.minute !== minute) {
      takeStep(windows, group, query);
      if (windows.length > limit) break;
      group = undefined;
    }
    group ??= { minute, byKey: new Map() };
    addRow(group, entry);
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

interface MinuteEntry {
  readonly minute: number;
  readonly service: string;
  readonly dimensions: Dimensions;
  readonly row: WindowRow;
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
  readonly rolledUp: RollUp;
}

function clampMinute(minute: number): number {
  return Math.min(Math.max(minute, -MINUTE_MAX), MINUTE_MAX);
}

function addRow(group: StepGroup, entry: MinuteEntry): void {
  const { service, dimensions, row } = entry;
  const keyOfDimensions = dimensionsKey(dimensions);
  const key = keyOfDimensions === "" ? service : JSON.stringify([service, keyOfDimensions]);
  const known = group.byKey.get(key);
  if (known !== undefined) {
    known.rolledUp.add(row);
    return;
  }
  const rolledUp = new RollUp(row);
  group.byKey.set(key, { service, dimensions, dimensionsKey: keyOfDimensions, rolledUp });
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
    const { service, dimensions, rolledUp } = window;
    const names = { tenant, stream, service, minute: group.minute, windowMinutes: stepMinutes };
    const apart = dimensions === DIMENSIONS_NONE ? {} : { dimensions };
    windows.push({ ...names, ...apart, ...rolledUp.value });
    if (windows.length > query.limit) return;
  }
}

function* minutesOf(
  views: readonly StateView[],
  query: WindowQuery,
  from: number,
  to: number,
): Iterable<MinuteEntry> {
  const { tenant, stream, service, by } = query;
  if (from >= to) return;
  if (by !== undefined) {
    yield* minutesBy(views, { ...query, by }, from, to);
    return;
  }
  if (service !== undefined) {
    const series = makeSeries(tenant, stream, service);
    const range = [windowKey(series.key, from), windowKey(series.key, to)] as const;
    for (const view of views) {
      for (const [key, value] of view.range(...range)) {
        const minute = minuteOfPart(key.slice(key.lastIndexOf("/") + 1));
        yield { minute, service, dimensions: DIMENSIONS_NONE, row: decodeWindowRow(value) };
      }
    }
    return;
  }
  const streamKey = `${keyPart(tenant)}/${keyPart(stream)}`;
  const names = new ServiceNames(streamKey);
  for (const { view, minute, servicePart } of mergedMinutes(views, streamKey, from, to)) {
    if (isApart(servicePart)) continue;
    const value = view.get(windowKey(`${streamKey}/${servicePart}`, minute));
    if (value === undefined) continue;
    const { service } = names.of(view, servicePart);
    yield { minute, service, dimensions: DIMENSIONS_NONE, row: decodeWindowRow(value) };
  }
}

/** The windows with dimensions, of which only those of `query.by` are told; and services whose lines have none, as they are. */
function* minutesBy(
  views: readonly StateView[],
  query: WindowQuery & { readonly by: readonly string[] },
  from: number,
  to: number,
): Iterable<MinuteEntry> {
  const { tenant, stream, by } = query;
  const part = query.service === undefined ? undefined : keyPart(query.service);
  const streamKey = `${keyPart(tenant)}/${keyPart(stream)}`;
  const names = new ServiceNames(streamKey);
  let ofMinute: IndexEntry[] = [];
  for (const entry of mergedMinutes(views, streamKey, from, to)) {
    if (part !== undefined && partOfService(entry.servicePart) !== part) continue;
    if (ofMinute[0] !== undefined && ofMinute[0].minute !== entry.minute) {
      yield* entriesBy(ofMinute, names, by);
      ofMinute = [];
    }
    ofMinute.push(entry);
  }
  yield* entriesBy(ofMinute, names, by);
}

/** Those of one minute; a whole service only where it has no parts. */
function* entriesBy(
  entries: readonly IndexEntry[],
  names: ServiceNames,
  by: readonly string[],
): Iterable<MinuteEntry> {
  const apart = entries.filter(({ servicePart }) => isApart(servicePart));
  const divided = new Set(apart.map(({ servicePart }) => partOfService(servicePart)));
  for (const { view, minute, servicePart } of entries) {
    if (divided.has(servicePart)) continue;
    const value = view.get(windowKey(`${names.streamKey}/${servicePart}`, minute));
    if (value === undefined) continue;
    const { service, dimensions = DIMENSIONS_NONE } = names.of(view, servicePart);
    const row = decodeWindowRow(value);
    yield { minute, service, dimensions: pickDimensions(dimensions, by), row };
  }
}

interface IndexEntry {
  readonly view: StateView;
  readonly minute: number;
  readonly servicePart: string;
}

/** The entries of the index by time of all views, ascending by minute. */
function* mergedMinutes(
  views: readonly StateView[],
  streamKey: string,
  from: number,
  to: number,
): Iterable<IndexEntry> {
  const prefix = `minute/${streamKey}/`;
  const open = views.map((view) => {
    const entries = view.range(prefix + minutePart(from), prefix + minutePart(to));
    const iterator = entries[Symbol.iterator]();
    return { view, iterator, head: nextIndexEntry(view, iterator) };
  });
  for (;;) {
    let first: (typeof open)[number] | undefined;
    for (const candidate of open) {
      if (candidate.head === undefined) continue;
      if (first?.head === undefined || candidate.head.minute < first.head.minute) first = candidate;
    }
    if (first?.head === undefined) return;
    yield first.head;
    first.head = nextIndexEntry(first.view, first.iterator);
  }
}

function nextIndexEntry(
  view: StateView,
  iterator: Iterator<readonly [string, Buffer]>,
): IndexEntry | undefined {
  const next = iterator.next();
  if (next.done === true) return undefined;
  const [, , , minute = "", servicePart = ""] = next.value[0].split("/");
  return { view, minute: minuteOfPart(minute), servicePart };
}

/** What the parts of keys stand for. */
class ServiceNames {
  readonly streamKey: string;
  private readonly names = new Map<string, Pick<ServiceRow, "service" | "dimensions">>();

  constructor(streamKey: string) {
    this.streamKey = streamKey;
  }

  of(view: StateView, servicePart: string): Pick<ServiceRow, "service" | "dimensions"> {
    const known = this.names.get(servicePart);
    if (known !== undefined) return known;
    const service = nameOfKeyPart(servicePart);
    const names =
      service === undefined
        ? (readServiceRow(view, `${this.streamKey}/${servicePart}`) ?? { service: servicePart })
        : { service };
    this.names.set(servicePart, names);
    return names;
  }
}

/** What minutes are together: each row is merged as it comes, so that a long window takes no more memory than a short one. */
class RollUp {
  private readonly aggregate: Aggregate;
  private readonly contributors: Contributors;
  private state: WindowState;
  private revision: number;

  /** Begins with the first row, which belongs to this from now on. */
  constructor(row: WindowRow) {
    this.aggregate = row.aggregate;
    this.contributors = row.contributors;
    this.state = row.state;
    this.revision = row.revision;
  }

  add(row: WindowRow): void {
    this.aggregate.merge(row.aggregate);
    this.contributors.merge(row.contributors);
    this.revision += row.revision;
    if (row.state === "provisional") this.state = "provisional";
    else if (row.state === "corrected" && this.state === "final") this.state = "corrected";
  }

  get value(): Pick<StoredWindow, "state" | "revision" | "aggregate" | "contributors"> {
    const { state, revision, aggregate, contributors } = this;
    return { state, revision, aggregate, contributors: contributors.list() };
  }
}

/**
 * The window of `windowMinutes` from `minute` on (aligned to the epoch), merged from its minutes; undefined when none has data. Final once
 * all its minutes are that have data; corrected when one of them is. Contributors beyond 32 are left out.
 */
export function readWindow(
  view: StateView,
  names: ServiceRow,
  minute: number,
  windowMinutes: number,
): StoredWindow | undefined {
  const { tenant, stream, service, dimensions } = names;
  const { key } = makeSeries(tenant, stream, service, dimensions);
  let rolledUp: RollUp | undefined;
  for (const [, value] of view.range(
    windowKey(key, minute),
    windowKey(key, minute + windowMinutes),
  )) {
    const row = decodeWindowRow(value);
    if (rolledUp === undefined) rolledUp = new RollUp(row);
    else rolledUp.add(row);
  }
  if (rolledUp === undefined) return undefined;
  const apart = dimensions === undefined ? {} : { dimensions };
  return { tenant, stream, service, ...apart, minute, windowMinutes, ...rolledUp.value };
}

/** One entry of the index of changes. */
export interface WindowChange {
  readonly changeNumber: number;
  readonly window: StoredWindow;
}

/** Windows that changed after `changeNumber`, in the order of their last change, each once in its newest form; at most `limit`, none only at the end. */
export function readChanges(view: StateView, changeNumber: number, limit: number): WindowChange[] {
  const changes: WindowChange[] = [];
  const range = { from: changeKey(changeNumber + 1), to: afterChildren("change") };
  const names = new Map<string, ServiceRow | undefined>();
  for (const [key, value] of view.range(range.from, range.to)) {
    if (changes.length >= limit) break;
    const keyOfWindow = value.toString("latin1", 1);
    const row = view.get(keyOfWindow);
    if (row === undefined) continue;
    const slash = keyOfWindow.lastIndexOf("/");
    const seriesKey = keyOfWindow.slice("window/".length, slash);
    if (!names.has(seriesKey)) names.set(seriesKey, readServiceRow(view, seriesKey));
    const service = names.get(seriesKey);
    if (service === undefined) continue;
    const minute = minuteOfPart(keyOfWindow.slice(slash + 1));
    changes.push({
      changeNumber: numberOfPart(key.slice("change/".length)),
      window: { ...service, minute, windowMinutes: 1, ...new RollUp(decodeWindowRow(row)).value },
    });
  }
  return changes;
}

/** Names that stand behind the parts of a key. */
export interface ServiceRow {
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  /** None when left out. */
  readonly dimensions?: Dimensions | undefined;
}

const SERVICE_VERSION = 1;
/** Of windows with dimensions. */
const SERVICE_VERSION_APART = 2;

/** Writes the row of a service: its names. */
export function encodeServiceRow(row: ServiceRow, writer: ByteWriter): Buffer {
  const { dimensions = DIMENSIONS_NONE } = row;
  const isWhole = dimensionsKey(dimensions) === "";
  writer.byte(isWhole ? SERVICE_VERSION : SERVICE_VERSION_APART);
  writer.text(row.tenant);
  writer.text(row.stream);
  writer.text(row.service);
  if (!isWhole) writeDimensions(writer, dimensions);
  return writer.finish();
}

function decodeServiceRow(bytes: Buffer): ServiceRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(SERVICE_VERSION, SERVICE_VERSION_APART, "service");
  const names = { tenant: reader.text(), stream: reader.text(), service: reader.text() };
  return version === SERVICE_VERSION ? names : { ...names, dimensions: readDimensions(reader) };
}

/** The names of a series of which there are windows; undefined when there are none. */
export function readServiceRow(view: StateView, seriesKey: string): ServiceRow | undefined {
  const row = view.get(serviceKey(seriesKey));
  return row === undefined ? undefined : decodeServiceRow(row);
}

/** The whole services of which there are windows, by key; of one stream when `stream` is given. */
export function* readServices(
  view: StateView,
  tenant: string,
  stream?: string,
): Iterable<ServiceRow> {
  const prefix = `service/${keyPart(tenant)}/`;
  const { from, to } = rangeOf(stream === undefined ? prefix : `${prefix}${keyPart(stream)}/`);
  for (const [key, row] of view.range(from, to)) if (!isApart(key)) yield decodeServiceRow(row);
}
