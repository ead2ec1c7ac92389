/** What whoever watches an agent may ask: its metrics, whether it lives, and whether it progresses. */
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import { readProcessUsage } from "../../shared/platform/process-usage.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import type { StatusAnswer } from "../admin/status.ts";
import { agentMetrics } from "./agent-metrics.ts";
import type { Metric } from "./metric.ts";
import { PROMETHEUS_TEXT, prometheusText } from "./prometheus-text.ts";

/** Whose metrics and readiness are told. */
export interface TelemetryHost {
  status(): StatusAnswer;
  /** Why the agent makes no progress; undefined while it does. */
  readonly stall: string | undefined;
}

/** All metrics of an agent as it stands. */
export function metricsOf(host: TelemetryHost): Metric[] {
  return agentMetrics({ ...host.status(), isReady: host.stall === undefined }, readProcessUsage());
}

/** Answers `GET /metrics`, `/healthz` and `/readyz`; undefined for any other path. */
export function answerTelemetry(
  host: TelemetryHost,
  request: HttpRequest,
): HttpResponse | undefined {
  const { method, path } = request;
  if (path !== "/metrics" && path !== "/healthz" && path !== "/readyz") return undefined;
  if (method !== "GET") {
    return problemAnswer({ status: 405, code: "method_not_allowed", detail: "ask with GET" });
  }
  if (path === "/healthz") return jsonAnswer(200, { status: "ok" });
  if (path === "/readyz") {
    const { stall } = host;
    if (stall === undefined) return jsonAnswer(200, { status: "ready" });
    return jsonAnswer(503, { status: "not ready", detail: stall });
  }
  const text = prometheusText(metricsOf(host));
  return { status: 200, headers: { "content-type": PROMETHEUS_TEXT }, body: Buffer.from(text) };
}
