/** What the documents say one can ask is asked: every address of the pages, every parameter and body of the OpenAPI document. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { API_OPERATIONS } from "../../aggregator/serve/api-operations.ts";
import { sampleChain, sampleEnvelope } from "../unit/aggregator/receive/sample-batches.ts";
import { RunningAggregator } from "./running-aggregator.ts";

const PAGES = ["README.md", "agent/README.md", "aggregator/README.md", "config/rules/README.md"];
const page = (name: string) => readFileSync(join(import.meta.dirname, "../..", name), "utf8");
/** A value for every parameter that is documented; places in lists come from answers. */
const VALUES: Readonly<Record<string, string>> = {
  ...{ from: "2026-11-20T10:00:00Z", to: "2026-11-20T11:00:00Z", step: "5m", by: "endpoint" },
  ...{ service: "orders", stream: "application-logs", agent: "web-1", limit: "2", rule: "errors" },
  ...{ type: "ERRORS", state: "firing", suppressed: "true", filter: 'service="orders"' },
  ...{ level: "ERROR,FATAL", contains: "no", source: "http", letters: "10", sink: "out" },
  ...{ status: "active" },
};
const PLACES = ["cursor", "next", "id"];

let aggregator: RunningAggregator;

beforeAll(async () => {
  aggregator = await RunningAggregator.start((folder) => ({
    sinks: [{ name: "out", type: "file", path: join(folder, "windows.ndjson") }],
  }));
  await aggregator.hello();
  expect((await aggregator.send(sampleEnvelope(sampleChain(2)))).status).toBe(200);
});
afterAll(() => aggregator.remove());

function valueOf(name: string): string {
  const value = VALUES[name];
  if (value === undefined) throw new Error(`the parameter ${name} has no value here`);
  return encodeURIComponent(value);
}

async function expectAnswer(path: string): Promise<void> {
  const { status, text } = await aggregator.get(path);
  expect([path, status, status === 200 ? "" : text]).toEqual([path, 200, ""]);
}

describe("a call that the pages show", () => {
  const shown = PAGES.flatMap((name) =>
    [...page(name).matchAll(/curl '?http:\/\/127\.0\.0\.1:7400(\/[^'\s`]*)/g)].map(
      ([, path = ""]) => path,
    ),
  );

  it.each([...new Set(shown)])("%s is answered", expectAnswer);

  it("stands there at all", () => expect(shown.length).toBeGreaterThanOrEqual(3));
});

describe("the table of addresses", () => {
  const rows = page("aggregator/README.md")
    .split("\n")
    .filter((line) => line.startsWith("| `GET "))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const calls = rows.flatMap(([, addresses = "", meaning = ""]) => {
    const paths = [...addresses.matchAll(/(?:GET |, )(\/[\w/.-]+)(?=[?`])/g)].map(
      ([, path = ""]) => path,
    );
    const names = [...`${addresses}${meaning}`.matchAll(/[`?&(]([a-z_]+)=/g)].map(
      ([, name = ""]) => name,
    );
    const [first] = paths;
    return [
      ...paths,
      ...names
        .filter((name) => !PLACES.includes(name))
        .map((name) => `${first}?${name}=${valueOf(name)}`),
    ];
  });

  it.each([...new Set(calls)].filter((path) => path !== "/v1/stream"))("%s is answered", (path) =>
    expectAnswer(path),
  );

  it("has many", () => expect(calls.length).toBeGreaterThan(30));
});

describe("an operation of the OpenAPI document", () => {
  const gets = API_OPERATIONS.filter(
    ({ method, path }) => method === "GET" && !path.includes("{") && path !== "/v1/stream",
  );
  const calls = gets.flatMap(({ path, parameters = [] }) => {
    const names = parameters.map(({ name }) => name).filter((name) => !PLACES.includes(name));
    const all = names.filter((name) => name !== "source" || !names.includes("sink"));
    return [
      ...names.map((name) => `${path}?${name}=${valueOf(name)}`),
      `${path}?${all.map((name) => `${name}=${valueOf(name)}`).join("&")}`,
    ];
  });

  it.each([...new Set(calls)])("%s is answered", (path) => expectAnswer(path));

  it("on silences does what it says, one after the other", async () => {
    const url = `http://127.0.0.1:${aggregator.port}/v1/silences`;
    const call = async (path: string, method: string, body?: object) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, json: z.looseObject({}).parse(await answer.json()) };
    };
    const asked = {
      matchers: [{ name: "team", value: "shop", isRegex: false, isEqual: true }],
      ...{ startsAt: "2026-11-20T10:00:00Z", endsAt: "2099-11-20T10:00:00Z" },
      ...{ createdBy: "ann", comment: "deployment" },
    };
    const made = await call("", "POST", asked);
    expect(made).toMatchObject({ status: 200, json: { createdBy: "ann" } });
    const path = `/${String(made.json["id"])}`;
    expect(await call(path, "GET")).toMatchObject({ status: 200, json: { comment: "deployment" } });
    const longer = { ...asked, id: made.json["id"], comment: "longer" };
    expect(await call("", "POST", longer)).toMatchObject({
      status: 200,
      json: { comment: "longer" },
    });
    expect(await call("?limit=1", "GET")).toMatchObject({
      json: { silences: [{ id: made.json["id"] }] },
    });
    expect(await call(`${path}?by=ben`, "DELETE")).toMatchObject({ status: 200 });
    expect((await call(`${path}?by=ben`, "DELETE")).status).toBe(409);
    const audit = await aggregator.get("/v1/audit");
    expect(audit.text).toContain('"by":"ben"');
  });

  it("on dead letters, replays and backups takes the bodies of its schema", async () => {
    const json = { "content-type": "application/json" };
    const post = async (path: string, body: object) =>
      (await aggregator.postTo(path, json, Buffer.from(JSON.stringify(body)))).status;
    for (const path of ["/v1/dead-letters/replay", "/v1/dead-letters/drop"]) {
      expect(await post(path, { sink: "out" })).toBe(200);
      expect(await post(path, { source: "http" })).toBe(200);
      expect(await post(path, { ids: ["out#1"] })).toBe(404);
      // It would mean no source, and be done with none.
      expect(await post(path, { source: "" })).toBe(400);
    }
    // A file appends, so that it cannot be written again.
    expect(await post("/v1/sinks/replay", { sink: "out", from: "2026-11-20T10:00:00Z" })).toBe(400);
    expect(await post("/v1/backup", { directory: join(aggregator.folder, "backup") })).toBe(200);
  });
});

describe("ledger and silences", () => {
  it("come in pages", async () => {
    const seen: string[] = [];
    let next = "";
    do {
      const { text } = await aggregator.get(`/v1/ledger?limit=1${next}`);
      const answer = z
        .object({ entries: z.array(z.unknown()).max(1), next: z.string().optional() })
        .parse(JSON.parse(text));
      seen.push(...answer.entries.map((entry) => JSON.stringify(entry)));
      next = answer.next === undefined ? "" : `&next=${answer.next}`;
    } while (next !== "");
    const whole = z
      .object({ entries: z.array(z.unknown()) })
      .parse(JSON.parse((await aggregator.get("/v1/ledger")).text));
    expect(seen).toEqual(whole.entries.map((entry) => JSON.stringify(entry)));
    expect(new Set(seen).size).toBe(seen.length);
  });
});
