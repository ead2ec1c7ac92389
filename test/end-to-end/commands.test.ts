import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { runProgram } from "./program.ts";

const home = mkdtempSync(join(tmpdir(), "tailrace-commands-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function fileOf(name: string, text: string): string {
  const path = join(home, name);
  writeFileSync(path, text);
  return path;
}

const LINE =
  '{"timestamp":"2026-11-20T10:00:31Z","service":"orders","level":"ERROR","duration":12.5}\n';

describe("tailrace", () => {
  it("lists its commands, and exits 2 when none was given", async () => {
    const asked = await runProgram(["--help"]);
    expect(asked.code).toBe(0);
    expect(asked.stdout).toMatch(/scan +Counts/);
    const none = await runProgram([]);
    expect(none.code).toBe(2);
  });

  it("tells the nearest command for a slip", async () => {
    const slip = await runProgram(["scna"]);
    expect(slip).toMatchObject({ code: 2, stdout: "" });
    expect(slip.stderr).toContain("did you mean `scan`?");
  });

  it("shows examples in the help of a command", async () => {
    const help = await runProgram(["scan", "--help"]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("Examples:\n  tailrace scan app.log");
  });

  it("starts through the launcher, which passes words, output and exit code on", () => {
    const launcher = join(import.meta.dirname, "../../tailrace.mjs");
    const run = spawnSync(process.execPath, [launcher, "scan", "--output", "ndjson", "-"], {
      input: LINE,
      encoding: "utf8",
    });
    expect(run.status).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ service: "orders", errorCount: 1 });
    const wrong = spawnSync(process.execPath, [launcher, "scan", "--window", "7s", "-"]);
    expect(wrong.status).toBe(2);
  });

  it("leaves nothing behind when the launcher that found a newer Node is killed", async () => {
    const launcher = join(import.meta.dirname, "../../tailrace.mjs");
    const isOld = "data:text/javascript,Object.defineProperty(process,'version',{value:'v20.0.0'})";
    const words = ["--import", isOld, launcher, "scan", "--output", "ndjson", "-"];
    const through = spawnSync(process.execPath, words, { input: LINE, encoding: "utf8" });
    expect(through.status, through.stderr).toBe(0);
    expect(JSON.parse(through.stdout)).toMatchObject({ service: "orders", errorCount: 1 });

    // Input that never ends, whoever is killed.
    const fifo = join(home, "input");
    spawnSync("mkfifo", [fifo]);
    const input = openSync(fifo, "r+");
    const old = spawn(process.execPath, words, { stdio: [input, "ignore", "ignore"] });
    closeSync(input);
    const started = await eventually(() => childrenOf(old.pid ?? 0).find(isScan));
    old.kill("SIGKILL");
    try {
      await eventually(() => (isScan(started) ? undefined : true));
    } finally {
      if (isScan(started)) process.kill(started, "SIGKILL");
    }
  });
});

/** What `find` finds, as soon as it does. */
async function eventually<T>(find: () => T | undefined): Promise<T> {
  for (let turn = 0; turn < 1_000; turn++) {
    const found = find();
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Error("it did not come true");
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.split(" ").filter(Boolean).map(Number);
}

/** True while a process runs that is not the launcher's look at a version. */
function isScan(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0scan\0");
  } catch {
    // It is gone.
    return false;
  }
}

describe("tailrace scan", () => {
  it("prints one window exactly as every interface gives it", async () => {
    const run = await runProgram(["scan", "--output", "ndjson", "-"], Buffer.from(LINE));
    expect(run.code).toBe(0);
    expect(run.stdout).toBe(
      '{"stream":"application-logs","service":"orders","windowStart":"2026-11-20T10:00:00.000Z",' +
        '"windowEnd":"2026-11-20T10:01:00.000Z","requestCount":1,"errorCount":1,"errorRate":1,"avgLatency":12.5,' +
        '"latency":{"min":12.5,"p50":12.5,"p95":12.5,"p99":12.5,"max":12.5},"levels":{"ERROR":1},"dimensions":{}}\n',
    );
  });

  it("reads the other files when one cannot be read, says which, and exits 1", async () => {
    const good = fileOf("good.log", LINE);
    const run = await runProgram(["scan", "--output", "ndjson", join(home, "none.log"), good]);
    expect(run.code).toBe(1);
    expect(run.stdout.split("\n")).toHaveLength(2);
    expect(run.stderr).toContain("none.log: cannot be read");
  });
});

