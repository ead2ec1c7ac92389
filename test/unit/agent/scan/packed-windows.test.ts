import { expect, test } from "vitest";
import { packWindows, unpackWindows } from "../../../../agent/scan/packed-windows.ts";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";
import { STREAM_DEFAULT } from "../../../../shared/protocol/batch.ts";

function delta(service: string, minute: number, durationsUs: readonly number[]) {
  const aggregate = new Aggregate();
  for (const [index, durationUs] of durationsUs.entries()) aggregate.add(index % 7, durationUs);
  return { stream: STREAM_DEFAULT, service, minute, aggregate };
}

test("windows come out as they went in, whatever is in them", () => {
  const many = delta("orders", -5, [0, 0, 1, 250, 2 ** 40 - 1, 17, -1, -1]);
  many.aggregate.addSum(2 ** 32 - 1, 2 ** 21);
  many.aggregate.folded = true;
  const deltas = [
    many,
    delta("\ud800 is no text", 28_000_000, [-1]),
    delta("orders", 7, [0, 0, 0]),
    delta("", 7, [3]),
  ];
  const packed = packWindows(deltas);
  expect(packed.services).toEqual(["orders", "\ud800 is no text", ""]);
  const moved = structuredClone(packed, { transfer: [packed.rows.buffer, packed.bins.buffer] });
  expect(packed.rows.length).toBe(0);
  expect(unpackWindows(moved)).toEqual(deltas);
  expect(unpackWindows(packWindows([]))).toEqual([]);
});
