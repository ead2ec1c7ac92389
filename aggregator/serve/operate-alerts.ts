/** What people do to alerts over HTTP: acknowledge, silence, and look at what was done. */
import { z } from "zod";
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import type { Random } from "../../shared/platform/random.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import { readJsonBody } from "../../shared/protocol/json-request.ts";
import type { Principal } from "../../shared/protocol/principal.ts";
import { labelsOf } from "../alerts/alert-record.ts";
import { matches, parseMatcher, wantedMatcher } from "../alerts/matchers.ts";
import { type AuditEntry, auditSchema, DONE, type Operation } from "../alerts/operation.ts";
import {
  type Silence,
  silenceRequestSchema,
  silenceSchema,
  silenceStatus,
} from "../alerts/silence.ts";
import type { StateView } from "../log/log.ts";
import { refusalOfLog } from "../log/refusal-of-log.ts";
import type { AlertRow } from "../state/alert-row.ts";
import { rangeOf, silenceKey, silencePrefix } from "../state/keys.ts";
import { findAlert, readOpenAlerts } from "../state/read-alerts.ts";
import { decodeJsonRow } from "../state/threshold-rows.ts";
import { pageOf } from "./page-of.ts";
import { decodePlace, QueryParameters } from "./query-parameters.ts";

const ID_BYTES = 16;
const AUDIT_LIMIT_MAX = 1_000;
const SILENCES_LIMIT_MAX = 1_000;

/** What the API needs. */
export interface OperationSource {
  /** The state of each partition of stage 2 that this process holds, as of the last commit. */
  views(): readonly StateView[];
  /** The log's clock, milliseconds since the Unix epoch. */
  nowMs(): number;
  readonly random: Random;
  /** Appends an operation and resolves when it is committed; undefined when that is not known in time. */
  operate(tenant: string, operation: Operation): Promise<AuditEntry | undefined>;
}

/** On whose behalf something is done. */
type Caller = Pick<Principal, "tenant" | "name">;

const acknowledgeBody = z.strictObject({
  by: z.string().min(1).max(1_024).optional(),
  comment: z.string().max(1_024).prefault(""),
});

/** See the head of this file. `tenant` is the caller's. */
export class OperationsApi {
  readonly #source: OperationSource;

  constructor(source: OperationSource) {
    this.#source = source;
  }

  /** `GET /v1/alerts/{id}` */
  alert(tenant: string, id: string): HttpResponse {
    const alert = this.#alert(tenant, id);
    return alert === undefined ? noSuchAlert(id) : textAnswer(alert.json);
  }

