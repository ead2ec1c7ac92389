import type { Change, ChangeFeed } from "../../../../aggregator/sinks/change-feed.ts";
import type { Result, WindowResult } from "../../../../aggregator/sinks/sink.ts";

const START_MS = Date.parse("2026-11-20T10:00:00Z");

interface WindowChange {
  readonly change: number;
  readonly service: string;
  readonly minute: number;
}

/** An index of changes in memory, where tests change windows. */
export class MemoryFeed implements ChangeFeed {
  readonly #changes = new Map<string, WindowChange>();
  readonly #revisions = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #newest = 0;

  /** Changes the window of `service` at `minute` minutes after the start. */
  touch(service: string, minute: number): void {
    const key = `${service}/${minute}`;
    this.#newest++;
    this.#changes.set(key, { change: this.#newest, service, minute });
    this.#revisions.set(key, (this.#revisions.get(key) ?? 0) + 1);
    for (const wake of this.#waiting) wake();
  }

  changes(after: number, limit: number): readonly Change[] {
    return [...this.#changes.values()]
      .filter(({ change }) => change > after)
      .toSorted((a, b) => a.change - b.change)
      .slice(0, limit)
      .map((changed) => ({
        change: changed.change,
        result: (windowMinutes) => this.#resultOf(changed, windowMinutes),
      }));
  }

  newestChange(): number {
    return this.#newest;
  }

  newest(result: Result): Result | undefined {
    const [service = "", minute = ""] = result.id.split("/");
    return this.#resultOf({ change: 0, service, minute: Number(minute) }, 1);
  }

  watermarkMs(): number {
    return START_MS;
  }

  /** Lets the window's retention end. */
  drop(service: string, minute: number): void {
    this.#changes.delete(`${service}/${minute}`);
    this.#revisions.delete(`${service}/${minute}`);
  }

  changed(after: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#newest <= after && !signal.aborted) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      signal.addEventListener("abort", look, { once: true });
      look();
    });
  }

  #resultOf(changed: WindowChange, windowMinutes: number): WindowResult | undefined {
    const { service } = changed;
    const stream = "application-logs";
    const minute = Math.floor(changed.minute / windowMinutes) * windowMinutes;
    let revision = 0;
    for (let at = minute; at < minute + windowMinutes; at++) {
      revision += this.#revisions.get(`${service}/${at}`) ?? 0;
    }
    if (revision === 0) return undefined;
    const windowStartMs = START_MS + minute * 60_000;
    const windowEndMs = windowStartMs + windowMinutes * 60_000;
    const json = JSON.stringify({ service, windowStart: minute, revision });
    const id = `${service}/${minute}`;
    return { id, tenant: "", stream, service, windowStartMs, windowEndMs, revision, json };
  }
}
