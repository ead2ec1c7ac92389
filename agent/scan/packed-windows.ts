import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { assert } from "../../shared/assert.ts";
import { type Delta, STREAM_DEFAULT } from "../../shared/protocol/batch.ts";

/**
 * Windows of the default stream on their way from one thread to another: in a few arrays of numbers, which move without a copy. As objects,
 * 4,800 windows of a gigabyte of lines take 250 ms to be copied; this way 15.
 */
export interface PackedWindows {
  readonly services: readonly string[];
  /** {@link ROW_NUMBERS} of each window. */
  readonly rows: Float64Array<ArrayBuffer>;
  /** Bins of all sketches, one after the other. */
  readonly bins: Float64Array<ArrayBuffer>;
}

/** A row: service, minute, low and high sum, min, max, zeros, first bin, count of bins, folded, then the count of each level. */
const LEVELS_AT = 10;
const ROW_NUMBERS: number = LEVELS_AT + new Aggregate().levels.length;

/** Packs windows without measures and sample lines; the memory of both arrays may be moved. */
export function packWindows(deltas: readonly Delta[]): PackedWindows {
  const numbers = new Map<string, number>();
  let binCount = 0;
  for (const { service, aggregate } of deltas) {
    if (!numbers.has(service)) numbers.set(service, numbers.size);
    binCount += aggregate.sketch.bins.length;
  }
  const rows = new Float64Array(deltas.length * ROW_NUMBERS);
  const bins = new Float64Array(binCount);
  let at = 0;
  let binAt = 0;
  for (const { service, minute, aggregate } of deltas) {
    assert(aggregate.detail === undefined, "a scan keeps no details");
    const { sketch } = aggregate;
    rows[at] = numbers.get(service) ?? 0;
    rows[at + 1] = minute;
    rows[at + 2] = aggregate.durationSumLow;
    rows[at + 3] = aggregate.durationSumHigh;
    rows[at + 4] = aggregate.durationMin;
    rows[at + 5] = aggregate.durationMax;
    rows[at + 6] = sketch.zeroCount;
    rows[at + 7] = sketch.first;
    rows[at + 8] = sketch.bins.length;
    rows[at + 9] = aggregate.folded ? 1 : 0;
    rows.set(aggregate.levels, at + LEVELS_AT);
    bins.set(sketch.bins, binAt);
    binAt += sketch.bins.length;
    at += ROW_NUMBERS;
  }
  return { services: [...numbers.keys()], rows, bins };
}

/** The windows as they were packed, in the same order. */
export function unpackWindows({ services, rows, bins }: PackedWindows): Delta[] {
  const deltas: Delta[] = [];
  let binAt = 0;
  for (let at = 0; at < rows.length; at += ROW_NUMBERS) {
    const aggregate = new Aggregate();
    const { sketch, levels } = aggregate;
    aggregate.durationSumLow = rows[at + 2] ?? 0;
    aggregate.durationSumHigh = rows[at + 3] ?? 0;
    aggregate.durationMin = rows[at + 4] ?? 0;
    aggregate.durationMax = rows[at + 5] ?? 0;
    sketch.zeroCount = rows[at + 6] ?? 0;
    sketch.first = rows[at + 7] ?? 0;
    sketch.bins = new Array<number>(rows[at + 8] ?? 0);
    sketch.count = sketch.zeroCount;
    for (let bin = 0; bin < sketch.bins.length; bin++) {
      const count = bins[binAt++] ?? 0;
      sketch.bins[bin] = count;
      sketch.count += count;
    }
    aggregate.folded = rows[at + 9] === 1;
    for (let level = 0; level < levels.length; level++) {
      levels[level] = rows[at + LEVELS_AT + level] ?? 0;
    }
    const service = services[rows[at] ?? 0] ?? "";
    deltas.push({ stream: STREAM_DEFAULT, service, minute: rows[at + 1] ?? 0, aggregate });
  }
  return deltas;
}
