import { describe, expect, it } from "vitest";
import {
  type LeavingRecords,
  leavingRecords,
  RecordCounter,
} from "../../../../aggregator/sources/count-records.ts";
import { aggregateConfig } from "../../../../shared/events/aggregate-config.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { decodeBatch } from "../../../../shared/protocol/codec.ts";
import { SELECTORS_NONE, type Selectors } from "../../../../shared/protocol/selected-event.ts";
import { compileRedaction } from "../../../../shared/redaction/compile-redaction.ts";
import { redactionConfig } from "../../../../shared/redaction/redaction-config.ts";
import { REDACTOR_NONE } from "../../../../shared/redaction/redactor.ts";

const TEN_MS = Date.parse("2026-11-20T10:00:00Z");

function counter(
  selectors: () => Selectors = () => SELECTORS_NONE,
  leaving: LeavingRecords = { redactor: REDACTOR_NONE, aggregation: undefined },
): RecordCounter {
  const events = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" };
  const place = { source: "orders", file: 3 };
  const names = { source: "bus", stream: "orders", service: "unnamed" };
  return new RecordCounter({
    leaving,
    labels: { source: "bus", topic: "orders" },
    ...names,
    events,
    selectors,
    place,
  });
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

  it("lose the secrets in the name of a service before it is cut", () => {
    const redactor = compileRedaction(redactionConfig.parse({ detectors: ["card"] }));
    const target = counter(undefined, { redactor, aggregation: undefined });
    const service = `${"s".repeat(1_012)} 4111 1111 1111 1111 of a card`;
    add(target, JSON.stringify({ time: TEN_MS, service }));
    const [delta] = decodeBatch(target.take(0).batch).deltas;
    expect(delta?.service).toMatch(/^s{1012} \[card\]/);
    expect(delta?.service).not.toContain("4111");
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

describe("records of an inlet", () => {
  const CARD = "4111 1111 1111 1111";
  const redactor = compileRedaction(redactionConfig.parse({}));

  it("are kept without secrets: in events, names of services and dead letters", () => {
    const selector = { stream: "orders", keys: ["pan"], where: [], fields: ["pan", "message"] };
    const selectors: Selectors = { revision: "ab", selectors: [selector] };
    const target = counter(() => selectors, leavingRecords(undefined, redactor));
    const whole = { time: TEN_MS, service: `shop ${CARD}`, pan: CARD, message: "password=hunter2" };
    add(target, JSON.stringify(whole));
    expect(add(target, `no event, ${CARD}`, 1)).toBe("not_json");
    expect(add(target, "no event", 2)).toBe("not_json");
    expect(add(target, `{"a":"${"x".repeat(9_000)} password=hunter2"}`, 3)).toBe("no_time");
    const { batch, letters } = target.take(0);
    const { deltas, events, ledger } = decodeBatch(batch);
    expect(deltas.map(({ service }) => service)).toEqual(["shop [card]"]);
    expect(events.map(({ fields }) => fields)).toEqual([
      { pan: "[card]", message: "password=[credential]" },
    ]);
    // What something was taken out of is not whole, and so not counted later.
    expect(letters.map(({ value, isCut }) => [value.toString().slice(0, 17), isCut])).toEqual([
      ["no event, [card]", true],
      ["no event", false],
      [`{"a":"${"x".repeat(11)}`, true],
    ]);
    expect(letters.map(({ value }) => value.toString()).join()).not.toMatch(/1111|hunter2/);
    const rejected = ledger.find(({ reason }) => reason === "not_json");
    expect(rejected).toMatchObject({ lines: 2, bytes: 37 });
  });

  it("that hold what drops them leave no trace but their counts", () => {
    const drop = compileRedaction(redactionConfig.parse({ action: "drop" }));
    const target = counter(undefined, leavingRecords(undefined, drop));
    add(target, JSON.stringify({ time: TEN_MS, service: CARD }));
    add(target, `no event, ${CARD}`, 1);
    const { batch, letters } = target.take(0);
    expect(decodeBatch(batch).deltas.map(({ service }) => service)).toEqual(["__other__"]);
    expect(letters).toMatchObject([{ isCut: true, value: Buffer.alloc(0) }]);
  });

  it("are kept apart, measured and sampled as lines are", () => {
    const config = aggregateConfig.parse({
      dimensions: ["endpoint", "topic", "pan"],
      measures: { bytes: { sum: "size" } },
      exemplars: {},
    });
    const target = counter(undefined, leavingRecords(config, redactor));
    const record = { time: TEN_MS, service: "a", endpoint: "/x", size: 5, level: "error" };
    add(target, JSON.stringify({ ...record, pan: CARD }));
    add(target, JSON.stringify({ ...record, level: "info" }), 1);
    add(target, JSON.stringify({ ...record, endpoint: "/y", size: "much" }), 2);
    const { deltas, ledger } = decodeBatch(target.take(0).batch);
    const told = deltas.map(({ dimensions, aggregate }) => [
      { ...dimensions },
      aggregate.requestCount,
      aggregate.detail?.exemplars.map(({ line }) => line),
    ]);
    const other = JSON.stringify({ ...record, endpoint: "/y", size: "much" });
    expect(told).toEqual([
      [
        { endpoint: "/x", topic: "orders", pan: "[card]" },
        1,
        [JSON.stringify({ ...record, pan: "[card]" })],
      ],
      [{ endpoint: "/x", topic: "orders", pan: "" }, 1, []],
      [{ endpoint: "/y", topic: "orders", pan: "" }, 1, [other]],
    ]);
    expect(ledger).toMatchObject([
      { kind: "aggregated", lines: 3 },
      { kind: "noted", reason: "measure_not_a_number", lines: 1 },
    ]);
    expect(decodeBatch(target.take(0).batch).deltas).toEqual([]);
  });
});
