/**
 * Sends a running aggregator what nobody should: `npm run fuzz:api -- [--seconds 3600] [--seed 1] [--clients 8]`. Every operation of its API
 * gets mutated bodies, queries, headers and frames over sockets of its own, while a good client posts an event now and then. Ends with 1 when
 * a request is answered 5xx (but for 503), when one is not answered, when the process ends or complains, when its memory grows, or when an
 * event of the good client is not counted exactly once. What went wrong is printed, the request as base64.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { Prng } from "../../shared/platform/simulated/prng.ts";
import { freePort } from "../end-to-end/program.ts";
import { apiTargets } from "./api-corpus.ts";
import { type FuzzRequest, makeRequest } from "./api-requests.ts";

const ANSWER_MS_MAX = 20_000;
const GOOD_EVERY_MS = 500;
const GROWTH_BYTES_MAX = 256 * 1024 * 1024;
const FAULTS_SHOWN = 20;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3600" },
    seed: { type: "string", default: "1" },
    clients: { type: "string", default: "8" },
  },
});

const folder = await mkdtemp(join(tmpdir(), "tailrace-api-fuzz-"));
const port = await freePort();
const root = join(import.meta.dirname, "../..");
await writeFile(
  join(folder, "aggregator.yaml"),
  `listen: 127.0.0.1:${port}
data_dir: ${folder}/data
rules: ["${root}/config/rules"]
lines: { retention: 1d, max_bytes: 64MiB }
archive: { dir: ${folder}/archive, max_bytes: 64MiB, interval: 1m }
limits: { address_requests: 1000000, request_timeout: 2s }
sinks: [{ name: out, type: file, path: ${folder}/windows.ndjson, alerts_path: ${folder}/alerts.ndjson }]
`,
);
const words = [join(root, "main.ts"), "aggregator", "--config", join(folder, "aggregator.yaml")];
const child = spawn(process.execPath, words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
const complaints = new Map<string, number>();
child.stderr.setEncoding("utf8").on("data", (text: string) => {
  for (const line of text.split("\n")) if (isComplaint(line)) add(complaints, line.slice(25, 400));
});
const exited = once(child, "exit");
let isRunning = true;
void exited.then(() => {
  isRunning = false;
});

const faults: string[] = [];
const tally = new Map<string, Map<string, number>>();
const residentBytes: number[] = [];
const witness = { sent: 0, refused: 0 };
const base = `http://127.0.0.1:${port}`;

/** Errors, and what is no line of the log at all, such as a stack trace. */
function isComplaint(line: string): boolean {
  if (line === "" || line.startsWith("tailrace aggregator listens")) return false;
  return !/^\S+Z (debug|info|warn) /.test(line);
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function note(fault: string): void {
  faults.push(fault);
  if (faults.length <= FAULTS_SHOWN) console.log(`FAULT ${fault}`);
}

/** The status of the answer; `closed` without one, `hung` when none came in time. */
function send({ bytes, isCut }: FuzzRequest): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => {
      if (isCut) socket.end(bytes);
      else socket.write(bytes);
    });
    const timer = setTimeout(() => {
      socket.destroy();
      resolve("hung");
    }, ANSWER_MS_MAX);
    // Interim answers come first.
    const status = () => /^HTTP\/1\.1 ([2-5]\d\d) /m.exec(answer)?.[1];
    socket.on("data", (chunk) => {
      if (answer.length < 4_000) answer += chunk.toString("latin1");
      // Its harmed headers may have asked to keep the connection open.
      if (status() !== undefined) socket.setTimeout(200, () => socket.destroy());
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(status() ?? "closed");
    });
  });
}

async function client(prng: Prng, endMs: number): Promise<void> {
  const targets = apiTargets(join(folder, "backups"));
  while (Date.now() < endMs && isRunning) {
    const request = makeRequest(prng, targets);
    if (namesForeignFolder(request)) continue;
    const status = await send(request);
    const counts = tally.get(request.target) ?? new Map<string, number>();
    tally.set(request.target, counts);
    add(counts, status);
    const isWrong = status === "hung" || (status.startsWith("5") && status !== "503");
    if (!isWrong) continue;
    const shown = request.bytes.subarray(0, 3_000).toString("base64");
    note(`${request.target} answered ${status}: ${shown}`);
  }
}

