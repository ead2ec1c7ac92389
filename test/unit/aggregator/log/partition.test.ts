import { describe, expect, it } from "vitest";
import { batchesPartition, partitionOf } from "../../../../aggregator/log/partition.ts";

describe("the partition of names", () => {
  it("is the same for ever", () => {
    const names = [["", "application-logs", "orders"], ["acme", "s", "ß"], []];
    expect(names.map((parts) => partitionOf(parts, 1_000_000))).toMatchInlineSnapshot(`
      [
        500667,
        791044,
        998923,
      ]
    `);
  });

  it("tells apart where one name ends and the next begins", () => {
    expect(partitionOf(["ab", "c"], 2 ** 31)).not.toBe(partitionOf(["a", "bc"], 2 ** 31));
  });

  it("is about as often each of them", () => {
    const counts = [0, 0, 0, 0];
    for (let index = 0; index < 4000; index++) {
      const partition = partitionOf(["", "application-logs", `service-${index}`], 4);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it("of an agent is the only one when there is one", () => {
    expect(batchesPartition("", "web-1", 1)).toBe(0);
  });
});
