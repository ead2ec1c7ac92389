import type { AlertRow } from "../state/alert-row.ts";
import { readPatternsRow, readProcessRow } from "../state/read-agents.ts";
import { findAlert, readAlerts, readOpenAlerts } from "../state/read-alerts.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";
import type { AlertResult, Result } from "./sink.ts";
import type { DeliveredState } from "./store-feed.ts";

/**
 * The revisions of the alerts of one partition of stage 2, in the order in which they came: each change of an alert once. What is pending
 * may come to nothing, and is told to nobody.
 */
export class AlertFeed implements ChangeFeed {
  readonly #state: DeliveredState;

  constructor(state: DeliveredState) {
    this.#state = state;
  }

  changes(after: number, limit: number): readonly Change[] {
    const view = this.#state.view();
    if (view === undefined) return [];
    return readAlerts(view, after, limit).map(({ number, alert }) => ({
      change: number,
      result: () => (alert.state === "pending" ? undefined : resultOf(alert)),
    }));
  }

  newestChange(): number {
    const view = this.#state.view();
    return view === undefined ? 0 : readPatternsRow(view).alertNumber;
  }

  newest(result: Result): Result {
    const view = this.#state.view();
    const newest = view && findAlert(view, result.id);
    return newest === undefined ? result : resultOf(newest);
  }

  firing(): readonly AlertResult[] {
    const view = this.#state.view();
    return view === undefined ? [] : [...readOpenAlerts([view])].map(resultOf);
  }

  watermarkMs(): number | undefined {
    const view = this.#state.view();
    return view && readProcessRow(view).watermarkMs;
  }

  async changed(after: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.#state.view() === undefined || this.newestChange() <= after)) {
      await this.#state.nextCommit(signal);
    }
  }
}

function resultOf({
  tenant,
  id,
  rule,
  alertType,
  severity,
  timestampMs,
  json,
  ...rest
}: AlertRow): AlertResult {
  const { state, revision, isSuppressed } = rest;
  return {
    tenant,
    id,
    rule,
    alertType,
    severity,
    timestampMs,
    json,
    state,
    revision,
    isSuppressed,
  };
}
