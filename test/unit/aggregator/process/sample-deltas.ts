import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import type { StateView } from "../../../../aggregator/log/log.ts";
import { Contributors } from "../../../../aggregator/state/contributors.ts";
import { makeSeries, rangeOf } from "../../../../aggregator/state/keys.ts";
import { readWindows, type StoredWindow } from "../../../../aggregator/state/read-windows.ts";
import { readServices } from "../../../../aggregator/state/service-row.ts";
import { makeDimensions } from "../../../../shared/aggregates/dimensions.ts";
import { delta } from "../collect/sample-agent.ts";

/** The stream of the samples. */
export const STREAM = "application-logs";

/** A delta as stage 1 hands it over. */
export function keyed(service: string, minute: number, count = 1, agent = "web-1"): KeyedDelta {
  const { aggregate } = delta(service, minute, count);
  const contributors = new Contributors();
  contributors.add(agent, count, 0);
  return { series: makeSeries("", STREAM, service), minute, aggregate, contributors };
}

/** The same, of lines that are kept apart by dimensions. */
export function apart(
  service: string,
  minute: number,
  count: number,
  dimensions: Readonly<Record<string, string>>,
): KeyedDelta {
  const series = makeSeries("", STREAM, service, makeDimensions(Object.entries(dimensions)));
  return { ...keyed(service, minute, count), series };
}

/** All stored windows of the stream. */
export function allWindows(...views: StateView[]): readonly StoredWindow[] {
  return readWindows(views, {
    tenant: "",
    stream: STREAM,
    service: undefined,
    fromMinute: Number.NEGATIVE_INFINITY,
    toMinute: Number.POSITIVE_INFINITY,
    stepMinutes: 1,
    limit: 1_000_000,
    after: undefined,
  }).windows;
}

/** All keys of a kind. */
export function keysOf(view: StateView, kind: string): string[] {
  const { from, to } = rangeOf(`${kind}/`);
  return [...view.range(from, to)].map(([key]) => key);
}

/** Names of the services of the stream. */
export function serviceNames(view: StateView): string[] {
  return [...readServices(view, "", STREAM)].map(({ service }) => service);
}
