/** The package in the life of a machine: a clean Debian gets it, counts, gets a newer one while logs are written, and is rid of it. */
import { createWriteStream } from "node:fs";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { buildPackages } from "../../packaging/scripts/build-packages.ts";
import { writeDeb } from "../../packaging/scripts/write-deb.ts";
import { realTimers } from "../../shared/platform/timers.ts";
import { logChunks } from "../benchmark/log-lines.ts";
import { LogWriter } from "../end-to-end/log-writer.ts";
import { Daemon, freePort } from "../end-to-end/program.ts";
import { comparable, type ExpectedWindow, recount } from "../end-to-end/recount.ts";
import { DEBIAN_RELEASES, DebianRoot } from "./debian-root.ts";
import { RunningService } from "./running-service.ts";

const architecture = process.arch === "arm64" ? "arm64" : "amd64";
const project = join(import.meta.dirname, "../..");
const CONFIG = "/etc/tailrace/agent.yaml";
const [SHOP, NGINX, SYSLOG] = [
  "/var/log/shop/requests.log",
  "/var/log/nginx/access.log",
  "/var/log/syslog",
];
/** What stands in the logs before the agent comes, and is not counted: it begins at their ends. */
const OLD_LINES = {
  [SHOP]: '{"timestamp":"2026-11-20T10:00:05Z","level":"INFO","service":"orders","duration":3}\n',
  [NGINX]: accessLine(0),
  [SYSLOG]: syslogLine(0),
};

const windowsSchema = z.object({ windows: z.array(z.record(z.string(), z.unknown())) });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-package-"));
  const [work, target] = [join(folder, "work"), join(folder, "packages")];
  const one = { formats: ["deb"], hasArchive: false, isCompressed: false } as const;
  await buildPackages({ ...one, architectures: [architecture], version: "0.1.0", target, work });
  const tree = join(work, architecture, "tailrace");
  await appendFile(join(tree, "etc/tailrace/environment"), "# A newer remark.\n");
  await writeDeb(
    { name: "tailrace", version: "0.2.0", architecture, tree },
    { root: project, target, isCompressed: false },
  );
}, 300_000);
afterAll(() => (folder === undefined ? undefined : rm(folder, { recursive: true, force: true })));

