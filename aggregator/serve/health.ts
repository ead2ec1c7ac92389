import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer } from "../../shared/protocol/http-answer.ts";

/** One thing that must work for the aggregator to be ready. */
export interface Check {
  readonly name: string;
  readonly isOk: boolean;
  /** What is wrong, for people; empty when all is well. */
  readonly detail: string;
}

/** Answers `GET /healthz`: the process lives and answers. Restarting it would not make it better. */
export function answerHealth(): HttpResponse {
  return jsonAnswer(200, { status: "ok" });
}

/** Answers `GET /readyz`: 200 while everything progresses, else 503 with what does not. */
export function answerReadiness(checks: readonly Check[]): HttpResponse {
  const isReady = checks.every(({ isOk }) => isOk);
  return jsonAnswer(isReady ? 200 : 503, {
    status: isReady ? "ready" : "not ready",
    checks: checks.map(({ name, isOk, detail }) => ({
      name,
      status: isOk ? "ok" : "failing",
      ...(detail === "" ? {} : { detail }),
    })),
  });
}
