/**
 * Reading windows from stored state, for the API and for sinks. Everything is synchronous over a view as of the last commit. Where stage 2
 * has several partitions, each has its own view; a series is in one of them only.
 */
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { WindowState } from "../../shared/aggregates/window-json.ts";
import type { StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type Contributor, Contributors } from "./contributors.ts";
import {
  afterChildren,
  changeKey,
  keyPart,
  MINUTE_MAX,
  makeSeries,
  minuteOfPart,
  minutePart,
  nameOfKeyPart,
  numberOfPart,
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
}

/** One page of windows, ascending by (minute, service). */
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
    group ??= { minute, byService: new Map() };
    addRow(group, entry);
  }
  if (group !== undefined && windows.length <= limit) takeStep(windows, group, query);
  if (windows.length <= limit) return { windows, next: undefined };
  windows.length = limit;
  const last = windows.at(-1);
  return { windows, next: last && { minute: last.minute, service: last.service } };
}

interface MinuteEntry {
  readonly minute: number;
  readonly service: string;
  readonly row: WindowRow;
}

interface StepGroup {
  readonly minute: number;
  readonly byService: Map<string, RollUp>;
}

function clampMinute(minute: number): number {
  return Math.min(Math.max(minute, -MINUTE_MAX), MINUTE_MAX);
}

function addRow(group: StepGroup, entry: MinuteEntry): void {
  const rolledUp = group.byService.get(entry.service);
  if (rolledUp === undefined) group.byService.set(entry.service, new RollUp(entry.row));
  else rolledUp.add(entry.row);
}

function takeStep(windows: StoredWindow[], group: StepGroup, query: WindowQuery): void {
  const { tenant, stream, stepMinutes, after } = query;
  const services = [...group.byService].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [service, rolledUp] of services) {
    if (after !== undefined && group.minute === after.minute && service <= after.service) continue;
    const names = { tenant, stream, service, minute: group.minute, windowMinutes: stepMinutes };
    windows.push({ ...names, ...rolledUp.value });
    if (windows.length > query.limit) return;
  }
}

function* minutesOf(
  views: readonly StateView[],
  query: WindowQuery,
  from: number,
  to: number,
): Iterable<MinuteEntry> {
  const { tenant, stream, service } = query;
  if (from >= to) return;
  if (service !== undefined) {
    const series = makeSeries(tenant, stream, service);
    const range = [windowKey(series.key, from), windowKey(series.key, to)] as const;
    for (const view of views) {
      for (const [key, value] of view.range(...range)) {
        const minute = minuteOfPart(key.slice(key.lastIndexOf("/") + 1));
        yield { minute, service, row: decodeWindowRow(value) };
      }
    }
    return;
  }
  const streamKey = `${keyPart(tenant)}/${keyPart(stream)}`;
  const names = new ServiceNames(streamKey);
  for (const { view, minute, servicePart } of mergedMinutes(views, streamKey, from, to)) {
    const value = view.get(windowKey(`${streamKey}/${servicePart}`, minute));
    if (value === undefined) continue;
    yield { minute, service: names.nameOf(view, servicePart), row: decodeWindowRow(value) };
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

/** Real names of services whose key was cut. */
class ServiceNames {
  private readonly streamKey: string;
  private readonly names = new Map<string, string>();

  constructor(streamKey: string) {
    this.streamKey = streamKey;
  }

  nameOf(view: StateView, servicePart: string): string {
    const known = this.names.get(servicePart);
    if (known !== undefined) return known;
    const name =
      nameOfKeyPart(servicePart) ??
      readServiceRow(view, `${this.streamKey}/${servicePart}`)?.service ??
      servicePart;
    this.names.set(servicePart, name);
    return name;
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
  names: { readonly tenant: string; readonly stream: string; readonly service: string },
  minute: number,
  windowMinutes: number,
): StoredWindow | undefined {
  const { key } = makeSeries(names.tenant, names.stream, names.service);
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
  const { tenant, stream, service } = names;
  return { tenant, stream, service, minute, windowMinutes, ...rolledUp.value };
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
}

const SERVICE_VERSION = 1;

/** Writes the row of a service: its names. */
export function encodeServiceRow(row: ServiceRow, writer: ByteWriter): Buffer {
  writer.byte(SERVICE_VERSION);
  writer.text(row.tenant);
  writer.text(row.stream);
  writer.text(row.service);
  return writer.finish();
}

function decodeServiceRow(bytes: Buffer): ServiceRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(SERVICE_VERSION, "service");
  return { tenant: reader.text(), stream: reader.text(), service: reader.text() };
}

/** The names of a series of which there are windows; undefined when there are none. */
export function readServiceRow(view: StateView, seriesKey: string): ServiceRow | undefined {
  const row = view.get(serviceKey(seriesKey));
  return row === undefined ? undefined : decodeServiceRow(row);
}

/** The services of which there are windows, by key; of one stream when `stream` is given. */
export function* readServices(
  view: StateView,
  tenant: string,
  stream?: string,
): Iterable<ServiceRow> {
  const prefix = `service/${keyPart(tenant)}/`;
  const { from, to } = rangeOf(stream === undefined ? prefix : `${prefix}${keyPart(stream)}/`);
  for (const [, row] of view.range(from, to)) yield decodeServiceRow(row);
}
