import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aggregateBytesMax } from "../../../../aggregator/state/aggregate-format.ts";
import { ByteWriter } from "../../../../aggregator/state/byte-writer.ts";
import { Contributors } from "../../../../aggregator/state/contributors.ts";
import {
  decodeWindowHead,
  decodeWindowRow,
  encodeAggregate,
  encodeWindowRow,
} from "../../../../aggregator/state/window-row.ts";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";

const arbitraryAggregate = fc
  .record({
    events: fc.array(
      fc.record({
        level: fc.integer({ min: 0, max: 6 }),
        durationUs: fc.oneof(
          fc.constant(-1),
          fc.constant(0),
          fc.integer({ min: 0, max: 2 ** 40 - 1 }),
        ),
      }),
      { maxLength: 40 },
    ),
    doublings: fc.integer({ min: 0, max: 40 }),
    folded: fc.boolean(),
  })
  .map(({ events, doublings, folded }) => {
    const aggregate = new Aggregate();
    for (const { level, durationUs } of events) aggregate.add(level, durationUs);
    for (let round = 0; round < doublings && aggregate.durationSumHigh < 2 ** 40; round++) {
      const same = new Aggregate();
      same.merge(aggregate);
      aggregate.merge(same);
    }
    aggregate.folded = folded;
    return aggregate;
  });

function rowOf(aggregate: Aggregate, contributors = new Contributors()) {
  return { state: "corrected", revision: 7, changeNumber: 300, aggregate, contributors } as const;
}

describe("a window's row", () => {
  it("gives back what was written, counts beyond 2^32 included", () => {
    fc.assert(
      fc.property(arbitraryAggregate, (aggregate) => {
        const row = rowOf(aggregate);
        const bytes = encodeWindowRow(row, new ByteWriter());
        expect(decodeWindowRow(bytes)).toEqual(row);
        expect(decodeWindowHead(bytes)).toEqual({ state: "corrected", changeNumber: 300 });
      }),
    );
  });

  it("never needs more bytes than were reckoned with", () => {
    fc.assert(
      fc.property(arbitraryAggregate, (aggregate) => {
        expect(encodeAggregate(aggregate).length).toBeLessThanOrEqual(aggregateBytesMax(aggregate));
      }),
    );
  });

  it("has the same bytes whatever the order in which its parts were merged", () => {
    fc.assert(
      fc.property(
        fc.array(arbitraryAggregate, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        (parts, choices) => {
          const forward = new Aggregate();
          for (const part of parts) forward.merge(part);
          const left = [...parts];
          const shuffled = new Aggregate();
          while (left.length > 0) {
            const [part] = left.splice(choices.next().value % left.length, 1);
            if (part !== undefined) shuffled.merge(part);
          }
          expect(encodeAggregate(shuffled)).toEqual(encodeAggregate(forward));
        },
      ),
    );
  });

  it("is refused when it is cut anywhere, goes on too long, or is of another version", () => {
    const aggregate = new Aggregate();
    for (let index = 0; index < 9; index++) aggregate.add(index % 7, 1000 * index ** 3);
    const contributors = new Contributors();
    contributors.add("web-1", 9, 2);
    const bytes = Buffer.from(encodeWindowRow(rowOf(aggregate, contributors), new ByteWriter()));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeWindowRow(bytes.subarray(0, length))).toThrow(/too early|format version/);
    }
    expect(() => decodeWindowRow(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(/after its end/);
    bytes[0] = 9;
    expect(() => decodeWindowRow(bytes)).toThrow(/format version 9, this program reads 1/);
  });
});

describe("contributors", () => {
  it("are the first 32 agents, with all that these gave", () => {
    const contributors = new Contributors();
    for (let round = 0; round < 2; round++) {
      for (let agent = 0; agent < 40; agent++) {
        contributors.add(`web-${String(agent).padStart(2, "0")}`, agent, 1);
      }
    }
    const list = contributors.list();
    expect(list).toHaveLength(32);
    expect(list[31]).toEqual({ agent: "web-31", requestCount: 62, errorCount: 2 });
  });
});
