import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningAgent, startAgent } from "../../../agent/agent.ts";
import { agentConfig } from "../../../agent/config.ts";
import type { Logger } from "../../../shared/log.ts";
import { realPlatform } from "../../../shared/platform/real-platform.ts";
import { ScriptedPrograms } from "../../../shared/platform/simulated/scripted-programs.ts";
import { ScriptedSockets } from "../../../shared/platform/simulated/scripted-sockets.ts";
import { ScriptedReceiver } from "./scripted-receiver.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
let folder: string;
let receiver: ScriptedReceiver;
let agents: RunningAgent[];
let sockets: ScriptedSockets;
/** Entries of the journal, from number 1 on. */
let entryCount: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-live-"));
  receiver = new ScriptedReceiver();
  agents = [];
  sockets = new ScriptedSockets();
  entryCount = 0;
});
afterEach(async () => {
  for (const agent of agents) await agent.close();
  await rm(folder, { recursive: true, force: true });
});

/** A journal that is read to its end and then, as when journalctl is killed, begun again behind the cursor. */
const journal = new ScriptedPrograms((_, operands) => {
  const cursor = operands.find((operand) => operand.startsWith("--after-cursor="));
  const from = cursor === undefined ? 1 : Number(/i=(\d+)/.exec(cursor)?.[1]) + 1;
  let text = "";
  for (let number = from; number <= entryCount; number++) {
    const entry = { __CURSOR: `i=${number}`, __REALTIME_TIMESTAMP: "1795168859000000" };
    text += `${JSON.stringify({ ...entry, SYSLOG_IDENTIFIER: "j", MESSAGE: `m${number}` })}\n`;
  }
  return { output: [Buffer.from(text)], end: { kind: "exited", code: 0, stderr: "" } };
});

async function start(sources: readonly object[], input: readonly string[] = [], once = false) {
  const config = agentConfig.parse({
    ...{ id: "web-1", data_dir: join(folder, "data"), sources },
    ...{ flush_interval: "20ms", poll_interval: "20ms" },
    ship: { endpoints: ["http://receiver"] },
  });
  async function* standardInput(): AsyncGenerator<Buffer> {
    for (const text of input) yield Buffer.from(text);
  }
  const platform = {
    ...realPlatform,
    network: receiver,
    processes: journal,
    sockets,
    standardInput,
  };
  const agent = await startAgent(platform, config, { logger: quiet, machine: "m", once });
  agents.push(agent);
  return agent;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await realPlatform.timers.sleep(5);
}

describe("an agent with sources that are no files", () => {
  it("counts what comes once, and goes on in the journal behind what it sealed", async () => {
    const sources = [
      { name: "journal", type: "journald", start_at: "beginning" },
      { name: "net", type: "syslog", listen: ["udp://127.0.0.1:514"] },
    ];
    entryCount = 3;
    const first = await start(sources);
    await until(() => sockets.isListening);
    for (let number = 0; number < 4; number++) {
      sockets.datagram(`<11>Nov 20 10:00:00 web app: ${number}`);
    }
    await until(() => receiver.eventCount === 7);
    await first.close();
    expect(sockets.isListening).toBe(false);
    entryCount = 5;
    const second = await start(sources);
    await until(() => receiver.eventCount === 9);
    expect(second.files()).toMatchObject([{ path: "journal", inode: "i=5" }, { inode: "" }]);
    await until(() => second.status().ledger.length > 0);
    expect(second.status().ledger).toMatchObject([
      { source: "journal", kind: "aggregated", lines: 5 },
      { source: "net", kind: "aggregated", lines: 4 },
    ]);
  });

  it("with `once` reads the standard input and the journal to their ends, and is drained", async () => {
    entryCount = 2;
    const line = '{"time":"2026-11-20T10:00:00Z","level":"ERROR"}\n';
    const agent = await start(
      [
        { name: "in", type: "stdin" },
        { name: "journal", type: "journald" },
      ],
      [line.repeat(2), line.slice(0, 9), line.slice(9), line.trimEnd()],
      true,
    );
    await until(() => agent.isDrained);
    expect(receiver.eventCount).toBe(6);
    expect(receiver.batches.at(-1)?.sources).toMatchObject([
      { state: "ended" },
      { state: "ended" },
    ]);
  });

  it("counts what was received and not yet sealed when it is closed", async () => {
    const agent = await start([
      { name: "net", type: "syslog", listen: ["tcp://127.0.0.1:601"], idle_after: "1s" },
    ]);
    await until(() => sockets.isListening);
    const connection = sockets.connect();
    await connection?.send("<11>Nov 20 10:00:00 web app: a\n".repeat(5));
    await agent.close();
    expect(agent.status().ledger).toMatchObject([{ kind: "aggregated", lines: 5 }]);
  });
});
