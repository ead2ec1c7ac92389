import type { InletEntry, InletName, Letter } from "../../../../aggregator/log/inlet-entry.ts";
import { RecordCounter } from "../../../../aggregator/sources/count-records.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { SELECTORS_NONE } from "../../../../shared/protocol/selected-event.ts";
import { REDACTOR_NONE } from "../../../../shared/redaction/redactor.ts";

/** The inlet of the sample entries. */
export const INLET: InletName = { tenant: "", source: "bus", place: "orders/0" };

const events = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" };

/** One record: an event of `service` at `timeMs`. */
export function recordAt(timeMs: number, service = "orders"): string {
  return JSON.stringify({ timestamp: timeMs, service, level: "INFO", duration: 5 });
}

/** Records as an entry holds them. */
export function counted(records: readonly string[], source = INLET.source) {
  const place = { source, file: 0 };
  const names = { source, stream: "application-logs", service: source };
  const selectors = () => SELECTORS_NONE;
  const counter = new RecordCounter({
    leaving: { redactor: REDACTOR_NONE, aggregation: undefined },
    labels: {},
    ...names,
    events,
    selectors,
    place,
  });
  for (const [index, record] of records.entries()) {
    counter.add(Buffer.from(record), index, Number.POSITIVE_INFINITY);
  }
  return counter.take(0);
}

/** The entry of a range that begins at `from`, one record at each position. */
export function rangeEntry(
  from: number,
  records: readonly string[],
  name: InletName = INLET,
): InletEntry {
  const { batch, letters } = counted(records, name.source);
  const range = { kind: "range", from, to: from + records.length } as const;
  const moved: Letter[] = letters.map((letter) => ({
    ...letter,
    position: from + letter.position,
  }));
  return { kind: "inlet", ...name, records: range, batch, letters: moved };
}

/** The entry of one request. */
export function requestEntry(key: string, digest: string, records: readonly string[]): InletEntry {
  const request = { kind: "request", key, digest } as const;
  const name = { tenant: "", source: "http", place: "" };
  return { kind: "inlet", ...name, records: request, ...counted(records, "http") };
}
