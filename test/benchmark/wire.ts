/**
 * What an agent sends: bytes from the agent to the aggregator, heads of HTTP included, for each service and minute at 1,000 lines a second with
 * `flush_interval: 10s`, and for a million lines of a backlog. A relay between the two counts them.
 * `node test/benchmark/wire.ts [MINUTES]`
 */
import { createWriteStream } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { logChunks } from "./log-lines.ts";
import { RunningProgram } from "./running-program.ts";

const minutes = Number(process.argv[2] ?? 2);
const SERVICE_COUNT = 10;
const LINES_PER_SECOND = 1_000;
const FLUSH_MS = 10_000;
const BYTES_TARGET = 4_096;
const BACKLOG_BYTES = 240_000_000;
const BACKLOG_LINE_BYTES = 238.8;

/** Carries connections on to a port and counts what clients send. */
class CountingRelay {
  bytes = 0;
  readonly #server: Server;

  constructor(target: number) {
    this.#server = createServer((client) => {
      const onward = connect(target, "127.0.0.1");
      client.on("data", (chunk) => {
        this.bytes += chunk.length;
      });
      // One of the two ends first: then so does the other.
      const end = () => {
        client.destroy();
        onward.destroy();
      };
      client.pipe(onward).pipe(client);
      for (const socket of [client, onward]) socket.on("error", end).on("close", end);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("no address");
    return address.port;
  }

  close(): void {
    this.#server.close();
  }
}

async function freePort(): Promise<number> {
  const relay = new CountingRelay(0);
  const port = await relay.listen();
  relay.close();
  return port;
}

function agentYaml(folder: string, id: string, port: number): string {
  return (
    `id: ${id}\ndata_dir: ${join(folder, id)}\nflush_interval: ${FLUSH_MS}ms\n` +
    `sources: [{ name: app, type: file, paths: ["${join(folder, `${id}.log`)}"], format: json, start_at: beginning }]\n` +
    `ship: { endpoints: ["http://127.0.0.1:${port}"] }\n`
  );
}

/** Lines of services in turn, with durations as a service has them: most short, some long. */
async function writeLines(path: string, untilMs: number): Promise<number> {
  const startedMs = performance.now();
  let written = 0;
  while (performance.now() < untilMs) {
    let text = "";
    const due = ((performance.now() - startedMs) * LINES_PER_SECOND) / 1000;
    for (; written < due; written++) {
      const timestamp = new Date().toISOString();
      const duration =
        Math.round(1000 * Math.exp(4 + 1.2 * (Math.random() + Math.random() - 1))) / 1000;
      const level = Math.random() < 0.02 ? "ERROR" : "INFO";
      const service = `service-${written % SERVICE_COUNT}`;
      text += `${JSON.stringify({ timestamp, level, service, message: "GET /orders", duration })}\n`;
    }
    await appendFile(path, text);
    await sleep(50);
  }
  return written;
}

async function measureFlow(folder: string, relay: CountingRelay, port: number): Promise<string> {
  await writeFile(join(folder, "flow.yaml"), agentYaml(folder, "flow", port));
  await writeFile(join(folder, "flow.log"), "");
  const agent = RunningProgram.start(["agent", "--config", join(folder, "flow.yaml")]);
  await sleep(3_000);
  const before = relay.bytes;
  const written = await writeLines(join(folder, "flow.log"), performance.now() + minutes * 60_000);
  // Until the last batch is sent and applied.
  await sleep(2 * FLUSH_MS);
  const sentBytes = relay.bytes - before;
  await agent.stop();
  const serviceMinutes = (written / LINES_PER_SECOND / 60) * SERVICE_COUNT;
  const each = sentBytes / serviceMinutes;
  return `on the wire at 1,000 lines/s, flush_interval 10s: ${each.toFixed(0)} bytes a service and minute (target ${BYTES_TARGET})\n`;
}

async function measureBacklog(folder: string, relay: CountingRelay, port: number): Promise<string> {
  await writeFile(join(folder, "backlog.yaml"), agentYaml(folder, "backlog", port));
  await pipeline(logChunks(BACKLOG_BYTES, 1), createWriteStream(join(folder, "backlog.log")));
  const before = relay.bytes;
  const words = ["agent", "--config", join(folder, "backlog.yaml"), "--once"];
  const code = await RunningProgram.start(words).ended();
  if (code !== 0) throw new Error(`the agent ended with ${code}`);
  const millions = BACKLOG_BYTES / BACKLOG_LINE_BYTES / 1e6;
  const each = (relay.bytes - before) / millions / 1024;
  return `on the wire for a backlog of two hours and 40 services: ${each.toFixed(0)} KiB a million lines, ${((relay.bytes - before) / 40 / 120).toFixed(0)} bytes a service and minute\n`;
}

async function run(folder: string): Promise<void> {
  const port = await freePort();
  const config = join(folder, "aggregator.yaml");
  await writeFile(config, `listen: 127.0.0.1:${port}\ndata_dir: ${join(folder, "aggregator")}\n`);
  const aggregator = RunningProgram.start([
    "aggregator",
    "--config",
    config,
    "--log-level",
    "error",
  ]);
  const relay = new CountingRelay(port);
  try {
    await aggregator.answersAt(`http://127.0.0.1:${port}/healthz`);
    const door = await relay.listen();
    process.stdout.write(await measureFlow(folder, relay, door));
    process.stdout.write(await measureBacklog(folder, relay, door));
  } finally {
    relay.close();
    await aggregator.stop();
  }
}

const folder = await mkdtemp(join(tmpdir(), "tailrace-wire-"));
try {
  await run(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
