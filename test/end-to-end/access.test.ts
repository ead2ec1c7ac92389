import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { TlsMaterial } from "../../shared/platform/network.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { ENVELOPE_VERSION } from "../../shared/protocol/batch.ts";
import { EPOCH } from "../unit/aggregator/receive/sample-batches.ts";
import { Authority } from "./certificates.ts";
import { Daemon, freePort, runProgram } from "./program.ts";

let folder: string;
let port: number;
let authority: Authority;
let aggregator: Daemon;
let trusting: TlsMaterial;
const file = (name: string) => join(folder, name);
const config = () => file("aggregator.yaml");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-access-"));
  await mkdir(file("logs"));
  port = await freePort();
  authority = await Authority.make(folder, "authority");
  await authority.sign("server", "logs", ["IP:127.0.0.1"]);
  trusting = await authority.client();
  await writeFile(
    config(),
    `listen: 127.0.0.1:${port}
data_dir: ${file("data")}
tls: { certificate: ${file("server.crt")}, key: ${file("server.key")}, client_ca: ${authority.file} }
limits: { body: 4MiB, request_timeout: 1s, address_connections: 60, address_requests: 500 }
`,
  );
  aggregator = new Daemon(["aggregator", "--config", config()]);
  aggregator.start();
  await until(async () => (await ask("GET", "/healthz")).status === 200);
});
afterAll(async () => {
  await aggregator.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

const ALLOWED = {
  ingest: ["POST", "/v1/hello"],
  read: ["GET", "/v1/windows"],
  operate: ["GET", "/v1/dead-letters"],
} as const;

interface Ask {
  readonly token?: string;
  readonly tls?: TlsMaterial;
  readonly body?: Buffer;
}

async function ask(method: string, path: string, { token, tls = trusting, body }: Ask = {}) {
  try {
    const answer = await realPlatform.network.call({
      ...{ url: `https://127.0.0.1:${port}${path}`, method, tls, timeoutMs: 20_000 },
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, text: answer.body.toString("utf8") };
  } catch (error) {
    return { status: 0, text: String(error) };
  }
}

function hello(agent: string, shown: Omit<Ask, "body">) {
  const version = ENVELOPE_VERSION;
  const words = { agent, machine: "m", epoch: EPOCH, takeover: false, version };
  return ask("POST", "/v1/hello", { ...shown, body: Buffer.from(JSON.stringify(words)) });
}

async function token(...words: readonly string[]): Promise<string> {
  const made = await runProgram(["token", ...words, "--config", config()]);
  expect(made.code, made.stderr).toBe(0);
  return made.stdout.trim();
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await isTrue()) return;
    await realPlatform.timers.sleep(50);
  }
  expect.fail("it did not come true");
}

async function refusals(reason: string): Promise<number> {
  const reader = await reading();
  const { text } = await ask("GET", "/metrics", { token: reader });
  const line = new RegExp(`^tailrace_access_refusals_total\\{reason="${reason}"\\} (\\d+)`, "m");
  return Number(line.exec(text)?.[1] ?? 0);
}

let reader: string | undefined;
/** A token to look with, made at the first use. */
async function reading(): Promise<string> {
  if (reader !== undefined) return reader;
  const made = await token("create", "--name", "reader", "--scope", "read");
  await until(async () => (await ask("GET", "/v1/windows", { token: made })).status === 200);
  reader = made;
  return made;
}

describe("an aggregator that asks for credentials", () => {
  it("lets nobody in who shows nothing, or no token of its own, and says so without telling what it knows", async () => {
    for (const [method, path] of Object.values(ALLOWED)) {
      expect((await ask(method, path)).status).toBe(401);
    }
    const wrong = `tailrace_0123456789_${"A".repeat(43)}`;
    const refused = await ask("GET", "/v1/windows", { token: wrong });
    expect(refused).toMatchObject({ status: 401, text: expect.stringContaining("not known") });
    expect(await refusals("unknown")).toBeGreaterThan(0);
    expect(aggregator.stderr).toContain("a caller is refused");
    expect(aggregator.stderr).not.toContain(wrong);
  });

  it("takes a new token without a restart, for what its scopes say, until it is revoked", async () => {
    const first = await token("create", "--name", "first", "--scope", "read");
    const second = await token("create", "--name", "second", "--scope", "operate");
    await until(async () => (await ask("GET", "/v1/windows", { token: first })).status === 200);
    expect((await ask("GET", "/v1/dead-letters", { token: first })).status).toBe(403);
    const operates = async () =>
      (await ask("GET", "/v1/dead-letters", { token: second })).status === 200;
    await until(operates);
    expect((await hello("web-1", { token: second })).status).toBe(403);
    await token("revoke", first.split("_")[1] ?? "");
    await until(async () => (await ask("GET", "/v1/windows", { token: first })).status === 401);
    expect(await operates()).toBe(true);
    const kept = await readFile(file("data/tokens.json"), "utf8");
    for (const text of [first, second])
      expect(kept).not.toContain(text.slice("tailrace_".length + 11));
    expect(await token("list")).toMatch(/first +read +any +revoked/);
    expect(aggregator.stderr).not.toContain(second);
  });

  it("refuses a token that is over", async () => {
    const short = await token("create", "--name", "short", "--scope", "read", "--expires", "1ms");
    await until(async () =>
      (await ask("GET", "/v1/windows", { token: short })).text.includes("is expired"),
    );
    expect(await refusals("expired")).toBeGreaterThan(0);
  });

  it("lets an agent speak for its own id only, by its token as by its certificate", async () => {
    const own = await token("create", "--name", "web-1", "--agent", "web-1");
    await until(async () => (await hello("web-1", { token: own })).status === 200);
    expect(await hello("web-2", { token: own })).toMatchObject({
      status: 403,
      text: expect.stringContaining("web-1"),
    });
    const named = await authority.client(await authority.sign("web-3", "web-3"));
    expect((await hello("web-3", { tls: named })).status).toBe(200);
    expect((await hello("web-1", { tls: named })).status).toBe(403);
    expect((await ask("GET", "/v1/windows", { tls: named })).status).toBe(403);
    const alternative = await authority.client(
      await authority.sign("web-4", "x", ["DNS:web-4", "DNS:web-5"]),
    );
    expect((await hello("web-5", { tls: alternative })).status).toBe(200);
    expect((await hello("x", { tls: alternative })).status).toBe(403);
  });

  it("refuses certificates of another authority, and is not believed by who trusts another", async () => {
    const other = await Authority.make(folder, "other");
    const stranger = await other.client(await other.sign("stranger", "web-3"));
    const shown = { ...stranger, authorities: trusting.authorities };
    const refused = await hello("web-3", { tls: shown });
    expect(refused).toMatchObject({ status: 401, text: expect.stringContaining("not accepted") });
    expect(await refusals("wrong_certificate")).toBeGreaterThan(0);
    const distrusting = await other.client();
    expect((await ask("GET", "/healthz", { tls: distrusting })).status).toBe(0);
  });

  it("speaks TLS 1.2 and later, and nothing before", async () => {
    const versions = await Promise.all(
      (["TLSv1.1", "TLSv1.2", "TLSv1.3"] as const).map((version) =>
        new Promise((resolve) => {
          const limits = {
            minVersion: version,
            maxVersion: version,
            ciphers: "DEFAULT@SECLEVEL=0",
          };
          const socket = connectTls({
            port,
            host: "127.0.0.1",
            rejectUnauthorized: false,
            ...limits,
          });
          socket.once("secureConnect", () => resolve(socket.getProtocol()));
          socket.once("error", () => resolve("refused"));
        }).then((found) => found),
      ),
    );
    expect(versions).toEqual(["refused", "TLSv1.2", "TLSv1.3"]);
    await until(async () => (await refusals("handshake")) > 0);
  });

  it("tells a command that knows no authority, or has no token, how to name them", async () => {
    const words = ["query", "windows", "--endpoint", `https://127.0.0.1:${port}`];
    const stranger = await runProgram(words);
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain("name the file of its authority in TAILRACE_CA");
    vi.stubEnv("TAILRACE_CA", authority.file);
    const nobody = await runProgram(words);
    vi.unstubAllEnvs();
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain("Commands take a token from TAILRACE_TOKEN");
  });

  it("gives an agent a token for a code, once, and keeps who did what", async () => {
    const code = await token("code", "--agent", "web-6");
    const enroll = (id: string) =>
      runProgram(
        [
          "enroll",
          "--endpoint",
          `https://127.0.0.1:${port}`,
          "--ca",
          authority.file,
          "--id",
          id,
          "--token-file",
          file(`${id}.token`),
        ],
        Buffer.from(`${code}\n`),
      );
    await until(async () => {
      const { code: exitCode, stderr } = await enroll("web-6");
      if (exitCode === 0) expect(stderr).toContain(`token: "file:${file("web-6.token")}"`);
      return exitCode === 0;
    });
    expect((await stat(file("web-6.token"))).mode & 0o777).toBe(0o600);
    expect(await enroll("web-6")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("used up"),
    });
    const given = (await readFile(file("web-6.token"), "utf8")).trim();
    expect((await hello("web-6", { token: given })).status).toBe(200);
    expect((await hello("web-7", { token: given })).status).toBe(403);
    await aggregator.stop("SIGTERM");
    aggregator.start();
    await until(async () => (await hello("web-6", { token: given })).status === 200);
    expect(await enroll("web-6")).toMatchObject({ code: 1 });
    const operator = await token("create", "--name", "operator", "--scope", "operate");
    const drop = { token: operator, body: Buffer.from('{"sink":"none"}') };
    await until(
      async () => ![401, 0].includes((await ask("POST", "/v1/dead-letters/drop", drop)).status),
    );
    // What takes state away, or copies it all, is not for operators.
    const backup = Buffer.from(JSON.stringify({ directory: file("backup") }));
    expect((await ask("POST", "/v1/dead-letters/drop", drop)).status).toBe(403);
    expect((await ask("POST", "/v1/backup", { token: operator, body: backup })).status).toBe(403);
    const admin = await token("create", "--name", "admin", "--scope", "admin");
    await until(
      async () => (await ask("POST", "/v1/backup", { token: admin, body: backup })).status === 200,
    );
    expect((await ask("POST", "/v1/dead-letters/drop", { ...drop, token: admin })).status).toBe(
      404,
    );
    expect((await ask("GET", "/v1/windows", { token: admin })).status).toBe(403);
    const audit = (await readFile(file("data/audit.ndjson"), "utf8")).trimEnd().split("\n");
    const entries = audit.map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
    expect(entries).toContainEqual(
      expect.objectContaining({ action: "POST /v1/enroll", status: 200 }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ action: "POST /v1/enroll", status: 401 }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({
        ...{ who: "token operator", action: "POST /v1/dead-letters/drop", status: 403 },
      }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ who: "token admin", action: "POST /v1/backup", status: 200 }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ who: "tailrace token", action: "revoke" }),
    );
    expect(audit.join("\n")).not.toContain(code);
  });

  it("is not disturbed by a large body, slow clients and a thousand requests at once from one address", async () => {
    const own = await token("create", "--name", "web-8", "--agent", "web-8");
    await until(async () => (await hello("web-8", { token: own })).status === 200);
    const large = await ask("POST", "/v1/batches", {
      token: own,
      body: Buffer.alloc(5 * 1024 * 1024),
    });
    expect(large.status).toBe(413);
    const slow = Array.from({ length: 30 }, () =>
      connect(port, "127.0.0.1").on("error", () => undefined),
    );
    expect((await hello("web-8", { token: own })).status).toBe(200);
    await until(async () => (await refusals("handshake")) >= 30);
    for (const socket of slow) socket.destroy();
    const many = Array.from({ length: 100 }, () =>
      connect(port, "127.0.0.1").on("error", () => undefined),
    );
    await until(async () => (await refusals("connections")) > 0);
    for (const socket of many) socket.destroy();
    await until(async () => (await ask("GET", "/healthz")).status === 200);
    const flood: { status: number }[] = [];
    for (let round = 0; round < 100; round++) {
      const part = Array.from({ length: 15 }, () => ask("GET", "/v1/windows", { token: "wrong" }));
      flood.push(...(await Promise.all(part)));
    }
    const statuses = new Set(flood.map(({ status }) => status));
    expect(statuses).toEqual(new Set([401, 429]));
    // What the address may ask for comes back.
    await until(async () => (await hello("web-8", { token: own })).status === 200);
    expect(await refusals("too_many_requests")).toBeGreaterThan(0);
  });
});

