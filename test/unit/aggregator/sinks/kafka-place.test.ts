import { describe, expect, it } from "vitest";
import {
  cursorAfter,
  dealtWith,
  placeOfPosition,
  positionOfPlace,
} from "../../../../aggregator/sinks/kafka-place.ts";
import type { AlertResult } from "../../../../aggregator/sinks/sink.ts";

const drawBytes = (count: number) => Buffer.alloc(count, 0xab);
const place = (count: number) => ({ id: "abababababababab", count });

function alerts(...numbers: number[]): AlertResult[] {
  const names = { tenant: "", rule: "r", alertType: "T", severity: "warning" };
  return numbers.map((number) => ({
    ...{ id: `alert-${number}`, ...names, timestampMs: 0, revision: 1, json: "{}" },
    ...{ state: "firing", isSuppressed: false },
  }));
}

describe("the place of a Kafka sink", () => {
  it("is drawn at the first start, and kept from then on", () => {
    expect(placeOfPosition(undefined, drawBytes)).toEqual(place(0));
    expect(positionOfPlace(place(12))).toBe("abababababababab 12");
    expect(placeOfPosition("0123 12", drawBytes)).toEqual({ id: "0123", count: 12 });
  });

  it("is drawn anew when what was kept is none", () => {
    expect(placeOfPosition("12", drawBytes)).toEqual(place(0));
  });
});

describe("what was dealt with", () => {
  const written = cursorAfter(place(5), alerts(6, 7, 8), [1]);

  it("is nothing when Kafka keeps no cursor, or one that is not ahead", () => {
    const nothing = { count: 0, refused: [] };
    expect(dealtWith(place(5), alerts(6), undefined)).toEqual(nothing);
    expect(dealtWith(place(8), alerts(9), written)).toEqual(nothing);
    expect(dealtWith(place(9), alerts(10), written)).toEqual(nothing);
  });

  it("is what comes again of the last write, with those that were refused", () => {
    expect(dealtWith(place(5), alerts(6, 7, 8, 9), written)).toEqual({ count: 3, refused: [1] });
  });

  it("is told one by one, too", () => {
    expect(dealtWith(place(5), alerts(6), written)).toEqual({ count: 1, refused: [] });
    expect(dealtWith(place(6), alerts(7), written)).toEqual({ count: 1, refused: [0] });
    expect(dealtWith(place(7), alerts(8, 9), written)).toEqual({ count: 1, refused: [] });
  });

  it("is not known when the cursor tells of other alerts, or of older ones", () => {
    expect(dealtWith(place(5), alerts(16, 17, 18), written)).toBeUndefined();
    expect(dealtWith(place(4), alerts(6, 7), written)).toBeUndefined();
  });

  it("fits beside the offset of a group, even if a thousand were refused", () => {
    const many = alerts(...Array.from({ length: 1_000 }, (_, index) => index));
    const refused = many.map((_, index) => index);
    const cursor = cursorAfter(place(0), many, refused);
    expect(Buffer.byteLength(cursor.note)).toBeLessThan(4_096);
    expect(dealtWith(place(0), many, cursor)).toEqual({ count: 1_000, refused });
  });
});
