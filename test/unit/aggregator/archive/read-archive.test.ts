import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openParquetWriter } from "../../../../aggregator/archive/duckdb.ts";
import { ArchiveReader } from "../../../../aggregator/archive/read-archive.ts";
import { resultNdjson, resultTable } from "../../../../aggregator/archive/result-text.ts";
import { filesOfBlock } from "../../../../aggregator/archive/tables.ts";
import type { ArchiveItem } from "../../../../aggregator/state/archive-rows.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { deltaItem, eventItem, sampleItems } from "./sample-items.ts";

const STREAM = "business-events";
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tailrace-it's [an] archive-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function write(from: number, items: readonly ArchiveItem[]): Promise<void> {
  await using writer = await openParquetWriter();
  const numbered = items.map((item, index) => [from + index, item] as const);
  for (const content of filesOfBlock(0, numbered)) {
    const path = join(folder, content.path);
    mkdirSync(dirname(path), { recursive: true });
    // As after a crash: what is there is replaced.
    await writer.write(path, content);
    await writer.write(path, content);
  }
}

async function select(sql: string): Promise<unknown[] | string> {
  using reader = await ArchiveReader.open(realPlatform.disk, folder);
  const result = await reader.select(sql);
  if (typeof result === "string") return result;
  let text = "";
  for await (const piece of resultNdjson(result)) text += piece;
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line): unknown => JSON.parse(line));
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("an archive", () => {
  it("gives back in SQL what was written, at the edges of what can be held", async () => {
    await write(0, sampleItems());
    expect(await select("SELECT * EXCLUDE (aggregate) FROM deltas ORDER BY position")).toEqual([
      {
        ...{ partition: 0, position: 0, fate: "in_time", tenant: "", stream: "application-logs" },
        ...{ service: "a", window_start: "2026-11-20T10:00:00.000Z", minute: TEN_MS / 60_000 },
        ...{ request_count: 3, error_count: 0, levels: { INFO: 3 }, duration_count: 3 },
        ...{ duration_us_sum: 60_000, duration_us_min: 10_000, duration_us_max: 30_000 },
        contributors: [{ agent: "web-1", requestCount: 3, errorCount: 0 }],
        ...{ dimensions: {}, measures: {} },
      },
      expect.objectContaining({ minute: -(2 ** 40), window_start: null, fate: "too_late" }),
    ]);
    expect(await select("SELECT fields, type, time, fate FROM events ORDER BY position")).toEqual([
      {
        fields: { text: "ü'\n", list: [1, { deep: null }], yes: true, amount: 0.1 },
        ...{ type: "PAID", time: "2026-11-20T10:00:00.000Z", fate: "late" },
      },
      { fields: {}, type: null, time: "2026-11-19T10:00:00.000Z", fate: "in_time" },
    ]);
    expect(await select("SELECT event_count FROM holes")).toEqual([{ event_count: 3 }]);
  });

  it("without files has views, with no rows", async () => {
    expect(await select("SELECT count(*) AS n FROM events, deltas, holes")).toEqual([{ n: 0 }]);
  });

  it("is only read: one SELECT that reaches no other file", async () => {
    await write(0, [deltaItem("a", 0)]);
    const secret = `${folder}.txt`;
    writeFileSync(secret, "secret");
    const target = join(folder, "copy.csv").replaceAll("'", "''");
    expect(await select("SELECT 1; SELECT 2")).toMatch(/one statement/);
    for (const sql of [
      `COPY deltas TO '${target}'`,
      "DROP VIEW deltas",
      "SET enable_external_access = true",
      "EXPLAIN ANALYZE SELECT 1",
    ]) {
      expect(await select(sql), sql).toMatch(/expected a SELECT/);
    }
    expect(await select(`SELECT * FROM read_text('${secret.replaceAll("'", "''")}')`)).toMatch(
      /Permission Error/,
    );
    expect(await select("SELECT nothing FROM deltas")).toMatch(/nothing/);
    rmSync(secret);
  });

  it("shows rules the events in time in their order over days and files, and where gaps are", async () => {
    await write(0, [eventItem(3, 90_000), eventItem(2, 5), ...sampleItems().slice(2)]);
    await write(9, [eventItem(4, 5), { ...eventItem(5, 6), fate: "late" }]);
    using reader = await ArchiveReader.open(realPlatform.disk, folder);
    const range = { stream: STREAM, fromMs: TEN_MS, toMs: TEN_MS + 90_000_001 };
    const seen = await all(reader.events(range));
    expect(seen.map(({ timeMs }) => (timeMs - TEN_MS) / 1_000)).toEqual([5, 5, 90_000]);
    expect(seen.map(({ place }) => place)).toEqual(seen.map(({ place }) => place).toSorted());
    const none = reader.events({ ...range, toMs: TEN_MS });
    expect(await all(none)).toEqual([]);
    expect(await reader.lateEventCount(range)).toBe(2);
    expect(await reader.holes(STREAM)).toEqual([
      { tenant: "acme", fromMs: TEN_MS, toMs: TEN_MS + 5 },
    ]);
  });
});

describe("archived windows", () => {
  it("are what came for them before they were final, by minute, over files", async () => {
    await write(0, [deltaItem("a", TEN, 3), deltaItem("a", TEN + 1), deltaItem("b", TEN, 2)]);
    await write(9, [deltaItem("a", TEN, 4), { ...deltaItem("a", TEN, 9), fate: "late" }]);
    await write(20, [deltaItem("a", TEN + 9_000), deltaItem("c", TEN - 1)]);
    using reader = await ArchiveReader.open(realPlatform.disk, folder);
    const told = async (from: number, to: number) => {
      const windows = await all(reader.windows(from, to));
      const lines = windows.map(({ service, minute, aggregate }) => {
        return `${minute - TEN} ${service} ${aggregate.requestCount}`;
      });
      expect(windows.map(({ minute }) => minute)).toEqual(
        windows.map(({ minute }) => minute).toSorted((a, b) => a - b),
      );
      return lines.toSorted();
    };
    expect(await told(TEN, TEN + 2)).toEqual(["0 a 7", "0 b 2", "1 a 1"]);
    const everything = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
    expect(await told(...everything)).toEqual(["-1 c 1", "0 a 7", "0 b 2", "1 a 1", "9000 a 1"]);
    expect(await reader.lateLineCount(TEN, TEN + 1)).toBe(9);
    expect(await reader.lateLineCount(TEN + 1, TEN + 2)).toBe(0);
  });
});

describe("a table", () => {
  it("is as wide as what stands in it, cut where that is long", async () => {
    using reader = await ArchiveReader.open(realPlatform.disk, folder);
    const result = await reader.select(
      "SELECT 1 AS n, repeat('x', 100) AS long UNION ALL SELECT 22, 'y'",
    );
    if (typeof result === "string") throw new Error(result);
    let text = "";
    for await (const piece of resultTable(result)) text += piece;
    expect(text.split("\n").toSorted()).toEqual([
      "",
      `1   ${"x".repeat(59)}…`,
      "22  y",
      "n   long",
    ]);
  });
});
