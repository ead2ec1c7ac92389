import { describe, expect, it } from "vitest";
import {
  decodeKeyedEntry,
  encodeDeltas,
  encodeWatermark,
} from "../../../../aggregator/log/keyed-entry.ts";
import { TEN } from "../collect/sample-agent.ts";
import { keyed } from "../process/sample-deltas.ts";

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
      const watermark = { watermarkMs, idle: watermarkMs === undefined };
      const entry = decodeKeyedEntry(encodeWatermark(2, watermark));
      expect(entry).toEqual({ kind: "watermark", from: 2, watermark });
    }
  });

  it("of another version or kind are refused", () => {
    expect(() => decodeKeyedEntry(Buffer.of(2, 1, 0))).toThrow(/format version 2/);
    expect(() => decodeKeyedEntry(Buffer.of(1, 7, 0))).toThrow(/unknown kind 7/);
  });
});
