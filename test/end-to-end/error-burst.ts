/** A burst of errors through a real aggregator that is killed in every state of the alert. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import { Daemon, freePort } from "./program.ts";

/** 2026-11-20T10:00:00Z. */
export const BURST_START_MS = Date.UTC(2026, 10, 20, 10);
const MINUTE_MS = 60_000;
const WAIT_MS_MAX = 60_000;

const RULE = `
name: high-error-rate
summary: More than 5 % of the requests of a service fail.
condition: "errorRate > 0.05"
for: 2m
resolve: { condition: "errorRate < 0.02", for: 2m }
labels: { team: shop }
alert: { type: HIGH_ERROR_RATE, severity: critical, message: "{{service}}: {{errorRate * 100}} % failed" }
`;

/** An alert as the API shows it. */
export interface ShownAlert {
  readonly id: string;
  readonly service: string;
  readonly state: string;
  readonly revision: number;
  readonly timestamp: string;
  readonly message: string;
}

/** An aggregator with one rule about errors, to which minutes of requests come. */
export class BurstScene {
  readonly address: string;
  readonly #daemon: Daemon;
  #postCount = 0;

  private constructor(address: string, daemon: Daemon) {
    this.address = address;
    this.#daemon = daemon;
  }

  /** Starts an aggregator in `folder` with these sinks and further settings. */
  static async start(
    folder: string,
    sinks: readonly object[],
    settings: Readonly<Record<string, unknown>> = {},
  ): Promise<BurstScene> {
    const port = await freePort();
    const config = {
      ...settings,
      ...{ listen: `127.0.0.1:${port}`, data_dir: join(folder, "data"), sinks },
      rules: [join(folder, "high-error-rate.yaml")],
    };
    await writeFile(join(folder, "high-error-rate.yaml"), RULE);
    await writeFile(join(folder, "aggregator.yaml"), JSON.stringify(config));
    const daemon = new Daemon(["aggregator", "--config", join(folder, "aggregator.yaml")]);
    const scene = new BurstScene(`http://127.0.0.1:${port}`, daemon);
    daemon.start();
    return scene;
  }

  /** Kills it at once and starts it again. */
  async kill(): Promise<void> {
    await this.#daemon.stop("SIGKILL");
    this.#daemon.start();
  }

  /** Ends it for good. */
  async remove(): Promise<void> {
    await this.#daemon.stop("SIGKILL");
  }

  /** Twenty requests of a minute, of which `errors` fail, and further ones up to `seconds` into the next, which make it final. */
  async minute(minute: number, errors: number, seconds = 15): Promise<void> {
    const startMs = BURST_START_MS + minute * MINUTE_MS;
    const lines = Array.from({ length: 20 }, (_, index) => ({
      timestamp: new Date(startMs + index * 1_000).toISOString(),
      level: index < errors ? "ERROR" : "INFO",
      service: "orders",
    }));
    const last = new Date(startMs + MINUTE_MS + seconds * 1_000).toISOString();
    lines.push({ timestamp: last, level: "INFO", service: "clock" });
    await this.#post(lines);
  }

  /** Waits until the alert is in this state, and resolves with it. */
  async alertIn(state: string): Promise<ShownAlert> {
    const endMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const found = (await this.alerts()).find((alert) => alert.state === state);
      if (found !== undefined) return found;
      expect(performance.now(), `no alert is ${state}`).toBeLessThan(endMs);
      await setTimeout(100);
    }
  }

  /** All alerts, whatever their state. */
  async alerts(): Promise<ShownAlert[]> {
    const answer = await this.call("/v1/alerts");
    const { alerts }: { alerts: ShownAlert[] } = JSON.parse(answer);
    return alerts;
  }

  /** Asks again while the aggregator starts. */
  async call(path: string, init: RequestInit = {}): Promise<string> {
    const endMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      try {
        const answer = await fetch(`${this.address}${path}`, init);
        const text = await answer.text();
        if (answer.status < 300) return text;
        if (answer.status !== 503) throw new Error(`${answer.status} ${text}`);
      } catch (error) {
        if (!(error instanceof TypeError) || performance.now() > endMs) throw error;
      }
      await setTimeout(50);
    }
  }

  async #post(lines: readonly object[]): Promise<void> {
    const headers = {
      "content-type": "application/x-ndjson",
      "idempotency-key": `post-${++this.#postCount}`,
    };
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    await this.call("/v1/events", { method: "POST", headers, body });
  }
}

/** The whole life of an alert, with a kill in every state; resolves with the alert at its end. */
export async function playBurst(scene: BurstScene): Promise<ShownAlert> {
  await scene.minute(0, 0);
  await scene.minute(1, 5);
  await scene.alertIn("pending");
  await scene.kill();
  await scene.minute(2, 5);
  const firing = await scene.alertIn("firing");
  // The window ended at 10:03:00; what made it final is of 10:03:15.
  expect(firing.timestamp).toBe("2026-11-20T10:03:00.000Z");
  await scene.kill();
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ by: "ann", comment: "rolling back" });
  await scene.call(`/v1/alerts/${firing.id}/acknowledge`, { method: "POST", headers, body });
  await scene.alertIn("acknowledged");
  await scene.kill();
  await scene.minute(3, 5);
  await scene.minute(4, 0);
  await scene.minute(5, 0);
  await scene.alertIn("resolved");
  await scene.kill();
  await scene.minute(6, 0);
  const resolved = await scene.alertIn("resolved");
  expect(resolved.id).toBe(firing.id);
  return resolved;
}
