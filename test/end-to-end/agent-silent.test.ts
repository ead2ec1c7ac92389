/** An agent that is killed: an alert says so, and ends when the agent is back. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Daemon, freePort } from "./program.ts";

const WAIT_MS_MAX = 110_000;
/** As `config/rules/self/agent-silent.yaml`, but sooner: thirty seconds are the least that is looked at. */
const RULE = `
name: agent-silent
summary: An agent sent neither lines nor a sign of life for half a minute.
stream: agents
condition: "silentSeconds >= 30"
alert: { type: AGENT_SILENT, severity: warning, message: "The agent {{service}} has been silent for {{silentSeconds}} seconds." }
`;

let aggregator: Daemon;
let address: string;
let folder: string;
let agent: Daemon;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-silent-"));
  await writeFile(join(folder, "agent-silent.yaml"), RULE);
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  await writeFile(
    join(folder, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}
data_dir: ${folder}/aggregator
rules: ["${folder}/agent-silent.yaml"]
`,
  );
  aggregator = new Daemon(["aggregator", "--config", join(folder, "aggregator.yaml")]);
  aggregator.start();
  await writeFile(
    join(folder, "agent.yaml"),
    `id: web-1
data_dir: ${folder}/agent
sources: [{ name: app, type: file, paths: ["${folder}/*.log"] }]
ship: { endpoints: ["${address}"] }
`,
  );
  agent = new Daemon(["agent", "--config", join(folder, "agent.yaml")]);
  agent.start();
});
afterEach(async () => {
  await agent.stop("SIGKILL");
  await aggregator.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

interface Shown {
  readonly id: string;
  readonly service: string;
  readonly message: string;
}

/** The only alert, once it is in this state. */
async function alertIn(state: string): Promise<Shown> {
  const endMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const text = await (await fetch(`${address}/v1/alerts?state=${state}`)).text();
    const { alerts = [] }: { alerts?: Shown[] } = JSON.parse(text);
    const [alert] = alerts;
    if (alert !== undefined) {
      expect(alerts).toHaveLength(1);
      return alert;
    }
    expect(performance.now(), `no alert is ${state}: ${agent.stderr}`).toBeLessThan(endMs);
    await setTimeout(200);
  }
}

/** Waits until the aggregator knows the agent. */
async function known(): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    // It is not reachable while it starts.
    const text = await fetch(`${address}/v1/agents`).then(
      (answer) => answer.text(),
      (error: unknown) => `${error}`,
    );
    if (text.includes('"web-1"')) return;
    expect(performance.now(), `${text}\n${agent.stderr}`).toBeLessThan(endMs);
    await setTimeout(200);
  }
}

it("an agent that is killed is told of by its name, and no more once it is back", async () => {
  await known();
  await agent.stop("SIGKILL");
  const firing = await alertIn("firing");
  expect(firing.service).toBe("web-1");
  const [, seconds] =
    /^The agent web-1 has been silent for (\d+) seconds\.$/.exec(firing.message) ?? [];
  expect(Number(seconds)).toBeGreaterThanOrEqual(30);
  agent.start();
  expect((await alertIn("resolved")).id).toBe(firing.id);
}, 240_000);