/** A backup is made in any folder that is named: only what stays in our own is sent. */
function namesForeignFolder({ target, bytes }: FuzzRequest): boolean {
  if (!target.endsWith("/v1/backup")) return false;
  const text = bytes.toString("latin1");
  const absolute = /"\s*directory"?[^"]*"([^"]*)/.exec(text)?.[1] ?? "/";
  return !absolute.startsWith(folder) || absolute.includes("..") || text.includes("\\");
}

/** Posts one event after the other, each with its own key, and sees how much memory is taken. */
async function goodClient(endMs: number): Promise<void> {
  while (Date.now() < endMs && isRunning) {
    const time = new Date().toISOString();
    const body = `${JSON.stringify({ timestamp: time, service: "witness", level: "INFO" })}\n`;
    try {
      const answer = await fetch(`${base}/v1/events?stream=witness`, {
        ...{ method: "POST", body, signal: AbortSignal.timeout(ANSWER_MS_MAX) },
        headers: { "content-type": "application/x-ndjson", "idempotency-key": `w${witness.sent}` },
      });
      if (answer.status === 200) witness.sent++;
      else witness.refused++;
    } catch (error) {
      note(`the good client got no answer: ${String(error)}`);
    }
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    residentBytes.push(1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    await sleep(GOOD_EVERY_MS);
  }
}

const windows = z.object({
  windows: z.array(z.object({ requestCount: z.number() })),
  next: z.string().nullish(),
});

async function witnessed(): Promise<number> {
  let count = 0;
  let next = "";
  do {
    const answer = await fetch(
      `${base}/v1/windows?stream=witness&service=witness&limit=1000${next}`,
    );
    const page = windows.parse(await answer.json());
    count += page.windows.reduce((sum, { requestCount }) => sum + requestCount, 0);
    next = page.next ? `&next=${encodeURIComponent(page.next)}` : "";
  } while (next !== "");
  return count;
}

function report(): void {
  let sent = 0;
  const whole = new Map<string, number>();
  for (const [target, counts] of [...tally].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const each = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [status, count] of each) {
      sent += count;
      whole.set(status, (whole.get(status) ?? 0) + count);
    }
    console.log(`${target}: ${each.map(([status, count]) => `${status} ${count}`).join(", ")}`);
  }
  const all = [...whole].toSorted(([a], [b]) => (a < b ? -1 : 1));
  console.log(`${sent} requests: ${all.map(([status, count]) => `${status} ${count}`).join(", ")}`);
  console.log(`the good client: ${witness.sent} events taken, ${witness.refused} refused`);
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  console.log(
    `memory: ${[0, 0.25, 0.5, 0.75, 1].map((share) => mib(residentAt(share))).join(", ")}`,
  );
  for (const [text, count] of complaints) console.log(`logged as an error ${count} times: ${text}`);
}

/** The median of what was seen near a share of the run. */
function residentAt(share: number): number {
  const at = Math.floor(share * residentBytes.length);
  const width = Math.ceil(residentBytes.length / 8);
  const near = residentBytes.slice(Math.max(0, at - width), at + width).toSorted((a, b) => a - b);
  return near[Math.floor(near.length / 2)] ?? 0;
}

for (let turn = 0; turn < 200 && isRunning; turn++) {
  const isReady = await fetch(`${base}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  );
  if (isReady) break;
  await sleep(100);
}
const endMs = Date.now() + 1_000 * Number(values.seconds);
const clients = Array.from({ length: Number(values.clients) }, (_none, index) =>
  client(new Prng(Number(values.seed) * 1_000 + index), endMs),
);
await Promise.all([...clients, goodClient(endMs)]);
if (isRunning) {
  const counted = await witnessed();
  if (counted !== witness.sent) note(`${witness.sent} good events were taken, ${counted} counted`);
  const growth = residentAt(1) - residentAt(0.25);
  if (growth > GROWTH_BYTES_MAX) note(`memory grew by ${growth} bytes after a quarter of the time`);
  child.kill("SIGTERM");
  const [code] = await exited;
  if (code !== 0) note(`the aggregator ended with ${code} when it was told to`);
} else {
  note("the aggregator ended by itself");
}
report();
for (const [text] of complaints) note(`it logged an error: ${text}`);
await rm(folder, { recursive: true, force: true });
console.log(faults.length === 0 ? "no fault" : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
