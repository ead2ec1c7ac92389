import {
  appendFile,
  cp,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentOptions, type RunningAgent, startAgent } from "../../../agent/agent.ts";
import { agentConfig } from "../../../agent/config.ts";
import type { Logger } from "../../../shared/log.ts";
import type { Platform } from "../../../shared/platform/platform.ts";
import { realPlatform } from "../../../shared/platform/real-platform.ts";
import { decodeBatch } from "../../../shared/protocol/codec.ts";
import { decodeEnvelope } from "../../../shared/protocol/envelope.ts";
import { problemAnswer } from "../../../shared/protocol/http-answer.ts";
import { openRecord } from "../../../shared/protocol/sealed-record.ts";
import { ScriptedReceiver } from "./scripted-receiver.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
let folder: string;
let receiver: ScriptedReceiver;
let agents: RunningAgent[];
let platform: Platform;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-agent-"));
  receiver = new ScriptedReceiver();
  agents = [];
  platform = { ...realPlatform, network: receiver };
});
afterEach(async () => {
  for (const agent of agents) await agent.close();
  await rm(folder, { recursive: true, force: true });
});

function configOf(settings: Readonly<Record<string, unknown>>) {
  return agentConfig.parse({
    id: "web-1",
    data_dir: join(folder, "data"),
    flush_interval: "20ms",
    poll_interval: "20ms",
    ship: { endpoints: ["http://receiver"] },
    ...settings,
  });
}

async function start(
  settings: Readonly<Record<string, unknown>> = {},
  options: Partial<AgentOptions> = {},
  source: Readonly<Record<string, unknown>> = {},
): Promise<RunningAgent> {
  const app = {
    ...{ name: "app", type: "file", paths: [join(folder, "*.log")], format: "json" },
    start_at: "beginning",
    ...source,
  };
  const config = configOf({ sources: [app], ...settings });
  const agent = await startAgent(platform, config, { logger: quiet, machine: "m", ...options });
  agents.push(agent);
  return agent;
}

const line = (service: string) =>
  `${JSON.stringify({ time: "2026-11-20T10:00:00Z", service, level: "INFO" })}\n`;
const write = (count: number, service = "s", file = "a.log") =>
  appendFile(join(folder, file), line(service).repeat(count));

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let step = 0; step < 2000; step++) {
    if (condition()) return;
    await realPlatform.timers.sleep(5);
  }
  throw new Error(`it never came to this: ${what}; ${JSON.stringify(agents.at(-1)?.status())}`);
}
const untilCounted = (count: number) =>
  until(`${count} events`, () => receiver.eventCount === count);
const allApplied = (agent: RunningAgent) => () => {
  const { sealed, applied } = agent.status();
  return sealed === applied;
};

