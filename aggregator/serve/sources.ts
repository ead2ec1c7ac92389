import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer } from "../../shared/protocol/http-answer.ts";
import type { StateView } from "../log/log.ts";
import type { InletRow, LetterRow } from "../state/inlet-row.ts";
import { readInlets, readLetters } from "../state/read-inlets.ts";
import { limitUpTo, QueryParameters } from "./query-parameters.ts";

const LETTERS_MAX = 100;

/** How a source that runs is getting on. */
export interface RunningSource {
  readonly name: string;
  readonly failure: string | undefined;
  readonly inlets: readonly {
    readonly place: string;
    readonly behindCount: number | undefined;
    readonly failure: string | undefined;
  }[];
}

/** An inlet as `GET /v1/sources` shows it. Times are ISO 8601; null where nothing is known. */
export interface InletJson {
  readonly source: string;
  /** `TOPIC/PARTITION`; empty where a source has only one inlet. */
  readonly place: string;
  /** Of a topic: the offset after the last counted record. Of requests: how many with an idempotency key were counted. */
  readonly position: number;
  /** Records that wait to be read. */
  readonly behind: number | null;
  /** Why nothing is read. */
  readonly failure: string | null;
  readonly lastSeen: string;
  readonly eventTimeMax: string | null;
  readonly recordCount: number;
  readonly entries: Readonly<Record<string, number>>;
  readonly ledger: readonly {
    readonly kind: string;
    readonly reason: string;
    readonly lines: number;
    readonly bytes: number;
  }[];
  /** Records that were no events: all so far, those still kept, and the newest as asked for. */
  readonly letters: {
    readonly total: number;
    readonly kept: number;
    readonly newest: readonly LetterJson[];
  };
}

/** A record that was no event. */
export interface LetterJson {
  readonly position: number;
  readonly reason: string;
  readonly takenAt: string;
  /** The record, or its beginning when `cut`. */
  readonly text: string;
  readonly cut: boolean;
}

/**
 * Answers `GET /v1/sources` from the state of each partition of stage 1: every inlet of which something was counted, and beside them every
 * configured source with its failure. `query` is what follows the question mark.
 */
export function answerSources(
  views: readonly StateView[],
  running: readonly RunningSource[],
  tenant: string,
  query: string,
): HttpResponse {
  const parameters = new QueryParameters(query, ["source", "letters"]);
  const source = parameters.text("source", "the name of a source");
  const want = `a number from 1 to ${LETTERS_MAX}`;
  const letterCount = parameters.read("letters", 0, limitUpTo(LETTERS_MAX), want);
  const { refusal } = parameters;
  if (refusal !== undefined) return refusal;
  const inlets: InletJson[] = [];
  for (const view of views) {
    for (const row of readInlets(view, tenant)) {
      if (source !== undefined && row.source !== source) continue;
      const letters = letterCount === 0 ? [] : readLetters(view, row, letterCount);
      inlets.push(inletJson(row, running, letters));
    }
  }
  inlets.sort((a, b) =>
    a.source < b.source || (a.source === b.source && a.place < b.place) ? -1 : 1,
  );
  const configured = running
    .filter(({ name }) => source === undefined || name === source)
    .map(({ name, failure }) => ({ source: name, failure: failure ?? null }));
  return jsonAnswer(200, { sources: inlets, configured });
}

function inletJson(
  row: InletRow,
  running: readonly RunningSource[],
  letters: readonly LetterRow[],
): InletJson {
  const source = running.find(({ name }) => name === row.source);
  const inlet = source?.inlets.find(({ place }) => place === row.place);
  const { applied, duplicate, rewound, conflict, records, clockAhead } = row.counters;
  const { eventTimeMaxMs } = row.sources[0];
  return {
    source: row.source,
    place: row.place,
    position: row.position,
    behind: inlet?.behindCount ?? null,
    failure: inlet?.failure ?? source?.failure ?? null,
    lastSeen: new Date(row.seenMs).toISOString(),
    eventTimeMax: eventTimeMaxMs === undefined ? null : new Date(eventTimeMaxMs).toISOString(),
    recordCount: records,
    entries: { applied, duplicate, rewound, conflict, clockAhead },
    ledger: row.ledger.map(({ kind, reason, lines, bytes }) => ({ kind, reason, lines, bytes })),
    letters: { total: row.letterTotal, kept: row.letterCount, newest: letters.map(letterJson) },
  };
}

function letterJson({ position, reason, takenMs, value, isCut }: LetterRow): LetterJson {
  const takenAt = new Date(takenMs).toISOString();
  return { position, reason, takenAt, text: value.toString("utf8"), cut: isCut };
}