describe("an agent of such an aggregator", () => {
  it("ships over TLS with its token through the endpoint that answers, also after certificate and token were renewed", async () => {
    const own = await token("create", "--name", "shop", "--agent", "shop-1");
    await writeFile(file("shop.token"), `${own}\n`);
    const dead = await freePort();
    await writeFile(
      file("agent.yaml"),
      `id: shop-1
data_dir: ${file("agent")}
sources: [{ name: app, type: file, paths: ["${file("logs")}/*.log"], format: json, start_at: beginning }]
flush_interval: 50ms
poll_interval: 50ms
ship:
  endpoints: ["https://127.0.0.1:${dead}", "https://127.0.0.1:${port}"]
  token: "file:${file("shop.token")}"
  tls: { ca: ${authority.file} }
`,
    );
    const agent = new Daemon(["agent", "--config", file("agent.yaml")]);
    agent.start();
    try {
      await write(100);
      await until(async () => (await counted()) === 100);
      const before = await serial();
      const next = await authority.sign("next", "logs", ["IP:127.0.0.1"]);
      await copyFile(next.certificate, file("server.crt"));
      await copyFile(next.key, file("server.key"));
      await until(async () => (await serial()) !== before);
      await write(50);
      await until(async () => (await counted()) === 150);
      const other = await token("create", "--name", "shop again", "--agent", "shop-1");
      await writeFile(file("shop.token"), `${other}\n`);
      await until(() =>
        Promise.resolve(agent.stderr.includes("started anew with the new configuration")),
      );
      await token("revoke", own.split("_")[1] ?? "");
      await write(50);
      await until(async () => (await counted()) === 200);
      expect(agent.stderr).not.toContain(other);
      expect(agent.stderr).not.toContain(own);
      const status = await runProgram([
        "status",
        "--config",
        file("agent.yaml"),
        "--output",
        "json",
      ]);
      expect(status.stdout).not.toContain(own);
    } finally {
      await agent.stop("SIGTERM");
    }
  });
});

const LINE = '{"timestamp":"2026-11-20T10:00:05Z","level":"INFO","service":"shop"}\n';

function write(count: number): Promise<void> {
  return appendFile(file("logs/app.log"), LINE.repeat(count));
}

const windowsAnswer = z.object({ windows: z.array(z.object({ requestCount: z.number() })) });

async function counted(): Promise<number> {
  const { status, text } = await ask(
    "GET",
    "/v1/windows?from=2026-11-20T10:00:00Z&to=2026-11-20T10:01:00Z",
    {
      token: await reading(),
    },
  );
  if (status !== 200) return 0;
  return windowsAnswer
    .parse(JSON.parse(text))
    .windows.reduce((sum, one) => sum + one.requestCount, 0);
}

/** Of the certificate that the aggregator shows now. */
function serial(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
  });
}
