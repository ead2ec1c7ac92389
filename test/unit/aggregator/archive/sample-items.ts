import type { ArchiveItem } from "../../../../aggregator/state/archive-rows.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { keyed } from "../process/sample-deltas.ts";
import { event } from "../process/sample-events.ts";

/** A delta of a service as it is archived. */
export function deltaItem(service: string, minute: number, count = 1): ArchiveItem {
  const { series, ...rest } = keyed(service, minute, count);
  const { tenant, stream } = series;
  return {
    kind: "delta",
    fate: "in_time",
    tenant,
    stream,
    service,
    dimensions: series.dimensions,
    ...rest,
  };
}

/** The `index`th event of a file as it is archived. */
export function eventItem(index: number, seconds: number, fields = {}): ArchiveItem {
  const sample = event(index, seconds, fields);
  return { kind: "event", fate: "in_time", tenant: "", agent: "web-1", event: sample };
}

/** Items of every kind and fate, at the edges of what they can hold. */
export function sampleItems(): ArchiveItem[] {
  const fields = { text: "ü'\n", list: [1, { deep: null }], yes: true, amount: 0.1 };
  const hole = { stream: "business-events", fromMs: TEN_MS, toMs: TEN_MS + 5, count: 3 };
  return [
    deltaItem("a", TEN, 3),
    { ...deltaItem("ß", -(2 ** 40)), fate: "too_late" },
    { ...eventItem(1, 0, { ...fields, type: "PAID" }), fate: "late" },
    eventItem(2, -86_400),
    { kind: "hole", fate: "in_time", tenant: "acme", hole },
  ];
}
