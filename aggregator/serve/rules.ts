import type { Value } from "../../shared/expression/parse.ts";
import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import type { StateView } from "../log/log.ts";
import { readOpenAlerts } from "../state/read-alerts.ts";
import { readRules, readThresholdCounters } from "../state/read-rules.ts";
import { type RuleDropRow, readRuleDrops } from "../state/rule-drop-row.ts";
import type { RuleCounters } from "../state/rule-rows.ts";

/** A rule as `GET /v1/rules` shows it, over all partitions. Times are ISO 8601. */
export interface RuleJson {
  readonly rule: string;
  readonly stream: string | null;
  readonly kind: "pattern" | "threshold";
  /** `running`, `waiting` for agents to send what it needs, or `gone`: only its ledger is left. */
  readonly state: "running" | "waiting" | "gone";
  /** Since its pattern last changed; of a threshold rule `keys` are services of which something is known, `partials` pending alerts. */
  readonly counters: Omit<RuleCounters, "dropped">;
  /** The ledger of what bounds made it drop, ever. */
  readonly dropped: readonly RuleDropJson[];
  /** Of a threshold rule: what it looks for, and how many of its alerts fire now. */
  readonly condition?: string | null;
  readonly openAlerts?: number;
}

/** A threshold rule in use. */
export interface ShownThreshold {
  readonly id: string;
  readonly name: string;
  readonly stream: string;
  readonly condition?: string | undefined;
}

/** What one bound made a rule drop. */
export interface RuleDropJson {
  readonly reason: string;
  readonly count: number;
  /** Event times of the earliest and latest first event among it. */
  readonly firstEvent: string;
  readonly lastFirstEvent: string;
  /** When it last happened, in event time, and to which value of the key. */
  readonly lastDrop: string;
  readonly lastKey: Value;
}

/** Answers `GET /v1/rules` from the state of each partition of stage 2; it takes no parameters. */
export function answerRules(
  views: readonly StateView[],
  tenant: string,
  query: string,
  thresholds: readonly ShownThreshold[] = [],
): HttpResponse {
  if (query !== "") {
    const detail = "Cannot understand the query: /v1/rules takes no parameters.";
    return problemAnswer({ status: 400, code: "invalid_query", detail });
  }
  const drops = sumDrops(
    views.flatMap((view) => [...readRuleDrops(view)]),
    tenant,
  );
  const rules = new Map<string, RuleJson>();
  for (const row of views.flatMap((view) => [...readRules(view)])) {
    const { dropped: _dropped, ...counters } = row.counters;
    const known = rules.get(row.name);
    const isWaiting = !row.isRunning || known?.state === "waiting";
    rules.set(row.name, {
      rule: row.name,
      stream: row.stream,
      kind: "pattern",
      state: isWaiting ? "waiting" : "running",
      counters: known === undefined ? counters : addCounters(known.counters, counters),
      dropped: (drops.get(row.name) ?? []).map(dropJson),
    });
  }
  for (const [rule, rows] of drops) {
    if (rules.has(rule)) continue;
    const dropped = rows.map(dropJson);
    const gone = { stream: null, kind: "pattern", state: "gone" } as const;
    rules.set(rule, { rule, ...gone, counters: NOTHING, dropped });
  }
  for (const one of thresholdsJson(views, tenant, thresholds)) rules.set(one.rule, one);
  const sorted = [...rules.values()].toSorted((a, b) => (a.rule < b.rule ? -1 : 1));
  return jsonAnswer(200, { rules: sorted });
}

function thresholdsJson(
  views: readonly StateView[],
  tenant: string,
  thresholds: readonly ShownThreshold[],
): RuleJson[] {
  const open = new Map<string, number>();
  for (const alert of readOpenAlerts(views)) {
    if (alert.tenant === tenant) open.set(alert.rule, (open.get(alert.rule) ?? 0) + 1);
  }
  return thresholds.map(({ id, name, stream, condition = null }) => ({
    ...{ rule: name, stream, kind: "threshold", state: "running" },
    counters: readThresholdCounters(views, id),
    ...{ dropped: [], condition, openAlerts: open.get(name) ?? 0 },
  }));
}

const NOTHING: RuleJson["counters"] = {
  ...{ alerts: 0, cooledDown: 0, suppressed: 0, late: 0, failed: 0, keys: 0, partials: 0 },
};

function addCounters(a: RuleJson["counters"], b: RuleJson["counters"]): RuleJson["counters"] {
  return {
    alerts: a.alerts + b.alerts,
    cooledDown: a.cooledDown + b.cooledDown,
    suppressed: a.suppressed + b.suppressed,
    late: a.late + b.late,
    failed: a.failed + b.failed,
    keys: a.keys + b.keys,
    partials: a.partials + b.partials,
  };
}

/** The ledger by rule and reason, over partitions. */
function sumDrops(rows: readonly RuleDropRow[], tenant: string): Map<string, RuleDropRow[]> {
  const sums = new Map<string, RuleDropRow[]>();
  for (const row of rows) {
    if (row.tenant !== tenant) continue;
    const ofRule = sums.get(row.rule) ?? [];
    sums.set(row.rule, ofRule);
    const known = ofRule.find(({ reason }) => reason === row.reason);
    if (known === undefined) {
      ofRule.push({ ...row });
      continue;
    }
    known.count += row.count;
    known.fromMs = Math.min(known.fromMs, row.fromMs);
    known.toMs = Math.max(known.toMs, row.toMs);
    if (row.lastMs > known.lastMs) known.lastKey = row.lastKey;
    known.lastMs = Math.max(known.lastMs, row.lastMs);
  }
  return sums;
}

function dropJson({ reason, count, fromMs, toMs, lastMs, lastKey }: RuleDropRow): RuleDropJson {
  const [firstEvent, lastFirstEvent, lastDrop] = [iso(fromMs), iso(toMs), iso(lastMs)];
  return { reason, count, firstEvent, lastFirstEvent, lastDrop, lastKey };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
