import { MINUTE_MS, windowStartMinute } from "../../shared/time/window.ts";
import type { StateView } from "../log/log.ts";
import { keyPart, makeSeries } from "../state/keys.ts";
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
    const watermarkMs = this.watermarkMs();
    return readChanges(view, after, limit).map(({ changeNumber, window }) => ({
      change: changeNumber,
      result: (windowMinutes) => {
        // It is already read.
        if (window.windowMinutes === windowMinutes) return resultOf(window, watermarkMs);
        // The minutes of a roll-up said before what it is made of.
        return window.windowMinutes === 1 ? this.#resultAround(window, windowMinutes) : undefined;
      },
    }));
  }

  newestChange(): number {
    const view = this.#state.view();
    return view === undefined ? 0 : readProcessRow(view).changeNumber;
  }

  newest(result: Result): Result | undefined {
    if (isAlert(result)) return result;
    const minute = result.windowStartMs / MINUTE_MS;
    return this.#resultAround({ ...result, minute }, result.windowEndMs / MINUTE_MS - minute);
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

  /** The newest state of the windows around a minute, as one. */
  #resultAround(
    { minute, ...names }: WindowNames,
    windowMinutes: number,
  ): WindowResult | undefined {
    const start = windowStartMinute(minute, windowMinutes);
    const view = this.#state.view();
    const window = view && readWindow(view, names, start, windowMinutes);
    return window && resultOf(window, this.watermarkMs());
  }
}

type WindowNames = Pick<StoredWindow, "tenant" | "stream" | "service" | "dimensions" | "minute">;

function resultOf(window: StoredWindow, watermarkMs: number | undefined): WindowResult {
  const { tenant, stream, service, dimensions, minute, windowMinutes, revision } = window;
  const { key } = makeSeries(tenant, stream, service, dimensions);
  const windowStartMs = minute * MINUTE_MS;
  return {
    id: [key, `${windowMinutes}m`, keyPart(String(minute))].join("/"),
    tenant,
    stream,
    service,
    ...(dimensions === undefined ? {} : { dimensions }),
    windowStartMs,
    windowEndMs: windowStartMs + windowMinutes * MINUTE_MS,
    revision,
    json: windowText(window, watermarkMs),
  };
}
