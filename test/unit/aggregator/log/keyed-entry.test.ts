import { describe, expect, it } from "vitest";
import {
  decodeKeyedEntry,
  encodeDeltas,
  encodeEvents,
  encodeHoles,
  encodeWatermark,
} from "../../../../aggregator/log/keyed-entry.ts";
import { TEN } from "../collect/sample-agent.ts";
import { keyed } from "../process/sample-deltas.ts";
import { event, eventOf } from "../process/sample-events.ts";

/** An event with half a kilobyte of values of every kind. */
function keyedEvent(index: number) {
  const fields = { text: "ü".repeat(200), list: [1, { deep: null }], yes: true, amount: index / 7 };
  const keyed = eventOf(`user-${index}`, event(index, -index, { ...fields, type: "PAID" }));
  return index % 2 === 0 ? keyed : { ...keyed, keyField: undefined, key: null };
}

describe("entries of `keyed`", () => {
  it("bring deltas as they were, with who contributed", () => {
    const series = keyed("a", TEN, 3);
    const deltas = [
      series,
      { ...keyed("a", -TEN, 2, "web-2"), series: series.series },
      keyed("ß", TEN, 40),
    ];
    const [payload, ...more] = encodeDeltas(3, deltas);
    expect(more).toEqual([]);
    expect(decodeKeyedEntry(payload ?? Buffer.alloc(0))).toEqual({
      kind: "deltas",
      from: 3,
      deltas,
    });
  });

  it("are several when there is much, none when there is nothing", () => {
    expect(encodeDeltas(0, [])).toEqual([]);
    const { series } = keyed("a", 0);
    const ofOne = Array.from({ length: 9000 }, (_, minute) => ({
      ...keyed("a", minute, 60),
      series,
    }));
    const ofMany = Array.from({ length: 9000 }, (_, index) => keyed(`s${index}`, TEN, 60));
    for (const deltas of [ofOne, ofMany]) {
      const payloads = encodeDeltas(1, deltas);
      expect(payloads.length).toBeGreaterThan(1);
      for (const payload of payloads) expect(payload.length).toBeLessThan(1.2 * 1024 * 1024);
      const back = payloads
        .map(decodeKeyedEntry)
        .flatMap((e) => (e.kind === "deltas" ? e.deltas : []));
      expect(back).toEqual(deltas);
    }
  });

  it("bring watermarks, also those that are none yet", () => {
    for (const watermarkMs of [undefined, -5, 1_790_000_000_000]) {
      for (const selection of [undefined, { revision: "ab", sinceMs: watermarkMs }]) {
        const watermark = { watermarkMs, idle: watermarkMs === undefined, selection };
        const entry = decodeKeyedEntry(encodeWatermark(2, watermark));
        expect(entry).toEqual({ kind: "watermark", from: 2, watermark });
      }
    }
  });

  it("of the version before are read", () => {
    // Version 1, watermark of partition 2: W = 5, idle.
    expect(decodeKeyedEntry(Buffer.of(1, 2, 2, 1, 10, 1))).toEqual({
      kind: "watermark",
      from: 2,
      watermark: { watermarkMs: 5, idle: true, selection: undefined },
    });
  });

  it("bring events and gaps, as many entries as it takes", () => {
    const events = Array.from({ length: 3_000 }, (_, index) => keyedEvent(index));
    const payloads = encodeEvents(1, events);
    expect(payloads.length).toBeGreaterThan(1);
    for (const payload of payloads) expect(payload.length).toBeLessThan(600 * 1024);
    const entries = payloads.map(decodeKeyedEntry);
    expect(entries.flatMap((e) => (e.kind === "events" ? e.events : []))).toEqual(events);
    const hole = { stream: "business-events", fromMs: -5, toMs: 7, count: 3 };
    expect(encodeHoles(3, [{ tenant: "t", hole }]).map(decodeKeyedEntry)).toEqual([
      { kind: "holes", from: 3, holes: [{ tenant: "t", hole }] },
    ]);
    expect([...encodeEvents(1, []), ...encodeHoles(1, [])]).toEqual([]);
  });

  it("of another version or kind are refused", () => {
    expect(() => decodeKeyedEntry(Buffer.of(5, 1, 0))).toThrow(/format version 5/);
    // Version 1 had no events.
    expect(() => decodeKeyedEntry(Buffer.of(1, 3, 0))).toThrow(/unknown kind 3/);
    expect(() => decodeKeyedEntry(Buffer.of(1, 7, 0))).toThrow(/unknown kind 7/);
  });
});
