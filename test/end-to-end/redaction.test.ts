/** No secret that a log holds is anywhere behind the source: not in the spool, in dead letters, in what the agent says, or on the wire. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startAgent } from "../../agent/agent.ts";
import { agentConfig } from "../../agent/config.ts";
import { openSpool } from "../../agent/spool/open-spool.ts";
import { textLogger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { problemAnswer } from "../../shared/protocol/http-answer.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";
import { DETECTOR_NAMES } from "../../shared/redaction/detectors.ts";
import { ScriptedReceiver } from "../unit/agent/scripted-receiver.ts";
import { SECRETS } from "../unit/shared/redaction/secret-corpus.ts";

const TIME = "2026-11-20T10:00:00Z";
const CASES = Object.values(SECRETS).flat();

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tailrace-redaction-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Every character as JSON may write it, too. */
function escaped(text: string): string {
  return [...text]
    .map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

function jsonLines(text: string): string[] {
  const head = { time: TIME, level: "ERROR" };
  return [
    JSON.stringify({ ...head, message: text, service: text, type: text }),
    JSON.stringify({ ...head, user: text, deep: { list: [text] }, [text]: 1 }),
    ...(/^[\x20-\x7e]*$/.test(text)
      ? [`{"time":"${TIME}","level":"ERROR","message":"${escaped(text)}"}`]
      : []),
    // No time: rejected.
    JSON.stringify({ message: text }),
    `broken ${text}`,
  ];
}

function writeLogs(): void {
  const texts = CASES.map(([text]) => text);
  writeFileSync(join(folder, "app.json"), `${texts.flatMap(jsonLines).join("\n")}\n`);
  const plain = texts.map((text) => `${TIME} ERROR ${text}`);
  writeFileSync(join(folder, "app.text"), `${plain.join("\n")}\n`);
}

function configOf(redact: object) {
  const source = (name: string, format: string) => ({
    ...{ name, type: "file", format, start_at: "beginning", paths: [join(folder, `app.${name}`)] },
    aggregate: { dimensions: ["message", "user"], exemplars: {} },
    lines: { min_level: "TRACE", bytes_per_second: "64MiB", lines_per_second: 100_000 },
  });
  return agentConfig.parse({
    id: "web-1",
    data_dir: join(folder, "data"),
    sources: [source("json", "json"), source("text", "text")],
    events: {
      select: [
        {
          stream: "application-logs",
          fields: ["message", "service", "user", "deep", "type", "level"],
        },
      ],
    },
    redact,
    ...{ flush_interval: "20ms", poll_interval: "20ms" },
    ship: { endpoints: ["http://receiver"] },
  });
}

/** Runs an agent until all is applied but one batch, which is condemned; returns everything that it left anywhere, as text. */
async function run(redact: object): Promise<{ readonly traces: string; readonly count: number }> {
  const receiver = new ScriptedReceiver();
  let isCondemned = false;
  receiver.script = (call) => {
    if (isCondemned || !call.url.endsWith("/v1/batches") || receiver.batches.length < 1) return;
    isCondemned = true;
    const facts = { sequence: receiver.state.sequence + 1 };
    return problemAnswer({ status: 400, code: "malformed_batch", detail: "no", ...facts });
  };
  const said: string[] = [];
  const logger = textLogger((text) => said.push(text), Date.now, "debug");
  const platform = { ...realPlatform, network: receiver };
  const agent = await startAgent(platform, configOf(redact), { logger, machine: "m", once: true });
  for (let step = 0; step < 2000 && !agent.isDrained; step++) await realPlatform.timers.sleep(5);
  const status = JSON.stringify(agent.status());
  await agent.close();
  const files = filesOf(join(folder, "data"));
  const kept = JSON.stringify(await spooledBatches());
  const traces = [said.join(""), status, JSON.stringify(receiver.batches), kept, ...files];
  return { traces: traces.join("\n"), count: receiver.eventCount };
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "utf8"));
}

async function spooledBatches(): Promise<unknown[]> {
  const { spool } = await openSpool(
    {
      ...{ disk: realPlatform.disk, directory: join(folder, "data", "spool"), agent: "web-1" },
      ...{ bytesMax: 2 ** 30, segmentBytes: 2 ** 23 },
    },
    undefined,
  );
  const records = await spool.read(spool.firstSequence, 2 ** 30);
  await spool.close();
  return records.map((record) => decodeBatch(openRecord(record, 2 ** 26)));
}

function leftOf(traces: string): string[] {
  const plain = traces.replaceAll("\\\\", "\\").replaceAll('\\"', '"');
  return CASES.map(([, secret]) => secret).filter(
    (secret) => traces.includes(secret) || plain.includes(secret),
  );
}

it.each(["mask", "hash", "drop"] as const)(
  "no secret of a corpus survives anywhere: %s",
  async (action) => {
    writeLogs();
    const detectors = [...DETECTOR_NAMES];
    const { traces, count } = await run({ detectors, action, key: "a key of the test" });
    expect(leftOf(traces)).toEqual([]);
    expect(traces).not.toContain("a key of the test");
    expect(count).toBeGreaterThan(CASES.length);
    if (action === "mask") for (const name of detectors) expect(traces).toContain(`[${name}]`);
  },
);

it("without redaction they would: the test looks where they are", async () => {
  writeLogs();
  const { traces } = await run({ detectors: [] });
  expect(leftOf(traces).length).toBeGreaterThan(CASES.length * 0.9);
});
