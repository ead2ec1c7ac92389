/** The operations of the aggregator's API, of which its OpenAPI document is made; a test holds the table against the routes. */
import { ALERT_STATES } from "../alerts/alert-record.ts";
import {
  amount,
  count,
  instant,
  type Json,
  list,
  named,
  nullable,
  object,
  stringMap,
  text,
} from "./api-schemas.ts";

interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly schema: Json;
  /** May stand several times. */
  readonly isList?: boolean;
}

/** One operation of the API. */
export interface ApiOperation {
  readonly method: "DELETE" | "GET" | "POST";
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: { readonly type: string; readonly schema: Json };
  readonly answer: { readonly type: string; readonly schema: Json };
  /** Statuses beside 200 and those that every operation has. */
  readonly refusals?: readonly number[];
}

const range: readonly Parameter[] = [
  { name: "from", description: "From this time on.", schema: instant },
  { name: "to", description: "Before this time.", schema: instant },
];
const paging = (max: number): readonly Parameter[] => [
  {
    name: "limit",
    description: "Most results in one answer.",
    schema: { type: "integer", minimum: 1, maximum: max },
  },
  {
    name: "next",
    description: "The `next` of an earlier answer to the same query.",
    schema: text(),
  },
];
const filter: Parameter = {
  name: "filter",
  description: 'Matchers such as service="orders" or severity=~"crit.*"; all must fit.',
  schema: text(['service="orders"']),
  isList: true,
};
const service: Parameter = { name: "service", description: "Only this service.", schema: text() };
const stream: Parameter = { name: "stream", description: "Only this stream.", schema: text() };
const page = (name: string, items: Json): Json =>
  object({ [name]: list(items), next: text() }, ["next"]);
const json = (schema: Json) => ({ type: "application/json", schema });

const letterSelection: Json = {
  description: "Which: those of a sink, of a source, or some by their ids.",
  anyOf: [
    object({ ids: { type: "array", items: text(), minItems: 1, maxItems: 10_000 } }),
    object({ sink: text() }),
    object({ source: text() }),
  ].map((schema) => ({ ...schema, additionalProperties: false })),
};

