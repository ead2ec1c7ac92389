import { createHash } from "node:crypto";
import type { StageEvents } from "../../shared/expression/compile.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Found } from "../cep/matcher.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import type { Rule } from "./load-rules.ts";

const ID_DIGITS = 32;
/** Longer messages are cut, in UTF-16 code units. */
const MESSAGE_LENGTH_MAX = 2_000;
/** Of a stage that took more events the first and the last are told. */
const STAGE_EVENTS_MAX = 16;
/** An alert as JSON is kept below this by telling less of its events. */
const ALERT_LENGTH_MAX = 65_536;

/** What a match of a rule becomes. */
export interface Alert {
  /** The same for the same tenant, rule, key and events, whoever finds them; another for every other match. */
  readonly id: string;
  readonly rule: string;
  readonly alertType: string;
  readonly severity: string;
  readonly timestampMs: number;
  /** One JSON object without a line end. */
  readonly json: string;
}

/** Where and how a match was found. */
export interface MatchPlace {
  readonly tenant: string;
  /** Null when the rule has no key. */
  readonly key: Value;
  /** True when events were shed within the match. */
  readonly isIncomplete: boolean;
}

/** The alert that a match becomes. */
export function makeAlert(rule: Rule, found: Found, place: MatchPlace): Alert {
  const { name, alert } = rule.config;
  const id = alertId(name, found, place);
  const timestampMs = found.ts;
  const head = {
    alertType: alert.type,
    ...subjectOf(rule, found, place.key),
    message: messageOf(rule, found, place.key),
    timestamp: new Date(timestampMs).toISOString(),
    severity: alert.severity,
  };
  const tail = { id, ...(place.isIncomplete ? { incomplete: true } : {}) };
  const json = smallest(
    [describeEvent, withoutFields, () => undefined].map((describe) => () => {
      const details = detailsOf(rule, found, place.key, describe);
      return JSON.stringify({ ...head, details, ...tail });
    }),
  );
  return { id, rule: name, alertType: alert.type, severity: alert.severity, timestampMs, json };
}

/** From the first event of a match to the moment at which it was found, both included. */
export function spanOf(found: Found): { readonly fromMs: number; readonly toMs: number } {
  let fromMs = found.ts;
  for (const events of found.stages.values()) {
    for (const { ts } of events) fromMs = Math.min(fromMs, ts);
  }
  return { fromMs, toMs: found.ts };
}

function alertId(rule: string, found: Found, { tenant, key }: MatchPlace): string {
  // Fields can give the same id to several events.
  const stages = [...found.stages].map(([stage, events]) => [
    stage,
    events.map(({ id, ts }) => [id, ts]),
  ]);
  const text = JSON.stringify([tenant, rule, key, found.kind, stages]);
  return createHash("sha256").update(text).digest("hex").slice(0, ID_DIGITS);
}

/** Whom the alert is about, under the name that its key has in every alert. */
function subjectOf(rule: Rule, found: Found, key: Value): Readonly<Record<string, unknown>> {
  if (rule.automaton.key !== undefined) return subjectOfKey(rule, key);
  const service = lastEvent(found)?.fields["service"];
  return typeof service === "string" ? { service } : {};
}

/** Whom an alert about a value of a rule's key is about; nobody when the rule has none. */
export function subjectOfKey(rule: Rule, key: Value): Readonly<Record<string, Value>> {
  const field = rule.automaton.key;
  if (field === undefined) return {};
  if (field === "service") return { service: key };
  return /^user(_?id)?$/i.test(field) ? { user: key } : { key };
}

function messageOf(rule: Rule, found: Found, key: Value): string {
  const last = lastEvent(found);
  if (last === undefined) return rule.config.summary;
  const text = rule.message.render(keyed(last, key), stagesOf(found));
  return text.length <= MESSAGE_LENGTH_MAX ? text : `${text.slice(0, MESSAGE_LENGTH_MAX - 1)}…`;
}

/** In messages and details the name `key` is that of the rule's key, unless the event has one of its own. */
function keyed(event: CepEvent, key: Value): CepEvent {
  return { ...event, key: event.key ?? (key === null ? null : String(key)) };
}

function stagesOf(found: Found): StageEvents {
  return { eventsOf: (stage) => found.stages.get(stage) ?? [] };
}

function lastEvent(found: Found): CepEvent | undefined {
  return [...found.stages.values()].at(-1)?.at(-1);
}

function detailsOf(
  rule: Rule,
  found: Found,
  key: Value,
  describe: (event: CepEvent) => unknown,
): unknown {
  const { fromMs, toMs } = spanOf(found);
  const stages = [...found.stages].map(([stage, events]) => {
    const told = events.length <= STAGE_EVENTS_MAX ? events : firstAndLast(events);
    const described = told.map(describe).filter((event) => event !== undefined);
    return [stage, { eventCount: events.length, events: described }] as const;
  });
  return {
    rule: rule.config.name,
    kind: found.kind,
    ...(key === null ? {} : { key }),
    ...ownDetails(rule, found, key),
    firstEvent: new Date(fromMs).toISOString(),
    durationMs: toMs - fromMs,
    stages: Object.fromEntries(stages),
  };
}

/** What the rule's author asked for. */
function ownDetails(rule: Rule, found: Found, key: Value): Readonly<Record<string, Value>> {
  const last = lastEvent(found);
  if (last === undefined) return {};
  const [event, held] = [keyed(last, key), stagesOf(found)];
  return Object.fromEntries(rule.details.map((one) => [one.name, one.valueOf(event, held)]));
}

function firstAndLast(events: readonly CepEvent[]): CepEvent[] {
  const half = STAGE_EVENTS_MAX / 2;
  return [...events.slice(0, half), ...events.slice(-half)];
}

function withoutFields({ ts, type }: CepEvent): unknown {
  return { timestamp: new Date(ts).toISOString(), type };
}

function describeEvent({ ts, type, fields }: CepEvent): unknown {
  return { timestamp: new Date(ts).toISOString(), type, fields };
}

/** The first text that is short enough, else the last. */
function smallest(makers: readonly (() => string)[]): string {
  let text = "";
  for (const make of makers) {
    text = make();
    if (text.length <= ALERT_LENGTH_MAX) break;
  }
  return text;
}
