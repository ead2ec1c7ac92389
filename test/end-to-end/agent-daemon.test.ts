import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realTimers } from "../../shared/platform/timers.ts";
import { Daemon, runProgram } from "./program.ts";

let folder: string;
let agent: Daemon;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-daemon-"));
  await mkdir(join(folder, "conf.d"));
  agent = new Daemon(["agent", "--config", join(folder, "agent.yaml")]);
});
afterEach(async () => {
  await agent.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

const configure = (text = "") =>
  writeFile(
    join(folder, "agent.yaml"),
    `id: web-1
data_dir: ${folder}/data
sources: [{ name: app, type: file, paths: ["${folder}/*.log"] }]
ship: { endpoints: ["http://127.0.0.1:1"] }
${text}`,
  );

async function untilSaid(text: string): Promise<void> {
  for (let step = 0; step < 1200 && !agent.stderr.includes(text); step++) {
    await realTimers.sleep(25);
  }
  expect(agent.stderr).toContain(text);
}

describe("the agent as a process", () => {
  it("takes a changed file over, refuses a bad one, survives SIGHUP and answers at its socket", async () => {
    await configure();
    agent.start();
    await untilSaid("the agent runs");
    await writeFile(
      join(folder, "conf.d", "more.yaml"),
      `sources: [{ name: more, type: file, paths: ["${folder}/*.txt"] }]\n`,
    );
    await untilSaid("the new configuration is in use sources=app,more");
    await configure("flush_interval: soon\n");
    await untilSaid("agent.yaml:5:17: flush_interval: expected a duration");
    await untilSaid("the configuration is refused");
    await configure();
    agent.signal("SIGHUP");
    await untilSaid("the configuration is as it was");
    const status = await runProgram(["status", "--config", join(folder, "agent.yaml")]);
    expect(status.stdout).toMatch(
      /^agent web-1, process \d+, up \d+ s: NOT READY, waits for an aggregator\n/,
    );
    expect(status.code).toBe(1);
    expect(await agent.stop("SIGTERM")).toBe(0);
    const gone = await runProgram(["status", "--config", join(folder, "agent.yaml")]);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain("no agent answers at");
  });
});
