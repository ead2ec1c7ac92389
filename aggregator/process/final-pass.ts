import type { StateView } from "../log/log.ts";
import { MINUTE_MAX, type SeriesKey, windowKey } from "../state/keys.ts";
import { readMinuteIndex } from "../state/minute-index.ts";
import type { ProcessRow } from "../state/stage-rows.ts";
import { decodeWindowHead } from "../state/window-row.ts";
import type { CachedWindow, WindowCache } from "./window-cache.ts";

const PAGE_COUNT = 256;

/** What a {@link FinalPass} works on. */
export interface FinalPassParts {
  readonly view: StateView;
  readonly row: ProcessRow;
  readonly cache: WindowCache;
  /** Called for every window that is to be emitted, since it is final now. */
  readonly emit: (window: CachedWindow) => void;
}

/** Finds the windows that become final as the watermark passes their end, page by page over the index by time; a pass may take several flushes. */
export class FinalPass {
  private readonly parts: FinalPassParts;
  /** Windows up to `toMinute` are being made final; `after` is the last index key looked at. */
  private open: { readonly toMinute: number; after: string | undefined } | undefined;

  constructor(parts: FinalPassParts) {
    this.parts = parts;
  }

  /** True when windows up to `finalMinute` wait to be made final. */
  isDue(finalMinute: number | undefined): boolean {
    if (this.open !== undefined) return true;
    const done = this.parts.row.finalMinute;
    return finalMinute !== undefined && (done === undefined || done < finalMinute);
  }

  /** Makes windows up to `finalMinute` final, until `isFull`; true when all of a pass are. */
  run(finalMinute: number | undefined, isFull: () => boolean): boolean {
    if (this.open === undefined && this.isDue(finalMinute)) {
      this.open = { toMinute: finalMinute ?? 0, after: undefined };
    }
    let hasMoved = false;
    while (this.open !== undefined && !isFull()) {
      if (this.takePage(this.open, isFull)) hasMoved = true;
    }
    return hasMoved;
  }

  private takePage(
    pass: { readonly toMinute: number; after: string | undefined },
    isFull: () => boolean,
  ): boolean {
    const { view, row, emit } = this.parts;
    const fromMinute = (row.finalMinute ?? -MINUTE_MAX - 1) + 1;
    const range = { fromMinute, toMinute: Math.min(pass.toMinute, MINUTE_MAX - 1) + 1 };
    const page = readMinuteIndex(view, range, pass.after, PAGE_COUNT);
    for (const { indexKey, series, minute } of page) {
      if (isFull()) return false;
      const window = this.findProvisional(series, minute);
      if (window !== undefined) emit(window);
      pass.after = indexKey;
    }
    if (page.length === PAGE_COUNT) return false;
    row.finalMinute = pass.toMinute;
    this.open = undefined;
    return true;
  }

  private findProvisional(series: SeriesKey, minute: number): CachedWindow | undefined {
    const { view, cache } = this.parts;
    const cached = cache.peek(series, minute);
    if (cached !== undefined) return cached.state === "provisional" ? cached : undefined;
    const bytes = view.get(windowKey(series.key, minute));
    if (bytes === undefined || decodeWindowHead(bytes).state !== "provisional") return undefined;
    return cache.find(series, minute);
  }
}
