/** The agent's telemetry while it runs: the address where it is asked, and the collector to which it is sent. */
import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Listener } from "../../shared/platform/network.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { problemAnswer } from "../../shared/protocol/http-answer.ts";
import { answerTelemetry, metricsOf, type TelemetryHost } from "./answer-telemetry.ts";
import { otlpMetrics } from "./otlp-metrics.ts";
import type { TelemetryConfig } from "./telemetry-config.ts";

/** What telemetry needs. */
export interface TelemetryOptions {
  readonly platform: Pick<Platform, "clock" | "network" | "timers">;
  readonly config: TelemetryConfig;
  readonly host: TelemetryHost;
  readonly hostname: string;
  readonly logger: Logger;
}

const SEND_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 10_000;
const BODY_BYTES_MAX = 1024;
const CONNECTION_COUNT_MAX = 16;

/** See the head of this file. That it fails never stops the agent: it is told in the log. */
export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #stopping = new AbortController();
  #listener: Listener | undefined;
  #sending: Promise<void> = Promise.resolve();
  #isFailing = false;

  private constructor(options: TelemetryOptions) {
    this.#options = options;
  }

  /** Listens and sends as configured. */
  static async open(options: TelemetryOptions): Promise<Telemetry> {
    const telemetry = new Telemetry(options);
    await telemetry.#listen();
    if (options.config.otlp !== undefined) telemetry.#sending = telemetry.#sendAll();
    return telemetry;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#listener?.close();
    await this.#sending;
  }

  async #listen(): Promise<void> {
    const { platform, config, host, logger } = this.#options;
    const { listen } = config;
    if (listen === undefined) return;
    const limits = {
      bodyBytesMax: BODY_BYTES_MAX,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      connectionCountMax: CONNECTION_COUNT_MAX,
    };
    const known = "known are GET /metrics, /healthz and /readyz";
    try {
      this.#listener = await platform.network.listen({ ...listen, ...limits }, async (request) => {
        const answer = answerTelemetry(host, request);
        return answer ?? problemAnswer({ status: 404, code: "not_found", detail: known });
      });
      const { port } = this.#listener;
      logger.info("metrics are served", { address: `http://${listen.host}:${port}/metrics` });
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      logger.error("metrics are not served; the agent goes on without", { detail: error.message });
    }
  }

  async #sendAll(): Promise<void> {
    const { otlp } = this.#options.config;
    const { signal } = this.#stopping;
    while (otlp !== undefined && !signal.aborted) {
      await this.#send(otlp);
      await this.#options.platform.timers.sleep(otlp.interval, signal);
    }
  }

  async #send(otlp: NonNullable<TelemetryConfig["otlp"]>): Promise<void> {
    const { platform, host, hostname } = this.#options;
    const { agent } = host.status();
    const frame = { agent, host: hostname, nowMs: platform.clock.now() };
    try {
      const answer = await platform.network.call({
        url: `${otlp.endpoint.replace(/\/+$/, "")}/v1/metrics`,
        method: "POST",
        headers: { ...otlp.headers, "content-type": "application/json" },
        body: Buffer.from(otlpMetrics(metricsOf(host), frame)),
        timeoutMs: SEND_TIMEOUT_MS,
        signal: this.#stopping.signal,
      });
      this.#noteOutcome(answer.status < 300 ? undefined : `it answers ${answer.status}`);
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      if (!this.#stopping.signal.aborted) this.#noteOutcome(error.message);
    }
  }

  /** Says once that the collector does not take metrics, and once that it does again. */
  #noteOutcome(fault: string | undefined): void {
    const { logger, config } = this.#options;
    const endpoint = config.otlp?.endpoint;
    if (fault !== undefined && !this.#isFailing) {
      logger.warn("the collector does not take metrics", { endpoint, detail: fault });
    }
    if (fault === undefined && this.#isFailing) logger.info("the collector takes metrics again");
    this.#isFailing = fault !== undefined;
  }
}
