/**
 * `GET /v1/stream`: windows and alerts as they change, as server-sent events (WHATWG HTML, 9.2). The `id` of an event says how far all
 * partitions were read; who comes back with it as `Last-Event-ID` gets what changed since, so nothing is missed between two connections. A
 * window that changed several times meanwhile comes once, in its newest state; of an alert every revision comes.
 *
 * Nothing is kept for a reader: each walks the store's indexes at its own pace, and a slow one only sees less often.
 */
import type { HttpResponse } from "../../shared/platform/network.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import { problemAnswer } from "../../shared/protocol/http-answer.ts";
import { labelsOf } from "../alerts/alert-record.ts";
import type { StateView } from "../log/log.ts";
import { readPatternsRow, readProcessRow } from "../state/read-agents.ts";
import { readAlerts } from "../state/read-alerts.ts";
import { readChanges } from "../state/read-windows.ts";
import { windowText } from "../state/window-text.ts";
import { QueryParameters } from "./query-parameters.ts";

const READER_COUNT_MAX = 64;
const PAGE_COUNT = 100;
/** Proxies cut connections on which nothing is said for a minute. */
const HEARTBEAT_MS = 15_000;
/** Browsers come back after this; milliseconds. */
const RETRY_MS = 2_000;
const KINDS = ["windows", "alerts"] as const;

/** What live updates need. */
export interface LiveSource {
  /** Partitions of stage 2 that this process holds, or shall hold. */
  partitions(): readonly number[];
  /** The state of a partition as of the last commit; undefined while it is not owned here. */
  view(partition: number): StateView | undefined;
  /** Resolves after the next commit, or when `signal` aborts. */
  nextCommit(signal: AbortSignal): Promise<void>;
  readonly timers: Timers;
}

/** How far a partition was read: numbers of the last change of a window and of the last revision of an alert. */
interface Place {
  change: number;
  alert: number;
}

interface Wanted {
  readonly tenant: string;
  readonly kinds: readonly (typeof KINDS)[number][];
  readonly stream: string | undefined;
  readonly service: string | undefined;
}

/** See the head of this file. */
export class LiveUpdates {
  readonly #source: LiveSource;
  #readerCount = 0;

  constructor(source: LiveSource) {
    this.#source = source;
  }

  /** Answers `GET /v1/stream`; `lastEventId` is what the header says. */
  answer(tenant: string, query: string, lastEventId: string | undefined): HttpResponse {
    const parameters = new QueryParameters(
      query,
      ["kind", "last_event_id", "service", "stream"],
      ["kind"],
    );
    const kindOf = (text: string) => KINDS.find((kind) => kind === text);
    const kinds = parameters.readAll("kind", kindOf, `one of ${KINDS.join(", ")}`);
    const stream = parameters.text("stream", "the name of a stream");
    const service = parameters.text("service", "the name of a service");
    const resumed = parameters.text("last_event_id", "the id of an event") ?? lastEventId;
    const places = resumed === undefined ? this.#newest() : parsePlaces(resumed);
    if (places === undefined) parameters.fault("last_event_id", "Expected the id of an event.");
    if (parameters.refusal !== undefined) return parameters.refusal;
    if (this.#readerCount >= READER_COUNT_MAX) {
      return problemAnswer({
        status: 503,
        code: "overloaded",
        detail: `${READER_COUNT_MAX} others are reading; try again later.`,
        retryAfterSeconds: 10,
      });
    }
    const wanted = { tenant, stream, service, kinds: kinds.length === 0 ? KINDS : kinds };
    const headers = {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    };
    return {
      ...{ status: 200, headers, body: Buffer.from(`retry: ${RETRY_MS}\n\n`) },
      stream: (signal) => this.#follow(wanted, places ?? new Map(), signal),
    };
  }

