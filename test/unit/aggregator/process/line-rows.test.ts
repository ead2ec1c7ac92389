import { describe, expect, it } from "vitest";
import { LineRows, type LineSettings } from "../../../../aggregator/process/line-rows.ts";
import { type KeyedLine, readLinesRow } from "../../../../aggregator/state/line-row.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { type LineQuery, queryLines } from "../../../../aggregator/state/read-lines.ts";
import { TEN_MS } from "../collect/sample-agent.ts";
import { sampleLine } from "../state/sample-lines.ts";
import { keysOf } from "./sample-deltas.ts";

const SETTINGS: LineSettings = { linesRetentionMs: 3_600_000, linesBytesMax: 1e9 };
const ALL: LineQuery = {
  ...{ tenant: "", fromMs: -Infinity, toMs: Infinity, limit: 1000, after: undefined },
  ...{ stream: undefined, service: undefined, agent: undefined },
  ...{ levels: undefined, contains: undefined },
};

class Lines {
  readonly store = new MemoryStore();
  readonly #settings: LineSettings;

  constructor(settings: Partial<LineSettings> = {}) {
    this.#settings = { ...SETTINGS, ...settings };
  }

  async emit(lines: readonly KeyedLine[], watermarkMs?: number): Promise<boolean[]> {
    const rows = new LineRows(this.store, this.#settings);
    const isNew = lines.map((line) => rows.add(line, watermarkMs));
    while (rows.hasWork(watermarkMs)) rows.run(watermarkMs, () => false);
    await this.store.commit(rows.flush());
    return isNew;
  }

  get texts(): string[] {
    return queryLines([this.store], ALL).lines.map(({ line }) => line.line);
  }
}

describe("raw lines in the store", () => {
  it("are there once, however often they come, in the order of their times", async () => {
    const lines = new Lines();
    const [a, b] = [sampleLine(2, { line: "b" }), sampleLine(1, { line: "a" })];
    expect(await lines.emit([a, b, a])).toEqual([true, true, false]);
    expect(await lines.emit([b, sampleLine(3, { line: "c" })])).toEqual([false, true]);
    expect(lines.texts).toEqual(["a", "b", "c"]);
    expect(readLinesRow(lines.store)).toMatchObject({ number: 3, lines: 3, repeatedLines: 2 });
  });

  it("are deleted with all that points to them when they are too old, and not taken any more", async () => {
    const lines = new Lines();
    await lines.emit([sampleLine(0), sampleLine(10)]);
    await lines.emit([sampleLine(5)], TEN_MS + SETTINGS.linesRetentionMs + 6000);
    expect(lines.texts).toEqual(["line 10"]);
    expect(keysOf(lines.store, "line")).toHaveLength(1);
    expect(readLinesRow(lines.store)).toMatchObject({ lines: 1, evictedLines: 0 });
  });

  it("beyond the size lose the oldest, and are counted", async () => {
    const lines = new Lines({ linesBytesMax: 4000 });
    await lines.emit(Array.from({ length: 100 }, (_, index) => sampleLine(index)));
    const row = readLinesRow(lines.store);
    expect(row.bytes).toBeLessThanOrEqual(4000);
    expect(row.bytes).toBeGreaterThan(3800);
    expect(row.lines + row.evictedLines).toBe(100);
    expect(lines.texts.at(-1)).toBe("line 99");
    expect(lines.texts).toHaveLength(row.lines);
    await lines.emit([], TEN_MS + 2 * SETTINGS.linesRetentionMs);
    expect(readLinesRow(lines.store)).toMatchObject({ lines: 0, bytes: 0 });
  });
});
