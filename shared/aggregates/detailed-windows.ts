/**
 * Aggregates by service, dimensions and minute: what waits between two takes, where lines are kept apart or measured.
 *
 * Bounded: at most `seriesMax` combinations of a service and dimensions are counted on their own; then the dimensions of further ones are
 * folded into `__other__`. Of services themselves at most `servicesMax`. Sums over all keys stay exact, and what was folded says so.
 */
import type { Delta } from "../protocol/batch.ts";
import { Aggregate } from "./aggregate.ts";
import {
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
  foldDimensions,
  makeDimensions,
} from "./dimensions.ts";
import { SERVICE_OTHER } from "./minute-windows.ts";

/** Combinations of a service and dimensions that are counted on their own unless configured. */
export const SERIES_MAX_DEFAULT = 1000;

/** Where a line belongs. */
export interface WindowPlace {
  readonly service: string;
  readonly minute: number;
  /** In the order of the names that the windows were made with. */
  readonly values: readonly string[];
}

interface SeriesWindows {
  readonly service: string;
  readonly dimensions: Dimensions;
  readonly isFolded: boolean;
  readonly byMinute: Map<number, Aggregate>;
}

/** See the head of this file. */
export class DetailedWindows {
  private readonly names: readonly string[];
  private readonly limits: { readonly servicesMax: number; readonly seriesMax: number };
  private services = new Map<string, Map<string, SeriesWindows>>();
  private ownSeriesCount = 0;
  private windowCount = 0;
  /** Lines whose dimensions were folded since the last take. */
  foldedLines = 0;

  /** `names`: of the dimensions; there may be none. */
  constructor(
    names: readonly string[],
    limits: { readonly servicesMax: number; readonly seriesMax: number },
  ) {
    this.names = names;
    this.limits = limits;
  }

  /** Count of windows. */
  get size(): number {
    return this.windowCount;
  }

  /** About what their measures and sample lines take in a batch. */
  get detailBytes(): number {
    let bytes = 0;
    for (const { byMinute } of this.all()) {
      for (const { detail } of byMinute.values()) bytes += detail?.bytes ?? 0;
    }
    return bytes;
  }

  /** The aggregate of a line, to add to at once; made when it is the first. */
  at(place: WindowPlace): Aggregate {
    const series = this.seriesOf(place);
    if (series.isFolded) this.foldedLines++;
    return this.windowOf(series, place.minute);
  }

  /** The aggregate of a line that is counted elsewhere: {@link add} brings its counts. */
  detailAt(place: WindowPlace): Aggregate {
    return this.windowOf(this.seriesOf(place), place.minute);
  }

  /** Adds counts of lines of one place that were counted elsewhere. */
  add(place: WindowPlace, counts: Aggregate): void {
    const series = this.seriesOf(place);
    if (series.isFolded) this.foldedLines += counts.requestCount;
    this.windowOf(series, place.minute).merge(counts);
  }

  private windowOf(series: SeriesWindows, minute: number): Aggregate {
    let aggregate = series.byMinute.get(minute);
    if (aggregate === undefined) {
      aggregate = new Aggregate();
      aggregate.folded = series.isFolded;
      series.byMinute.set(minute, aggregate);
      this.windowCount++;
    }
    return aggregate;
  }

  /** Takes all windows and starts anew. */
  take(stream: string): Delta[] {
    const deltas: Delta[] = [];
    for (const { service, dimensions, byMinute } of this.all()) {
      const apart = dimensions === DIMENSIONS_NONE ? {} : { dimensions };
      for (const [minute, aggregate] of byMinute) {
        deltas.push({ stream, service, minute, ...apart, aggregate });
      }
    }
    this.services = new Map();
    this.ownSeriesCount = 0;
    this.windowCount = 0;
    this.foldedLines = 0;
    return deltas;
  }

  private *all(): Iterable<SeriesWindows> {
    for (const series of this.services.values()) yield* series.values();
  }

  private seriesOf({ service, values }: WindowPlace): SeriesWindows {
    // Values are valid Unicode: none holds a lone surrogate.
    const key = values.length === 0 ? "" : values.join("\ud800");
    const known = this.services.get(service)?.get(key);
    if (known !== undefined) return known;
    if (!this.services.has(service) && this.services.size >= this.limits.servicesMax) {
      return this.folded(SERVICE_OTHER);
    }
    const isFull = this.ownSeriesCount >= this.limits.seriesMax;
    if (isFull && this.names.length > 0) return this.folded(service);
    this.ownSeriesCount++;
    const pairs = this.names.map((name, index) => [name, values[index] ?? ""] as const);
    const dimensions = pairs.length === 0 ? DIMENSIONS_NONE : makeDimensions(pairs);
    return this.addSeries(service, key, dimensions, false);
  }

  private folded(service: string): SeriesWindows {
    const none = makeDimensions(this.names.map((name) => [name, ""]));
    const dimensions = this.names.length === 0 ? DIMENSIONS_NONE : foldDimensions(none);
    // A line whose own values are these may have been counted on its own.
    const key = this.names.map(() => Object.values(dimensions)[0] ?? "").join("\ud800");
    const known = this.services.get(service)?.get(key);
    if (known?.isFolded === true) return known;
    const made = this.addSeries(service, key, dimensions, true);
    for (const [minute, aggregate] of known?.byMinute ?? []) {
      aggregate.folded = true;
      made.byMinute.set(minute, aggregate);
    }
    return made;
  }

  private addSeries(
    service: string,
    key: string,
    dimensions: Dimensions,
    isFolded: boolean,
  ): SeriesWindows {
    let ofService = this.services.get(service);
    if (ofService === undefined) this.services.set(service, (ofService = new Map()));
    const series = { service, dimensions, isFolded, byMinute: new Map<number, Aggregate>() };
    ofService.set(key, series);
    return series;
  }
}

/** The key under which two deltas are of the same window of one stream. */
export function deltaKey({ service, minute, dimensions = DIMENSIONS_NONE }: Delta): string {
  const key = dimensionsKey(dimensions);
  return key === "" ? `${minute} ${service}` : `${minute} ${service} ${key}`;
}
