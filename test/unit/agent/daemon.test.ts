import { appendFile, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StatusAnswer, statusSchema } from "../../../agent/admin/status.ts";
import { command as statusCommand } from "../../../agent/commands/status.ts";
import { command as tap } from "../../../agent/commands/tap.ts";
import { command as top } from "../../../agent/commands/top.ts";
import { type AgentConfig, agentConfig } from "../../../agent/config.ts";
import { type DaemonOptions, runDaemon } from "../../../agent/daemon.ts";
import { TailraceError } from "../../../shared/errors.ts";
import type { Disk } from "../../../shared/platform/disk.ts";
import type { Network } from "../../../shared/platform/network.ts";
import { realPlatform } from "../../../shared/platform/real-platform.ts";
import type { ServiceManager } from "../../../shared/platform/service-manager.ts";
import { testIo } from "./commands/test-io.ts";
import { ScriptedReceiver } from "./scripted-receiver.ts";

let folder: string;
let data: string;
let receiver: ScriptedReceiver;
let stop: AbortController;
let messages: string[];
let told: string[];
let running: Promise<void>;
/** What the configuration file says now; undefined: it has faults. */
let wanted: AgentConfig | undefined;
let reload: () => void;
let signature: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-daemon-"));
  data = join(folder, "data");
  receiver = new ScriptedReceiver();
  stop = new AbortController();
  messages = [];
  told = [];
  running = Promise.resolve();
  reload = () => undefined;
  signature = "";
});
afterEach(async () => {
  stop.abort();
  await running;
  await rm(folder, { recursive: true, force: true });
});

function configOf(changes: Readonly<Record<string, unknown>> = {}): AgentConfig {
  return agentConfig.parse({
    id: "web-1",
    data_dir: data,
    sources: [sourceOf("app")],
    flush_interval: "20ms",
    poll_interval: "20ms",
    ship: { endpoints: ["http://receiver"] },
    ...changes,
  });
}

const sourceOf = (name: string, changes: Readonly<Record<string, unknown>> = {}) => ({
  ...{ name, type: "file", format: "json", start_at: "beginning" },
  paths: [join(folder, `${name}*.log`)],
  ...changes,
});

const managerFailure = new TailraceError("SERVICE_MANAGER_FAILED", "nobody to tell");
const manager: ServiceManager = {
  watchdogMs: 200,
  notify: async (state, text = "") => void told.push(`${state} ${text}`.trimEnd()),
};

function begin(changes: Partial<DaemonOptions> = {}): void {
  const note = (message: string) => void messages.push(message);
  wanted = configOf();
  const network: Network = {
    call: (call) => receiver.call(call),
    listen: (options, handle) => realPlatform.network.listen(options, handle),
  };
  running = runDaemon({
    platform: { ...realPlatform, network },
    config: wanted,
    logger: { error: note, warn: note, info: note, debug() {} },
    machine: "m",
    processId: 42,
    signal: stop.signal,
    serviceManager: manager,
    reloading: {
      signature: async () => signature,
      load: async () => wanted,
      onAsked: (listener) => {
        reload = listener;
      },
    },
    ...changes,
  });
}

const line = (service: string) =>
  `${JSON.stringify({ time: "2026-11-20T10:00:00Z", service, level: "INFO" })}\n`;
const write = (file: string, count: number) =>
  appendFile(join(folder, file), line(file).repeat(count));

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let step = 0; step < 3000; step++) {
    if (condition()) return;
    await realPlatform.timers.sleep(5);
  }
  throw new Error(`it never came to this: ${what}; ${JSON.stringify({ messages, told })}`);
}
const untilCounted = (count: number) =>
  until(`${count} events, not ${receiver.eventCount}`, () => receiver.eventCount === count);
const isSaid = (text: string) => () => messages.some((message) => message.includes(text));

async function status(): Promise<StatusAnswer> {
  const io = testIo();
  await statusCommand.run([], { dataDir: data, output: "json" }, io);
  return statusSchema.parse(JSON.parse(io.output()));
}

