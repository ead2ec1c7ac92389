import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader } from "../../aggregator/state/byte-reader.ts";
import { ByteWriter } from "../../aggregator/state/byte-writer.ts";
import { readDetail, writeDetail } from "../../aggregator/state/detail-format.ts";
import { Detail } from "../../shared/aggregates/detail.ts";
import { DistinctSketch } from "../../shared/aggregates/distinct-sketch.ts";
import { readRegisters, writeRegisters } from "../../shared/protocol/registers.ts";
import { addition, detail, detailOf } from "../unit/shared/aggregates/sample-details.ts";

function merged(...parts: readonly Detail[]): Detail {
  const whole = new Detail();
  for (const part of parts) whole.merge(part);
  return whole;
}

/** Its bytes, which are equal for equal details. */
function bytesOf(value: Detail): string {
  const writer = new ByteWriter();
  writeDetail(writer, value);
  return writer.finish().toString("hex");
}

describe("measures and sample lines", () => {
  test("merge in any order and grouping to the same bytes", () => {
    fc.assert(
      fc.property(detail, detail, detail, (a, b, c) => {
        const whole = bytesOf(merged(a, b, c));
        expect(bytesOf(merged(c, a, b))).toBe(whole);
        expect(bytesOf(merged(a, merged(c, b)))).toBe(whole);
        expect(bytesOf(merged(new Detail(), a))).toBe(bytesOf(a));
      }),
    );
  });

  test("of any partition of the lines are those of all lines", () => {
    const part = fc.tuple(addition, fc.nat({ max: 3 }));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), (list) => {
        const groups = [0, 1, 2, 3].map((number) =>
          detailOf(list.filter(([, group]) => group === number).map(([added]) => added)),
        );
        const all = detailOf(list.map(([added]) => added));
        expect(bytesOf(merged(...groups))).toBe(bytesOf(all));
      }),
    );
  });

  test("come back from their bytes", () => {
    fc.assert(
      fc.property(detail, (value) => {
        const bytes = Buffer.from(bytesOf(value), "hex");
        const reader = new ByteReader(bytes, "STATE_CORRUPT");
        expect(bytesOf(readDetail(reader))).toBe(bytesOf(value));
        expect(reader.atEnd).toBe(true);
        expect(bytes.length).toBeLessThanOrEqual(value.bytes);
      }),
    );
  });
});

test("registers come back from their bytes, few or many", () => {
  for (const count of [0, 1, 700, 5000, 9000, 60_000]) {
    const sketch = new DistinctSketch();
    for (let index = 0; index < count; index++) sketch.add(`v${index}`);
    const read = new DistinctSketch();
    readRegisters(writeRegisters(sketch), (index, rank) => read.raise(index, rank));
    expect(read.registers()).toEqual(sketch.registers());
    expect(read.estimate()).toBe(sketch.estimate());
  }
});

test("changed bytes of registers are refused or read, and nothing else happens", () => {
  const sketch = new DistinctSketch();
  for (let index = 0; index < 300; index++) sketch.add(`v${index}`);
  const bytes = writeRegisters(sketch);
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
      const changed = Uint8Array.from(bytes);
      changed[at] = value;
      try {
        readRegisters(changed, (index, rank) => {
          expect(index).toBeLessThan(16_384);
          expect(rank).toBeLessThan(52);
        });
      } catch (error) {
        expect(error).toHaveProperty("name", "MalformedError");
      }
    }),
  );
});
