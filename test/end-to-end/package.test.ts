import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { buildPackages } from "../../packaging/scripts/build-packages.ts";
import { writeDeb } from "../../packaging/scripts/write-deb.ts";
import { realTimers } from "../../shared/platform/timers.ts";
import { OverlayRoot, overlayRootMissing } from "./overlay-root.ts";
import { type Finished, freePort } from "./program.ts";

const missing = overlayRootMissing();
const architecture = process.arch === "arm64" ? "arm64" : "amd64";
const project = join(import.meta.dirname, "../..");
const LINE =
  '{"timestamp":"2026-11-20T10:00:05Z","level":"INFO","service":"shop","message":"sold"}\n';
const LOG = "/var/log/shop/requests.log";

const answerSchema = z.object({ windows: z.array(z.object({ requestCount: z.number() })) });

let folder: string;
let root: OverlayRoot;
let port: number;

describe.skipIf(missing !== undefined)(
  `the package${missing ? ` (left out: ${missing})` : ""}`,
  () => {
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "tailrace-package-"));
      const [work, target] = [join(folder, "work"), join(folder, "packages")];
      const one = { formats: ["deb"], hasArchive: false, isCompressed: false } as const;
      await buildPackages({
        ...one,
        architectures: [architecture],
        version: "0.1.0",
        target,
        work,
      });
      const tree = join(work, architecture, "tailrace");
      await appendFile(join(tree, "etc/tailrace/environment"), "# A newer remark.\n");
      await writeDeb(
        { name: "tailrace", version: "0.2.0", architecture, tree },
        { root: project, target, isCompressed: false },
      );
      await mkdir(join(folder, "root"));
      root = await OverlayRoot.open(join(folder, "root"));
      port = await freePort();
    }, 300_000);
    afterAll(async () => {
      await root?.[Symbol.asyncDispose]();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    });

    it("installs a program that brings its own runtime, and starts nothing", async () => {
      await install("0.1.0");
      const version = await root.run("tailrace", "--version");
      expect(version.stdout).toMatch(/^tailrace \d/);
      const users = await root.run(
        "stat",
        "-c",
        "%U %a",
        "/var/lib/tailrace",
        "/var/lib/tailrace-aggregator",
      );
      expect(users.stdout).toBe("tailrace 750\ntailrace-aggregator 750\n");
      const environment = await root.run("stat", "-c", "%U %a", "/etc/tailrace/environment");
      expect(environment.stdout).toBe("root 600\n");
      expect((await root.run("test", "-e", "/etc/tailrace/agent.yaml")).code).toBe(1);
      expect((await root.run("sh", "-c", "cat /proc/[0-9]*/cmdline")).stdout).not.toContain(
        "usr/lib/tailrace/node",
      );
      const found = await root.run("gzip", "-dc", "/usr/share/man/man1/tailrace.1.gz");
      expect(found.stdout).toContain(".SS tailrace agent ");
    });

    it("reads the files that belong to it: the demo's logs, its rules, the kernel of the scan", async () => {
      await mkdir(root.path("/var/log/shop"));
      await write(3);
      expect(
        JSON.parse((await root.run("tailrace", "scan", "--output", "ndjson", LOG)).stdout),
      ).toMatchObject({
        ...{ service: "shop", requestCount: 3 },
      });
      const rules = await root.run(
        "sh",
        "-c",
        "tailrace rules test /usr/share/tailrace/rules/tests/*.yaml",
      );
      expect(rules.stderr).toBe("");
      expect(rules.code).toBe(0);
      const bench = await root.run("tailrace", "bench");
      expect(bench).toMatchObject({ code: 2, stderr: expect.stringContaining("needs a checkout") });
      const query = await root.run("tailrace", "query", "--archive", "/tmp", "--sql", "SELECT 1");
      expect(query).toMatchObject({ code: 1, stderr: expect.stringContaining("tailrace-archive") });
    });

    it("goes on where it was after an upgrade: no line is lost or doubled, and changed configuration stays", async () => {
      await configure();
      const aggregator = startAs("tailrace-aggregator", "aggregator");
      let agent = startAs("tailrace", "agent");
      await until(async () => (await asAgent("status")).code === 0);
      await write(500);
      await until(async () => (await counted()) === 500);
      await appendFile(root.path("/etc/tailrace/environment"), "MINE=1\n");
      const installing = install("0.2.0");
      for (let turn = 0; turn < 10; turn++) await write(50);
      await installing;
      await stop(agent);
      await write(250);
      agent = startAs("tailrace", "agent");
      await write(250);
      await until(async () => (await counted()) >= 1_500);
      const ledger = await asAgent("ledger");
      expect(ledger.code).toBe(0);
      await stop(agent);
      expect(await counted()).toBe(1_500);
      await stop(aggregator);
      const kept = await readFile(root.path("/etc/tailrace/environment"), "utf8");
      expect(kept).toContain("MINE=1");
      expect(kept).not.toContain("newer remark");
    }, 300_000);

    it("keeps configuration and data when it is removed, and leaves nothing when it is purged", async () => {
      await dpkg("--remove", "tailrace");
      const rest = await root.run(
        "ls",
        "/etc/tailrace/agent.yaml",
        "/var/lib/tailrace/agent",
        "/usr/bin/tailrace",
      );
      expect(rest.stdout).toContain("/etc/tailrace/agent.yaml");
      expect(rest.stdout).toContain("spool");
      expect(rest.stderr).toContain("/usr/bin/tailrace");
      await dpkg("--purge", "tailrace");
      const left = await root.run("sh", "-c", "find /etc /usr /var /run -xdev -name '*tailrace*'");
      expect(left.stdout).toBe("");
      expect((await root.run("grep", "tailrace", "/etc/passwd", "/etc/group")).stdout).toBe("");
    });
  },
);

