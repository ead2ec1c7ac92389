import { writeFile } from "node:fs/promises";
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
    expect(stdout).toContain("rules: 0; alerts: none open\n");
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

  it("says so when what is asked for is not there, instead of an empty table", async () => {
    const words = ["query", "windows", "--endpoint", endpoint, "--service", "nowhere"];
    expect(await runProgram(words)).toMatchObject({ code: 0, stdout: "", stderr: "no windows\n" });
  });

  it("every command refuses what is no address", async () => {
    const commands = [["status"], ["query", "windows"], ["alerts", "ls"], ["rules", "status"]];
    for (const words of commands) {
      const { code, stderr } = await runProgram([...words, "--endpoint", "127.0.0.1:7400"]);
      expect(stderr).toContain("--endpoint: takes an address such as http://HOST:PORT");
      expect(code).toBe(2);
    }
  });

  it("status tells apart whose configuration it is given", async () => {
    const file = join(aggregator.folder, "aggregator.yaml");
    await writeFile(file, "listen: 127.0.0.1:7400\n");
    const { code, stderr } = await runProgram(["status", "--config", file]);
    expect(stderr).toContain("the configuration of an aggregator");
    expect(stderr).toContain("--endpoint http://HOST:PORT");
    expect(code).toBe(2);
  });

  it("both say when none is there", async () => {
    for (const words of [["status"], ["top", "--once"]]) {
      const { code, stderr } = await runProgram([...words, "--endpoint", "http://127.0.0.1:1"]);
      expect(stderr).toContain("no aggregator answers at http://127.0.0.1:1");
      expect(code).toBe(1);
    }
  });
});
