import { describe, expect, it } from "vitest";
import {
  advancePartitions,
  selectionStart,
} from "../../../../aggregator/process/partition-watermark.ts";
import { decodeProcessRow } from "../../../../aggregator/state/stage-rows.ts";

const HOLD_MS = 60_000;

function watermarkOf(
  partitions: readonly (readonly [watermarkMs: number | undefined, idle: boolean])[],
  before?: number,
): number | undefined {
  const row = decodeProcessRow(undefined);
  row.watermarkMs = before;
  partitions.forEach(([watermarkMs, idle], partition) => {
    row.partitions.set(partition, { watermarkMs, idle, selection: undefined });
  });
  advancePartitions(row, HOLD_MS);
  return row.watermarkMs;
}

describe("the watermark of stage 2", () => {
  it("is the minimum over live partitions", () => {
    expect(
      watermarkOf([
        [500_000, false],
        [490_000, false],
      ]),
    ).toBe(490_000);
  });

  it("is not held by idle or empty partitions (WIN-04)", () => {
    expect(
      watermarkOf([
        [500_000, false],
        [100, true],
        [undefined, true],
        [undefined, false],
      ]),
    ).toBe(500_000);
  });

  it("is held by a partition up to 60 s behind the most advanced, not by one further behind", () => {
    expect(
      watermarkOf([
        [500_000, false],
        [440_000, false],
      ]),
    ).toBe(440_000);
    expect(
      watermarkOf([
        [500_000, false],
        [439_999, false],
      ]),
    ).toBe(500_000);
  });

  it("is that of the most advanced partition when all are idle, so that the last windows end", () => {
    expect(
      watermarkOf([
        [500_000, true],
        [470_000, true],
      ]),
    ).toBe(500_000);
  });

  it("never goes back", () => {
    expect(watermarkOf([[500_000, false]], 600_000)).toBe(600_000);
  });

  it("is undefined before the first", () => {
    expect(watermarkOf([])).toBeUndefined();
    expect(watermarkOf([[undefined, true]])).toBeUndefined();
  });
});

describe("where a new rule starts", () => {
  const at = (revision: string, sinceMs?: number) => ({
    watermarkMs: 0,
    idle: false,
    selection: { revision, sinceMs },
  });
  const mixed = { watermarkMs: 0, idle: false, selection: undefined };

  it("is not known before all agents of all partitions select what it needs", () => {
    expect(selectionStart([], "b")).toBeUndefined();
    expect(selectionStart([at("b"), mixed], "b")).toBeUndefined();
    expect(selectionStart([at("b"), at("a")], "b")).toBeUndefined();
  });

  it("is where the last one switched, or the beginning when none selected by others before", () => {
    expect(selectionStart([at("b", 5), at("b"), at("b", 9)], "b")).toEqual({ sinceMs: 9 });
    expect(selectionStart([at("b"), at("b")], "b")).toEqual({ sinceMs: undefined });
  });
});
