import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { command } from "../../../../agent/commands/init.ts";
import { agentConfig } from "../../../../agent/config.ts";
import type { TemporaryDirectory } from "../../../../shared/command.ts";
import { loadConfig } from "../../../../shared/config/load.ts";
import { testIo } from "./test-io.ts";

let folder: TemporaryDirectory;
let root: string;
beforeEach(async () => {
  folder = await testIo().temporaryDirectory();
  root = join(folder.path, "host");
});
afterEach(() => folder[Symbol.asyncDispose]());

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

async function init(words: readonly string[] = [], force = false) {
  const io = testIo();
  const options = { root, force, dataDir: "/var/lib/tailrace/agent", endpoint: "http://a:7400" };
  const exitCode = await command.run(words, options, io);
  return { exitCode, output: io.output(), errors: io.errors() };
}

const ACCESS = '1.2.3.4 - - [20/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 12 "-" "curl"\n';
const JSON_LINE = '{"time":"2026-11-20T10:00:00Z","level":"INFO"}\n';

describe("init", () => {
  it("writes a valid configuration of what it finds, each log in one source", async () => {
    await put("/var/log/nginx/access.log", ACCESS);
    await put("/var/log/shop/a.log", JSON_LINE);
    await put("/var/log/shop/b.log", JSON_LINE);
    await put("/var/log/dpkg.log", "half a sentence\n");
    await put("/proc/17/comm", "nginx\n");
    await put("/run/log/journal/x", "");
    const { output, exitCode } = await init();
    expect(exitCode).toBe(0);
    const { config, faults } = loadConfig(agentConfig, output, "agent.yaml");
    expect(faults).toBeUndefined();
    expect(config).toMatchObject({ id: "host", data_dir: "/var/lib/tailrace/agent" });
    expect(config?.sources).toMatchObject([
      { name: "nginx", paths: ["/var/log/nginx/access*.log"], format: "access-log" },
      { name: "shop", paths: ["/var/log/shop/*.log"], format: "json" },
      { name: "journal", type: "journald" },
    ]);
    expect(output).toContain("# Running here: nginx.");
    expect(output).toContain("# - /var/log/dpkg.log: 1 file without lines that are events");
    expect(output).toContain("systemd journal");
  });

  it("writes a valid configuration also where there is nothing", async () => {
    const { output } = await init();
    expect(loadConfig(agentConfig, output, "agent.yaml").config?.sources[0]?.name).toBe("app");
  });

  it("never writes over a file without --force", async () => {
    const path = join(folder.path, "agent.yaml");
    await writeFile(path, "mine: a long text that has to go entirely\n".repeat(100));
    const refused = await init([path]);
    expect(refused.exitCode).toBe(1);
    expect(refused.errors).toContain("--force");
    expect(await readFile(path, "utf8")).toContain("mine");
    expect((await init([path], true)).exitCode).toBe(0);
    expect(await readFile(path, "utf8")).toBe((await init()).output);
  });

  it("writes a file that the service's user can read, whatever the umask of who writes it", async () => {
    const path = join(folder.path, "agent.yaml");
    const umask = process.umask(0o077);
    try {
      await init([path]);
    } finally {
      process.umask(umask);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o644);
  });

  it("says where it may not write", async () => {
    const { exitCode, errors } = await init([join(folder.path, "none", "agent.yaml")]);
    expect(exitCode).toBe(1);
    expect(errors).toContain("ENOENT");
  });
});
