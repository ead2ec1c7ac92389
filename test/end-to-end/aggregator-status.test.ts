import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sampleChain, sampleEnvelope } from "../unit/aggregator/receive/sample-batches.ts";
import { runProgram } from "./program.ts";
import { RunningAggregator } from "./running-aggregator.ts";

let aggregator: RunningAggregator;
let endpoint: string;

beforeAll(async () => {
  const rules = ["high-error-rate.yaml", "brute-force-login.yaml"].map((file) =>
    join(import.meta.dirname, "../../config/rules", file),
  );
  aggregator = await RunningAggregator.start((folder) => ({
    rules,
    sinks: [{ name: "out", type: "file", path: join(folder, "windows.ndjson") }],
  }));
  endpoint = `http://127.0.0.1:${aggregator.port}`;
  await aggregator.hello();
  const sent = await aggregator.send(sampleEnvelope(sampleChain(2)));
  expect(sent.status).toBe(200);
});
afterAll(() => aggregator.remove());

describe("of an aggregator", () => {
  it("status shows whether it is ready, its agents, sinks and alerts, and ends with 0", async () => {
    const { code, stdout } = await runProgram(["status", "--endpoint", endpoint]);
    expect(stdout).toContain(`aggregator at ${endpoint}: ready\n`);
    expect(stdout).toContain("lines: 6 received, 6 merged, 0 too late\n");
    expect(stdout).toMatch(/^windows: \d+ changes; watermark 2026-\S+, .+ behind the clock$/m);
    expect(stdout).toContain("rules: 2; alerts: none open\n");
    expect(stdout).toMatch(/^agent +last seen +lag +lines +sources$/m);
    expect(stdout).toMatch(/^web-1 +\S+ +\d+ h +6 +1 live$/m);
    expect(stdout).toMatch(/^out +windows +\d+ +\d+ +0 +closed$/m);
    expect(code).toBe(0);
  });

  it("status gives everything as JSON", async () => {
    const words = ["status", "--endpoint", endpoint, "--output", "json"];
    expect(JSON.parse((await runProgram(words)).stdout)).toMatchObject({
      ...{ isReady: true, agentCount: 1, lines: { received: 6, merged: 6, tooLate: 0 } },
      agents: [{ agent: "web-1", lineCount: 6 }],
      sinks: [{ name: "out", deadLetters: 0, failure: null }],
    });
  });

  it("top shows rates between two looks", async () => {
    const words = ["top", "--endpoint", endpoint, "--once", "--interval", "100ms"];
    const { code, stdout } = await runProgram(words);
    expect(stdout).toContain("lines: 6 received (0.0/s), 6 merged");
    expect(code).toBe(0);
  });

  it("both say when none is there", async () => {
    for (const words of [["status"], ["top", "--once"]]) {
      const { code, stderr } = await runProgram([...words, "--endpoint", "http://127.0.0.1:1"]);
      expect(stderr).toContain("no aggregator answers at http://127.0.0.1:1");
      expect(code).toBe(1);
    }
  });
});
