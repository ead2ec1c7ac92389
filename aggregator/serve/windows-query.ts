/** The query of `GET /v1/windows`, read strictly: every parameter that cannot be understood is named, and none is ignored. */
import { z } from "zod";
import { DIMENSIONS_MAX } from "../../shared/aggregates/dimensions.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import type { QueryFault } from "../../shared/protocol/http-answer.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import { QueryParameters } from "./query-parameters.ts";

/** Most windows in one answer. */
export const LIMIT_MAX = 10_000;

/** The place of a window in an answer: ascending by time, then by service in the order of UTF-16 code units. */
export interface WindowPlace {
  /** Start of the window in minutes since the Unix epoch. */
  readonly minute: number;
  readonly service: string;
  /** Key of the dimensions; absent when there are none. */
  readonly dimensions?: string | undefined;
}

/** A query that can be answered. */
export interface WindowsQuery {
  readonly stream: string;
  /** All services when undefined. */
  readonly service: string | undefined;
  /** Names of the dimensions by which windows are kept apart; undefined: the windows of whole services. */
  readonly by: readonly string[] | undefined;
  /** Windows that start at or after this; milliseconds since the Unix epoch, -Infinity when not given. */
  readonly fromMs: number;
  /** Windows that start before this; milliseconds since the Unix epoch, Infinity when not given. */
  readonly toMs: number;
  readonly stepMinutes: number;
  readonly limit: number;
  /** The last window of the answer before; undefined at the beginning. */
  readonly after: WindowPlace | undefined;
}

const PARAMETERS = ["by", "cursor", "from", "limit", "next", "service", "step", "stream", "to"];
const STEP_MINUTES_MAX = 366 * 24 * 60;

/** Reads a query string. Times are ISO 8601 with a zone, or a date alone, which is midnight in UTC. */
export function parseWindowsQuery(
  query: string,
): { readonly query: WindowsQuery } | { readonly faults: readonly QueryFault[] } {
  const parameters = new QueryParameters(query, PARAMETERS);
  const byHelp = `up to ${DIMENSIONS_MAX} names of dimensions with commas between them`;
  const by = parameters.read<readonly string[]>("by", [], parseNames, byHelp);
  const step = "a multiple of 1m such as 5m, 1h or 1d";
  const parsed: WindowsQuery = {
    stream: parameters.text("stream", "the name of a stream") ?? STREAM_DEFAULT,
    service: parameters.text("service", "the name of a service"),
    by: by.length === 0 ? undefined : by,
    ...parameters.range(),
    stepMinutes: parameters.read("step", 1, parseStepMinutes, step),
    limit: parameters.limit(LIMIT_MAX),
    after: parameters.after(decodeCursor),
  };
  return parameters.faults.length > 0 ? { faults: parameters.faults } : { query: parsed };
}

/** The text that brings the windows after `place`. */
export function encodeCursor(place: WindowPlace): string {
  const { minute, service, dimensions } = place;
  const parts = dimensions === undefined ? [minute, service] : [minute, service, dimensions];
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

/** The place that {@link encodeCursor} wrote, or undefined when `text` is no such thing. */
export function decodeCursor(text: string): WindowPlace | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    // Not ours; the caller says so.
    return undefined;
  }
  const parsed = cursorSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const [minute, service, dimensions] = parsed.data;
  return dimensions === undefined ? { minute, service } : { minute, service, dimensions };
}

const cursorSchema = z.union([
  z.tuple([z.int(), z.string()]),
  z.tuple([z.int(), z.string(), z.string()]),
]);

/** An empty text asks for the windows of whole services, like none. */
function parseNames(text: string): readonly string[] | undefined {
  if (text === "") return [];
  const names = text.split(",").map((name) => name.trim());
  const isKnown = names.length <= DIMENSIONS_MAX && names.every((name) => name !== "");
  return isKnown ? [...new Set(names)] : undefined;
}

function parseStepMinutes(text: string): number | undefined {
  const stepMs = parseDurationMs(text);
  if (stepMs === undefined || stepMs < MINUTE_MS || stepMs % MINUTE_MS !== 0) return undefined;
  const stepMinutes = stepMs / MINUTE_MS;
  return stepMinutes <= STEP_MINUTES_MAX ? stepMinutes : undefined;
}
