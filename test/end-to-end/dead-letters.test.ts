import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aggregatorCommands } from "../../aggregator/commands/registry.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import { runCommand } from "../../shared/run-command.ts";
import { testIo } from "../unit/agent/commands/test-io.ts";
import {
  MINUTE,
  sampleAggregate,
  sampleBatch,
  sampleEnvelope,
} from "../unit/aggregator/receive/sample-batches.ts";
import { answer, ScriptedStore } from "../unit/aggregator/sinks/scripted-store.ts";
import { RunningAggregator } from "./running-aggregator.ts";

let store: ScriptedStore;
let aggregator: RunningAggregator;
let isStrict: boolean;

beforeEach(async () => {
  isStrict = true;
  store = await ScriptedStore.start();
  store.script = ({ body }, response) => {
    if (isStrict && body.includes("service=bad")) answer(response, 400, { error: "no such thing" });
    else response.writeHead(204).end();
  };
  aggregator = await RunningAggregator.start((folder) => ({
    sinks: [
      {
        name: "points",
        type: "influxdb",
        url: store.url,
        database: "ops",
        flush_interval: "20ms",
      },
      { name: "out", type: "file", path: `${folder}/windows.ndjson`, flush_interval: "20ms" },
    ],
  }));
  await aggregator.hello();
  const aggregate = sampleAggregate(1);
  const deltas = ["bad1", "good", "bad2"].map((service) => ({
    stream: "application-logs",
    service,
    minute: MINUTE,
    aggregate,
  }));
  const record = sealRecord(sampleBatch(1, { previousDigest: DIGEST_NONE, deltas }));
  expect((await aggregator.send(sampleEnvelope([record]))).status).toBe(200);
  while ((await letterIds()).length < 2) await realPlatform.timers.sleep(10);
});
afterEach(async () => {
  await aggregator.remove();
  await store.close();
});

/** Runs a command against the aggregator. */
async function tailrace(...words: string[]) {
  const io = testIo();
  const facts = { name: "tailrace", version: "0", summary: "" };
  const endpoint = ["--endpoint", `http://127.0.0.1:${aggregator.port}`];
  const code = await runCommand(facts, aggregatorCommands, [...words, ...endpoint], io);
  return { code, output: io.output(), errors: io.errors() };
}

async function letterIds(): Promise<string[]> {
  const { output } = await tailrace("dlq", "ls", "--output", "ndjson");
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).id);
}

const bodiesOf = (service: string) =>
  store.requests.filter(({ body }) => body.includes(`service=${service} `)).length;

