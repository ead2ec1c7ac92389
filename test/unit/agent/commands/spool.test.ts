import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startAgent } from "../../../../agent/agent.ts";
import { command as ledger } from "../../../../agent/commands/ledger.ts";
import { command as spool } from "../../../../agent/commands/spool.ts";
import { agentConfig } from "../../../../agent/config.ts";
import { keepDeadLetter } from "../../../../agent/spool/dead-letter.ts";
import { UsageError } from "../../../../shared/command.ts";
import type { Logger } from "../../../../shared/log.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { ScriptedReceiver } from "../scripted-receiver.ts";
import { EPOCH } from "../spool/sample-spool.ts";
import { testIo } from "./test-io.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
let folder: string;
let data: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-spool-"));
  data = join(folder, "data");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const line = (level: string) =>
  `${JSON.stringify({ time: "2026-11-20T10:00:00Z", service: "s", level })}\n`;
const write = (text: string) => appendFile(join(folder, "a.log"), text);

/** An agent that reads everything and ships nothing after its hello; runs `act` when the first lines are sealed. */
async function runAgent(act: () => Promise<void>): Promise<void> {
  const receiver = new ScriptedReceiver();
  receiver.script = (call) => (call.url.endsWith("/v1/hello") ? undefined : "cut");
  const config = agentConfig.parse({
    id: "web-1",
    data_dir: data,
    sources: [
      {
        name: "app",
        type: "file",
        paths: [join(folder, "*.log")],
        format: "json",
        start_at: "beginning",
        rotate_wait: "0s",
      },
    ],
    flush_interval: "10ms",
    poll_interval: "10ms",
    ship: { endpoints: ["http://receiver"] },
  });
  const platform = { ...realPlatform, network: receiver };
  const agent = await startAgent(platform, config, { logger: quiet, machine: "m" });
  const lines = () =>
    agent
      .status()
      .ledger.filter(({ kind }) => kind !== "noted")
      .reduce((sum, entry) => sum + entry.lines, 0);
  const until = async (count: number) => {
    for (let step = 0; step < 2000 && lines() < count; step++) await realPlatform.timers.sleep(5);
    expect(lines()).toBe(count);
  };
  await until(6);
  await act();
  await until(9);
  await agent.close();
}

async function look(
  which: typeof spool,
  words: readonly string[],
  options: Readonly<Record<string, unknown>> = {},
) {
  const io = testIo();
  const exitCode = await which.run(words, { dataDir: data, output: "table", ...options }, io);
  return { exitCode, output: io.output(), errors: io.errors() };
}

const SIX_LINES = `${line("INFO")}${line("ERROR")}${line("INFO")}\nno json\n${line("WARN")}`;
const rotateAndGoOn = async () => {
  await rename(join(folder, "a.log"), join(folder, "a.log.1"));
  await write(line("INFO").repeat(3));
};

describe("spool and ledger, beside a running agent and after it", () => {
  it("list, verify, export and balance what waits to be applied", async () => {
    await write(SIX_LINES);
    await runAgent(async () => {
      const { exitCode } = await look(spool, ["verify"]);
      expect(exitCode).toBe(0);
      await rotateAndGoOn();
    });
    const listed = await look(spool, ["ls"], { output: "ndjson" });
    const records: { sequence: number; requests: number; sealedAt: string }[] = listed.output
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    expect(records.map(({ sequence }) => sequence)).toEqual(records.map((_, index) => index + 1));
    expect(records.reduce((sum, { requests }) => sum + requests, 0)).toBe(7);
    const exported = await look(spool, ["export"]);
    const batches: { deltas: { requestCount: number; service: string }[] }[] = exported.output
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    const deltas = batches.flatMap((batch) => batch.deltas);
    expect(deltas.reduce((sum, { requestCount }) => sum + requestCount, 0)).toBe(7);
    const balance = await look(ledger, [], { output: "ndjson" });
    expect(JSON.parse(balance.output)).toMatchObject({
      source: "app",
      balances: true,
      read: { lines: 9, bytes: Buffer.byteLength(SIX_LINES + line("INFO").repeat(3)) },
      kinds: { aggregated: { lines: 7 }, filtered: { lines: 1 }, rejected: { lines: 1 } },
    });
    expect([balance.exitCode, listed.exitCode, exported.exitCode]).toEqual([0, 0, 0]);
    const table = await look(ledger, []);
    expect(table.output).toMatch(/app +lines +9 += +7 +1 +1 +0 +0/);
  });

  it("exit 1 with the place of a flipped bit", async () => {
    await write(SIX_LINES);
    await runAgent(rotateAndGoOn);
    const [name = ""] = (await readdir(join(data, "spool"))).toSorted();
    const path = join(data, "spool", name);
    const bytes = await readFile(path);
    const at = bytes.indexOf("\x9eTSr", 0, "latin1") + 60;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const { exitCode, errors } = await look(spool, ["verify"]);
    expect(exitCode).toBe(1);
    expect(errors).toContain(`${path}:`);
    expect((await look(ledger, [])).exitCode).toBe(1);
  });

  it("show dead letters with the reason, also those that hold no batch", async () => {
    await write(SIX_LINES);
    await runAgent(rotateAndGoOn);
    const head = { agent: "web-1", epoch: EPOCH, logId: "log-1", machine: "m" };
    const record = { sequence: 7, digest: EPOCH, rawBytes: 9, payload: Buffer.from("no batch") };
    await keepDeadLetter(realPlatform.disk, data, { ...head, record });
    const { exitCode, output } = await look(spool, ["dead"]);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/-7\.envelope +7 +\d+ +- +- +the size before the compressed bytes/);
  });
});

describe("spool", () => {
  it("refuses a verb that it does not know, and two directories at once", async () => {
    await expect(look(spool, ["drop"])).rejects.toThrow(UsageError);
    await expect(look(spool, ["ls"], { config: "a.yaml" })).rejects.toThrow("name one of");
    const elsewhere = look(spool, ["ls"], { dataDir: join(folder, "none") });
    await expect(elsewhere).rejects.toThrow("is not there: no agent has run with it yet");
  });
});
