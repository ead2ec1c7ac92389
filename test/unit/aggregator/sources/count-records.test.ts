import { describe, expect, it } from "vitest";
import { RecordCounter } from "../../../../aggregator/sources/count-records.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { decodeBatch } from "../../../../shared/protocol/codec.ts";
import { SELECTORS_NONE, type Selectors } from "../../../../shared/protocol/selected-event.ts";

const TEN_MS = Date.parse("2026-11-20T10:00:00Z");

function counter(selectors: () => Selectors = () => SELECTORS_NONE): RecordCounter {
  const events = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" };
  const place = { source: "orders", file: 3 };
  const names = { source: "bus", stream: "orders", service: "unnamed" };
  return new RecordCounter({ ...names, events, selectors, place });
}

const add = (target: RecordCounter, text: string, position = 0, limitMs = TEN_MS + 600_000) =>
  target.add(Buffer.from(text), position, limitMs);

describe("records", () => {
  it("count by minute and service as lines of JSON do, whatever white space they hold", () => {
    const target = counter();
    add(target, `{"time": ${TEN_MS}, "service": "a", "level": "error",\n "duration": 1.5}`);
    add(target, '{"time": "2026-11-20T10:00:59Z", "service": "a"}');
    add(target, '{"time": "2026-11-20T10:01:00Z"}');
    const { deltas, sources, ledger } = decodeBatch(target.take(0).batch);
    const told = deltas.map(({ stream, service, minute, aggregate }) => {
      const { requestCount, errorCount } = aggregate;
      return [stream, service, minute - TEN_MS / 60_000, requestCount, errorCount];
    });
    expect(told).toEqual([
      ["orders", "a", 0, 2, 1],
      ["orders", "unnamed", 1, 1, 0],
    ]);
    expect(sources).toEqual([{ source: "bus", state: "live", eventTimeMaxMs: TEN_MS + 60_000 }]);
    expect(ledger).toMatchObject([{ kind: "aggregated", lines: 3 }]);
  });

  it("that are no events become letters, cut where they are long; blank ones are only counted", () => {
    const target = counter();
    expect(add(target, "no", 5)).toBe("not_json");
    expect(add(target, `{"a":"${"x".repeat(5_000)}"}`, 6)).toBe("no_time");
    expect(add(target, " \n", 7)).toBeUndefined();
    target.reject(Buffer.alloc(0), 8, "no_value");
    const { batch, letters } = target.take(0);
    expect(letters).toMatchObject([
      { position: 5, reason: "not_json", isCut: false },
      { position: 6, reason: "no_time", isCut: true },
      { position: 8, reason: "no_value", isCut: false },
    ]);
    expect(letters[1]?.value).toHaveLength(4_096);
    expect(decodeBatch(batch).ledger).toMatchObject([
      { kind: "rejected", reason: "not_json", lines: 1, bytes: 2 },
      { kind: "rejected", reason: "no_time", lines: 1 },
      { kind: "filtered", reason: "blank", lines: 1, bytes: 2 },
      { kind: "rejected", reason: "no_value", lines: 1, bytes: 0 },
    ]);
  });

  it("from the future count, but say nothing of how far event time is", () => {
    const target = counter();
    add(target, `{"time": ${TEN_MS}}`);
    add(target, `{"time": ${TEN_MS + 3_600_000}}`);
    const { deltas, sources, ledger } = decodeBatch(target.take(0).batch);
    expect(deltas).toHaveLength(2);
    expect(sources[0]?.eventTimeMaxMs).toBe(TEN_MS);
    expect(ledger).toMatchObject([
      { kind: "aggregated", lines: 2 },
      { kind: "noted", reason: "clock_ahead", lines: 1 },
    ]);
  });

  it("are counted anew after they were taken", () => {
    const target = counter();
    add(target, "no");
    target.take(0);
    const { batch, letters } = target.take(0);
    expect(letters).toEqual([]);
    expect(decodeBatch(batch)).toMatchObject({ deltas: [], ledger: [] });
  });

  it("that rules ask for travel as events, chosen by the selectors of their entry's beginning", () => {
    const selector = { stream: "orders", keys: ["userId"], where: [], fields: ["userId"] };
    let selectors: Selectors = { revision: "ab", selectors: [selector] };
    const target = counter(() => selectors);
    add(target, `{"time": ${TEN_MS}, "type": "LOGIN", "userId": "u1", "other": 1}`, 7);
    add(target, `{"time": ${TEN_MS}, "type": "LOGIN"}`, 8);
    selectors = { revision: "cd", selectors: [{ ...selector, keys: ["other"] }] };
    add(target, `{"time": ${TEN_MS}, "other": 1}`, 9);
    const { events, selectorRevision, ledger } = decodeBatch(target.take(0).batch);
    expect(selectorRevision).toBe("ab");
    expect(events).toEqual([
      {
        ...{ stream: "orders", source: "orders", file: 3, generation: 0, offset: 7, index: 0 },
        ...{ timeMs: TEN_MS, type: "LOGIN", fields: { userId: "u1" } },
      },
    ]);
    expect(ledger).toContainEqual(expect.objectContaining({ kind: "events_sent", lines: 1 }));
    add(target, `{"time": ${TEN_MS}, "other": 1}`, 10);
    expect(decodeBatch(target.take(0).batch)).toMatchObject({
      selectorRevision: "cd",
      events: [{ offset: 10, type: null, fields: {} }],
    });
  });
});
