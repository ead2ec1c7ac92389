/** What a host does to an agent, on real processes and files; the windows are compared with the number of lines that were written. */
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { realTimers } from "../../shared/platform/timers.ts";
import { Daemon, freePort, runProgram } from "./program.ts";

let folder: string;
let port: number;
let aggregator: Daemon;
let agent: Daemon;
let written: number;
const file = (name: string) => join(folder, name);
const LINE = '{"timestamp":"2026-11-20T10:00:05Z","level":"INFO","service":"shop"}\n';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-host-"));
  port = await freePort();
  written = 0;
  await mkdir(file("logs"));
  await mkdir(file("conf.d"));
  await writeFile(
    file("aggregator.yaml"),
    `listen: 127.0.0.1:${port}
data_dir: ${file("aggregator")}
sinks: [{ name: out, type: file, path: ${file("windows.ndjson")} }]
`,
  );
  aggregator = new Daemon(["aggregator", "--config", file("aggregator.yaml")]);
  agent = new Daemon(["agent", "--config", file("agent.yaml")]);
});
afterEach(async () => {
  await agent.stop("SIGKILL");
  await aggregator.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

function configure(endpoint = port, more = ""): Promise<void> {
  return writeFile(
    file("agent.yaml"),
    `id: web-1
data_dir: ${file("agent")}
sources: [{ name: app, type: file, paths: ["${file("logs")}/*.log"], format: json, start_at: beginning }]
flush_interval: 50ms
poll_interval: 50ms
ship: { endpoints: ["http://127.0.0.1:${endpoint}"] }
${more}`,
  );
}

async function write(count: number): Promise<void> {
  await appendFile(file("logs/app.log"), LINE.repeat(count));
  written += count;
}

const answerSchema = z.object({ windows: z.array(z.object({ requestCount: z.number() })) });

async function counted(query = ""): Promise<number> {
  try {
    const range = "from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
    const answer = await fetch(`http://127.0.0.1:${port}/v1/windows?${range}${query}`);
    const { windows } = answerSchema.parse(await answer.json());
    return windows.reduce((sum, { requestCount }) => sum + requestCount, 0);
  } catch {
    // It does not listen yet.
    return 0;
  }
}

async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  for (let turn = 0; turn < 800; turn++) {
    if (await isTrue()) return;
    await realTimers.sleep(50);
  }
  expect.fail(`it did not come true: ${agent.stderr.slice(-2_000)}`);
}

/** Counts no more than what was written, and all of it; nor does anything come after. */
async function expectExact(): Promise<void> {
  await until(async () => (await counted()) >= written);
  await realTimers.sleep(300);
  expect(await counted()).toBe(written);
  const ledger = await runProgram(["ledger", "--config", file("agent.yaml")]);
  expect(ledger.code, ledger.stdout + ledger.stderr).toBe(0);
}

describe("an agent", () => {
  it("CFG-01: takes changed files over under load, refuses bad ones, and loses and doubles no line", async () => {
    await configure();
    aggregator.start();
    agent.start();
    await until(() => agent.stderr.includes("the agent runs"));
    let isOver = false;
    const writing = (async () => {
      while (!isOver) {
        await write(100);
        await realTimers.sleep(20);
      }
    })();
    const add = (name: string) =>
      writeFile(
        file("conf.d/more.yaml"),
        `sources: [{ name: ${name}, type: file, paths: ["${file("none")}/*.log"] }]\n`,
      );
    await add("first");
    await until(() => agent.stderr.includes("in use sources=app,first"));
    await configure(port, "flush_interval: soon\n");
    agent.signal("SIGHUP");
    await until(() => agent.stderr.includes("the configuration is refused"));
    await add("second");
    await configure();
    agent.signal("SIGHUP");
    await until(() => agent.stderr.includes("in use sources=app,second"));
    isOver = true;
    await writing;
    await expectExact();
  });

  it("CFG-02: tells a missing secret, an unknown key and an unreadable file at once, each with its place", async () => {
    await configure(port, "flash_interval: 1s\n");
    const text = await readFile(file("agent.yaml"), "utf8");
    const secret = `ship: { endpoints: ["http://127.0.0.1:${port}"], token: "file:${file("none")}" }`;
    await writeFile(file("agent.yaml"), text.replace(/^ship:.*$/m, secret));
    const { code, stderr } = await runProgram(["agent", "--config", file("agent.yaml")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/agent\.yaml:6:\d+: ship\.token: .*none cannot be read: ENOENT/);
    expect(stderr).toMatch(
      /agent\.yaml:7:1: flash_interval: unknown key .*did you mean `flush_interval`/,
    );
    await mkdir(file("conf.d/broken.yaml"));
    const unreadable = await runProgram(["validate", "--kind", "agent", file("agent.yaml")]);
    expect(unreadable.code).toBe(2);
    expect(unreadable.stderr).toContain("broken.yaml:1:1: ");
  });

  it("SYS-01: stops at once although the aggregator never answers, and keeps everything for the next start", async () => {
    const silent: Server = createServer(() => undefined);
    const silentPort = await freePort();
    await new Promise<void>((resolve) => silent.listen(silentPort, "127.0.0.1", resolve));
    try {
      await configure();
      aggregator.start();
      agent.start();
      await write(100);
      await until(async () => (await counted()) === 100);
      await agent.stop("SIGTERM");
      await configure(silentPort);
      agent.start();
      await write(400);
      await until(async () => {
        const status = await runProgram(["spool", "ls", "--config", file("agent.yaml")]);
        return status.code === 0 && agent.stderr.includes("going on");
      });
      expect(await agent.stop("SIGTERM")).toBe(0);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
    await configure();
    agent.start();
    await expectExact();
  });

  it("SYS-02: goes on where it was after it was frozen, and after it was killed for its memory", async () => {
    await configure();
    aggregator.start();
    agent.start();
    await write(300);
    await until(async () => (await counted()) > 0);
    for (const process of [agent, aggregator]) {
      process.signal("SIGSTOP");
      await write(300);
      await realTimers.sleep(1_500);
      process.signal("SIGCONT");
      await write(300);
    }
    await agent.stop("SIGKILL");
    await write(300);
    agent.start();
    await expectExact();
  });

  it("SYS-04: tails what the aggregator itself writes, and keeps its books although the chain feeds itself", async () => {
    await configure();
    aggregator.start();
    agent.start();
    await write(250);
    await expectExact();
    const chained = new Daemon(["agent", "--config", file("chained.yaml")]);
    await writeFile(
      file("chained.yaml"),
      `id: web-2
data_dir: ${file("chained")}
sources:
  - name: output
    type: file
    paths: ["${file("windows.ndjson")}"]
    format: json
    stream: output
    fields: { time: windowStart }
    start_at: beginning
flush_interval: 50ms
poll_interval: 50ms
ship: { endpoints: ["http://127.0.0.1:${port}"] }
`,
    );
    chained.start();
    try {
      // Each window of the stream \`output\` is a line again: the chain feeds itself, and no line of it may be lost or doubled.
      await until(async () => (await counted("&stream=output")) > 2);
      expect(await chained.stop("SIGTERM")).toBe(0);
      const ledger = await runProgram(["ledger", "--config", file("chained.yaml")]);
      expect(ledger.code, ledger.stdout).toBe(0);
      expect(await counted()).toBe(written);
    } finally {
      await chained.stop("SIGKILL");
    }
  });
});
