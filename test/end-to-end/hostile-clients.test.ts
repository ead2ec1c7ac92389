/** One address is slow, large and greedy towards a real process, while a client at another address goes on as ever. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { Daemon, freePort } from "./program.ts";

const HOSTILE = "127.0.0.2";
const GOOD = "127.0.0.3";
const { timers } = realPlatform;

let folder: string;
let port: number;
let aggregator: Daemon;
const good = { sent: 0, statuses: new Set<number>(), isDone: false, posting: Promise.resolve() };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-hostile-"));
  port = await freePort();
  const config = join(folder, "aggregator.yaml");
  await writeFile(
    config,
    `listen: 127.0.0.1:${port}
data_dir: ${folder}/data
limits: { request_timeout: 3s, address_requests: 30, address_connections: 40 }
`,
  );
  aggregator = new Daemon(["aggregator", "--config", config]);
  aggregator.start();
  await until(async () => (await ask(GOOD, "GET", "/readyz")).status === 200);
  good.posting = post();
});
afterAll(async () => {
  good.isDone = true;
  await good.posting;
  await aggregator.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** What comes back from a request of an address; the status is 0 without an answer. */
function ask(address: string, method: string, path: string, body = Buffer.alloc(0)) {
  return new Promise<{ readonly status: number; readonly text: string }>((resolve) => {
    const call = request(
      { host: "127.0.0.1", port, method, path, localAddress: address, agent: false },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    call.on("error", (error) => resolve({ status: 0, text: String(error) }));
    call.setHeader("content-type", "application/x-ndjson");
    call.end(body);
  });
}

/** Posts an event at a time, until it is told to stop. */
async function post(): Promise<void> {
  while (!good.isDone) {
    const event = { timestamp: "2026-11-20T10:00:05Z", service: "good", level: "INFO" };
    const body = Buffer.from(`${JSON.stringify(event)}\n`);
    const { status } = await ask(GOOD, "POST", "/v1/events", body);
    good.statuses.add(status);
    good.statuses.add((await ask(GOOD, "GET", "/v1/windows")).status);
    if (status === 200) good.sent++;
    await timers.sleep(200);
  }
}

async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await isTrue()) return;
    await timers.sleep(200);
  }
  expect.fail(`it did not come true; ${aggregator.stderr.slice(-2_000)}`);
}

async function refusals(reason: string): Promise<number> {
  const { text } = await ask(GOOD, "GET", "/metrics");
  const line = new RegExp(`^tailrace_access_refusals_total\\{reason="${reason}"\\} (\\d+)`, "m");
  return Number(line.exec(text)?.[1] ?? 0);
}

/** Sends `head` at once and then a byte of `rest` now and then; resolves with what came back until it was thrown out. */
function drip(head: string, rest: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket: Socket = connect({ port, host: "127.0.0.1", localAddress: HOSTILE }, () => {
      socket.write(head);
      for (const [index, byte] of [...rest].entries()) {
        setTimeout(() => socket.writable && socket.write(byte), 100 * (index + 1)).unref();
      }
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(answer));
  });
}

/** Sends so many requests one behind the other without waiting; the statuses of what came back. */
function askAtOnce(count: number): Promise<string[]> {
  return new Promise((resolve) => {
    let answer = "";
    const requests = "GET /v1/windows HTTP/1.1\r\nhost: a\r\n\r\n".repeat(count - 1);
    const last = "GET /v1/windows HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    const socket = connect({ port, host: "127.0.0.1", localAddress: HOSTILE }, () =>
      socket.write(requests + last),
    );
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () =>
      resolve([...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = ""]) => status)),
    );
  });
}

/** Another client's requests are answered as ever, while `attack` goes on. */
async function goesOnDuring(attack: () => Promise<void>): Promise<void> {
  await until(() => good.sent > 0);
  const before = good.sent;
  await attack();
  await until(() => good.sent > before + 3);
  expect([...good.statuses]).toEqual([200]);
}

describe("a client at another address is answered as ever, and each refusal is counted and told,", () => {
  it("while headers come a byte at a time", async () => {
    await goesOnDuring(async () => {
      const slow = Array.from({ length: 20 }, () =>
        drip("GET /v1/windows HTTP/1.1\r\nhost: a\r\nx-slow: ", "a".repeat(200)),
      );
      for (const answer of await Promise.all(slow)) expect(answer).toContain(" 408 ");
      expect(await refusals("slow")).toBeGreaterThanOrEqual(20);
    });
    expect(aggregator.stderr).toMatch(/a caller is refused address=127\.0\.0\.2 reason=slow/);
  });

  it("while bodies come a byte at a time", async () => {
    await goesOnDuring(async () => {
      const before = await refusals("slow");
      const head =
        "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-ndjson\r\n" +
        "content-length: 200\r\n\r\n";
      const slow = Array.from({ length: 20 }, () => drip(head, "{".repeat(200)));
      for (const answer of await Promise.all(slow)) expect(answer).not.toContain(" 200 ");
      await until(async () => (await refusals("slow")) >= before + 20);
    });
  });

  it("while bodies are too large", async () => {
    await goesOnDuring(async () => {
      const large = Buffer.alloc(5 * 1024 * 1024, 0x7b);
      const answers = await Promise.all(
        Array.from({ length: 3 }, () => ask(HOSTILE, "POST", "/v1/events", large)),
      );
      for (const { status } of answers) expect(status).toBe(413);
    });
  });

  it("while one address holds more connections than its share", async () => {
    const sockets: Socket[] = [];
    await goesOnDuring(async () => {
      for (let count = 0; count < 80; count++) {
        const socket = connect({ port, host: "127.0.0.1", localAddress: HOSTILE });
        sockets.push(socket.on("error", () => socket.destroy()));
      }
      await until(async () => (await refusals("connections")) >= 40);
    });
    for (const socket of sockets) socket.destroy();
    expect(aggregator.stderr).toMatch(/address=127\.0\.0\.2 reason=connections/);
  });

  it("while one address asks a thousand times at once", async () => {
    await goesOnDuring(async () => {
      const answers = (await Promise.all(Array.from({ length: 10 }, () => askAtOnce(100)))).flat();
      const refused = answers.filter((status) => status === "429");
      expect(answers).toHaveLength(1_000);
      // 503: it also asks for too many windows at a time.
      expect(answers.filter((status) => !["200", "429", "503"].includes(status))).toEqual([]);
      expect(refused.length).toBeGreaterThan(500);
      expect(await refusals("too_many_requests")).toBe(refused.length);
    });
    expect(aggregator.stderr).toMatch(/address=127\.0\.0\.2 reason=too_many_requests/);
  });

  it("and all that it sent is counted, once", async () => {
    good.isDone = true;
    await good.posting;
    const { text } = await ask(GOOD, "GET", "/v1/windows?service=good");
    const { windows } = z
      .object({ windows: z.array(z.object({ requestCount: z.number() })) })
      .parse(JSON.parse(text));
    expect(windows.map(({ requestCount }) => requestCount)).toEqual([good.sent]);
  });
});
