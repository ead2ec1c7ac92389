/**
 * What windows of any width are put together from: the widest stored rows that fit into the width, as far as these are made, then narrower
 * ones, then minutes. Rows come ascending by minute; where stage 2 has several partitions, a series is in one of them only.
 */
import type { StateView } from "../log/log.ts";
import {
  indexKind,
  type KeyRange,
  keyPart,
  makeSeries,
  minuteOfPart,
  minutePart,
  nameOfKeyPart,
  PROCESS_KEY,
  windowKey,
} from "./keys.ts";
import { partWidths } from "./roll-up-widths.ts";
import { readServiceRow } from "./service-row.ts";
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
  whose: {
    readonly tenant: string;
    readonly stream: string;
    readonly service: string | undefined;
  },
  range: PartRange,
): Iterable<StoredPart> {
  const { tenant, stream, service } = whose;
  if (range.from >= range.to) return;
  if (service !== undefined) {
    const { key } = makeSeries(tenant, stream, service);
    for (const view of views) {
      for (const part of partsOfSeries(view, key, range)) yield { ...part, service };
    }
    return;
  }
  const streamKey = `${keyPart(tenant)}/${keyPart(stream)}`;
  const names = new ServiceNames(streamKey);
  for (const { view, minute, widthMinutes, servicePart } of merged(views, streamKey, range)) {
    const value = view.get(windowKey(`${streamKey}/${servicePart}`, minute, widthMinutes));
    if (value === undefined) continue;
    const row = decodeWindowRow(value);
    yield { minute, widthMinutes, service: names.nameOf(view, servicePart), row };
  }
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
