import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { EPOCH, sampleChain, sampleEnvelope } from "../unit/aggregator/receive/sample-batches.ts";
import { Daemon, freePort, runProgram } from "./program.ts";

let folder: string;
let file: string;
let port: number;
const daemons: Daemon[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-command-"));
  file = join(folder, "aggregator.yaml");
  port = await freePort();
});
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

async function configure(text: string): Promise<void> {
  await writeFile(file, text);
}

/** A configuration with a file sink; `data` is the name of the data directory. */
function settings(listenPort: number, data: string): string {
  return `listen: 127.0.0.1:${listenPort}
data_dir: ${join(folder, data)}
sinks:
  - { name: out, type: file, path: ${join(folder, "windows.ndjson")} }
`;
}

async function start(): Promise<Daemon> {
  const daemon = new Daemon(["aggregator", "--config", file]);
  daemons.push(daemon);
  daemon.start();
  while (!daemon.stderr.includes("listens on")) await realPlatform.timers.sleep(20);
  return daemon;
}

async function post(path: string, contentType: string, body: Buffer): Promise<number> {
  const url = `http://127.0.0.1:${port}${path}`;
  const headers = { "content-type": contentType };
  for (;;) {
    const call = { url, method: "POST", headers, body, timeoutMs: 10_000 };
    const { status } = await realPlatform.network.call(call);
    if (status !== 503) return status;
    await realPlatform.timers.sleep(20);
  }
}

describe("tailrace aggregator", () => {
  it("says where it listens, and on SIGTERM delivers what waits and ends with 0", async () => {
    await configure(settings(port, "data"));
    const daemon = await start();
    expect(daemon.stderr).toContain(`listens on http://127.0.0.1:${port}`);
    const content = { agent: "web-1", machine: "m", epoch: EPOCH, takeover: false, version: 1 };
    const hello = Buffer.from(JSON.stringify(content));
    expect(await post("/v1/hello", "application/json", hello)).toBe(200);
    const batches = encodeEnvelope(sampleEnvelope(sampleChain(1)));
    expect(await post("/v1/batches", "application/x-protobuf", batches)).toBe(200);
    expect(await daemon.stop("SIGTERM")).toBe(0);
    const lines = (await readFile(join(folder, "windows.ndjson"), "utf8")).split("\n");
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ service: "orders", requestCount: 3 });
  });

  it("tells every fault of its configuration and ends with 2", async () => {
    await configure("listen: nowhere\nsink: []\n");
    const { code, stderr, stdout } = await runProgram(["aggregator", "--config", file]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`${file}:1:9`);
    expect(stderr).toContain(`${file}:2:1`);
    const missing = await runProgram(["aggregator", "--config", join(folder, "none.yaml")]);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("ENOENT")]);
    expect((await runProgram(["aggregator"])).code).toBe(2);
  });

  it("ends with 1 and says why when its data directory or its address is taken", async () => {
    await configure(settings(port, "data"));
    await start();
    const twin = await runProgram(["aggregator", "--config", file]);
    expect([twin.code, twin.stderr]).toEqual([1, expect.stringContaining("Another process uses")]);
    await configure(settings(port, "elsewhere"));
    const other = await runProgram(["aggregator", "--config", file]);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining("EADDRINUSE")]);
  });
});
