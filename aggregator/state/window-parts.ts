/**
 * What windows of any width are put together from: the widest stored rows that fit into the width, as far as these are made, then narrower
 * ones, then minutes. Rows come ascending by minute; where stage 2 has several partitions, a series is in one of them only.
 */
import {
  DIMENSIONS_NONE,
  type Dimensions,
  pickDimensions,
} from "../../shared/aggregates/dimensions.ts";
import { windowStartMinute } from "../../shared/time/window.ts";
import type { StateView } from "../log/log.ts";
import {
  indexKind,
  isApart,
  type KeyRange,
  keyPart,
  makeSeries,
  minuteOfPart,
  minutePart,
  nameOfKeyPart,
  PROCESS_KEY,
  partOfService,
  windowKey,
} from "./keys.ts";
import { partWidths } from "./roll-up-widths.ts";
import { readServiceRow, type ServiceRow } from "./service-row.ts";
import { decodeProcessRow } from "./stage-rows.ts";
import { decodeWindowRow, type WindowRow } from "./window-row.ts";

/** A stored row of one series. */
export interface SeriesPart {
  readonly minute: number;
  readonly widthMinutes: number;
  readonly row: WindowRow;
}

/** A stored row and whose it is. */
export interface StoredPart extends SeriesPart {
  readonly service: string;
  readonly dimensions: Dimensions;
}

/** Whose windows are to be read. */
export interface PartOwners {
  readonly tenant: string;
  readonly stream: string;
  /** All services when undefined. */
  readonly service: string | undefined;
  /** Names of the dimensions by which windows are kept apart; absent: the windows of whole services. */
  readonly by?: readonly string[] | undefined;
}

/** Which windows are to be put together: those of `stepMinutes` that start in [`from`, `to`), both multiples of it. */
export interface PartRange {
  readonly from: number;
  readonly to: number;
  readonly stepMinutes: number;
}

/** The rows of one series that windows are made of. */
export function* partsOfSeries(
  view: StateView,
  seriesKey: string,
  range: PartRange,
): Iterable<SeriesPart> {
  for (const { from, to, widthMinutes } of segmentsOf(view, range)) {
    const first = windowKey(seriesKey, from, widthMinutes);
    for (const [key, value] of view.range(first, windowKey(seriesKey, to, widthMinutes))) {
      const minute = minuteOfPart(key.slice(key.lastIndexOf("/") + 1));
      yield { minute, widthMinutes, row: decodeWindowRow(value) };
    }
  }
}

/** The rows that windows of a stream, or of one of its services, are made of. */
export function* storedParts(
  views: readonly StateView[],
  owners: PartOwners,
  range: PartRange,
): Iterable<StoredPart> {
  const { tenant, stream, service, by } = owners;
  if (range.from >= range.to) return;
  if (by !== undefined) {
    yield* partsBy(views, { ...owners, by }, range);
    return;
  }
  if (service !== undefined) {
    const { key } = makeSeries(tenant, stream, service);
    for (const view of views) {
      for (const { minute, widthMinutes, row } of partsOfSeries(view, key, range)) {
        yield { minute, widthMinutes, row, service, dimensions: DIMENSIONS_NONE };
      }
    }
    return;
  }
  const streamKey = `${keyPart(tenant)}/${keyPart(stream)}`;
  const names = new ServiceNames(streamKey);
  for (const entry of merged(views, streamKey, range)) {
    if (isApart(entry.servicePart)) continue;
    const part = partOf(entry, names);
    if (part !== undefined) yield { ...part, dimensions: DIMENSIONS_NONE };
  }
}

/**
 * The rows with dimensions, of which only those of `by` are told; and services whose lines have none, as they are. What has no dimensions is
 * left out of a step in which others of its service have some.
 */
