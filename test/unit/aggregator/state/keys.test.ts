import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { placeOfEvent } from "../../../../aggregator/log/keyed-event.ts";
import {
  keyPart,
  MINUTE_MAX,
  makeSeries,
  minuteKey,
  minuteOfPart,
  minutePart,
  nameOfKeyPart,
  numberOfPart,
  numberPart,
  parseWindowKey,
  rangeOf,
  timeOfPart,
  timePart,
  waitingKey,
  windowKey,
} from "../../../../aggregator/state/keys.ts";

const minute = fc.integer({ min: -MINUTE_MAX, max: MINUTE_MAX });

describe("a name in a key", () => {
  it("comes back, unless it was cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (name) => {
        const part = keyPart(name);
        expect(part).toMatch(/^[!-~]*$/);
        expect(part).not.toContain("/");
        expect(part.length).toBeLessThanOrEqual(140);
        const found = nameOfKeyPart(part);
        if (found !== undefined) expect(found).toBe(name.toWellFormed());
        else expect(encodeURIComponent(name.toWellFormed()).length).toBeGreaterThan(140);
      }),
    );
  });

  it("that is long differs from another that differs only at its end", () => {
    const long = "x".repeat(1000);
    expect(keyPart(`${long}a`)).not.toBe(keyPart(`${long}b`));
  });

  it("with lone surrogates becomes well-formed", () => {
    expect(nameOfKeyPart(keyPart("a\ud800"))).toBe("a\ufffd");
  });
});

describe("times in keys", () => {
  const time = fc.integer({ min: -8.64e15, max: 8.64e15 });

  it("sort as text as they sort as numbers, and come back", () => {
    fc.assert(
      fc.property(time, time, (a, b) => {
        const [left, right] = [timePart(a), timePart(b)];
        expect(left < right).toBe(a < b);
        expect([timeOfPart(left), timeOfPart(right)]).toEqual([a, b]);
      }),
    );
  });
});

describe("keys of waiting events", () => {
  it("stay below the smallest limit of stores, whatever the names", () => {
    const long = "ü".repeat(1_000);
    const sample = { source: long, file: 2 ** 40, generation: 9, offset: 2 ** 49, index: 3 };
    const event = { ...sample, stream: long, timeMs: -1, type: null, fields: {} };
    const key = waitingKey("metrics", placeOfEvent(long, event), long);
    expect(key.length).toBeLessThan(511);
    expect(waitingKey("metrics", placeOfEvent(long, event), `${long}x`)).not.toBe(key);
  });

  it("have the place of the event in the order of events", () => {
    const sample = { stream: "s", source: "a", type: null, fields: {} };
    const at = (timeMs: number, file: number, offset: number, index = 0) =>
      placeOfEvent("web", { ...sample, timeMs, file, generation: 0, offset, index });
    const places = [at(-1, 9, 9), at(5, 1, 9), at(5, 1, 10), at(5, 1, 10, 1), at(5, 10, 0)];
    expect(places.toSorted()).toEqual(places);
    expect(
      placeOfEvent("web-2", {
        ...sample,
        timeMs: 5,
        ...{ file: 0, generation: 0 },
        offset: 0,
        index: 0,
      }) > at(5, 10, 0),
    ).toBe(true);
  });
});

describe("numbers in keys", () => {
  it("sort as text as they sort as numbers", () => {
    fc.assert(
      fc.property(minute, minute, (a, b) => {
        expect(Math.sign(a - b)).toBe(
          minutePart(a) < minutePart(b) ? -1 : minutePart(a) > minutePart(b) ? 1 : 0,
        );
        expect(minuteOfPart(minutePart(a))).toBe(a);
      }),
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        expect(numberPart(a) < numberPart(b)).toBe(a < b);
        expect(numberOfPart(numberPart(a))).toBe(a);
      }),
    );
  });
});

describe("keys", () => {
  it("fit into 511 bytes however long the names are", () => {
    const long = "ß".repeat(5000);
    const series = makeSeries(long, long, long);
    expect(windowKey(series.key, MINUTE_MAX).length).toBeLessThan(511);
    const { streamKey, servicePart } = series;
    expect(minuteKey(streamKey, -MINUTE_MAX, servicePart, 1440).length).toBeLessThan(511);
  });

  it("of windows of every width say whose they are", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 5 }),
        minute,
        fc.constantFrom(1, 5, 60, 1440),
        (name, at, widthMinutes) => {
          const { key: seriesKey } = makeSeries("", name, name);
          const key = windowKey(seriesKey, at, widthMinutes);
          expect(parseWindowKey(key)).toEqual({ seriesKey, minute: at, widthMinutes });
        },
      ),
    );
    expect(parseWindowKey("change/1")).toBeUndefined();
  });

  it("of one service are never in the range of another", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 5 }),
        fc.string({ unit: "binary", maxLength: 5 }),
        minute,
        (one, other, at) => {
          fc.pre(one.toWellFormed() !== other.toWellFormed());
          const { from, to } = rangeOf(`window/${makeSeries("", "s", one).key}/`);
          const key = windowKey(makeSeries("", "s", other).key, at);
          expect(key >= from && key < to).toBe(false);
          const own = windowKey(makeSeries("", "s", one).key, at);
          expect(own >= from && own < to).toBe(true);
        },
      ),
    );
  });
});