describe("a daemon and who started it", () => {
  it("tells that it is ready and how things stand, feeds the watchdog, and tells when it stops", async () => {
    receiver.script = () => "cut";
    begin();
    await until("a start without an aggregator", () => told.length > 0);
    expect(told[0]).toBe("ready waits for an aggregator");
    expect((await status()).isReady).toBe(false);
    await until("the watchdog fed", () => told.includes("watchdog"));
    receiver.script = () => undefined;
    await until("ready", () => told.includes("ready reads 1 sources"));
    await until("the watchdog fed twice", () => told.filter((t) => t === "watchdog").length > 1);
    stop.abort();
    await running;
    expect(told.at(-1)).toBe("stopping sealing what was counted");
  });

  it("SYS-03 feeds no watchdog while reading hangs, though everything else goes on", async () => {
    let isHanging = false;
    const released = Promise.withResolvers<void>();
    const disk: Disk = {
      ...realPlatform.disk,
      glob: async (pattern) => {
        if (isHanging) await released.promise;
        return realPlatform.disk.glob(pattern);
      },
    };
    const network: Network = {
      call: (call) => receiver.call(call),
      listen: (options, handle) => realPlatform.network.listen(options, handle),
    };
    let tickCount = 0;
    const reloading = {
      signature: async () => String(Math.min(0, ++tickCount)),
      load: async () => wanted,
      onAsked: () => undefined,
    };
    begin({ platform: { ...realPlatform, network, disk }, reloading });
    const feedCount = () => told.filter((state) => state === "watchdog").length;
    await until("the watchdog fed", () => feedCount() > 0);
    isHanging = true;
    // What was under way may still be told once.
    const hungAt = tickCount;
    await until("a tick that saw the last turn", () => tickCount >= hungAt + 2);
    const fed = feedCount();
    await until("more ticks", () => tickCount >= hungAt + 5);
    expect(feedCount()).toBe(fed);
    released.resolve();
    isHanging = false;
    await until("the watchdog fed again", () => feedCount() > fed);
  });

  it("goes on when it cannot tell anybody, and says so once", async () => {
    const failing = { watchdogMs: 100, notify: () => Promise.reject(managerFailure) };
    begin({ serviceManager: failing });
    await write("app.log", 3);
    await untilCounted(3);
    await until("a warning", isSaid("nobody to tell"));
  });
});

describe("the door of a daemon", () => {
  it("is open to its user alone and shows how the agent stands", async () => {
    begin();
    await write("app.log", 5);
    await untilCounted(5);
    const { mode } = await stat(join(data, "admin.sock"));
    expect((mode & 0o777).toString(8)).toBe("600");
    const found = await status();
    expect(found).toMatchObject({
      agent: "web-1",
      process: 42,
      isReady: true,
      mode: "sending",
      endpoints: ["http://receiver"],
      sources: [{ name: "app", backlogBytes: 0 }],
      files: [{ source: "app", path: join(folder, "app.log"), offset: found.readBytes }],
    });
    const aggregated = found.ledger.find((entry) => entry.kind === "aggregated");
    expect(aggregated?.lines).toBe(5);
  });

  it("tells metrics and readiness, at an address of its own, too, which may change while the agent runs", async () => {
    const ports: number[] = [];
    const network: Network = {
      call: (call) => receiver.call(call),
      listen: async (options, handle) => {
        const listener = await realPlatform.network.listen(options, handle);
        if (options.socketPath === undefined) ports.push(listener.port);
        return listener;
      },
    };
    begin({ platform: { ...realPlatform, network } });
    await write("app.log", 5);
    await untilCounted(5);
    const socketPath = join(data, "admin.sock");
    const asked = { url: "http://localhost/metrics", method: "GET", timeoutMs: 5_000, socketPath };
    const { body } = await realPlatform.network.call(asked);
    const counted = 'tailrace_agent_lines_total{source="app",kind="aggregated",reason=""} 5';
    expect(body.toString()).toContain(counted);
    expect(ports).toEqual([]);
    wanted = configOf({ telemetry: { listen: "127.0.0.1:0" } });
    reload();
    await until("an address", () => messages.includes("metrics are served"));
    await until("a reload", isSaid("the new configuration is in use"));
    expect(isSaid("started anew")()).toBe(false);
    const address = `http://127.0.0.1:${ports[0]}`;
    expect(await (await fetch(`${address}/metrics`)).text()).toContain(counted);
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
    expect((await fetch(`${address}/v1/status`)).status).toBe(404);
    wanted = configOf();
    reload();
    const isGone = () =>
      fetch(address).then(
        () => false,
        () => true,
      );
    await expect.poll(isGone, { timeout: 10_000 }).toBe(true);
  });

  it("opens over the socket that a killed process left", async () => {
    begin();
    await until("a run", isSaid("the agent runs"));
    stop.abort();
    await running;
    await writeFile(join(data, "admin.sock"), "");
    stop = new AbortController();
    begin();
    await until("ready", () => told.includes("ready reads 1 sources"));
    expect((await status()).isReady).toBe(true);
  });

  it("shows one frame to top, and the table names every source", async () => {
    begin();
    await write("app.log", 5);
    await untilCounted(5);
    const io = testIo();
    const exitCode = await top.run([], { dataDir: data, once: true, interval: "1s" }, io);
    expect(exitCode).toBe(0);
    expect(io.output()).toMatch(/^agent web-1, process 42, up \d+ s: ready, sending\n/);
    expect(io.output()).toMatch(/\napp +1 +1 +0 B +5 +5 +0 +0 +0\n/);
  });

  it("lets a tap see events and windows as they come", async () => {
    begin();
    await write("app.log", 1);
    await untilCounted(1);
    const events = testIo();
    const windows = testIo();
    const taps = ["events", "windows"].map((stage, index) =>
      tap.run([], { dataDir: data, stage, for: "1s" }, index === 0 ? events : windows),
    );
    // The first look says where a tap begins.
    await realPlatform.timers.sleep(200);
    await write("app.log", 2);
    expect(await Promise.all(taps)).toEqual([0, 0]);
    const seen = events.output().trimEnd().split("\n");
    expect(seen.map((text) => JSON.parse(text).event.service)).toEqual(["app.log", "app.log"]);
    const sum = windows
      .output()
      .trimEnd()
      .split("\n")
      .reduce((total, text) => total + JSON.parse(text).requestCount, 0);
    expect(sum).toBe(2);
  });

  it("says what to do when nobody is behind it", async () => {
    await rm(data, { recursive: true, force: true });
    begin();
    await until("a run", isSaid("the agent runs"));
    stop.abort();
    await running;
    await expect(status()).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
  });
});

