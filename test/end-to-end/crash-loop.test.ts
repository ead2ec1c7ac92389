import { describe, expect, it } from "vitest";
import { crashLoop } from "./crash-loop.ts";

const kills = Number(process.env["TAILRACE_KILLS"] ?? "15");
const limitMs = 120_000 + kills * 4000;

describe("after kill -9 of agent and aggregator at random moments, with rotation all the while", () => {
  it("the windows equal the recount, with frequent batches", { timeout: limitMs }, async () => {
    const result = await crashLoop({ kills, seed: 1, flushInterval: "200ms", lifeMsMax: 1200 });
    expect(result.lineCount).toBeGreaterThan(1000);
    expect(result.actual, result.stderr).toEqual(result.expected);
  });

  it("the windows equal the recount, with the default flush interval", {
    timeout: limitMs,
  }, async () => {
    const result = await crashLoop({ kills, seed: 2, flushInterval: undefined, lifeMsMax: 2500 });
    expect(result.lineCount).toBeGreaterThan(1000);
    expect(result.actual, result.stderr).toEqual(result.expected);
  });
});
