import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { command, runAgent } from "../../../../agent/commands/agent.ts";
import { agentConfig } from "../../../../agent/config.ts";
import { type CommandIo, UsageError } from "../../../../shared/command.ts";
import type { Logger } from "../../../../shared/log.ts";
import type { Disk } from "../../../../shared/platform/disk.ts";
import type { Network } from "../../../../shared/platform/network.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { ScriptedReceiver } from "../scripted-receiver.ts";
import { testIo } from "./test-io.ts";

let folder: string;
let receiver: ScriptedReceiver;
let stop: AbortController;
let messages: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-agent-"));
  receiver = new ScriptedReceiver();
  stop = new AbortController();
  messages = [];
  refused = [];
  await writeFile(join(folder, "a.log"), '{"time":"2026-11-20T10:00:00Z"}\n'.repeat(3));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Paths that the disk refuses to open. */
let refused: readonly string[] = [];

function run(changes: Partial<Parameters<typeof runAgent>[0]>): Promise<number> {
  const note = (message: string) => void messages.push(message);
  const logger: Logger = { error: note, warn: note, info: note, debug() {} };
  const config = agentConfig.parse({
    id: "web-1",
    data_dir: join(folder, "data"),
    sources: [{ name: "app", type: "file", paths: [join(folder, "*.log")], format: "json" }],
    flush_interval: "20ms",
    ship: { endpoints: ["http://receiver"] },
  });
  const network: Network = {
    call: (call) => receiver.call(call),
    listen: (options, handle) => realPlatform.network.listen(options, handle),
  };
  const denied = () => Promise.reject(Object.assign(new Error("denied"), { code: "EACCES" }));
  const disk: Disk = {
    ...realDisk,
    open: (path, mode) => (refused.includes(path) ? denied() : realDisk.open(path, mode)),
    list: (path) => (refused.includes(path) ? denied() : realDisk.list(path)),
  };
  const platform = { ...realPlatform, network, disk };
  return runAgent({
    platform,
    config,
    logger,
    hostname: "host",
    machine: "m",
    processId: 1,
    timeoutMs: 60_000,
    signal: stop.signal,
    ...changes,
  });
}

describe("running an agent once", () => {
  it("exits 0 when everything is read, from the beginning, and applied", async () => {
    expect(await run({ once: true })).toBe(0);
    expect(receiver.eventCount).toBe(3);
    expect(await run({ once: true })).toBe(0);
    expect(receiver.eventCount).toBe(3);
  });

  it("exits 1 without progress, tells how much is kept, and the next run ships it", async () => {
    receiver.script = (call) => (call.url.endsWith("/v1/batches") ? "cut" : undefined);
    expect(await run({ once: true, timeoutMs: 150 })).toBe(1);
    expect(messages).toContainEqual(
      expect.stringContaining("no progress any more; what is left is kept"),
    );
    receiver.script = () => undefined;
    expect(await run({ once: true })).toBe(0);
    expect(receiver.eventCount).toBe(3);
  });

  it("exits 1 when a file that matches cannot be read, says so, and applies the others", async () => {
    const path = join(folder, "b.log");
    await writeFile(path, '{"time":"2026-11-20T10:00:00Z"}\n');
    refused = [path];
    expect(await run({ once: true })).toBe(1);
    expect(messages).toEqual(
      expect.arrayContaining([
        "cannot read file; will try again",
        expect.stringContaining("files match that could not be read"),
      ]),
    );
    expect(receiver.eventCount).toBe(3);
    refused = [];
    expect(await run({ once: true })).toBe(0);
    expect(receiver.eventCount).toBe(4);
  });

  it("exits 1 when the folder of its files cannot be looked into", async () => {
    await rm(join(folder, "a.log"));
    expect(await run({ once: true })).toBe(0);
    refused = [folder];
    expect(await run({ once: true })).toBe(1);
    expect(messages).toContain("cannot read file; will try again");
  });

  it("exits 1 when it is stopped before the end", async () => {
    receiver.script = () => "cut";
    setTimeout(() => stop.abort(), 50);
    expect(await run({ once: true })).toBe(1);
    expect(messages).toContainEqual(
      expect.stringContaining("stopped before everything was applied"),
    );
  });
});

describe("running an agent for good", () => {
  it("ends with 0 when it is asked to, with everything sealed", async () => {
    const running = run({});
    setTimeout(() => stop.abort(), 100);
    expect(await running).toBe(0);
    expect(await run({ signal: AbortSignal.abort() })).toBe(0);
  });
});

describe("the command", () => {
  const io = (): CommandIo =>
    testIo({ stderr: (text) => void messages.push(text), signal: stop.signal });
  const options = (changes: Readonly<Record<string, unknown>>) => ({
    config: join(folder, "agent.yaml"),
    timeout: "60s",
    logLevel: "info",
    ...changes,
  });

  it("prints every fault of the configuration and exits 2", async () => {
    await writeFile(join(folder, "agent.yaml"), "sources: []\nshop: {}\n");
    expect(await command.run([], options({}), io())).toBe(2);
    expect(messages.join("")).toMatch(
      /agent\.yaml:1:1: data_dir: missing[^]*2:1: shop: unknown key `shop`[^]*faults/,
    );
  });

  it("refuses options that make no sense", async () => {
    await expect(command.run([], options({ timeout: "soon" }), io())).rejects.toThrow(UsageError);
    await expect(command.run([], options({ logLevel: "loud" }), io())).rejects.toThrow(
      /debug, info, warn, error/,
    );
    expect(await command.run([], options({ config: join(folder, "none.yaml") }), io())).toBe(2);
    expect(messages.join("")).toMatch(/none\.yaml:1:1: cannot be read: ENOENT/);
  });
});