  /** `POST /v1/alerts/{id}/acknowledge` */
  async acknowledge(
    { tenant, name }: Caller,
    id: string,
    request: HttpRequest,
  ): Promise<HttpResponse> {
    const body = readJsonBody(request, acknowledgeBody);
    if ("refused" in body) return body.refused;
    const alert = this.#alert(tenant, id);
    if (alert === undefined) return noSuchAlert(id);
    if (alert.state !== "firing") return conflict(`The alert is ${alert.state}.`);
    const { by = name, comment } = body.value;
    const done = { kind: "acknowledge", alert: id, comment, ...this.#who(by) } as const;
    const said = await this.#operate(tenant, done);
    return "refused" in said ? said.refused : this.alert(tenant, id);
  }

  /** `GET /v1/alerts/groups` */
  groups(tenant: string, query: string): HttpResponse {
    const parameters = new QueryParameters(query, ["by", "filter"], ["by", "filter"]);
    const name = (text: string) => (/^[a-zA-Z_]\w*$/.test(text) ? text : undefined);
    const by = parameters.readAll("by", name, "the name of a label");
    const matchers = parameters.readAll("filter", parseMatcher, wantedMatcher);
    if (parameters.refusal !== undefined) return parameters.refusal;
    const groups = new Map<string, { labels: Record<string, string>; alerts: unknown[] }>();
    for (const alert of readOpenAlerts(this.#source.views())) {
      if (alert.tenant !== tenant) continue;
      const labels = labelsOf(alert.json);
      if (!matches(matchers, labels)) continue;
      const own = Object.fromEntries(by.map((label) => [label, labels[label] ?? ""]));
      const key = JSON.stringify(own);
      const group = groups.get(key) ?? { labels: own, alerts: [] };
      group.alerts.push(JSON.parse(alert.json));
      groups.set(key, group);
    }
    return jsonAnswer(200, {
      groups: [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group),
    });
  }

  /** `GET /v1/silences` */
  silences(tenant: string, query: string): HttpResponse {
    const names = ["status", "filter", "limit", "next"];
    const parameters = new QueryParameters(query, names, ["status", "filter"]);
    const isStatus = (text: string) => STATUSES.find((status) => status === text);
    const statuses = parameters.readAll("status", isStatus, `one of ${STATUSES.join(", ")}`);
    const matchers = parameters.readAll("filter", parseMatcher, wantedMatcher);
    const limit = parameters.limit(SILENCES_LIMIT_MAX);
    const after = parameters.after(decodePlace)?.[1];
    if (parameters.refusal !== undefined) return parameters.refusal;
    const silences = this.#allSilences(tenant)
      .filter(({ status }) => statuses.length === 0 || statuses.includes(status))
      .filter((silence) =>
        matches(
          matchers,
          Object.fromEntries(silence.matchers.map(({ name, value }) => [name, value])),
        ),
      );
    const page = pageOf(silences, ({ id }) => id, { limit, after });
    return jsonAnswer(200, { silences: page.items, ...page.next });
  }

  /** `GET /v1/silences/{id}` */
  silence(tenant: string, id: string): HttpResponse {
    const silence = this.#silence(tenant, id);
    return silence === undefined ? noSuchSilence(id) : jsonAnswer(200, silence);
  }

  /** `POST /v1/silences` */
  async addSilence(tenant: string, request: HttpRequest): Promise<HttpResponse> {
    const body = readJsonBody(request, silenceRequestSchema);
    if ("refused" in body) return body.refused;
    const { id } = body.value;
    if (id !== undefined && this.#silence(tenant, id) === undefined) return noSuchSilence(id);
    const newId = this.#source.random.bytes(ID_BYTES).toString("hex");
    const who = this.#who(body.value.createdBy);
    const done = { kind: "silence", silence: body.value, newId, ...who } as const;
    const said = await this.#operate(tenant, done);
    return "refused" in said ? said.refused : this.silence(tenant, said.target);
  }

  /** `DELETE /v1/silences/{id}` */
  async expireSilence({ tenant, name }: Caller, id: string, query: string): Promise<HttpResponse> {
    const parameters = new QueryParameters(query, ["by"]);
    const by = parameters.text("by", "who it is") ?? name;
    if (parameters.refusal !== undefined) return parameters.refusal;
    const silence = this.#silence(tenant, id);
    if (silence === undefined) return noSuchSilence(id);
    if (silence.status === "expired") return conflict("The silence is over already.");
    const done = { kind: "expire", silence: id, ...this.#who(by) } as const;
    const said = await this.#operate(tenant, done);
    return "refused" in said ? said.refused : this.silence(tenant, id);
  }

  /** `GET /v1/audit` */
  audit(query: string): HttpResponse {
    const parameters = new QueryParameters(query, ["limit"]);
    const limit = parameters.limit(AUDIT_LIMIT_MAX);
    if (parameters.refusal !== undefined) return parameters.refusal;
    const entries = new Map<string, AuditEntry>();
    for (const entry of this.#source.views().flatMap((view) => readAudit(view, limit))) {
      // Every partition is told of every operation; the one that it was for has done it.
      if (entry.result === DONE || !entries.has(entry.operationId)) {
        entries.set(entry.operationId, entry);
      }
    }
    const newest = [...entries.values()].toSorted((a, b) => (a.at > b.at ? -1 : 1));
    return jsonAnswer(200, { entries: newest.slice(0, limit) });
  }

  async #operate(
    tenant: string,
    operation: Operation,
  ): Promise<AuditEntry | { readonly refused: HttpResponse }> {
    let said: AuditEntry | undefined;
    try {
      said = await this.#source.operate(tenant, operation);
    } catch (error) {
      return { refused: problemAnswer(refusalOfLog(error)) };
    }
    if (said === undefined) return { refused: pending() };
    if (said.result === DONE) return said;
    return { refused: conflict(`Nothing was done: ${said.result}.`) };
  }

  #who(by: string) {
    return { by, operationId: this.#source.random.bytes(ID_BYTES).toString("hex") };
  }

  #alert(tenant: string, id: string): AlertRow | undefined {
    for (const view of this.#source.views()) {
      const alert = findAlert(view, id);
      if (alert?.tenant === tenant) return alert;
    }
    return undefined;
  }

  #silence(tenant: string, id: string): ShownSilence | undefined {
    for (const view of this.#source.views()) {
      const bytes = view.get(silenceKey(tenant, id));
      if (bytes !== undefined) return this.#shown(bytes);
    }
    return undefined;
  }

  #allSilences(tenant: string): ShownSilence[] {
    const [view] = this.#source.views();
    if (view === undefined) return [];
    const { from, to } = rangeOf(silencePrefix(tenant));
    return [...view.range(from, to)].map(([, bytes]) => this.#shown(bytes));
  }

  #shown(bytes: Buffer): ShownSilence {
    const silence = decodeJsonRow(bytes, silenceSchema, "silence");
    return { ...silence, status: silenceStatus(silence, this.#source.nowMs()) };
  }
}

/** The newest entries of the audit log, newest first. */
export function readAudit(view: StateView, limit: number): AuditEntry[] {
  const { from, to } = rangeOf("audit/");
  return [...view.range(from, to, { limit, reverse: true })].map(([, bytes]) =>
    decodeJsonRow(bytes, auditSchema, "entry of the audit log"),
  );
}

type ShownSilence = Silence & { readonly status: (typeof STATUSES)[number] };

const STATUSES = ["active", "pending", "expired"] as const;

function textAnswer(json: string): HttpResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(json) };
}

function conflict(detail: string): HttpResponse {
  return problemAnswer({ status: 409, code: "conflict", detail });
}

function noSuchAlert(id: string): HttpResponse {
  const detail = `There is no alert ${JSON.stringify(id)}; \`tailrace alerts ls\` shows them.`;
  return problemAnswer({ status: 404, code: "not_found", detail });
}

function noSuchSilence(id: string): HttpResponse {
  const detail = `There is no silence ${JSON.stringify(id)}; \`tailrace silence ls\` shows them.`;
  return problemAnswer({ status: 404, code: "not_found", detail });
}

/** It stands in the log and will be done, but nobody knows yet what came of it. */
function pending(): HttpResponse {
  return jsonAnswer(202, { state: "accepted" });
}