describe("tailrace validate", () => {
  it("tells every fault of a file at once, with line and column, and exits 2", async () => {
    const path = fileOf(
      "agent.yaml",
      [
        "id: 17",
        "sources:",
        "  - name: app",
        "    type: file",
        '    paths: "/var/log/*.log"',
        "    format: jsno",
        "    start_at: begin",
        "    max_line: 10GiB",
        "    exlude: []",
        "  - { name: app, type: fil }",
        "flush_interval: 5",
        "ship: { endpoints: [nowhere], timeout: 99h }",
      ].join("\n"),
    );
    const run = await runProgram(["validate", path]);
    expect(run.code).toBe(2);
    const places = run.stderr
      .split("\n")
      .filter((line) => line.startsWith(path))
      .map((line) =>
        line
          .slice(path.length + 1)
          .split(" ")
          .slice(0, 2)
          .join(" "),
      );
    expect(places).toEqual([
      "1:1: data_dir:",
      "1:5: id:",
      "5:12: sources[0].paths:",
      "6:13: sources[0].format:",
      "7:15: sources[0].start_at:",
      "8:15: sources[0].max_line:",
      "9:5: sources[0].exlude:",
      "10:13: sources[1].name:",
      "10:24: sources[1].type:",
      "11:17: flush_interval:",
      "12:21: ship.endpoints[0]:",
      "12:40: ship.timeout:",
    ]);
  });

  it("takes the smallest files that work", async () => {
    const agent = fileOf(
      "a.yaml",
      "data_dir: /tmp/x\nsources: [{ name: app, type: file, paths: [/var/log/*.log] }]\nship: { endpoints: ['http://127.0.0.1:7400'] }\n",
    );
    const aggregator = fileOf("b.yaml", "listen: 127.0.0.1:7400\n");
    const run = await runProgram(["validate", agent, aggregator]);
    expect(run.stderr).toBe("");
    expect(run.code).toBe(0);
  });

  it("says so when a file cannot be read or is not YAML", async () => {
    const broken = fileOf("c.yaml", "listen: [\nsinks: {\n");
    const run = await runProgram(["validate", join(home, "none.yaml"), broken]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain("none.yaml: cannot be read: ENOENT");
    expect(run.stderr).toMatch(/c\.yaml:\d+:\d+: not valid YAML/);
  });
});

describe("a wrong use", () => {
  it("of a path that cannot be a folder is no crash", async () => {
    const taken = fileOf("taken", "");
    const agent = fileOf(
      "taken.yaml",
      `data_dir: ${taken}/data\nsources: [{ name: app, type: file, paths: [/var/log/*.log] }]\nship: { endpoints: ['http://127.0.0.1:1'] }\n`,
    );
    const aggregator = fileOf("taken-too.yaml", `listen: 127.0.0.1:0\ndata_dir: ${taken}/data\n`);
    for (const words of [
      ["agent", "--config", agent],
      ["aggregator", "--config", aggregator],
    ]) {
      const run = await runProgram(words);
      expect(run.code).toBe(1);
      expect(run.stderr).toMatch(
        /^tailrace \w+: \S+taken\S*: ENOTDIR: a part of the path is no folder\n$/,
      );
    }
  });

  it("of a configuration that is not there is one of usage, as for the daemons", async () => {
    expect((await runProgram(["validate", join(home, "none.yaml")])).code).toBe(2);
    const words = ["query", "--sql", "SELECT 1", "--archive", join(home, "none")];
    expect((await runProgram(words)).stderr).toContain("none: ENOENT: there is no such file");
  });

  it("is told with what to do instead", async () => {
    const status = await runProgram(["status", "--config", join(home, "none.yaml")]);
    expect(status.code).toBe(2);
    expect(status.stderr).toContain("ENOENT: there is no such file or folder");
    const sim = await runProgram(["sim", "--seed", "x"]);
    expect(sim.code).toBe(2);
    expect(sim.stderr).toContain("--seed x: expected a whole number");
    const rule = fileOf("rule.yaml", "condition: 'errorRate >> 1'\n");
    const validate = await runProgram(["validate", "--kind", "rules", rule]);
    expect(validate.stderr).not.toContain("stages");
    expect(validate.stderr).toContain(
      "expected a value, got `>` (at character 12), in `errorRate >> 1`",
    );
  });
});
