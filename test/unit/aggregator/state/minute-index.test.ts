import { describe, expect, it } from "vitest";
import { makeSeries, minuteKey } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readMinuteIndex } from "../../../../aggregator/state/minute-index.ts";

const STREAMS = ["a", "a!", "a-b", "a0", "a/b", "b", "ä"];
const TENANTS = ["", "t", "t!"];

async function store(): Promise<MemoryStore> {
  const made = new MemoryStore();
  const keys = TENANTS.flatMap((tenant) =>
    STREAMS.flatMap((stream) =>
      [-7, 0, 3, 9].map((minute) => {
        const { streamKey, servicePart } = makeSeries(tenant, stream, "s");
        return minuteKey(streamKey, minute, servicePart);
      }),
    ),
  );
  await made.commit(keys.map((key) => ({ key, value: Buffer.of(1) })));
  return made;
}

describe("the index of windows by time", () => {
  it.each([1, 2, 3, 1000])(
    "finds the windows of a range in all streams of all tenants, in pages of %i",
    async (limit) => {
      const view = await store();
      const found: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = readMinuteIndex(view, { fromMinute: 0, toMinute: 9 }, after, limit);
        found.push(...page.map(({ series, minute }) => `${series.key} ${minute}`));
        after = page.at(-1)?.indexKey;
        if (page.length < limit) break;
      }
      expect(new Set(found).size).toBe(found.length);
      expect(found).toHaveLength(TENANTS.length * STREAMS.length * 2);
    },
  );

  it("finds nothing where there is nothing", () => {
    const view = new MemoryStore();
    expect(readMinuteIndex(view, { fromMinute: -5, toMinute: 5 }, undefined, 10)).toEqual([]);
  });
});
