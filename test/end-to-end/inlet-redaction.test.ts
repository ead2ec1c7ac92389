/** No secret of what is posted to an aggregator is anywhere behind the door: not in its folder, its answers, its dead letters or a sink. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { DETECTOR_NAMES } from "../../shared/redaction/detectors.ts";
import { SECRETS } from "../unit/shared/redaction/secret-corpus.ts";
import { RunningAggregator } from "./running-aggregator.ts";

const TIME_MS = Date.parse("2026-11-20T10:00:00Z");
const CASES = Object.values(SECRETS).flat();

let aggregator: RunningAggregator;
afterEach(() => aggregator.remove());

function start(redact: object): Promise<RunningAggregator> {
  return RunningAggregator.start((folder) => ({
    sinks: [{ name: "out", type: "file", path: join(folder, "windows.ndjson") }],
    posted: { aggregate: { dimensions: ["user", "source"], exemplars: { min_level: "TRACE" } } },
    redact,
  }));
}

async function postCorpus(): Promise<void> {
  const head = { timestamp: TIME_MS, level: "ERROR" };
  const ndjson = { "content-type": "application/x-ndjson" };
  const records = CASES.flatMap(([text]) => [
    JSON.stringify({ ...head, message: text, service: text, user: text, [text]: text }),
    // Neither is an event.
    JSON.stringify({ message: text }),
    `broken ${text.replaceAll("\n", " ")}`,
  ]);
  // Of one request a hundred dead letters are kept.
  for (let from = 0; from < records.length; from += 90) {
    const body = Buffer.from(records.slice(from, from + 90).join("\n"));
    expect((await aggregator.postTo("/v1/events", ndjson, body)).status).toBe(200);
  }
  const logRecords = CASES.map(([text]) => ({
    ...{ timeUnixNano: `${TIME_MS}000000`, severityNumber: 17, body: { stringValue: text } },
    attributes: [{ key: "user", value: { stringValue: text } }],
  }));
  const resource = { attributes: [{ key: "service.name", value: { stringValue: CASES[0]?.[0] } }] };
  const otlp = { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
  const json = { "content-type": "application/json" };
  await aggregator.postTo("/v1/logs", json, Buffer.from(JSON.stringify(otlp)));
}

/** Everything that the aggregator keeps and answers, as text. */
async function traces(): Promise<string> {
  const paths = [
    "/v1/windows?by=user,source&limit=10000",
    "/v1/dead-letters?source=http&limit=1000",
    ...["/v1/sources", "/v1/services", "/metrics"],
  ];
  const texts: string[] = [];
  for (const path of paths) texts.push((await aggregator.get(path)).text);
  await aggregator.stop();
  const files = readdirSync(aggregator.folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(aggregator.folder, name))
    .filter((path) => statSync(path).isFile());
  for (const path of files) texts.push(readFileSync(path, "utf8"));
  await aggregator.begin();
  return texts.join("\n");
}

function leftOf(text: string): string[] {
  const plain = text.replaceAll("\\\\", "\\").replaceAll('\\"', '"');
  return CASES.map(([, secret]) => secret).filter(
    (secret) => text.includes(secret) || plain.includes(secret),
  );
}

it.each(["mask", "hash", "drop"] as const)(
  "no secret of a corpus survives anywhere: %s",
  async (action) => {
    aggregator = await start({ detectors: [...DETECTOR_NAMES], action, key: "a key of the test" });
    await postCorpus();
    const text = await traces();
    expect(leftOf(text)).toEqual([]);
    expect(text).not.toContain("a key of the test");
    if (action === "mask") for (const name of DETECTOR_NAMES) expect(text).toContain(`[${name}]`);
  },
);

it("without redaction they would: the test looks where they are", async () => {
  aggregator = await start({ detectors: [] });
  await postCorpus();
  expect(leftOf(await traces()).length).toBeGreaterThan(CASES.length * 0.9);
});