  async *#follow(
    wanted: Wanted,
    places: Map<number, Place>,
    signal: AbortSignal,
  ): AsyncIterable<Buffer> {
    this.#readerCount++;
    try {
      while (!signal.aborted) {
        const text = this.#page(wanted, places);
        if (text !== "") {
          yield Buffer.from(text);
          continue;
        }
        if (await this.#hasCommit(signal)) continue;
        yield Buffer.from(": still here\n\n");
      }
    } finally {
      this.#readerCount--;
    }
  }

  /** False when nothing was committed for so long that something has to be said. */
  async #hasCommit(signal: AbortSignal): Promise<boolean> {
    const { timers } = this.#source;
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    const first = await Promise.race([
      this.#source.nextCommit(either).then(() => true),
      timers.sleep(HEARTBEAT_MS, either).then(() => false),
    ]);
    done.abort();
    return first;
  }

  #newest(): Map<number, Place> {
    const places = new Map<number, Place>();
    for (const partition of this.#source.partitions()) {
      const view = this.#source.view(partition);
      if (view === undefined) continue;
      const change = readProcessRow(view).changeNumber;
      places.set(partition, { change, alert: readPatternsRow(view).alertNumber });
    }
    return places;
  }

  /** What comes next, moving `places`; empty when there is nothing. */
  #page(wanted: Wanted, places: Map<number, Place>): string {
    let text = "";
    for (const partition of this.#source.partitions()) {
      const view = this.#source.view(partition);
      if (view === undefined) continue;
      const place = places.get(partition) ?? { change: 0, alert: 0 };
      places.set(partition, place);
      restart(view, place);
      const before = { ...place };
      if (wanted.kinds.includes("alerts")) text += alertEvents(view, wanted, places, place);
      if (wanted.kinds.includes("windows")) text += windowEvents(view, wanted, places, place);
      const hasMoved = before.change !== place.change || before.alert !== place.alert;
      // What was passed over is not looked at again by who comes back.
      if (text === "" && hasMoved) text = `id: ${placesText(places)}\n: nothing for you\n\n`;
    }
    return text;
  }
}

/** Numbers that are not given yet were read before the state was restored from a backup: all that it holds is told again. */
function restart(view: StateView, place: Place): void {
  if (place.change > readProcessRow(view).changeNumber) place.change = 0;
  if (place.alert > readPatternsRow(view).alertNumber) place.alert = 0;
}

function alertEvents(
  view: StateView,
  { tenant, stream, service }: Wanted,
  places: ReadonlyMap<number, Place>,
  place: Place,
): string {
  let text = "";
  for (const { number, alert } of readAlerts(view, place.alert, PAGE_COUNT)) {
    place.alert = number;
    if (alert.tenant !== tenant || alert.state === "pending") continue;
    const labels = labelsOf(alert.json);
    if (stream !== undefined && labels["stream"] !== stream) continue;
    if (service !== undefined && labels["service"] !== service) continue;
    text += event("alert", placesText(places), alert.json);
  }
  return text;
}

function windowEvents(
  view: StateView,
  { tenant, stream, service }: Wanted,
  places: ReadonlyMap<number, Place>,
  place: Place,
): string {
  let text = "";
  const { watermarkMs } = readProcessRow(view);
  for (const { changeNumber, window } of readChanges(view, place.change, PAGE_COUNT)) {
    place.change = changeNumber;
    if (window.tenant !== tenant) continue;
    if (stream !== undefined && window.stream !== stream) continue;
    if (service !== undefined && window.service !== service) continue;
    text += event("window", placesText(places), windowText(window, watermarkMs));
  }
  return text;
}

function event(kind: string, id: string, data: string): string {
  return `id: ${id}\nevent: ${kind}\ndata: ${data}\n\n`;
}

/** `PARTITION:CHANGE.ALERT`, joined by commas. */
function placesText(places: ReadonlyMap<number, Place>): string {
  return [...places]
    .map(([partition, { change, alert }]) => `${partition}:${change}.${alert}`)
    .join(",");
}

function parsePlaces(text: string): Map<number, Place> | undefined {
  if (!/^\d{1,4}:\d{1,15}\.\d{1,15}(,\d{1,4}:\d{1,15}\.\d{1,15}){0,255}$/.test(text)) {
    return undefined;
  }
  return new Map(
    text.split(",").map((part) => {
      const [partition = 0, change = 0, alert = 0] = part.split(/[:.]/).map(Number);
      return [partition, { change, alert }];
    }),
  );
}
