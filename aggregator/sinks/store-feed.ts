import { MINUTE_MS, windowStartMinute } from "../../shared/time/window.ts";
import type { StateView } from "../log/log.ts";
import { keyPart } from "../state/keys.ts";
import { readProcessRow } from "../state/read-agents.ts";
import { readChanges, readWindow, type StoredWindow } from "../state/read-windows.ts";
import { windowText } from "../state/window-text.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";
import { isAlert, type Result, type WindowResult } from "./sink.ts";

/** The state of one partition of stage 2 as deliveries see it. */
export interface DeliveredState {
  /** As of the last commit; undefined before the partition was first owned. */
  view(): StateView | undefined;
  /** Resolves after the next commit, or somewhat later; at once when `signal` aborts. */
  nextCommit(signal: AbortSignal): Promise<void>;
}

/** The changes of stored windows. */
export class StoreFeed implements ChangeFeed {
  readonly #state: DeliveredState;

  constructor(state: DeliveredState) {
    this.#state = state;
  }

  changes(after: number, limit: number): readonly Change[] {
    const view = this.#state.view();
    if (view === undefined) return [];
    return readChanges(view, after, limit).map(({ changeNumber, window }) => ({
      change: changeNumber,
      result: (windowMinutes) => this.#resultOf(window, windowMinutes),
    }));
  }

  newestChange(): number {
    const view = this.#state.view();
    return view === undefined ? 0 : readProcessRow(view).changeNumber;
  }

  newest(result: Result): Result | undefined {
    if (isAlert(result)) return result;
    const minute = result.windowStartMs / MINUTE_MS;
    return this.#resultOf({ ...result, minute }, result.windowEndMs / MINUTE_MS - minute);
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

  #resultOf(
    changed: Pick<StoredWindow, "tenant" | "stream" | "service" | "minute">,
    windowMinutes: number,
  ): WindowResult | undefined {
    const { tenant, stream, service } = changed;
    const minute = windowStartMinute(changed.minute, windowMinutes);
    const view = this.#state.view();
    const window = view && readWindow(view, changed, minute, windowMinutes);
    if (window === undefined) return undefined;
    const windowStartMs = minute * MINUTE_MS;
    return {
      id: [tenant, stream, service, `${windowMinutes}m`, String(minute)].map(keyPart).join("/"),
      tenant,
      stream,
      service,
      windowStartMs,
      windowEndMs: windowStartMs + windowMinutes * MINUTE_MS,
      revision: window.revision,
      json: windowText(window, this.watermarkMs()),
    };
  }
}
