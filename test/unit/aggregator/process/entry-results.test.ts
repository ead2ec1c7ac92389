import { describe, expect, it } from "vitest";
import type { EntryResult } from "../../../../aggregator/collect/stage-one.ts";
import { EntryResults } from "../../../../aggregator/process/entry-results.ts";

const never = new AbortController().signal;
const result = (fault: string): EntryResult => ({
  kind: "envelope",
  outcomes: [],
  mark: undefined,
  fault,
});

describe("results of entries", () => {
  it("reach those who wait and those who ask a moment later", async () => {
    const results = new EntryResults();
    const early = [results.wait(5, never), results.wait(5, never)];
    results.publish(6, [[5, result("a")]]);
    expect(await Promise.all([...early, results.wait(5, never)])).toEqual([
      result("a"),
      result("a"),
      result("a"),
    ]);
  });

  it("are undefined for what was committed by another owner", async () => {
    const results = new EntryResults();
    const waiting = results.wait(5, never);
    results.moveTo(6);
    expect(await waiting).toBeUndefined();
    expect(await results.wait(4, never)).toBeUndefined();
  });

  it("are waited for no longer than the signal says", async () => {
    const results = new EntryResults();
    const limit = new AbortController();
    const waiting = [results.wait(5, limit.signal), results.wait(5, never)];
    limit.abort();
    expect(await waiting[0]).toBeUndefined();
    expect(await results.wait(7, limit.signal)).toBeUndefined();
    results.publish(6, [[5, result("b")]]);
    expect(await waiting[1]).toEqual(result("b"));
  });

  it("of long ago are forgotten, but not while somebody does not know his position yet", async () => {
    const results = new EntryResults();
    const append = results.beginAppend();
    for (let position = 0; position < 3000; position++) {
      results.publish(position + 1, [[position, result("c")]]);
    }
    expect(await results.wait(0, never)).toEqual(result("c"));
    results.endAppend(append);
    expect(await results.wait(0, never)).toBeUndefined();
    expect(await results.wait(2999, never)).toEqual(result("c"));
  });

  it("are forgotten though there is always an append under way", async () => {
    const results = new EntryResults();
    let append = results.beginAppend();
    for (let position = 0; position < 3000; position++) {
      const following = results.beginAppend();
      results.endAppend(append);
      append = following;
      results.publish(position + 1, [[position, result("d")]]);
    }
    expect(await results.wait(0, never)).toBeUndefined();
    expect(await results.wait(2999, never)).toEqual(result("d"));
  });
});
