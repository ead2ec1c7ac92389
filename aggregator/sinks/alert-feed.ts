import { readPatternsRow, readProcessRow } from "../state/read-agents.ts";
import { readAlerts } from "../state/read-alerts.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";
import type { Result } from "./sink.ts";
import type { DeliveredState } from "./store-feed.ts";

/** The alerts of one partition of stage 2, in the order in which they were raised. Each is there once and never changes. */
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
      result: () => ({ ...alert, revision: 1 }),
    }));
  }

  newestChange(): number {
    const view = this.#state.view();
    return view === undefined ? 0 : readPatternsRow(view).alertNumber;
  }

  newest(result: Result): Result {
    return result;
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
