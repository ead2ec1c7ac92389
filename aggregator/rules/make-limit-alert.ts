import { createHash } from "node:crypto";
import type { Value } from "../../shared/expression/parse.ts";
import type { DropReason } from "../cep/matcher.ts";
import type { Rule } from "./load-rules.ts";
import { type Alert, subjectOfKey } from "./make-alert.ts";

/** Which bound of a rule was hit. */
export type RuleDropReason =
  | DropReason
  | "state_bytes_max"
  | "keys_max"
  | "alert_bytes_max"
  | "skip_missed";

/** The type of alerts that say so. */
export const RULE_LIMIT_TYPE = "RULE_LIMIT";

const ID_DIGITS = 32;

/** What a rule dropped. */
export interface LimitHit {
  readonly tenant: string;
  /** Null when the rule has no key. */
  readonly key: Value;
  readonly reason: RuleDropReason;
  /** What happened, as the end of a sentence. */
  readonly why: string;
  /** Dropped at this moment, since the alert before, and ever. */
  readonly count: number;
  readonly sinceCount: number;
  readonly totalCount: number;
  /** Event times of the earliest and latest first event among what was dropped now, and of the drop. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly atMs: number;
}

/** The alert that says that a rule hit a bound, so that matches may be missing: the same for the same rule, key, reason and moment. */
export function makeLimitAlert(rule: Rule, hit: LimitHit): Alert {
  const { name } = rule.config;
  const { tenant, key, reason, count, sinceCount, totalCount, atMs } = hit;
  const text = JSON.stringify([RULE_LIMIT_TYPE, tenant, name, key, reason, atMs]);
  const id = createHash("sha256").update(text).digest("hex").slice(0, ID_DIGITS);
  const whose = key === null ? "" : ` of ${String(key)}`;
  const what = reason === "alert_bytes_max" ? "alert" : "partial match";
  const [severity, alertType] = ["warning", RULE_LIMIT_TYPE];
  const json = JSON.stringify({
    alertType,
    ...subjectOfKey(rule, key),
    message: `Rule ${name} dropped ${counted(count, what)}${whose}: ${hit.why}. Matches may be missing.`,
    timestamp: iso(atMs),
    severity,
    details: {
      ...{ rule: name, kind: "limit", reason, ...(key === null ? {} : { key }) },
      ...{ dropped: count, droppedSinceLastAlert: sinceCount, droppedTotal: totalCount },
      ...{ firstEvent: iso(hit.fromMs), lastFirstEvent: iso(hit.toMs) },
    },
    id,
  });
  return { id, rule: name, alertType, severity, timestampMs: atMs, json };
}

function counted(count: number, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what}${what.endsWith("ch") ? "es" : "s"}`;
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
