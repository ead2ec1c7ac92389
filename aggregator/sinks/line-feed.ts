import { lineJson } from "../state/line-json.ts";
import { readLinesRow } from "../state/line-row.ts";
import { readProcessRow } from "../state/read-agents.ts";
import { readLines, type StoredLine } from "../state/read-lines.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";
import type { LineResult, Result } from "./sink.ts";
import type { DeliveredState } from "./store-feed.ts";

/** The raw lines of one partition of stage 2, in the order in which they came. */
export class LineFeed implements ChangeFeed {
  readonly #state: DeliveredState;

  constructor(state: DeliveredState) {
    this.#state = state;
  }

  changes(after: number, limit: number): readonly Change[] {
    const view = this.#state.view();
    if (view === undefined) return [];
    return readLines(view, after, limit).map((line) => ({
      change: line.number,
      result: () => resultOf(line),
    }));
  }

  newestChange(): number {
    const view = this.#state.view();
    return view === undefined ? 0 : readLinesRow(view).number;
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

function resultOf(stored: StoredLine): LineResult {
  const { id, tenant, line } = stored;
  const { stream, service, timeMs } = line;
  return {
    ...{ id, tenant, stream, service, revision: 1 },
    ...{ windowStartMs: timeMs, windowEndMs: timeMs },
    json: JSON.stringify(lineJson(stored)),
  };
}
