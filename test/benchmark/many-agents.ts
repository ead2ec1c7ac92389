/**
 * Many agents on one aggregator: each with a connection of its own and a batch every five seconds, through the real protocol, against an aggregator
 * in a process of its own. Prints its memory, and how long a batch waited until it was applied.
 * Run: `npx node test/benchmark/many-agents.ts [AGENTS, default 10000] [SECONDS, default 60]`
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Aggregate, LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import {
  type Delta,
  DIGEST_NONE,
  ENVELOPE_VERSION,
  STREAM_DEFAULT,
} from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import { freePort } from "../end-to-end/program.ts";
import { percentile, RunningProgram } from "./running-program.ts";

const agentCount = Number(process.argv[2] ?? "10000");
const seconds = Number(process.argv[3] ?? "60");
const INTERVAL_MS = 5_000;
/** Of the fleet; each agent counts a few of them. */
const SERVICES = 200;
const SERVICES_OF_AGENT = 5;
const EVENTS_OF_SERVICE = 20;
/** Connections that are made at once. */
const CONNECTING = 100;
const RETRY_MS = 250;

/** What all agents saw. */
const seen = { latenciesMs: [] as number[], refused: 0, open: 0 };

/** One request after the other over one connection. */
class Connection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #answer: PromiseWithResolvers<{ status: number; body: string }> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#answer?.reject(error));
    socket.on("close", () => {
      seen.open--;
      this.#answer?.reject(new Error("the connection was closed"));
    });
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    seen.open++;
    return new Connection(socket);
  }

  post(path: string, type: string, body: Buffer): Promise<{ status: number; body: string }> {
    this.#answer = Promise.withResolvers();
    const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`;
    this.#socket.write(Buffer.concat([Buffer.from(head), body]));
    return this.#answer.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#received.subarray(0, end).toString("latin1");
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? "0");
    if (this.#received.length < end + 4 + length) return;
    const body = this.#received.subarray(end + 4, end + 4 + length).toString();
    this.#received = this.#received.subarray(end + 4 + length);
    this.#answer?.resolve({ status: Number(head.split(" ")[1]), body });
  }
}

/** What the services of an agent did in five seconds. */
function deltas(number: number): Delta[] {
  const minute = Math.floor(Date.now() / 60_000);
  return Array.from({ length: SERVICES_OF_AGENT }, (_, index) => {
    const aggregate = new Aggregate();
    for (let event = 0; event < EVENTS_OF_SERVICE; event++) {
      const level = event === 0 ? LEVEL_INDEX.ERROR : LEVEL_INDEX.INFO;
      aggregate.add(level, 1_000 * (event + 1) + number);
    }
    const service = `service-${(number * 7 + index * 31) % SERVICES}`;
    return { stream: STREAM_DEFAULT, service, minute, aggregate };
  });
}

/** Says hello; tried again until it is answered. */
async function hello(connection: Connection, agent: string, epoch: string): Promise<void> {
  const said = { agent, machine: agent, epoch, takeover: false, version: ENVELOPE_VERSION };
  const body = Buffer.from(JSON.stringify(said));
  for (;;) {
    const { status } = await connection.post("/v1/hello", "application/json", body);
    if (status === 200) return;
    await sleep(RETRY_MS);
  }
}

/** One agent until the end; its batches are due at its own moments. */
async function runAgent(number: number, connection: Connection, endMs: number): Promise<number> {
  const agent = `bench-${number}`;
  const epoch = randomBytes(16).toString("hex");
  await hello(connection, agent, epoch);
  let previousDigest = DIGEST_NONE;
  let sequence = 0;
  await sleep(Math.random() * INTERVAL_MS);
  for (let dueMs = performance.now(); dueMs < endMs; dueMs += INTERVAL_MS) {
    await sleep(Math.max(0, dueMs - performance.now()));
    sequence++;
    const nowMs = Date.now();
    const lines = sequence * SERVICES_OF_AGENT * EVENTS_OF_SERVICE;
    const record = sealRecord({
      ...{ agent, epoch, sequence, previousDigest, sealedAtMs: nowMs, deltas: deltas(number) },
      sources: [{ source: "app", state: "live", eventTimeMaxMs: nowMs }],
      ledger: [{ source: "app", kind: "aggregated", reason: "", lines, bytes: 100 * lines }],
      ...{ checkpoints: [], tombstone: undefined, events: [], holes: [], selectorRevision: "" },
    });
    previousDigest = record.digest;
    const names = { agent, epoch, logId: "", machine: agent, selectorRevision: "" };
    const body = encodeEnvelope({ version: ENVELOPE_VERSION, ...names, records: [record] });
    const startMs = performance.now();
    while (!(await isApplied(connection, body))) await sleep(RETRY_MS);
    seen.latenciesMs.push(performance.now() - startMs);
  }
  return sequence;
}

async function isApplied(connection: Connection, body: Buffer): Promise<boolean> {
  const answer = await connection.post("/v1/batches", "application/x-protobuf", body);
  if (answer.status === 200) return true;
  if (![202, 429, 503].includes(answer.status)) throw new Error(answer.body);
  seen.refused++;
  return false;
}

async function openAll(port: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < agentCount) {
    const count = Math.min(CONNECTING, agentCount - connections.length);
    const opened = Array.from({ length: count }, () => Connection.open(port));
    connections.push(...(await Promise.all(opened)));
  }
  return connections;
}

async function measure(folder: string): Promise<void> {
  const port = await freePort();
  const config = join(folder, "aggregator.yaml");
  const connections = Math.max(agentCount + 1_000, 1_024);
  // All agents of this run have one address.
  const limits = { connections, address_connections: connections, address_requests: 1_000_000 };
  const settings = { listen: `127.0.0.1:${port}`, data_dir: join(folder, "data"), limits };
  await writeFile(config, JSON.stringify(settings));
  const aggregator = RunningProgram.start([
    "aggregator",
    "--config",
    config,
    "--log-level",
    "warn",
  ]);
  try {
    await aggregator.answersAt(`http://127.0.0.1:${port}/healthz`);
    const opened = await openAll(port);
    const idle = await aggregator.memory();
    const [cpuBefore, startMs] = [await aggregator.cpuSeconds(), performance.now()];
    const ownBefore = process.cpuUsage();
    const endMs = startMs + 1_000 * seconds;
    const sent = Promise.all(opened.map((each, number) => runAgent(number, each, endMs)));
    // Batches of the first interval stand beside the hellos of all.
    const settled = sleep(2 * INTERVAL_MS).then(() => seen.latenciesMs.splice(0));
    const batchCount = (await sent).reduce((sum, count) => sum + count, 0);
    const first = await settled;
    const wallSeconds = (performance.now() - startMs) / 1_000;
    const { peak } = await aggregator.memory();
    const cpu = (await aggregator.cpuSeconds()) - cpuBefore;
    const own = process.cpuUsage(ownBefore);
    const share = (cpuSeconds: number) => `${((100 * cpuSeconds) / wallSeconds).toFixed(0)} %`;
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    const at = (values: readonly number[], percent: number) =>
      `${percentile(values, percent).toFixed(0)} ms`;
    const text = [
      `agents: ${agentCount} with ${seen.open} connections, a batch of ${SERVICES_OF_AGENT} partials each every ${INTERVAL_MS / 1_000} s`,
      `  ${batchCount} batches in ${wallSeconds.toFixed(0)} s, ${seen.refused} of them refused for a moment`,
      `  applied after: p50 ${at(seen.latenciesMs, 50)}, p99 ${at(seen.latenciesMs, 99)}, longest ${at(seen.latenciesMs, 100)}` +
        `; while all said hello p99 ${at(first, 99)}`,
      `  memory: ${mib(idle.rss)} with idle connections, ${mib(peak)} at its peak; ${share(cpu)} of a core; the agents ${share((own.user + own.system) / 1e6)}`,
    ];
    process.stdout.write(`${text.join("\n")}\n`);
    for (const connection of opened) connection.close();
  } finally {
    await aggregator.stop();
  }
}

const folder = await mkdtemp(join(tmpdir(), "many-agents-"));
try {
  await measure(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
