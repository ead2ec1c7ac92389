import { foldDimensions } from "../../shared/aggregates/dimensions.ts";
import type { StateView } from "../log/log.ts";
import { apartRange, makeSeries, minuteKey, type Series } from "../state/keys.ts";

/** Most windows of one service and minute that are kept apart by dimensions; further ones are folded. */
export const APART_COUNT_MAX = 1000;
/** Services and minutes whose count is remembered. */
const REMEMBERED_COUNT_MAX = 10_000;

/**
 * Bounds how many windows one service and minute is divided into, however many agents send different dimensions. What is beyond the limit is
 * folded into `__other__`, so the parts still add up to the whole.
 */
export class DimensionLimit {
  readonly #view: StateView;
  readonly #counts = new Map<string, number>();

  constructor(view: StateView) {
    this.#view = view;
  }

  /** Takes a series of which there is no window of `minute` yet; returns it, or the one that it is folded into. */
  admit(series: Series, minute: number): Series {
    const { tenant, stream, service, dimensions, whole } = series;
    const key = minuteKey(series.streamKey, minute, (whole ?? series).servicePart);
    const count = this.#counts.get(key) ?? this.#stored(key);
    if (count >= APART_COUNT_MAX) {
      return makeSeries(tenant, stream, service, foldDimensions(dimensions));
    }
    if (this.#counts.size >= REMEMBERED_COUNT_MAX) this.#counts.clear();
    this.#counts.set(key, count + 1);
    return series;
  }

  #stored(key: string): number {
    let count = 0;
    const { from, to } = apartRange(key);
    for (const _entry of this.#view.range(from, to)) count++;
    return count;
  }
}