describe("a reload (CFG-01)", () => {
  it("under load loses no line and doubles none, and reads unchanged sources on as they are", async () => {
    begin();
    await write("app.log", 50);
    await write("other.log", 7);
    await untilCounted(50);
    let count = 57;
    for (let round = 0; round < 6; round++) {
      const extra = round % 2 === 0 ? [sourceOf("other")] : [];
      const before = messages.filter((text) => text.includes("is in use")).length;
      wanted = configOf({ sources: [sourceOf("app"), ...extra] });
      reload();
      for (let step = 0; step < 10; step++) await write("app.log", 3);
      count += 30;
      await until(
        "a reload",
        () => messages.filter((text) => text.includes("is in use")).length > before,
      );
      await untilCounted(count);
    }
    expect(receiver.hellos.length).toBe(1);
    expect(told.filter((text) => text.startsWith("reloading")).length).toBe(6);
    const ended = receiver.batches
      .flatMap((batch) => batch.sources)
      .filter((s) => s.state === "ended");
    expect(ended.map(({ source }) => source)).toEqual(["other", "other", "other"]);
  });

  it("comes by itself when the file has changed, once", async () => {
    begin();
    await until("ready", () => told.includes("ready reads 1 sources"));
    wanted = configOf({ sources: [sourceOf("app"), sourceOf("other")] });
    signature = "changed";
    await until("a reload", isSaid("is in use"));
    await write("other.log", 2);
    await untilCounted(2);
    expect(told.filter((text) => text.startsWith("reloading")).length).toBe(1);
  });

  it("comes when the file has changed while the agent started", async () => {
    const hasStarted = isSaid("the agent runs");
    begin({
      reloading: {
        signature: async () => (hasStarted() ? "changed" : ""),
        load: async () => wanted,
        onAsked: () => undefined,
      },
    });
    wanted = configOf({ sources: [sourceOf("app"), sourceOf("other")] });
    await until("a reload", isSaid("is in use"));
  });

  it("refuses a bad file and goes on with the one before", async () => {
    begin();
    await write("app.log", 1);
    await untilCounted(1);
    wanted = undefined;
    reload();
    await until("a refusal", isSaid("the configuration is refused"));
    await write("app.log", 2);
    await untilCounted(3);
    expect((await status()).lastProblem?.message).toContain("is refused");
  });

  it("takes another parser over at the place where the one before stopped", async () => {
    begin();
    await write("app.log", 4);
    await untilCounted(4);
    wanted = configOf({ sources: [sourceOf("app", { format: "logfmt" })] });
    reload();
    await until("a reload", isSaid("is in use"));
    await appendFile(join(folder, "app.log"), "time=2026-11-20T10:00:00Z service=x\n");
    await untilCounted(5);
    expect(receiver.ledgerLines("rejected", "unparsed")).toBe(0);
  });

  it("starts anew within the process for everything else, without losing a line", async () => {
    begin();
    await write("app.log", 4);
    await untilCounted(4);
    wanted = configOf({ ship: { endpoints: ["http://receiver", "http://other"] } });
    reload();
    await write("app.log", 4);
    await until("a new start", isSaid("started anew"));
    await write("app.log", 4);
    await untilCounted(12);
    expect((await status()).endpoints).toEqual(["http://receiver", "http://other"]);
  });

  it.each([{ id: "web-2" }, { data_dir: "/elsewhere" }])(
    "says that %j needs a restart and changes nothing",
    async (change) => {
      begin();
      wanted = configOf({ ...change, sources: [sourceOf("other")] });
      reload();
      await until("a refusal", isSaid("cannot change while the agent runs"));
      await write("app.log", 2);
      await untilCounted(2);
    },
  );

  it("with nothing changed changes nothing", async () => {
    begin();
    wanted = configOf();
    reload();
    await until("a word", isSaid("the configuration is as it was"));
    expect(told.filter((text) => text.startsWith("reloading"))).toEqual([]);
  });
});