function* partsBy(
  views: readonly StateView[],
  owners: PartOwners & { readonly by: readonly string[] },
  range: PartRange,
): Iterable<StoredPart> {
  const { tenant, stream, service, by } = owners;
  const wanted = service === undefined ? undefined : keyPart(service);
  const streamKey = `${keyPart(tenant)}/${keyPart(stream)}`;
  const names = new ServiceNames(streamKey);
  let ofStep: IndexEntry[] = [];
  let step: number | undefined;
  for (const entry of merged(views, streamKey, range)) {
    if (wanted !== undefined && partOfService(entry.servicePart) !== wanted) continue;
    const start = windowStartMinute(entry.minute, range.stepMinutes);
    if (start !== step) {
      yield* dividedParts(ofStep, names, by);
      ofStep = [];
      step = start;
    }
    ofStep.push(entry);
  }
  yield* dividedParts(ofStep, names, by);
}

/** Those of one step; a whole service only where it has no parts. */
function* dividedParts(
  entries: readonly IndexEntry[],
  names: ServiceNames,
  by: readonly string[],
): Iterable<StoredPart> {
  const apart = entries.filter(({ servicePart }) => isApart(servicePart));
  const divided = new Set(apart.map(({ servicePart }) => partOfService(servicePart)));
  for (const entry of entries) {
    if (divided.has(entry.servicePart)) continue;
    const part = partOf(entry, names);
    if (part !== undefined) yield { ...part, dimensions: pickDimensions(part.dimensions, by) };
  }
}

function partOf(entry: IndexEntry, names: ServiceNames): StoredPart | undefined {
  const { view, minute, widthMinutes, servicePart } = entry;
  const value = view.get(windowKey(`${names.streamKey}/${servicePart}`, minute, widthMinutes));
  if (value === undefined) return undefined;
  const { service, dimensions = DIMENSIONS_NONE } = names.of(view, servicePart);
  return { minute, widthMinutes, service, dimensions, row: decodeWindowRow(value) };
}

interface Segment {
  readonly from: number;
  readonly to: number;
  readonly widthMinutes: number;
}

/** Splits a range by how far each width of roll-ups is made; the widest come first, since they end earliest. */
function segmentsOf(view: StateView, { from, to, stepMinutes }: PartRange): Segment[] {
  const widths = partWidths(stepMinutes);
  if (widths.length === 1) return [{ from, to, widthMinutes: 1 }];
  const { rollUps } = decodeProcessRow(view.get(PROCESS_KEY));
  const segments: Segment[] = [];
  let start = from;
  for (const widthMinutes of widths) {
    const progress = rollUps.find((each) => each.widthMinutes === widthMinutes);
    const madeTo = widthMinutes === 1 ? to : (progress?.madeToMinute ?? start);
    const end = Math.min(to, madeTo);
    if (end <= start) continue;
    segments.push({ from: start, to: end, widthMinutes });
    start = end;
  }
  return segments;
}

interface IndexEntry {
  readonly view: StateView;
  readonly minute: number;
  readonly widthMinutes: number;
  readonly servicePart: string;
}

/** The entries of the index by time of all views, ascending by minute. */
function* merged(
  views: readonly StateView[],
  streamKey: string,
  range: PartRange,
): Iterable<IndexEntry> {
  const open = views.map((view) => {
    const iterator = indexEntries(view, streamKey, range)[Symbol.iterator]();
    return { iterator, head: next(iterator) };
  });
  for (;;) {
    let first: (typeof open)[number] | undefined;
    for (const candidate of open) {
      if (candidate.head === undefined) continue;
      if (first?.head === undefined || candidate.head.minute < first.head.minute) first = candidate;
    }
    if (first?.head === undefined) return;
    yield first.head;
    first.head = next(first.iterator);
  }
}

function* indexEntries(view: StateView, streamKey: string, range: PartRange): Iterable<IndexEntry> {
  for (const { from, to, widthMinutes } of segmentsOf(view, range)) {
    const prefix = `${indexKind(widthMinutes)}/${streamKey}/`;
    const keys: KeyRange = { from: prefix + minutePart(from), to: prefix + minutePart(to) };
    for (const [key] of view.range(keys.from, keys.to)) {
      const [minute = "", servicePart = ""] = key.slice(prefix.length).split("/");
      yield { view, minute: minuteOfPart(minute), widthMinutes, servicePart };
    }
  }
}

function next(iterator: Iterator<IndexEntry>): IndexEntry | undefined {
  const result = iterator.next();
  return result.done === true ? undefined : result.value;
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
