/**
 * Merges the deltas of many batches before they go to stage 2, so that it sees each window at most once per emission, however many agents
 * write to it. One table per emission; the names of series are kept from one to the next.
 */
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import {
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
} from "../../shared/aggregates/dimensions.ts";
import type { DeltaColumns } from "../../shared/protocol/delta-columns.ts";
import type { KeyedDelta } from "../log/keyed-entry.ts";
import { partitionOf } from "../log/partition.ts";
import { Contributors } from "../state/contributors.ts";
import { makeSeries, type Series } from "../state/keys.ts";

/** Names are forgotten beyond this many series: some 20 MiB. */
const SERIES_COUNT_MAX = 50_000;

interface Slot {
  readonly series: Series;
  readonly partition: number;
  readonly deltas: Map<number, KeyedDelta>;
  /** Of the same service, by their dimensions; undefined when there are none. */
  apart: Map<string, Slot> | undefined;
}

/** See the head of this file. */
export class PreMerge {
  private readonly partitionCount: number;
  /** tenant → stream → service. */
  private tenants = new Map<string, Map<string, Map<string, Slot>>>();
  private seriesCount = 0;
  private touched: Slot[] = [];
  /** Lines in all deltas so far. */
  lines = 0;
  /** The newest minute of all deltas so far; undefined before the first. */
  newestMinute: number | undefined;

  /** `partitionCount` is that of stage 2. */
  constructor(partitionCount: number) {
    this.partitionCount = partitionCount;
  }

  /** Takes the deltas of one batch. */
  add(tenant: string, agent: string, columns: DeltaColumns): void {
    columns.addTo(({ stream, service, minute, dimensions, requestCount, errorCount }) => {
      const whole = this.slotOf(tenant, stream, service);
      const slot = dimensions === DIMENSIONS_NONE ? whole : this.apartOf(whole, dimensions);
      let pending = slot.deltas.get(minute);
      if (pending === undefined) {
        if (slot.deltas.size === 0) this.touched.push(slot);
        const contributors = new Contributors();
        pending = { series: slot.series, minute, aggregate: new Aggregate(), contributors };
        slot.deltas.set(minute, pending);
      }
      pending.contributors.add(agent, requestCount, errorCount);
      this.lines += requestCount;
      if (this.newestMinute === undefined || minute > this.newestMinute) this.newestMinute = minute;
      return pending.aggregate;
    });
  }

  /** What was added since the last take, per partition of stage 2; deltas of one series stand together. */
  take(): KeyedDelta[][] {
    const taken: KeyedDelta[][] = Array.from({ length: this.partitionCount }, () => []);
    for (const slot of this.touched) {
      const target = taken[slot.partition];
      for (const delta of slot.deltas.values()) target?.push(delta);
      slot.deltas.clear();
    }
    this.touched = [];
    if (this.seriesCount > SERIES_COUNT_MAX) {
      this.tenants = new Map();
      this.seriesCount = 0;
    }
    return taken;
  }

  private slotOf(tenant: string, stream: string, service: string): Slot {
    let streams = this.tenants.get(tenant);
    if (streams === undefined) this.tenants.set(tenant, (streams = new Map()));
    let services = streams.get(stream);
    if (services === undefined) streams.set(stream, (services = new Map()));
    let slot = services.get(service);
    if (slot === undefined) {
      const partition = partitionOf([tenant, stream, service], this.partitionCount);
      const series = makeSeries(tenant, stream, service);
      slot = { series, partition, deltas: new Map(), apart: undefined };
      services.set(service, slot);
      this.seriesCount++;
    }
    return slot;
  }

  /** All windows of a service are in one partition. */
  private apartOf(whole: Slot, dimensions: Dimensions): Slot {
    const key = dimensionsKey(dimensions);
    whole.apart ??= new Map();
    let slot = whole.apart.get(key);
    if (slot === undefined) {
      const { tenant, stream, service } = whole.series;
      const series = makeSeries(tenant, stream, service, dimensions);
      slot = { series, partition: whole.partition, deltas: new Map(), apart: undefined };
      whole.apart.set(key, slot);
      this.seriesCount++;
    }
    return slot;
  }
}
