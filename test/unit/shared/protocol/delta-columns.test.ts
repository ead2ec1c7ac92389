import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";
import type { Batch, Delta } from "../../../../shared/protocol/batch.ts";
import { decodeBatch, encodeBatch, scanBatch } from "../../../../shared/protocol/codec.ts";
import { EMPTY_BATCH } from "./sample-batch.ts";

const batchOf = (deltas: readonly Delta[]): Batch => ({ ...EMPTY_BATCH, deltas });

const arbitraryDelta = fc
  .record({
    stream: fc.constantFrom("application-logs", "audit"),
    service: fc.constantFrom("orders", "carts", "ß"),
    minute: fc.integer({ min: -5, max: 5 }),
    folded: fc.boolean(),
    events: fc.array(
      fc.record({
        level: fc.integer({ min: 0, max: 6 }),
        durationUs: fc.oneof(
          fc.constant(-1),
          fc.constant(0),
          fc.integer({ min: 0, max: 2 ** 30 * 1000 - 1 }),
        ),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ stream, service, minute, folded, events }): Delta => {
    const aggregate = new Aggregate();
    for (const { level, durationUs } of events) aggregate.add(level, durationUs);
    aggregate.folded = folded;
    return { stream, service, minute, aggregate };
  });

describe("the columns of a batch", () => {
  it("added to aggregates give what merging the deltas one by one gives", () => {
    fc.assert(
      fc.property(fc.array(arbitraryDelta, { maxLength: 20 }), (deltas) => {
        const merged = new Map<string, Aggregate>();
        const added = new Map<string, Aggregate>();
        const of = (table: Map<string, Aggregate>, delta: Omit<Delta, "aggregate">) => {
          const key = `${delta.stream} ${delta.service} ${delta.minute}`;
          const aggregate = table.get(key) ?? new Aggregate();
          table.set(key, aggregate);
          return aggregate;
        };
        for (const delta of deltas) of(merged, delta).merge(delta.aggregate);
        for (const part of scanBatch(encodeBatch(batchOf(deltas))).columns) {
          part.addTo((head) => of(added, head));
        }
        expect(added).toEqual(merged);
      }),
    );
  });

  it("tell requests and errors of each delta before it is added", () => {
    fc.assert(
      fc.property(fc.array(arbitraryDelta, { maxLength: 20 }), (deltas) => {
        const heads: number[][] = [];
        for (const part of scanBatch(encodeBatch(batchOf(deltas))).columns) {
          part.addTo(({ minute, requestCount, errorCount }) => {
            heads.push([minute, requestCount, errorCount]);
            return new Aggregate();
          });
        }
        expect(heads).toEqual(
          deltas.map(({ minute, aggregate }) => [
            minute,
            aggregate.requestCount,
            aggregate.errorCount,
          ]),
        );
      }),
    );
  });

  it("may be many", () => {
    const aggregate = new Aggregate();
    aggregate.add(2, -1);
    const delta = { stream: "application-logs", service: "orders", minute: 1, aggregate };
    const deltas = Array.from({ length: 131_072 }, () => delta);
    expect(decodeBatch(encodeBatch(batchOf(deltas))).deltas).toHaveLength(131_072);
  });
});
