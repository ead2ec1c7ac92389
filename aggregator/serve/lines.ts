/** `GET /v1/lines`: raw lines that agents sent, ascending by (time, id). */
import { LEVELS, type Level } from "../../shared/aggregates/aggregate.ts";
import type { HttpResponse } from "../../shared/platform/network.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import { problemAnswer, type QueryFault } from "../../shared/protocol/http-answer.ts";
import type { StateView } from "../log/log.ts";
import { lineJson } from "../state/line-json.ts";
import { type LineCursor, type LineQuery, queryLines } from "../state/read-lines.ts";
import { limitUpTo, nonEmpty, parseInstantMs, QueryParameters } from "./query-parameters.ts";

/** Most lines in one answer. */
const LIMIT_MAX = 10_000;
const LIMIT_DEFAULT = 1_000;
/** Longest answer, in UTF-16 code units; it ends early with a `next`. */
const ANSWER_LENGTH_MAX: number = 8 * 1024 * 1024;
const PARAMETERS = [
  ...["agent", "contains", "cursor", "from", "level", "limit"],
  ...["next", "service", "stream", "to"],
];

/** What answering a query needs. */
export interface LineSource {
  /** The state of each partition of stage 2 that this process holds, as of the last commit. */
  views(): readonly StateView[];
  readonly timers: Timers;
}

/** Answers `GET /v1/lines`; `query` is what follows the question mark. */
export async function answerLines(
  source: LineSource,
  tenant: string,
  query: string,
): Promise<HttpResponse> {
  const parsed = parseLinesQuery(query);
  if ("faults" in parsed) {
    const detail = `Cannot understand the query. ${parsed.faults.map((fault) => fault.detail).join(" ")}`;
    return problemAnswer({
      ...{ status: 400, code: "invalid_query", detail, faults: parsed.faults },
    });
  }
  const parts: string[] = [];
  const next = await writeLines(source, { tenant, ...parsed.query }, parts);
  const tail = next === undefined ? "" : `,"next":${JSON.stringify(encodeLineCursor(next))}`;
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from(`{"lines":[${parts.join(",")}]${tail}}`),
  };
}

/** Adds each line's JSON to `parts` and resolves with where what is left begins. */
async function writeLines(
  source: LineSource,
  query: LineQuery,
  parts: string[],
): Promise<LineCursor | undefined> {
  let length = 0;
  let { after } = query;
  for (;;) {
    const page = queryLines(source.views(), { ...query, limit: query.limit - parts.length, after });
    for (const found of page.lines) {
      const text = JSON.stringify(lineJson(found));
      parts.push(text);
      length += text.length;
      if (length >= ANSWER_LENGTH_MAX) return { timeMs: found.line.timeMs, id: found.id };
    }
    after = page.next;
    if (after === undefined || parts.length >= query.limit) return after;
    await source.timers.sleep(0);
  }
}

/** Reads a query string. Times are ISO 8601 with a zone, or a date alone, which is midnight in UTC. */
export function parseLinesQuery(
  query: string,
): { readonly query: Omit<LineQuery, "tenant"> } | { readonly faults: readonly QueryFault[] } {
  const parameters = new QueryParameters(query, PARAMETERS);
  const read = parameters.read.bind(parameters);
  const instant = "a time such as 2026-11-20T10:00:00Z";
  const cursorHelp = "the `next` of an earlier answer to the same query";
  const text = (name: string, want: string) =>
    read<string | undefined>(name, undefined, nonEmpty, want);
  const cursor = (name: string) =>
    read<LineCursor | undefined>(name, undefined, decodeLineCursor, cursorHelp);
  const limitHelp = `a whole number from 1 to ${LIMIT_MAX}`;
  const parsed: Omit<LineQuery, "tenant"> = {
    fromMs: read("from", Number.NEGATIVE_INFINITY, parseInstantMs, instant),
    toMs: read("to", Number.POSITIVE_INFINITY, parseInstantMs, instant),
    stream: text("stream", "the name of a stream"),
    service: text("service", "the name of a service"),
    agent: text("agent", "the name of an agent"),
    levels: read<readonly Level[] | undefined>(
      "level",
      undefined,
      parseLevels,
      `levels of ${LEVELS.join(", ")} with commas between them`,
    ),
    contains: text("contains", "a text"),
    limit: read("limit", LIMIT_DEFAULT, limitUpTo(LIMIT_MAX), limitHelp),
    after: cursor("next") ?? cursor("cursor"),
  };
  if (parsed.fromMs > parsed.toMs) parameters.fault("from", "It is later than `to`.");
  return parameters.faults.length > 0 ? { faults: parameters.faults } : { query: parsed };
}

function parseLevels(text: string): readonly Level[] | undefined {
  const names = text.split(",").map((name) => name.trim().toUpperCase());
  const levels = names.flatMap((name) => LEVELS.find((level) => level === name) ?? []);
  return levels.length === names.length ? levels : undefined;
}

function encodeLineCursor({ timeMs, id }: LineCursor): string {
  return Buffer.from(`${timeMs}/${id}`).toString("base64url");
}

function decodeLineCursor(text: string): LineCursor | undefined {
  const [, time = "", id = ""] =
    /^(-?\d{1,16})\/([0-9a-f]{32})$/.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  const timeMs = Number(time);
  return id === "" || Number.isNaN(new Date(timeMs).getTime()) ? undefined : { timeMs, id };
}
