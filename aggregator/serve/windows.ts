import type { HttpResponse } from "../../shared/platform/network.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import { problemAnswer } from "../../shared/protocol/http-answer.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import type { StateView } from "../log/log.ts";
import { readWindows } from "../state/read-windows.ts";
import { partWidths } from "../state/roll-up-widths.ts";
import { windowText } from "../state/window-text.ts";
import { queryRefusal } from "./query-parameters.ts";
import { encodeCursor, parseWindowsQuery, type WindowsQuery } from "./windows-query.ts";

/** Beyond all minutes that a date can show (8.64e15 ms), within those that a key can hold. */
const MINUTE_LIMIT = 150e9;
/** Answers are up to some 10 MB long while they are put together. */
const QUERY_COUNT_MAX = 16;
/** One address leaves some of them to others. */
const ADDRESS_QUERY_COUNT_MAX = 12;
/** Stored rows that are read at once, so that a large query keeps nobody else waiting. */
const ROWS_AT_ONCE = 1_000;

/** What answering a query needs. */
export interface WindowSource {
  /** The state of each partition of stage 2 that this process holds, as of the last commit. */
  views(): readonly StateView[];
  /** The watermark in milliseconds since the Unix epoch, undefined before the first. */
  watermarkMs(): number | undefined;
  readonly timers: Timers;
}

/** Answers `GET /v1/windows`, so many at a time. */
export class WindowsApi {
  readonly #source: WindowSource;
  #underWayCount = 0;
  readonly #underWayByAddress = new Map<string, number>();

  constructor(source: WindowSource) {
    this.#source = source;
  }

  /** `query` is what follows the question mark, `address` whose it is. */
  async answer(tenant: string, query: string, address: string): Promise<HttpResponse> {
    const own = this.#underWayByAddress.get(address) ?? 0;
    if (this.#underWayCount >= QUERY_COUNT_MAX || own >= ADDRESS_QUERY_COUNT_MAX) {
      return problemAnswer({
        status: 503,
        code: "overloaded",
        detail: `${this.#underWayCount} queries are under way, ${own} of them yours; try again in a moment.`,
        retryAfterSeconds: 1,
      });
    }
    this.#count(address, 1);
    try {
      return await answerWindows(this.#source, tenant, query);
    } finally {
      this.#count(address, -1);
    }
  }

  #count(address: string, change: number): void {
    this.#underWayCount += change;
    const own = (this.#underWayByAddress.get(address) ?? 0) + change;
    if (own > 0) this.#underWayByAddress.set(address, own);
    else this.#underWayByAddress.delete(address);
  }
}

async function answerWindows(
  source: WindowSource,
  tenant: string,
  query: string,
): Promise<HttpResponse> {
  const parsed = parseWindowsQuery(query);
  if ("faults" in parsed) return queryRefusal(parsed.faults);
  const parts: string[] = [];
  const next = await writeWindows(source, tenant, parsed.query, parts);
  const tail = next === undefined ? "" : `,"next":${JSON.stringify(next)}`;
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from(`{"windows":[${parts.join(",")}]${tail}}`),
  };
}

/** Adds each window's JSON to `parts` and resolves with the cursor of what is left. */
async function writeWindows(
  source: WindowSource,
  tenant: string,
  query: WindowsQuery,
  parts: string[],
): Promise<string | undefined> {
  const { stream, service, by, stepMinutes } = query;
  const rowsPerWindow = stepMinutes / (partWidths(stepMinutes)[0] ?? 1);
  const limitAtOnce = Math.max(1, Math.floor(ROWS_AT_ONCE / rowsPerWindow));
  let after = query.after;
  for (;;) {
    const limit = Math.min(limitAtOnce, query.limit - parts.length);
    const page = readWindows(source.views(), {
      tenant,
      stream,
      service,
      by,
      stepMinutes,
      fromMinute: minuteFrom(query.fromMs),
      toMinute: minuteFrom(query.toMs),
      limit,
      after,
    });
    const watermarkMs = source.watermarkMs();
    for (const window of page.windows) parts.push(windowText(window, watermarkMs));
    after = page.next;
    if (after === undefined) return undefined;
    if (parts.length >= query.limit) return encodeCursor(after);
    await source.timers.sleep(0);
  }
}

/** The first minute that begins at or after a moment, which may be infinite. */
function minuteFrom(timeMs: number): number {
  const minute = Math.ceil(timeMs / MINUTE_MS);
  return Math.min(Math.max(minute, -MINUTE_LIMIT), MINUTE_LIMIT);
}