describe.each(DEBIAN_RELEASES)("the package on a clean Debian, %s", (release) => {
  let root: DebianRoot;
  let aggregator: Daemon;
  let agent: RunningService | undefined;
  let port: number;
  let before: string[];

  /** Runs a program in the root that succeeds; resolves with what it prints. */
  const done = async (program: string, ...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await root.run(program, ...words);
    expect(code, `${program} ${words.join(" ")}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  const install = async (version: string) => {
    const name = `tailrace_${version}_${architecture}.deb`;
    await copyFile(join(folder, "packages", name), root.path(`/tmp/${name}`));
    await done("dpkg", "--force-confdef", "--force-confold", "--install", `/tmp/${name}`);
    await rm(root.path(`/tmp/${name}`));
  };

  beforeAll(async () => {
    const place = join(folder, release);
    await mkdir(place);
    root = await DebianRoot.open(release, place);
    port = await freePort();
    const config = `${place}.yaml`;
    await writeFile(config, `listen: 127.0.0.1:${port}\ndata_dir: ${place}-aggregator\n`);
    aggregator = new Daemon(["aggregator", "--config", config]);
    aggregator.start();
    await done("sh", "-c", "dpkg --install /var/cache/apt/archives/libatomic1_*.deb");
    before = await filesOf(root);
  });
  afterAll(async () => {
    await agent?.stop();
    await aggregator?.stop("SIGTERM");
    await root?.[Symbol.asyncDispose]();
  });

  it("needs what every Debian has and one library, is whole, and starts nothing", async () => {
    await install("0.1.0");
    expect(await done("tailrace", "--version")).toMatch(/^tailrace \d/);
    expect(await done("dpkg", "--verify", "tailrace")).toBe("");
    const own = ["/var/lib/tailrace", "/var/cache/tailrace", "/var/lib/tailrace-aggregator"];
    expect(await done("stat", "-c", "%U %a", ...own, "/etc/tailrace/environment")).toBe(
      "tailrace 750\ntailrace 750\ntailrace-aggregator 750\nroot 600\n",
    );
    expect(await done("sh", "-c", "cat /proc/[0-9]*/comm")).not.toContain("node");
    await expect(RunningService.start(root, "tailrace-agent")).rejects.toThrow(CONFIG);
    const page = await done("gzip", "-dc", "/usr/share/man/man1/tailrace.1.gz");
    expect(page).toContain(".SS tailrace agent ");
    const terms = await readFile(root.path("/usr/share/doc/tailrace/copyright"), "utf8");
    expect(terms).toContain("Copyright Node.js contributors");
    expect(terms).toContain("\ntdigest\n");
  });

  it("reads the files that belong to it: its rules and their tests", async () => {
    await done("sh", "-c", "tailrace rules test /usr/share/tailrace/rules/tests/*.yaml");
    const bench = await root.run("tailrace", "bench");
    expect(bench).toMatchObject({ code: 2, stderr: expect.stringContaining("needs a checkout") });
    const query = await root.run("tailrace", "query", "--archive", "/tmp", "--sql", "SELECT 1");
    expect(query).toMatchObject({ code: 1, stderr: expect.stringContaining("tailrace-archive") });
  });

  it("counts a large file on several threads, from the program's own files", async () => {
    const file = "/tmp/large.log";
    await pipeline(logChunks(30_000_000, 1), createWriteStream(root.path(file)));
    const [alone, together] = await Promise.all(
      ["1", "2"].map((threads) =>
        root.run("tailrace", "scan", "--format", "json", "--threads", threads, file),
      ),
    );
    expect(alone).toMatchObject({ code: 0, stderr: "" });
    expect(alone?.stdout).toMatch(/^service +requests/);
    expect(together).toEqual(alone);
    await rm(root.path(file));
  });

  it("writes a configuration of the logs that are there, which is valid as it is", async () => {
    for (const [file, line] of Object.entries(OLD_LINES)) {
      await done("mkdir", "-p", dirname(file));
      await writeFile(root.path(file), line.repeat(5));
      await done("chgrp", "adm", file);
      await done("chmod", "640", file);
    }
    await done("sh", "-c", `mkdir /var/log/vault && cp ${SHOP} /var/log/vault/audit.log`);
    await done("chmod", "600", "/var/log/vault/audit.log");
    const init = `umask 077; tailrace init ${CONFIG} --endpoint http://127.0.0.1:${port}`;
    await done("sh", "-c", init);
    const text = await readFile(root.path(CONFIG), "utf8");
    expect(text).toContain(
      "# - /var/log/vault/audit.log: 1 file that cannot be read here (EACCES)",
    );
    expect(parse(text)).toMatchObject({
      data_dir: "/var/lib/tailrace/agent",
      sources: [
        { name: "syslog", paths: [SYSLOG], format: "syslog" },
        { name: "nginx", paths: ["/var/log/nginx/access*.log"], format: "access-log" },
        { name: "system", paths: ["/var/log/dpkg.log"], format: "text" },
        { name: "shop", paths: [SHOP], format: "json" },
        { name: "host", type: "host" },
      ],
    });
    await done("tailrace", "validate", CONFIG);
    const status = await root.run("tailrace", "status");
    expect(status).toMatchObject({ code: 2, stderr: expect.stringContaining("no agent has run") });
  });

  it("counts every line once, also when it gets a newer version under load", async () => {
    agent = await RunningService.start(root, "tailrace-agent");
    await until(async () => (await root.run("tailrace", "status")).code === 0);
    const logs = new Logs(root);
    await logs.writeWhile(async () => {
      await until(async () => (await counted("orders")) > 0);
      await appendFile(root.path("/etc/tailrace/environment"), "MINE=1\n");
      await install("0.2.0");
      await agent?.stop();
      await logs.rotate();
      agent = await RunningService.start(root, "tailrace-agent");
      await until(async () => (await root.run("tailrace", "status")).code === 0);
    });
    await until(async () => (await counted("nginx")) >= logs.nginx);
    await until(async () => (await counted("sshd")) >= logs.sshd);
    const expected = recount(logs.shop.lines);
    const services = new Set(expected.map(({ service }) => service));
    await until(async () => requests(await windows(services)) >= logs.shop.lines.length);
    expect(await windows(services)).toEqual(expected);
    expect([await counted("nginx"), await counted("sshd")]).toEqual([logs.nginx, logs.sshd]);
    expect(logs.shop.lines.length).toBeGreaterThan(1000);
    await done("tailrace", "ledger");
    const kept = await readFile(root.path("/etc/tailrace/environment"), "utf8");
    expect(kept).toContain("MINE=1");
    expect(kept).not.toContain("newer remark");
  }, 120_000);

  it("is looked into by root while it runs, and by nobody else", async () => {
    await done("install", "-m", "600", NGINX, "/var/log/nginx/access-b.log");
    const unreadable = "\nfiles that cannot be read: 1 of nginx\n";
    await until(async () => (await done("tailrace", "status")).includes(unreadable));
    expect(await done("tailrace", "top", "--once")).toMatch(/, process \d+, up \d+ s: ready, /);
    expect(await done("tailrace", "spool", "verify")).toContain("are what was written");
    await done("tailrace", "spool", "ls");
    const tapped = root.run("tailrace", "tap", "--source", "syslog", "--for", "2s");
    await realTimers.sleep(1_000);
    await appendFile(root.path(SYSLOG), syslogLine(Date.now()));
    expect((await tapped).stdout).toContain("sshd[812]");
    for (const command of ["status", "top", "tap", "ledger"]) {
      const refused = await root.run("runuser", "-u", "nobody", "--", "tailrace", command);
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toMatch(
        /^tailrace \w+: \S+ cannot be read by this user: run this as root/,
      );
    }
  });

  it("keeps configuration and data when it is removed, and leaves nothing when it is purged", async () => {
    await agent?.stop();
    agent = undefined;
    await done("dpkg", "--remove", "tailrace");
    await done("test", "-e", CONFIG);
    await done("test", "-e", "/var/lib/tailrace/agent/spool");
    expect(await readFile(root.path("/etc/tailrace/environment.dpkg-dist"), "utf8")).toContain(
      "newer remark",
    );
    expect(await done("sh", "-c", "ls /usr/bin | grep tailrace || true")).toBe("");
    await done("dpkg", "--purge", "tailrace");
    expect(await filesOf(root)).toEqual(before);
    expect(await done("sh", "-c", "getent passwd tailrace || true")).toBe("");
  });

  /** Windows of these services that the aggregator has. */
  async function windows(services: ReadonlySet<string>): Promise<ExpectedWindow[]> {
    const query = "from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
    const answer = await fetch(`http://127.0.0.1:${port}/v1/windows?${query}`);
    const found = windowsSchema.parse(await answer.json()).windows.map(comparable);
    return found.filter(({ service }) => services.has(service));
  }

  async function counted(service: string): Promise<number> {
    return requests(await windows(new Set([service])));
  }
});