describe("tailrace dlq", () => {
  it("lists what a sink refused, with the store's reason, and shows one whole", async () => {
    const { code, output, errors } = await tailrace("dlq", "ls");
    expect([code, errors]).toEqual([0, "2 dead letters\n"]);
    expect(output.split("\n")[0]).toMatch(
      /^points#0  \d{4}-[\dT:.-]+Z  \S+ r\d+  400 \{"error":"no such thing"\}$/,
    );
    const shown = await tailrace("dlq", "show", "points#1");
    expect(JSON.parse(shown.output)).toMatchObject({
      id: "points#1",
      sink: "points",
      results: "windows",
      result: { service: expect.stringMatching(/^bad/), requestCount: 2 },
    });
    expect((await tailrace("dlq", "ls", "--sink", "out")).output).toBe("");
  });

  it("writes them again when the store is mended, and keeps what is refused again", async () => {
    expect(await tailrace("dlq", "replay", "points#0")).toMatchObject({
      code: 1,
      errors: "0 written, 1 refused again\n",
    });
    expect(await letterIds()).toEqual(["points#0", "points#1"]);
    isStrict = false;
    const before = bodiesOf("good");
    expect(await tailrace("dlq", "replay", "--sink", "points", "--all")).toMatchObject({
      code: 0,
      errors: "2 written, 0 refused again\n",
    });
    expect(await letterIds()).toEqual([]);
    expect(bodiesOf("good")).toBe(before);
  });

  it("says what a sink that is away said, and leaves the letters", async () => {
    store.script = (_request, response) => answer(response, 503, { error: "restarting" });
    const { code, errors } = await tailrace("dlq", "replay", "points#0");
    expect(code).toBe(1);
    expect(errors).toContain('not tried further: points: 503 {"error":"restarting"}');
    expect(await letterIds()).toHaveLength(2);
  });

  it("drops one or all, also across a restart", async () => {
    expect(await tailrace("dlq", "drop", "points#0")).toMatchObject({ code: 0 });
    await aggregator.restart();
    expect(await letterIds()).toEqual(["points#1"]);
    expect(await tailrace("dlq", "drop", "--sink", "points", "--all")).toMatchObject({
      errors: "1 dropped\n",
    });
    expect(await letterIds()).toEqual([]);
    expect((await aggregator.get("/v1/sinks")).body).toMatchObject({
      sinks: [{ name: "points", deadLetters: 0 }, { name: "out" }],
    });
  });

  it.each([
    [["dlq", "show", "points#7"], 1, 'There is no dead letter "points#7"'],
    [["dlq", "ls", "--sink", "pints"], 1, "known are: points, out"],
    [["dlq", "replay", "--sink", "points"], 2, "--sink NAME --all"],
    [["dlq", "drop", "points#1", "--all"], 2, "takes ids, or --sink and --all"],
    [["dlq", "mend"], 2, "mend is not one of ls, show, replay, drop"],
    [["dlq", "ls", "--output", "xml"], 2, "--output: takes table or ndjson"],
    [["replay", "--sink", "points", "--from", "yesterday"], 2, "no time such as"],
    [["replay", "--sink", "out", "--from", "2026-01-01T00:00:00Z"], 2, "--sink: out appends"],
    [["replay", "--sink", "none", "--from", "2026-01-01T00:00:00Z"], 1, 'no sink "none"'],
  ])("answers %j with %d and says why", async (words, code, said) => {
    const result = await tailrace(...words);
    expect(result.code).toBe(code);
    expect(result.errors).toContain(said);
  });

  it("says when nothing answers", async () => {
    const { errors, code } = await tailrace("dlq", "ls").then(async () => {
      const io = testIo();
      const facts = { name: "tailrace", version: "0", summary: "" };
      const words = ["dlq", "ls", "--endpoint", "http://127.0.0.1:1"];
      const exit = await runCommand(facts, aggregatorCommands, words, io);
      return { code: exit, errors: io.errors() };
    });
    expect(code).toBe(1);
    expect(errors).toContain("no aggregator answers at http://127.0.0.1:1; is it running");
  });
});

describe("tailrace replay", () => {
  it("writes what is over after a moment again", async () => {
    const before = bodiesOf("good");
    const late = await tailrace("replay", "--sink", "points", "--from", "2030-01-01T00:00:00Z");
    expect(late.code).toBe(0);
    const again = await tailrace("replay", "--sink", "points", "--from", "2026-11-20T00:00:00Z");
    expect(again.code).toBe(0);
    while (bodiesOf("good") === before) await realPlatform.timers.sleep(10);
  });
});

describe("the doors for operators", () => {
  it("are shut to bodies that a browser could send for another site", async () => {
    const url = `http://127.0.0.1:${aggregator.port}/v1/dead-letters/drop`;
    const body = Buffer.from('{"sink":"points"}');
    const headers = { "content-type": "text/plain" };
    const call = { url, method: "POST", headers, body, timeoutMs: 10_000 };
    expect((await realPlatform.network.call(call)).status).toBe(415);
    expect(await letterIds()).toHaveLength(2);
  });

  it("list letters page by page", async () => {
    const first = await aggregator.get("/v1/dead-letters?limit=1");
    expect(first.body).toMatchObject({ deadLetters: [{ id: "points#0" }], next: "points#0" });
    const second = await aggregator.get("/v1/dead-letters?limit=1&next=points%230");
    expect(second.body).toMatchObject({ deadLetters: [{ id: "points#1" }] });
    expect(second.body).not.toHaveProperty("next");
    expect((await aggregator.get("/v1/dead-letters?limit=0")).status).toBe(400);
    expect((await aggregator.get("/v1/dead-letters?nonsense=1")).status).toBe(400);
  });
});
