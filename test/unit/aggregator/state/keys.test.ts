import fc from "fast-check";
import { describe, expect, it } from "vitest";
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
  rangeOf,
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
    expect(minuteKey(series.streamKey, -MINUTE_MAX, series.servicePart).length).toBeLessThan(511);
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
