import { expect, test } from "vitest";
import { CollectedWindows, mergedByService } from "../../../../agent/scan/collected-windows.ts";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";

function delta(service: string, minute: number, requests: number) {
  const aggregate = new Aggregate();
  for (let count = 0; count < requests; count++) aggregate.add(2, -1);
  return { stream: "logs", service, minute, aggregate };
}

test("deltas merge into windows of one length, in order of start and service", () => {
  const windows = new CollectedWindows(5);
  windows.add([delta("b", 5, 1), delta("a", 9, 2), delta("b", -1, 4)]);
  windows.add([delta("b", 7, 8)]);
  const sorted = windows.sorted();
  expect(
    sorted.map(({ minute, service, aggregate }) => [minute, service, aggregate.requestCount]),
  ).toEqual([
    [-5, "b", 4],
    [5, "a", 2],
    [5, "b", 9],
  ]);
  const merged = [...mergedByService(sorted)].map(([service, { requestCount }]) => [
    service,
    requestCount,
  ]);
  expect(merged).toEqual([
    ["a", 2],
    ["b", 13],
  ]);
  expect(sorted[0]?.aggregate.requestCount).toBe(4);
});
