import { describe, expect, it } from "vitest";
import { filesOfBlock, TABLES } from "../../../../aggregator/archive/tables.ts";
import { sampleItems } from "./sample-items.ts";

const block = () => sampleItems().map((item, index) => [41 + index, item] as const);

describe("the files of a block", () => {
  it("are one per table, day and stream, named by partition and positions", () => {
    const name = "p3-000000000041-000000000045.parquet";
    expect(filesOfBlock(3, block()).map(({ path, rows }) => [path, rows.length])).toEqual([
      [`deltas/day=-271821-04-20/stream=application-logs/${name}`, 1],
      [`deltas/day=2026-11-20/stream=application-logs/${name}`, 1],
      [`events/day=2026-11-19/stream=business-events/${name}`, 1],
      [`events/day=2026-11-20/stream=business-events/${name}`, 1],
      [`holes/day=2026-11-20/stream=business-events/${name}`, 1],
    ]);
    expect(filesOfBlock(3, block())).toEqual(filesOfBlock(3, block()));
  });

  it("hold a cell for every column", () => {
    for (const { table, rows } of filesOfBlock(0, block())) {
      for (const row of rows) expect(row).toHaveLength(TABLES[table].length);
    }
  });

  it("never leave the archive's folder, whatever a stream is called", () => {
    for (const stream of ["..", "", "../../etc", "a/b", "x".repeat(500)]) {
      const items = block().map(([position, item]) => {
        const named = item.kind === "delta" ? { ...item, stream } : item;
        return [position, named] as const;
      });
      for (const { path } of filesOfBlock(0, items)) {
        expect(path).toMatch(
          /^(events|deltas|holes)\/day=[-+0-9]+\/stream=[^/]*\/p0-[-0-9]+\.parquet$/,
        );
        for (const part of path.split("/")) expect(part.length).toBeLessThan(200);
      }
    }
  });
});
