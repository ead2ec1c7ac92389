/** What `packaging` has for Prometheus and Grafana, read by Prometheus itself against a running aggregator. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { adminSocketPath } from "../../agent/admin/admin-door.ts";
import { present } from "../../shared/assert.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { BurstScene } from "../end-to-end/error-burst.ts";
import { Daemon } from "../end-to-end/program.ts";
import { RealServer } from "./real-server.ts";
import { prometheus } from "./server-plans.ts";
import { findServer } from "./servers.ts";

const PACKAGING = join(import.meta.dirname, "../../packaging");
const RULES = join(PACKAGING, "prometheus/tailrace-rules.yaml");
const WAIT_MS_MAX = 30_000;

let folder: string;
let scene: BurstScene;
let agent: Daemon;
let server: RealServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-prometheus-"));
  const out = { name: "out", type: "file", path: join(folder, "windows.ndjson") };
  scene = await BurstScene.start(folder, [out]);
  for (const minute of [0, 1, 2]) await scene.minute(minute, 5);
  await scene.alertIn("firing");
  const config = {
    ...{ id: "web-1", data_dir: join(folder, "agent") },
    sources: [{ name: "app", type: "file", paths: [join(folder, "*.log")] }],
    ship: { endpoints: [scene.address] },
  };
  await writeFile(join(folder, "agent.yaml"), JSON.stringify(config));
  await writeFile(join(folder, "app.log"), '{"level":"INFO","service":"mail","duration":3}\n');
  agent = new Daemon(["agent", "--config", join(folder, "agent.yaml")]);
  agent.start();
  server = await RealServer.start(prometheus(new URL(scene.address).host, [RULES]));
});
afterAll(async () => {
  await server.remove();
  await agent.stop("SIGKILL");
  await scene.remove();
  await rm(folder, { recursive: true, force: true });
});

function promtool(words: readonly string[], input?: string) {
  const program = present(findServer("prometheus"), "promtool");
  return spawnSync(program, ["promtool", ...words], { encoding: "utf8", input });
}

/** Asks until the agent that has just started answers. */
async function agentMetrics(): Promise<string> {
  const socketPath = adminSocketPath(join(folder, "agent"));
  const call = { url: "http://localhost/metrics", method: "GET", timeoutMs: 1_000, socketPath };
  const ask = () => realPlatform.network.call(call).then(({ status }) => status);
  await expect.poll(() => ask().catch(() => 0), { timeout: WAIT_MS_MAX }).toBe(200);
  return (await realPlatform.network.call(call)).body.toString();
}

const resultSchema = z.object({ data: z.object({ result: z.array(z.unknown()) }) });

async function hasSeries(expression: string): Promise<boolean> {
  const query = new URLSearchParams({ query: expression });
  const answer = await fetch(`${server.url}/api/v1/query?${query}`);
  expect(answer.status, expression).toBe(200);
  return resultSchema.parse(await answer.json()).data.result.length > 0;
}

/** Waits until each of these has series, and resolves with those that got none. */
async function withoutSeries(expressions: readonly string[]): Promise<string[]> {
  const endMs = performance.now() + WAIT_MS_MAX;
  let empty = [...expressions];
  for (;;) {
    const shown = await Promise.all(empty.map(hasSeries));
    empty = empty.filter((_, index) => shown[index] === false);
    if (empty.length === 0 || performance.now() > endMs) return empty;
    await setTimeout(200);
  }
}

const dashboardSchema = z.object({
  panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })).min(1) })),
});

const rulesSchema = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() }),
        ),
      }),
    ),
  }),
});

describe("promtool", () => {
  it("finds nothing wrong with the rules, and their tests pass", () => {
    const checked = promtool(["check", "rules", "--lint=all", "--lint-fatal", RULES]);
    expect([checked.status, checked.stderr]).toEqual([0, ""]);
    const tested = promtool(["test", "rules", RULES.replace(".yaml", "-test.yaml")]);
    expect(tested.stdout + tested.stderr).toContain("SUCCESS");
    expect(tested.status).toBe(0);
  });

  it.each(["aggregator", "agent"])(
    "finds nothing wrong with the metrics of an %s",
    async (program) => {
      const text = await (program === "agent" ? agentMetrics() : scene.call("/metrics"));
      // Those of the process have the names that all programs on Node give them.
      const own = text.split("\n").filter((line) => /^(?:# \w+ )?tailrace_/.test(line));
      expect(own.length).toBeGreaterThan(program === "agent" ? 20 : 50);
      const { status, stderr } = promtool(["check", "metrics"], `${own.join("\n")}\n`);
      expect([status, stderr]).toEqual([0, ""]);
    },
  );
});

describe("Prometheus", () => {
  it("has something to show in every panel of the dashboard", async () => {
    const text = readFileSync(join(PACKAGING, "grafana/tailrace-aggregator.json"), "utf8");
    const { panels } = dashboardSchema.parse(JSON.parse(text));
    const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(asked.length).toBeGreaterThan(10);
    const expressions = asked.map((expr) => expr.replaceAll("$instance", ".*"));
    expect(await withoutSeries(expressions)).toEqual([]);
  }, 120_000);

  it("evaluates every rule", async () => {
    expect(await withoutSeries(["tailrace:processing_latency_seconds:p99"])).toEqual([]);
    const answer = await fetch(`${server.url}/api/v1/rules`);
    const { groups } = rulesSchema.parse(await answer.json()).data;
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(5);
    expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
  });
});