async function install(version: string): Promise<void> {
  const name = `tailrace_${version}_${architecture}.deb`;
  await dpkg("--force-confdef", "--force-confold", "--install", join(folder, "packages", name));
}

async function dpkg(...words: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await root.run("dpkg", "--no-triggers", ...words);
  expect(code, `${stdout}${stderr}`).toBe(0);
}

/** What `init` writes, with a short interval; and an aggregator. */
async function configure(): Promise<void> {
  const endpoint = `http://127.0.0.1:${port}`;
  const init = await root.run(
    "tailrace",
    "init",
    "/etc/tailrace/agent.yaml",
    "--endpoint",
    endpoint,
  );
  expect(init.code, init.stderr).toBe(0);
  expect(await readFile(root.path("/etc/tailrace/agent.yaml"), "utf8")).toContain(LOG);
  await appendFile(
    root.path("/etc/tailrace/agent.yaml"),
    "\nflush_interval: 100ms\npoll_interval: 50ms\n",
  );
  await writeFile(
    root.path("/etc/tailrace/aggregator.yaml"),
    `listen: 127.0.0.1:${port}\ndata_dir: /var/lib/tailrace-aggregator\n`,
  );
  for (const kind of ["agent", "aggregator"]) {
    const checked = await root.run("tailrace", "validate", `/etc/tailrace/${kind}.yaml`);
    expect(checked.code, checked.stderr).toBe(0);
  }
}

/** Starts a service as its unit does; what runs has been left by runuser's shell. */
function startAs(user: string, kind: "agent" | "aggregator"): ChildProcess {
  const command = `exec tailrace ${kind} --config /etc/tailrace/${kind}.yaml`;
  return root.start(
    "setpriv",
    "--reuid",
    user,
    "--regid",
    user,
    "--clear-groups",
    "sh",
    "-c",
    command,
  );
}

function asAgent(command: string): Promise<Finished> {
  return root.run("tailrace", command, "--config", "/etc/tailrace/agent.yaml");
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  expect(await gone).toEqual([0, null]);
}

async function write(count: number): Promise<void> {
  await appendFile(root.path(LOG), LINE.repeat(count));
}

async function counted(): Promise<number> {
  const query = "service=shop&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/windows?${query}`);
    const { windows } = answerSchema.parse(await answer.json());
    return windows.reduce((sum, { requestCount }) => sum + requestCount, 0);
  } catch {
    // It does not listen yet.
    return 0;
  }
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1_200; turn++) {
    if (await isTrue()) return;
    await realTimers.sleep(50);
  }
  expect(await isTrue()).toBe(true);
}