describe("an agent", () => {
  it("reads nothing before its hello is answered, then counts every line once", async () => {
    receiver.script = () => "cut";
    await write(10);
    const agent = await start();
    await until("a failed hello", () => agent.status().mode === "hello");
    expect(agent.status()).toMatchObject({ epoch: undefined, isReady: false, readBytes: 0 });
    receiver.script = () => undefined;
    await untilCounted(10);
    await write(5, "t");
    await untilCounted(15);
    expect(agent.status()).toMatchObject({ isReady: true, mode: "sending", logId: "log-1" });
    expect(receiver.ledgerLines("aggregated")).toBe(15);
    expect(new Set(receiver.hellos.map((hello) => hello.epoch)).size).toBe(1);
  });

  it("goes on after a restart without asking, and counts only what is new", async () => {
    await write(10);
    const first = await start();
    await untilCounted(10);
    await first.close();
    await write(3);
    await start();
    await untilCounted(13);
    expect(receiver.hellos.length).toBe(1);
    expect(receiver.state.sequence).toBe(receiver.batches.length);
  });

  it("ROT-18 goes on where it was when patterns change, and says so when a source has another name", async () => {
    const warnings: string[] = [];
    const logger: Logger = {
      ...quiet,
      warn: (message, facts) => warnings.push(`${message} ${JSON.stringify(facts)}`),
    };
    await write(10);
    const first = await start();
    await untilCounted(10);
    await first.close();
    await write(3);
    const second = await start({}, { logger }, { paths: [join(folder, "a.*")], exclude: ["/x"] });
    await untilCounted(13);
    await second.close();
    expect(warnings).toEqual([]);
    await write(2);
    const renamed = await start({}, { logger }, { name: "renamed", start_at: "end" });
    await until("the first look", () => renamed.files().some(({ source }) => source === "renamed"));
    expect(warnings).toEqual([
      expect.stringMatching(/a source is new.*"source":"renamed","gone":"app"/),
    ]);
    await renamed.close();
    // Its old name back: nothing is lost.
    await start();
    await untilCounted(15);
  });

  it("takes the newest configuration over when others before it never were", async () => {
    await write(3, "s", "a.log");
    await write(4, "s", "b.txt");
    await write(5, "s", "c.csv");
    const agent = await start();
    await untilCounted(3);
    const source = (name: string, pattern: string) => ({
      ...{ name, type: "file", format: "json", start_at: "beginning" },
      paths: [join(folder, pattern)],
    });
    const app = { ...source("app", "*.log"), service: "other" };
    const first = [app, source("b", "*.txt")];
    const second = [...first, source("c", "*.csv")];
    const taken = [first, second].map((sources) => agent.reconfigure(configOf({ sources })));
    expect(await Promise.all(taken)).toEqual([false, true]);
    await untilCounted(12);
    await appendFile(join(folder, "a.log"), `{"time":"2026-11-20T10:00:00Z"}\n`);
    await untilCounted(13);
    const services = receiver.batches.flatMap(({ deltas }) => deltas.map((d) => d.service));
    expect(services.at(-1)).toBe("other");
  });

  it("SPL-07 seals and syncs what was counted when it is closed, and keeps it while the receiver is away", async () => {
    await write(10);
    const first = await start({ flush_interval: "10m" });
    await until("everything read", () => first.status().readBytes > 0);
    receiver.script = () => "cut";
    await first.close();
    expect(receiver.eventCount).toBe(0);
    await rm(join(folder, "a.log"));
    receiver.script = () => undefined;
    await start();
    await untilCounted(10);
  });

  it("selects what the aggregator asks for, also after a restart without contact", async () => {
    const selector = { stream: "application-logs", keys: [], where: ["service == 't'"] };
    receiver.selectors = {
      revision: "0bad",
      selectors: [{ ...selector, fields: ["service", "level"] }],
    };
    await write(2);
    await write(1, "t");
    const first = await start();
    await untilCounted(3);
    expect(first.status().selectorRevision).toBe("0bad");
    await first.close();
    receiver.script = () => "cut";
    await write(2, "t");
    const second = await start();
    await until("it is read", () => second.status().sealed > 0 && second.status().readBytes > 0);
    await second.close();
    receiver.script = () => undefined;
    receiver.selectors = undefined;
    await start();
    await untilCounted(5);
    const bytes = Buffer.byteLength(line("s"));
    const events = receiver.batches.flatMap((batch) => batch.events);
    expect(events.map(({ offset, fields }) => [offset, fields])).toEqual(
      [2, 3, 4].map((index) => [index * bytes, { service: "t", level: "INFO" }]),
    );
    expect(new Set(receiver.batches.map((batch) => batch.selectorRevision))).toEqual(
      new Set(["0bad"]),
    );
    expect(receiver.ledgerLines("events_sent")).toBe(3);
  });

  it("goes on without selectors when the file that remembers them is damaged", async () => {
    receiver.selectors = { revision: "0bad", selectors: [] };
    const first = await start();
    await until("they are kept", () => first.status().selectorRevision === "0bad");
    await first.close();
    await writeFile(join(folder, "data", "selectors"), "nothing");
    receiver.script = () => "cut";
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const second = await start({}, { logger: { ...quiet, warn } });
    expect(second.status().selectorRevision).toBe("");
    expect(warnings[0]).toContain("the file of selectors is damaged");
  });

  it("NET-01 sends again after lost answers, and is counted once", async () => {
    let count = 0;
    receiver.losesAnswer = () => count++ % 2 === 1;
    const agent = await start();
    for (let step = 1; step <= 5; step++) {
      await write(2);
      await untilCounted(2 * step);
    }
    await until("all is applied", allApplied(agent));
    expect(receiver.eventCount).toBe(10);
  });

  it("begins at the end of files that are there at its first start, also when it is killed before anything was sent", async () => {
    await write(10);
    const settings = { flush_interval: "10ms" };
    receiver.script = (call) => (call.url.endsWith("/v1/batches") ? "cut" : undefined);
    const first = await start(settings, {}, { start_at: "end" });
    // Nothing is sealed before the source is known.
    await until("something is sealed", () => first.status().sealed > 0);
    await first.close();
    await write(4);
    await write(2, "s", "b.log");
    receiver.script = () => undefined;
    await start(settings, {}, { start_at: "end" });
    await untilCounted(6);
  });

  it("NET-03 finds together with a receiver that was restored from a backup", async () => {
    const agent = await start();
    for (let step = 1; step <= 3; step++) {
      await write(2);
      await untilCounted(2 * step);
    }
    const backup = receiver.state;
    await rename(join(folder, "a.log"), join(folder, "a.1.log"));
    for (let step = 1; step <= 3; step++) {
      await write(2, "later");
      await untilCounted(6 + 2 * step);
    }
    receiver.state = backup;
    await write(1);
    await untilCounted(13);
    await until("all is applied", allApplied(agent));
    expect(receiver.state.counts).toEqual(
      new Map([
        ["s", 7],
        ["later", 6],
      ]),
    );
    expect(receiver.ledgerLines("aggregated")).toBe(13);
    expect(receiver.hellos.length).toBe(2);
  });

  it("SPL-08 finds together with a receiver after its data directory was rolled back", async () => {
    await write(3);
    const first = await start();
    await untilCounted(3);
    await first.close();
    await cp(join(folder, "data"), join(folder, "backup"), { recursive: true });
    await write(3, "t");
    const second = await start();
    await untilCounted(6);
    await second.close();
    await rm(join(folder, "data"), { recursive: true });
    await rename(join(folder, "backup"), join(folder, "data"));
    await write(4, "u");
    await start();
    await untilCounted(10);
    expect(receiver.state.counts).toEqual(
      new Map([
        ["s", 3],
        ["t", 3],
        ["u", 4],
      ]),
    );
    expect(receiver.ledgerLines("aggregated")).toBe(10);
  });

  it("OFF-02, SPL-08 goes on with what the receiver answers when its data directory is lost", async () => {
    await write(3);
    const first = await start();
    await untilCounted(3);
    await first.close();
    await rm(join(folder, "data"), { recursive: true });
    await write(4);
    await start({}, {}, { start_at: "end" });
    await untilCounted(7);
  });

  it("keeps a condemned batch as a dead letter, ledgers its lines and goes on", async () => {
    let condemned = 0;
    receiver.script = (call) => {
      if (!call.url.endsWith("/v1/batches") || call.body === undefined || condemned > 0)
        return undefined;
      const record = decodeEnvelope(call.body).records[0];
      // The first batches may be heartbeats, which hold no line to lose.
      if (
        record === undefined ||
        decodeBatch(openRecord(record, record.rawBytes)).deltas.length === 0
      ) {
        return undefined;
      }
      condemned = record.sequence;
      return problemAnswer({
        status: 400,
        code: "malformed_batch",
        detail: "bad",
        sequence: condemned,
      });
    };
    await write(3);
    const agent = await start();
    await until("the batch is condemned", () => condemned > 0);
    await write(2);
    await untilCounted(2);
    await until("all is applied", allApplied(agent));
    // A batch that was sealed before the other was condemned says nothing of it yet.
    await write(1);
    await untilCounted(3);
    expect(receiver.ledgerLines("lost", "malformed_batch")).toBe(3);
    expect(receiver.ledgerLines("aggregated")).toBe(3);
    const letters = await readdir(join(folder, "data", "dead"));
    expect(letters).toEqual([`${receiver.state.epoch}-${condemned}.envelope`]);
    expect(receiver.batches.find((batch) => batch.sequence === condemned)?.tombstone?.reason).toBe(
      "malformed_batch",
    );
  });

  it("stays up but silent while another spool has its name, keeps what it has, and goes on when that is silent", async () => {
    let skewMs = 0;
    const { clock, timers } = realPlatform;
    platform = {
      ...platform,
      clock: { now: () => clock.now(), monotonic: () => clock.monotonic() + skewMs },
      timers: { sleep: (delayMs, signal) => timers.sleep(Math.min(delayMs, 20), signal) },
    };
    const agent = await start();
    await write(2);
    await untilCounted(2);
    receiver.state = { ...receiver.state, epoch: "ff".repeat(16), retired: [receiver.state.epoch] };
    await write(2);
    await until("it is fenced", () => agent.status().mode === "fenced");
    expect(agent.status().isReady).toBe(false);
    const { sealed, applied, spoolBytes } = agent.status();
    expect(sealed).toBeGreaterThan(applied);
    expect(spoolBytes).toBeGreaterThan(0);
    expect(receiver.eventCount).toBe(2);
    receiver.isHolderAlive = true;
    skewMs += 61_000;
    await until("it asks for its name", () => receiver.hellos.at(-1)?.isPatient === true);
    expect(agent.status().mode).toBe("fenced");
    receiver.isHolderAlive = false;
    skewMs += 61_000;
    await untilCounted(4);
    expect(agent.status()).toMatchObject({ isReady: true, mode: "sending" });
    expect(receiver.ledgerLines("aggregated")).toBe(4);
  });

  it("takes the name back when it is started again, without counting twice", async () => {
    const first = await start();
    await write(2);
    await untilCounted(2);
    await first.close();
    receiver.state = {
      ...receiver.state,
      epoch: "ff".repeat(16),
      retired: [receiver.state.epoch],
      sequence: 0,
    };
    await write(2);
    await start();
    await untilCounted(4);
  });

  it("SPL-04 stops reading when its spool is full, and loses nothing", async () => {
    const agent = await start({
      spool: { max_bytes: "64KiB", segment_bytes: "4KiB" },
      flush_interval: "10ms",
    });
    await until("it reads", () => agent.status().isReady);
    receiver.script = () => "cut";
    let written = 0;
    for (let step = 0; step < 600 && !agent.status().isSpoolFull; step++) {
      const lines = Array.from({ length: 50 }, (_, at) => line(`service-${step}-${at}`));
      await appendFile(join(folder, "a.log"), lines.join(""));
      written += 50;
      await realPlatform.timers.sleep(11);
    }
    expect(agent.status().isSpoolFull).toBe(true);
    await write(20);
    written += 20;
    receiver.script = () => undefined;
    await untilCounted(written);
    await until("the spool is small again", () => agent.status().spoolBytes < 20_000);
  });

  it("with `once` reads everything to its end, unfinished lines too, says so, and is drained", async () => {
    await write(5);
    await writeFile(join(folder, "b.log"), `${line("t")}${line("t").trimEnd()}`);
    const agent = await start({ flush_interval: "10m" }, { once: true }, { start_at: "end" });
    await until("it is drained", () => agent.isDrained);
    expect(receiver.eventCount).toBe(7);
    expect(receiver.batches.at(-1)?.sources).toMatchObject([{ source: "app", state: "ended" }]);
  });

  it("SPL-02 reads its spool's damage from the files again", async () => {
    receiver.script = (call) => (call.url.endsWith("/v1/batches") ? "cut" : undefined);
    const first = await start();
    for (let step = 1; step <= 4; step++) {
      await write(2);
      await until("another batch", () => first.status().sealed >= step);
    }
    await first.close();
    const [name = ""] = await readdir(join(folder, "data", "spool"));
    const path = join(folder, "data", "spool", name);
    const bytes = await readFile(path);
    const second = bytes.indexOf(
      Buffer.from("\x9eTSr", "latin1"),
      bytes.indexOf(Buffer.from("\x9eTSr", "latin1")) + 1,
    );
    bytes.writeUInt8(bytes.readUInt8(second + 50) ^ 255, second + 50);
    await writeFile(path, bytes);
    receiver.script = () => undefined;
    const agent = await start();
    await untilCounted(8);
    expect(agent.status().damageCount).toBe(1);
    await until("all is applied", allApplied(agent));
    expect(receiver.ledgerLines("aggregated")).toBe(8);
    expect(
      receiver.state.ledger.some((entry) => entry.kind === "held" || entry.kind === "lost"),
    ).toBe(false);
  });

  it("SPL-08 is refused a data directory that another agent uses, or used under another id", async () => {
    const first = await start();
    await expect(start()).rejects.toMatchObject({ code: "LOCK_HELD" });
    await until("the spool is there", () => first.status().epoch !== undefined);
    await first.close();
    await expect(start({ id: "web-2" })).rejects.toMatchObject({ code: "AGENT_MISMATCH" });
    await start();
  });
});
