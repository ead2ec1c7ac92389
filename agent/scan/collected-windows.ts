import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import { windowStartMinute } from "../../shared/time/window.ts";

/** One window of a result. */
export interface CollectedWindow {
  readonly service: string;
  /** Start, in minutes since the Unix epoch. */
  readonly minute: number;
  readonly aggregate: Aggregate;
}

/** Merges deltas into windows of one length. */
export class CollectedWindows {
  readonly #windowMinutes: number;
  readonly #byMinute = new Map<number, Map<string, Aggregate>>();

  constructor(windowMinutes: number) {
    this.#windowMinutes = windowMinutes;
  }

  /** Adds deltas, whose aggregates now belong to the windows. */
  add(deltas: readonly Delta[]): void {
    for (const delta of deltas) {
      const minute = windowStartMinute(delta.minute, this.#windowMinutes);
      let services = this.#byMinute.get(minute);
      if (services === undefined) {
        services = new Map();
        this.#byMinute.set(minute, services);
      }
      const known = services.get(delta.service);
      if (known === undefined) services.set(delta.service, delta.aggregate);
      else known.merge(delta.aggregate);
    }
  }

  /** All windows, ascending by start, then by service. */
  sorted(): CollectedWindow[] {
    const windows: CollectedWindow[] = [];
    for (const minute of [...this.#byMinute.keys()].toSorted((a, b) => a - b)) {
      const services = [...(this.#byMinute.get(minute) ?? [])];
      services.sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [service, aggregate] of services) windows.push({ service, minute, aggregate });
    }
    return windows;
  }
}

/** All windows of each service merged into one, ascending by service. */
export function mergedByService(windows: readonly CollectedWindow[]): Map<string, Aggregate> {
  const merged = new Map<string, Aggregate>();
  for (const { service } of windows.toSorted((a, b) => (a.service < b.service ? -1 : 1))) {
    if (!merged.has(service)) merged.set(service, new Aggregate());
  }
  for (const { service, aggregate } of windows) merged.get(service)?.merge(aggregate);
  return merged;
}
