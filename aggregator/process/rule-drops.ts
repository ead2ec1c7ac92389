import type { Value } from "../../shared/expression/parse.ts";
import type { Rule } from "../rules/load-rules.ts";
import { makeLimitAlert, type RuleDropReason } from "../rules/make-limit-alert.ts";
import { RULE_LIMITS } from "../rules/rule-set.ts";
import type { Overlay } from "../state/overlay.ts";
import {
  decodeRuleDropRow,
  encodeRuleDropRow,
  type RuleDropRow,
  ruleDropKey,
} from "../state/rule-drop-row.ts";
import type { AlertDesk } from "./alert-desk.ts";
import { STATE_BYTES_MAX } from "./key-states.ts";

/** Values of one rule's key of which something is known; more begin nothing. */
export const KEY_COUNT_MAX = 1_000_000;
/** Alerts of one step; more are dropped, since a step is one commit's. */
export const STEP_ALERT_BYTES_MAX: number = 256 * 1024;
/** One alert of a rule and reason within this time of events: a flood makes one an hour, whatever it floods. */
const QUIET_MS = 3_600_000;
/** Longer keys are cut, in UTF-16 code units. */
const KEY_LENGTH_MAX = 200;
/** A row, at most. */
const ROW_BYTES = 2_000;

/** What was dropped in one step of one value of a rule's key. */
export interface RuleDrop {
  readonly tenant: string;
  readonly key: Value;
  readonly reason: RuleDropReason;
  readonly count: number;
  /** Event times of the earliest and latest first event among it, and of the drop itself. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly atMs: number;
}

const WHY: Readonly<Record<RuleDropReason, string>> = {
  partials_max: `more than ${RULE_LIMITS.partialsMax} partial matches at once`,
  events_max: `more than ${RULE_LIMITS.eventsMax} events held at once`,
  age_max: `open for ${RULE_LIMITS.ageMsMax / 86_400_000} days, and the rule has no \`within\``,
  state_bytes_max: `its state needs more than ${STATE_BYTES_MAX / 1024} KiB, and begins anew`,
  keys_max: `more than ${KEY_COUNT_MAX} values of its key are watched at once`,
  alert_bytes_max: `one event completed more than ${STEP_ALERT_BYTES_MAX / 1024} KiB of alerts`,
  skip_missed: "a match lacks the stage of its skip strategy, and the key begins anew",
};

/** The ledger of what bounds made rules drop: counts all of it, by rule and reason, and raises an alert when one is hit. */
export class RuleDrops {
  private readonly overlay: Overlay;
  private readonly desk: AlertDesk;
  private readonly rows = new Map<string, RuleDropRow>();
  private readonly dirty = new Set<string>();

  constructor(overlay: Overlay, desk: AlertDesk) {
    this.overlay = overlay;
    this.desk = desk;
  }

  /** Rows that are to be written. */
  get dirtyCount(): number {
    return this.dirty.size;
  }

  /** Bytes of these, at most. */
  get dirtyBytes(): number {
    return this.dirty.size * ROW_BYTES;
  }

  /** Counts what a rule dropped, and raises an alert unless one was raised a moment before. */
  note(rule: Rule, drop: RuleDrop): void {
    const { tenant, reason, count, fromMs, toMs, atMs } = drop;
    const key = shortKey(drop.key);
    const row = this.rowOf(rule.config.name, drop);
    row.count += count;
    row.fromMs = Math.min(row.fromMs, fromMs);
    row.toMs = Math.max(row.toMs, toMs);
    row.lastMs = Math.max(row.lastMs, atMs);
    row.lastKey = key;
    if (row.quietUntilMs !== undefined && atMs < row.quietUntilMs) return;
    const sinceCount = row.count - row.alertedCount;
    const counts = { count, sinceCount, totalCount: row.count };
    const hit = { tenant, key, reason, why: WHY[reason], fromMs, toMs, atMs, ...counts };
    this.desk.tell(tenant, makeLimitAlert(rule, hit));
    row.alertedCount = row.count;
    row.quietUntilMs = atMs + QUIET_MS;
  }

  /** Puts the rows that changed into the overlay. */
  write(): void {
    for (const key of this.dirty) {
      const row = this.rows.get(key);
      if (row !== undefined) this.overlay.set(key, encodeRuleDropRow(row));
    }
    this.dirty.clear();
  }

  private rowOf(rule: string, { tenant, reason, fromMs, toMs, atMs, key }: RuleDrop): RuleDropRow {
    const none: RuleDropRow = {
      ...{ tenant, rule, reason, count: 0, alertedCount: 0, fromMs, toMs },
      ...{ lastMs: atMs, lastKey: key, quietUntilMs: undefined },
    };
    const rowKey = ruleDropKey(none);
    this.dirty.add(rowKey);
    const known = this.rows.get(rowKey);
    if (known !== undefined) return known;
    const bytes = this.overlay.get(rowKey);
    const row = bytes === undefined ? none : decodeRuleDropRow(bytes);
    this.rows.set(rowKey, row);
    return row;
  }
}

/** What people need to know of it: keys can be as long as lines. */
function shortKey(key: Value): Value {
  if (typeof key !== "string" || key.length <= KEY_LENGTH_MAX) return key;
  return `${key.slice(0, KEY_LENGTH_MAX - 1)}…`;
}
