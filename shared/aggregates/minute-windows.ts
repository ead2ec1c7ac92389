/**
 * Aggregates by service and minute: what waits between two takes.
 *
 * Bounded: at most `servicesMax` services are counted on their own; events of further ones go to {@link SERVICE_OTHER}, whose
 * aggregates say `folded`. Sums over all services stay exact.
 */

import type { Delta } from "../protocol/batch.ts";
import { Aggregate } from "./aggregate.ts";

/** The service that a cardinality limit folds others into. */
export const SERVICE_OTHER = "__other__";

/** Services counted on their own unless configured. */
export const SERVICES_MAX_DEFAULT = 10_000;

/** The windows of one service, and the one that was used last: lines of a minute come together. */
class ServiceWindows {
  readonly byMinute = new Map<number, Aggregate>();
  lastMinute = Number.NaN;
  last: Aggregate = new Aggregate();
  readonly isFolded: boolean;

  constructor(isFolded: boolean) {
    this.isFolded = isFolded;
  }
}

/** See the head of the file. */
export class MinuteWindows {
  readonly #servicesMax: number;
  #services = new Map<string, ServiceWindows>();
  #folded: ServiceWindows | undefined;
  #size = 0;

  constructor(servicesMax: number) {
    this.#servicesMax = servicesMax;
  }

  /** Count of windows. */
  get size(): number {
    return this.#size;
  }

  /** The aggregate of a service and minute, to add to at once; made when it is the first. */
  at(service: string, minute: number): Aggregate {
    const windows = this.#services.get(service) ?? this.#add(service);
    if (windows.lastMinute === minute) return windows.last;
    let aggregate = windows.byMinute.get(minute);
    if (aggregate === undefined) {
      aggregate = new Aggregate();
      aggregate.folded = windows.isFolded;
      windows.byMinute.set(minute, aggregate);
      this.#size++;
    }
    windows.lastMinute = minute;
    windows.last = aggregate;
    return aggregate;
  }

  /** Adds an aggregate that was made elsewhere and now belongs here. */
  addAggregate(service: string, minute: number, aggregate: Aggregate): void {
    const windows = this.#services.get(service) ?? this.#add(service);
    const known = windows.byMinute.get(minute);
    if (known !== undefined) {
      known.merge(aggregate);
      return;
    }
    if (windows.isFolded) aggregate.folded = true;
    windows.byMinute.set(minute, aggregate);
    this.#size++;
  }

  #add(service: string): ServiceWindows {
    if (this.#services.size >= this.#servicesMax) {
      this.#folded ??= new ServiceWindows(true);
      return this.#folded;
    }
    const windows = new ServiceWindows(false);
    this.#services.set(service, windows);
    return windows;
  }

  /** Takes all windows and starts anew. */
  take(stream: string): Delta[] {
    const deltas: Delta[] = [];
    const folded = this.#folded;
    if (folded !== undefined) {
      // A service of that very name may have been counted on its own.
      const named = this.#services.get(SERVICE_OTHER);
      for (const [minute, aggregate] of named?.byMinute ?? []) {
        const target = folded.byMinute.get(minute);
        if (target === undefined) folded.byMinute.set(minute, aggregate);
        else target.merge(aggregate);
      }
      this.#services.set(SERVICE_OTHER, folded);
    }
    for (const [service, windows] of this.#services) {
      for (const [minute, aggregate] of windows.byMinute) {
        deltas.push({ stream, service, minute, aggregate });
      }
    }
    this.#services = new Map();
    this.#folded = undefined;
    this.#size = 0;
    return deltas;
  }
}
