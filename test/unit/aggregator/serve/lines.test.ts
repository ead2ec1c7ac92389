import { describe, expect, it } from "vitest";
import { LineRows } from "../../../../aggregator/process/line-rows.ts";
import { answerLines, parseLinesQuery } from "../../../../aggregator/serve/lines.ts";
import type { KeyedLine } from "../../../../aggregator/state/line-row.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { realTimers } from "../../../../shared/platform/timers.ts";
import { sampleLine } from "../state/sample-lines.ts";

async function storeOf(lines: readonly KeyedLine[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const rows = new LineRows(store, { linesRetentionMs: 1e12, linesBytesMax: 1e9 });
  for (const line of lines) rows.add(line, undefined);
  await store.commit(rows.flush());
  return store;
}

async function ask(views: readonly MemoryStore[], query: string) {
  const answer = await answerLines({ views: () => views, timers: realTimers }, "", query);
  return { status: answer.status, body: JSON.parse(answer.body.toString()) };
}

const SAMPLE = [
  sampleLine(1, { level: "FATAL", line: "Disk is FULL" }),
  sampleLine(2, { service: "cart", weight: 2.5 }),
  sampleLine(3, { stream: "audit" }),
  { ...sampleLine(4), agent: "web-2" },
  { ...sampleLine(5), tenant: "acme" },
];

describe("GET /v1/lines", () => {
  it("tells lines with all that is known of them", async () => {
    const { body } = await ask([await storeOf(SAMPLE)], "service=cart");
    expect(body).toEqual({
      lines: [
        {
          id: expect.stringMatching(/^[0-9a-f]{32}$/),
          timestamp: "2026-11-20T10:00:02.000Z",
          ...{ stream: "application-logs", service: "cart", level: "ERROR", line: "line 2" },
          ...{ weight: 2.5, agent: "web-1", source: "app" },
        },
      ],
    });
  });

  it.each([
    ["", 4],
    ["level=fatal", 1],
    ["level=fatal,error", 4],
    ["stream=audit", 1],
    ["agent=web-2", 1],
    ["contains=is%20full", 1],
    ["contains=nothing", 0],
    ["from=2026-11-20T10:00:02Z&to=2026-11-20T10:00:04Z", 2],
  ])("%s finds %i", async (query, count) => {
    const { body } = await ask([await storeOf(SAMPLE)], query);
    expect(body.lines).toHaveLength(count);
  });

  it.each([1, 3, 7])(
    "gives everything once in pages of %i, of several partitions",
    async (limit) => {
      const many = Array.from({ length: 20 }, (_, index) =>
        sampleLine(index % 4, { offset: index }),
      );
      const odd = await storeOf(many.filter((_, index) => index % 2 === 1));
      const even = await storeOf(many.filter((_, index) => index % 2 === 0));
      const whole = await ask([odd, even], "");
      const paged: unknown[] = [];
      let next = "";
      do {
        const { body } = await ask([odd, even], `limit=${limit}${next}`);
        paged.push(...body.lines);
        next = body.next === undefined ? "" : `&next=${body.next}`;
      } while (next !== "");
      expect(paged).toEqual(whole.body.lines);
      expect(paged).toHaveLength(20);
    },
  );

  it("goes on where many lines were looked at and few asked for", async () => {
    const many = Array.from({ length: 5000 }, (_, index) => sampleLine(index));
    const { body } = await ask([await storeOf(many)], "contains=4999");
    expect(body.lines).toHaveLength(1);
  });

  it("takes no place that no answer gave", async () => {
    const place = (timeMs: string) =>
      Buffer.from(`${timeMs}/${"0".repeat(32)}`).toString("base64url");
    const ask1 = async (timeMs: string) =>
      (await ask([await storeOf(SAMPLE)], `next=${place(timeMs)}`)).status;
    expect(await ask1("9999999999999999")).toBe(400);
    expect(await ask1("-9999999999999999")).toBe(400);
    expect(await ask1("8640000000000000")).toBe(200);
  });

  it("names everything that it cannot understand", async () => {
    const { status, body } = await ask([], "level=loud&limit=0&next=x&color=red&from=soon");
    expect(status).toBe(400);
    expect(body.faults.map(({ parameter }: { parameter: string }) => parameter).toSorted()).toEqual(
      ["color", "from", "level", "limit", "next"],
    );
    expect(parseLinesQuery("from=2026-11-21&to=2026-11-20")).toHaveProperty("faults");
  });
});
