/** What the API takes in: for every operation that reads a body, bodies that it knows, with the types that go with them. */
import { ENVELOPE_VERSION } from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { EPOCH, sampleChain, sampleEnvelope } from "../unit/aggregator/receive/sample-batches.ts";
import { OTLP_JSON, OTLP_PROTOBUF } from "./otlp-samples.ts";

/** An operation with a body, or with a query alone. */
export interface ApiTarget {
  readonly method: "DELETE" | "GET" | "POST";
  /** Without a query. */
  readonly path: string;
  readonly queries: readonly [string, ...string[]];
  readonly bodies: readonly [Buffer, ...Buffer[]];
  readonly types: readonly [string, ...string[]];
}

const NOTHING: readonly [Buffer] = [Buffer.alloc(0)];
const JSON_TYPES = ["application/json"] as const;

function json(...values: readonly [unknown, ...unknown[]]): [Buffer, ...Buffer[]] {
  const [first, ...rest] = values.map((value) => Buffer.from(JSON.stringify(value)));
  return [first ?? Buffer.alloc(0), ...rest];
}

const post = (
  path: string,
  bodies: ApiTarget["bodies"],
  types: ApiTarget["types"] = JSON_TYPES,
  queries: ApiTarget["queries"] = [""],
): ApiTarget => ({ method: "POST", path, queries, bodies, types });
const get = (path: string, ...queries: [string, ...string[]]): ApiTarget => ({
  ...{ method: "GET", path, queries, bodies: NOTHING, types: JSON_TYPES },
});

const hello = { agent: "web-1", machine: "machine-1", epoch: EPOCH, takeover: false };
const matcher = { name: "service", value: "orders", isRegex: false, isEqual: true };
const silence = {
  ...{ matchers: [matcher], startsAt: "2026-11-20T10:00:00Z", endsAt: "2099-11-20T12:00:00Z" },
  ...{ createdBy: "ann", comment: "deploy" },
};
const event = { service: "orders", level: "ERROR", message: "no", duration: 12.5, userId: "u1" };
const lines = (...events: readonly object[]) =>
  Buffer.from(`${events.map((each) => JSON.stringify(each)).join("\n")}\n`);
const batches = [1, 2, 3].map((count) => encodeEnvelope(sampleEnvelope(sampleChain(count))));
const id = "0123456789abcdef0123456789abcdef";
const range = "from=2026-11-20T10:00:00Z&to=2026-11-20T11:00:00Z";

/** Every operation that takes something in; `backups` is the folder in which backups may be made. */
export function apiTargets(backups: string): readonly [ApiTarget, ...ApiTarget[]] {
  return [
    post(
      "/v1/batches",
      [encodeEnvelope(sampleEnvelope([])), ...batches],
      ["application/x-protobuf"],
    ),
    post(
      "/v1/hello",
      json(
        { ...hello, version: ENVELOPE_VERSION },
        { ...hello, version: ENVELOPE_VERSION, takeover: true, selectorRevision: "ab12" },
      ),
    ),
    post(
      "/v1/events",
      [
        lines({ timestamp: "2026-11-20T10:00:01Z", ...event }),
        lines(
          { timestamp: 1_790_000_000_000, type: "LOGIN", ...event },
          { time: "2026-11-20T10:00:01.5+02:00", userId: "u1", amount: 1e300 },
        ),
      ],
      ["application/x-ndjson", "application/json", "text/plain"],
      ["", "stream=business-events", "stream=application-logs&service=orders"],
    ),
    post("/v1/logs", [OTLP_PROTOBUF], ["application/x-protobuf"]),
    post("/v1/logs", [OTLP_JSON]),
    post("/v1/silences", json(silence, { ...silence, id })),
    post(`/v1/alerts/${id}/acknowledge`, json({ by: "ann", comment: "on it" }, {})),
    post("/v1/dead-letters/replay", json({ sink: "out" }, { source: "http" }, { ids: ["out:1"] })),
    post("/v1/dead-letters/drop", json({ sink: "out" }, { source: "http" }, { ids: ["out:1"] })),
    post("/v1/sinks/replay", json({ sink: "out", from: "2026-11-20T10:00:00Z" })),
    post("/v1/backup", json({ directory: `${backups}/one` }, { directory: backups })),
    post("/v1/enroll", json({ code: `code_0123456789_${"A".repeat(43)}`, agent: "web-1" })),
    { ...get(`/v1/silences/${id}`, "", "by=ann"), method: "DELETE" },
    get("/v1/windows", range, `${range}&step=5m&by=endpoint&service=orders&limit=3`),
    get("/v1/alerts", range, 'state=firing&filter=service="orders"&suppressed=true&limit=2'),
    get("/v1/alerts/groups", "by=service", 'by=service&by=severity&filter=severity=~"crit.*"'),
    get("/v1/lines", range, "level=ERROR,FATAL&contains=no&limit=3"),
    get("/v1/silences", 'status=active&filter=service="orders"'),
    get("/v1/late-events", "rule=fraud-suspicion&limit=3"),
    get("/v1/dead-letters", "sink=out&limit=2", "source=http&id=1"),
    get("/v1/services", "stream=application-logs&limit=1"),
    get("/v1/sources", "letters=10", "source=http"),
    get("/v1/agents", "agent=web-1", "limit=1"),
    get("/v1/audit", "limit=3"),
    get("/v1/ledger", "agent=web-1"),
  ];
}
