/** `GET /v1/status`: how the aggregator stands, in one answer: what its metrics say, for people and their programs. */
import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer } from "../../shared/protocol/http-answer.ts";
import type { Check } from "./health.ts";

/** What is told of the aggregator. Times are milliseconds since the Unix epoch. */
export interface StatusSource {
  readonly clockMs: number | undefined;
  readonly watermarkMs: number | undefined;
  readonly agentCount: number;
  readonly receivedLines: number;
  readonly mergedLines: number;
  readonly tooLateLines: number;
  /** Revisions of windows that were given. */
  readonly windowChanges: number;
  readonly sinks: readonly {
    readonly name: string;
    readonly results: string;
    readonly breaker: string;
    readonly writtenCount: number;
    readonly deadTotal: number;
    readonly behindCount: number;
    readonly failure: string | undefined;
  }[];
  readonly inlets: readonly {
    readonly source: string;
    readonly place: string;
    readonly recordCount: number;
    readonly deadTotal: number;
    readonly behindCount: number | undefined;
  }[];
  readonly rules: readonly object[];
  readonly alerts: readonly {
    readonly rule: string;
    readonly severity: string;
    readonly state: string;
    readonly count: number;
  }[];
}

/** Answers `GET /v1/status`. */
export function answerStatus(source: StatusSource, checks: readonly Check[]): HttpResponse {
  const { clockMs, watermarkMs, sinks, inlets, rules, alerts } = source;
  const failing = checks.filter(({ isOk }) => !isOk);
  return jsonAnswer(200, {
    isReady: failing.length === 0,
    failing: failing.map(({ name, detail }) => ({ name, detail })),
    clock: clockMs === undefined ? null : iso(clockMs),
    watermark: watermarkMs === undefined ? null : iso(watermarkMs),
    agentCount: source.agentCount,
    lines: {
      received: source.receivedLines,
      merged: source.mergedLines,
      tooLate: source.tooLateLines,
    },
    windowChanges: source.windowChanges,
    sinks: sinks.map((sink) => ({
      ...{ name: sink.name, results: sink.results, breaker: sink.breaker },
      ...{ written: sink.writtenCount, behind: sink.behindCount, deadLetters: sink.deadTotal },
      failure: sink.failure ?? null,
    })),
    sources: inlets.map((inlet) => ({
      ...{ source: inlet.source, place: inlet.place, records: inlet.recordCount },
      ...{ behind: inlet.behindCount ?? null, deadLetters: inlet.deadTotal },
    })),
    ruleCount: rules.length,
    openAlerts: alerts.map(({ rule, severity, state, count }) => ({
      rule,
      severity,
      state,
      count,
    })),
  });
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