/** The logs of the root, as programs and logrotate write them. */
class Logs {
  readonly shop: LogWriter;
  /** Counts of written lines. */
  nginx = 0;
  sshd = 0;
  readonly #root: DebianRoot;

  constructor(root: DebianRoot) {
    this.#root = root;
    this.shop = new LogWriter(root.path(dirname(SHOP)), "requests.log", Math.random);
  }

  /** Writes until `work` is done. */
  async writeWhile(work: () => Promise<void>): Promise<void> {
    let isDone = false;
    const working = work().finally(() => {
      isDone = true;
    });
    while (!isDone) {
      this.shop.append(12, Date.now());
      await appendFile(this.#root.path(NGINX), accessLine(Date.now()));
      await appendFile(this.#root.path(SYSLOG), syslogLine(Date.now()));
      this.nginx++;
      this.sshd++;
      await realTimers.sleep(20);
    }
    this.shop.finishLine();
    await working;
  }

  async rotate(): Promise<void> {
    this.shop.rotate();
    const { code } = await this.#root.run("mv", NGINX, `${NGINX}.1`);
    expect(code).toBe(0);
  }
}

function accessLine(nowMs: number): string {
  const [, day, month, year, time] = new Date(nowMs).toUTCString().split(" ");
  const at = `${day}/${month}/${year}:${time} +0000`;
  return `203.0.113.7 - - [${at}] "GET /cart HTTP/1.1" 200 512 "-" "curl/8.5.0"\n`;
}

function syslogLine(nowMs: number): string {
  const at = new Date(nowMs).toISOString();
  return `${at} web-1 sshd[812]: Connection closed by 203.0.113.7 port 40022 [preauth]\n`;
}

function requests(windows: readonly ExpectedWindow[]): number {
  return windows.reduce((sum, { requestCount }) => sum + requestCount, 0);
}

/** Everything in the root but logs, and records of dpkg and of shadow: modes, owners, sizes, names, targets of links; and what stands in /etc. */
async function filesOf(root: DebianRoot): Promise<string[]> {
  const records = ["passwd", "group", "shadow", "gshadow"].map((name) => `/etc/${name}-`);
  const left = ["/proc", "/dev", "/tmp", "/var/log", "/var/lib/dpkg", ...records];
  const script = `find / \\( ${left.map((path) => `-path ${path}`).join(" -o ")} \\) -prune -o -type d -printf '%M %U:%G %p\\n' -o -printf '%M %U:%G %s %p %l\\n'
find /etc -type f ! -name '*-' -exec sha256sum {} +`;
  const { stdout } = await root.run("sh", "-c", script);
  return stdout.split("\n").toSorted();
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    if (await isTrue()) return;
    await realTimers.sleep(100);
  }
  expect.fail("it did not come true");
}