/** Every operation but those by which agents and sources deliver. */
export const API_OPERATIONS: readonly ApiOperation[] = [
  {
    ...{ method: "GET", path: "/v1/windows", id: "listWindows", tag: "windows" },
    summary: "Windows ascending by start and service, whatever their state.",
    parameters: [
      ...range,
      service,
      { name: "stream", description: "The stream; application-logs by default.", schema: text() },
      {
        name: "step",
        description: "Width to roll up to, a multiple of 1m.",
        schema: { type: "string", pattern: "^[1-9][0-9]{0,2}[mh]$", examples: ["5m"] },
      },
      {
        name: "by",
        description: "Dimensions to keep apart, with commas between them.",
        schema: { type: "string", examples: ["endpoint"] },
      },
      ...paging(10_000),
    ],
    answer: json(page("windows", named("Window"))),
  },
  {
    ...{ method: "GET", path: "/v1/services", id: "listServices", tag: "windows" },
    summary: "Every service of which there are windows, by name.",
    parameters: [stream, ...paging(1_000)],
    answer: json(
      page(
        "services",
        object({ service: text(), stream: text(), lastWindowStart: nullable(instant) }),
      ),
    ),
  },
  {
    ...{ method: "GET", path: "/v1/alerts", id: "listAlerts", tag: "alerts" },
    summary: "Alerts ascending by time, each in its newest revision.",
    parameters: [
      ...range,
      { name: "rule", description: "Only of this rule.", schema: text() },
      { name: "type", description: "Only of this type.", schema: text() },
      service,
      {
        name: "state",
        description: "Only in one of these states.",
        schema: { type: "string", enum: ALERT_STATES },
        isList: true,
      },
      {
        name: "suppressed",
        description: "Only those that are silenced or inhibited, or only others.",
        schema: { type: "boolean" },
      },
      filter,
      ...paging(1_000),
    ],
    answer: json(page("alerts", named("Alert"))),
  },
  {
    ...{ method: "GET", path: "/v1/alerts/groups", id: "groupAlerts", tag: "alerts" },
    summary: "Alerts of threshold rules that fire, by labels that they have in common.",
    parameters: [
      {
        name: "by",
        description: "Labels to group by.",
        schema: { type: "string", pattern: "^[a-zA-Z_][a-zA-Z0-9_]*$" },
        isList: true,
      },
      filter,
    ],
    answer: json(
      object({ groups: list(object({ labels: stringMap, alerts: list(named("Alert")) })) }),
    ),
  },
  {
    ...{ method: "GET", path: "/v1/alerts/{id}", id: "getAlert", tag: "alerts" },
    summary: "One alert in its newest revision.",
    answer: json(named("Alert")),
    refusals: [404],
  },
  {
    ...{
      method: "POST",
      path: "/v1/alerts/{id}/acknowledge",
      id: "acknowledgeAlert",
      tag: "alerts",
    },
    summary: "Says that somebody takes care of an alert.",
    body: json({
      ...object(
        {
          by: { type: "string", minLength: 1, maxLength: 1_024 },
          comment: { type: "string", maxLength: 1_024 },
        },
        ["by", "comment"],
      ),
      additionalProperties: false,
    }),
    answer: json(named("Alert")),
    refusals: [202, 403, 404, 409, 413, 415, 503],
  },
  {
    ...{ method: "GET", path: "/v1/silences", id: "listSilences", tag: "silences" },
    summary: "Silences; those that are over are kept for five days.",
    parameters: [
      {
        name: "status",
        description: "Only in one of these.",
        schema: { type: "string", enum: ["active", "pending", "expired"] },
        isList: true,
      },
      filter,
      ...paging(1_000),
    ],
    answer: json(page("silences", named("Silence"))),
  },
  {
    ...{ method: "POST", path: "/v1/silences", id: "addSilence", tag: "silences" },
    summary: "Makes a silence, or with an `id` changes one.",
    body: json(named("SilenceRequest")),
    answer: json(named("Silence")),
    refusals: [202, 403, 404, 409, 413, 415, 503],
  },
  {
    ...{ method: "GET", path: "/v1/silences/{id}", id: "getSilence", tag: "silences" },
    summary: "One silence.",
    answer: json(named("Silence")),
    refusals: [404],
  },
  {
    ...{ method: "DELETE", path: "/v1/silences/{id}", id: "expireSilence", tag: "silences" },
    summary: "Ends a silence now.",
    parameters: [{ name: "by", description: "Who ends it.", schema: text() }],
    answer: json(named("Silence")),
    refusals: [202, 403, 404, 409, 503],
  },
  {
    ...{ method: "GET", path: "/v1/audit", id: "listAudit", tag: "audit" },
    summary: "What people changed, newest first.",
    parameters: paging(1_000).slice(0, 1),
    answer: json(object({ entries: list(named("AuditEntry")) })),
    refusals: [403],
  },
  {
    ...{ method: "GET", path: "/v1/rules", id: "listRules", tag: "rules" },
    summary: "The rules in use.",
    answer: json(
      object({
        rules: list(
          object(
            {
              rule: text(),
              kind: { type: "string", enum: ["pattern", "threshold"] },
              stream: nullable(text()),
              state: { type: "string", enum: ["running", "waiting", "gone"] },
              counters: { type: "object", additionalProperties: count },
              dropped: list({ type: "object" }),
              condition: nullable(text()),
              openAlerts: count,
            },
            ["condition", "openAlerts"],
          ),
        ),
      }),
    ),
  },
  {
    ...{ method: "GET", path: "/v1/late-events", id: "listLateEvents", tag: "rules" },
    summary: "Events that came too late for rules, newest first.",
    parameters: [
      { name: "rule", description: "Only those that this rule missed.", schema: text() },
      stream,
      ...paging(1_000),
    ],
    answer: json(page("lateEvents", { type: "object" })),
  },
  {
    ...{ method: "GET", path: "/v1/lines", id: "listLines", tag: "windows" },
    summary: "Raw lines that agents sent, ascending by time.",
    parameters: [
      ...range,
      service,
      stream,
      { name: "agent", description: "Only of this agent.", schema: text() },
      { name: "contains", description: "Only with this text.", schema: text() },
      ...paging(10_000),
    ],
    answer: json(page("lines", { type: "object" })),
  },
  {
    ...{ method: "GET", path: "/v1/agents", id: "listAgents", tag: "agents" },
    summary: "Every agent: how far it is, its lag, its ledger.",
    parameters: [
      { name: "agent", description: "Only this one.", schema: text() },
      ...paging(1_000),
    ],
    answer: json(
      page(
        "agents",
        object({ agent: text(), lastSeen: { type: "string" }, lagMs: nullable(amount) }),
      ),
    ),
  },
  {
    ...{ method: "GET", path: "/v1/ledger", id: "getLedger", tag: "agents" },
    summary: "What became of every line that was read, and of those that arrived.",
    parameters: [
      { name: "agent", description: "Only what this one read.", schema: text() },
      ...paging(10_000),
    ],
    answer: json(
      object(
        {
          entries: list(
            object({
              agent: nullable(text()),
              source: text(),
              kind: text(),
              reason: { type: "string" },
            }),
          ),
          aggregator: object({ received: count, merged: count, tooLate: count }),
          next: text(),
        },
        ["next"],
      ),
    ),
  },
  {
    ...{ method: "GET", path: "/v1/sources", id: "listSources", tag: "agents" },
    summary: "Every inlet without an agent: position, lag, ledger.",
    parameters: [
      { name: "source", description: "Only this one.", schema: text() },
      {
        name: "letters",
        description: "Shows so many of the newest records that were no events.",
        schema: { type: "integer", minimum: 1, maximum: 100 },
      },
    ],
    answer: json(
      object({ sources: list({ type: "object" }), configured: list({ type: "object" }) }),
    ),
  },
  {
    ...{ method: "GET", path: "/v1/sinks", id: "listSinks", tag: "sinks" },
    summary: "Every sink: what became of its results, and how far behind it is.",
    answer: json(object({ sinks: list({ type: "object" }) })),
  },
  {
    ...{ method: "GET", path: "/v1/dead-letters", id: "listDeadLetters", tag: "sinks" },
    summary: "What sinks refused for good, with the store's reason.",
    parameters: [
      { name: "source", description: "Only of this source.", schema: text() },
      { name: "sink", description: "Only of this sink.", schema: text() },
      { name: "id", description: "Only this one.", schema: text() },
      ...paging(1_000),
    ],
    answer: json(page("deadLetters", { type: "object" })),
    refusals: [403, 404],
  },
  {
    ...{ method: "POST", path: "/v1/dead-letters/replay", id: "replayDeadLetters", tag: "sinks" },
    summary: "Gives dead letters to their sinks, or counts them, once more.",
    body: json(letterSelection),
    answer: json(object({ replayed: count, refused: count, failures: list(text()) })),
    refusals: [404, 413, 415],
  },
  {
    ...{ method: "POST", path: "/v1/dead-letters/drop", id: "dropDeadLetters", tag: "sinks" },
    summary: "Forgets dead letters for good; asks for the scope `admin`.",
    body: json(letterSelection),
    answer: json(object({ dropped: count, failures: list(text()) })),
    refusals: [404, 413, 415],
  },
  {
    ...{ method: "POST", path: "/v1/sinks/replay", id: "replaySink", tag: "sinks" },
    summary: "Writes a store anew from the aggregator's state, from a time on.",
    body: json({ ...object({ sink: text(), from: instant }), additionalProperties: false }),
    answer: json(object({ sink: text(), from: instant })),
    refusals: [404, 413, 415],
  },
  {
    ...{ method: "POST", path: "/v1/backup", id: "makeBackup", tag: "backup" },
    summary:
      "Copies the state into a folder of the aggregator's machine; asks for the scope `admin`.",
    body: json({
      ...object({ directory: { type: "string", pattern: "^/" } }),
      additionalProperties: false,
    }),
    answer: json(object({ directory: text() })),
    refusals: [409, 413, 415],
  },
  {
    ...{ method: "GET", path: "/v1/stream", id: "followChanges", tag: "live" },
    summary:
      "Windows and alerts as they change, as server-sent events; resumes with Last-Event-ID.",
    parameters: [
      {
        name: "kind",
        description: "Only these kinds.",
        schema: { type: "string", enum: ["windows", "alerts"] },
        isList: true,
      },
      service,
      stream,
      {
        name: "last_event_id",
        description: "As the header Last-Event-ID, for who cannot send it.",
        schema: { type: "string", pattern: "^[0-9]{1,4}:[0-9]{1,9}\\.[0-9]{1,9}$" },
      },
    ],
    answer: { type: "text/event-stream", schema: { type: "string" } },
    refusals: [503],
  },
  {
    ...{ method: "GET", path: "/v1/status", id: "getStatus", tag: "health" },
    summary: "How the aggregator stands: what `status` and `top` show.",
    answer: json(
      object({
        isReady: { type: "boolean" },
        failing: list(object({ name: text(), detail: { type: "string" } })),
        clock: nullable(instant),
        watermark: nullable(instant),
        agentCount: count,
        lines: object({ received: count, merged: count, tooLate: count }),
        windowChanges: count,
        sinks: list({ type: "object" }),
        sources: list({ type: "object" }),
        ruleCount: count,
        openAlerts: list({ type: "object" }),
      }),
    ),
  },
  {
    ...{ method: "GET", path: "/healthz", id: "getHealth", tag: "health" },
    summary: "The process lives and answers.",
    answer: json(object({ status: text() })),
  },
  {
    ...{ method: "GET", path: "/readyz", id: "getReadiness", tag: "health" },
    summary: "Everything progresses; 503 with what does not.",
    answer: json(object({ status: text(), checks: list({ type: "object" }) })),
    refusals: [503],
  },
  {
    ...{ method: "GET", path: "/metrics", id: "getMetrics", tag: "health" },
    summary: "Prometheus metrics of the aggregator itself.",
    answer: { type: "text/plain", schema: { type: "string" } },
  },
  {
    ...{ method: "GET", path: "/v1/openapi.json", id: "getDocument", tag: "health" },
    summary: "This document.",
    answer: json({ type: "object" }),
  },
];
