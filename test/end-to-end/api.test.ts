import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { API_OPERATIONS } from "../../aggregator/serve/api-operations.ts";
import { DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import {
  MINUTE,
  sampleAggregate,
  sampleBatch,
  sampleEnvelope,
} from "../unit/aggregator/receive/sample-batches.ts";
import { RunningAggregator } from "./running-aggregator.ts";

let aggregator: RunningAggregator;
let sequence: number;
let previousDigest: string;

beforeEach(async () => {
  sequence = 0;
  previousDigest = DIGEST_NONE;
  aggregator = await RunningAggregator.start();
  await aggregator.hello();
});
afterEach(() => aggregator.remove());

/** Counts something of services in a minute. */
async function count(minute: number, ...services: readonly string[]): Promise<void> {
  const deltas = services.map((service) => ({
    ...{ stream: "application-logs", service, minute, aggregate: sampleAggregate(1) },
  }));
  const record = sealRecord(sampleBatch(++sequence, { previousDigest, deltas }));
  previousDigest = record.digest;
  expect((await aggregator.send(sampleEnvelope([record]))).status).toBe(200);
}

/** Reads server-sent events until there are `wanted`. */
async function events(path: string, wanted: number, headers: Record<string, string> = {}) {
  const stop = new AbortController();
  const url = `http://127.0.0.1:${aggregator.port}${path}`;
  const answer = await fetch(url, { headers, signal: stop.signal });
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  const found: { id: string; event: string; data: { service: string } }[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of answer.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, id = "", event = "", data = ""] =
        /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (data !== "") found.push({ id, event, data: JSON.parse(data) });
    }
    if (found.length >= wanted) break;
  }
  stop.abort();
  return found;
}

describe("the document of the API", () => {
  it("is served, and has no fault that a linter finds", async () => {
    const { status, text } = await aggregator.get("/v1/openapi.json");
    expect(status).toBe(200);
    const rules = { "security-defined": "off", "no-server-example.com": "off" } as const;
    const config = await createConfig({ extends: ["recommended"], rules });
    const problems = await lintFromString({ source: text, config });
    const told = problems.map(
      ({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`,
    );
    expect(told).toEqual([]);
  });

  it("names every path that people ask, and each can be asked", async () => {
    const { body } = await aggregator.get("/v1/openapi.json");
    const { paths }: { paths: Record<string, Record<string, unknown>> } = JSON.parse(
      JSON.stringify(body),
    );
    for (const [path, operations] of Object.entries(paths)) {
      if (!("get" in operations) || path.includes("{") || path === "/v1/stream") continue;
      expect([path, (await aggregator.get(path)).status]).toEqual([path, 200]);
    }
  });
});

/** Where agents and senders deliver. */
const UNDOCUMENTED = [
  ...["POST /v1/batches", "POST /v1/hello", "POST /v1/events", "POST /v1/logs", "POST /v1/enroll"],
];

describe("the table of operations", () => {
  it("holds every path that there is, and no other", () => {
    const root = join(import.meta.dirname, "../../aggregator");
    const routes = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith("api-operations.ts"))
      .flatMap((file) => [
        ...readFileSync(join(root, file), "utf8").matchAll(/method: "([A-Z]+)", path: "([^"]+)"/g),
      ])
      .map(([, method, path]) => `${method} ${path}`);
    const documented = API_OPERATIONS.map(({ method, path }) => `${method} ${path}`);
    expect([...documented, ...UNDOCUMENTED].toSorted()).toEqual([...new Set(routes)].toSorted());
  });
});

describe("an answer", () => {
  it("has a tag, by which nothing comes again as long as it is the same", async () => {
    await count(MINUTE, "orders");
    const url = `http://127.0.0.1:${aggregator.port}/v1/windows`;
    const first = await fetch(url);
    const etag = first.headers.get("etag") ?? "";
    const again = await fetch(url, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    await count(MINUTE, "orders");
    expect((await fetch(url, { headers: { "if-none-match": etag } })).status).toBe(200);
  });

  it("is a refusal when a parameter is empty", async () => {
    for (const path of ["dead-letters?next=", "agents?agent=", "alerts?rule="]) {
      expect([path, (await aggregator.get(`/v1/${path}`)).status]).toEqual([path, 400]);
    }
  });

  it("comes in pages, of services too", async () => {
    await count(MINUTE, "a", "b", "c");
    const read = async (
      query: string,
    ): Promise<{ services: { service: string }[]; next?: string }> =>
      JSON.parse((await aggregator.get(`/v1/services?limit=2${query}`)).text);
    const first = await read("");
    const second = await read(`&next=${first.next}`);
    const names = [...first.services, ...second.services].map(({ service }) => service);
    expect([names, second.next]).toEqual([["a", "b", "c"], undefined]);
  });
});

describe("live updates", () => {
  it("tell what changes from now on, and go on where a reader left", async () => {
    await count(MINUTE, "before");
    const live = events("/v1/stream?kind=windows", 1);
    while (!(await isFollowed(live))) await count(MINUTE + 1, "orders");
    const [first] = await live;
    expect(first).toMatchObject({ event: "window", data: { service: "orders" } });
    await count(MINUTE + 2, "one");
    await count(MINUTE + 2, "two");
    const headers = { "last-event-id": first?.id ?? "" };
    const resumed = await events("/v1/stream?kind=windows&service=two", 1, headers);
    expect(resumed.map(({ data }) => data.service)).toEqual(["two"]);
  });

  it("begin anywhere, and refuse what is no place", async () => {
    await count(MINUTE, "a", "b");
    const all = await events("/v1/stream?last_event_id=0:0.0", 2);
    expect(all.map(({ data }) => data.service).toSorted()).toEqual(["a", "b"]);
    expect((await aggregator.get("/v1/stream?last_event_id=x")).status).toBe(400);
  });
});

async function isFollowed(live: Promise<unknown>): Promise<boolean> {
  const soon = new Promise((resolve) => {
    setTimeout(() => resolve("not yet"), 100);
  });
  return (await Promise.race([live, soon])) !== "not yet";
}
