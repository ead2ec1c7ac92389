import { present } from "../../shared/assert.ts";
import { type ActiveRule, METRICS_STREAM, type RuleSet } from "../rules/rule-set.ts";
import { type Lane, rangeOf, ruleKey, ruleTimerKey } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import {
  decodeRuleKeyRow,
  decodeRuleRow,
  encodeRuleRow,
  noCounters,
  type RuleCounters,
  type RuleRow,
} from "../state/rule-rows.ts";

const PAGE_COUNT = 256;

/** A version of a rule in use. */
export interface RuleVersion {
  readonly active: ActiveRule;
  readonly row: RuleRow;
  isDirty: boolean;
}

/** The lane of a stream's events. */
export function laneOf(stream: string): Lane {
  return stream === METRICS_STREAM ? "metrics" : "events";
}

/**
 * Which versions of rules there are: since when they see events, and what happened to them. State belongs to a version, so a rule whose
 * pattern stays the same goes on where it was, whatever else of it changes; of one whose pattern changed, or that is gone, all is deleted.
 */
export class RuleVersions {
  private readonly overlay: Overlay;
  private byId = new Map<string, RuleVersion>();
  /** Versions that are not in use any more, with state yet to be deleted. */
  private gone: { readonly id: string; readonly lane: Lane }[] = [];

  constructor(overlay: Overlay) {
    this.overlay = overlay;
  }

  /** Takes the rules to be used from now on. A new one about windows begins behind `metricsMs`, one about events waits for {@link start}. */
  use(rules: RuleSet, metricsMs: number | undefined): void {
    const known = new Map(this.stored());
    for (const [id, version] of this.byId) known.set(id, version.row);
    this.byId = new Map();
    for (const active of rules.rules) {
      const { name, stream } = active.rule.config;
      const before = known.get(active.id);
      const isRunning = laneOf(stream) === "metrics";
      const startMs = isRunning ? metricsMs : undefined;
      const row = before ?? { name, stream, isRunning, startMs, counters: noCounters() };
      this.byId.set(active.id, { active, row, isDirty: before === undefined });
    }
    this.gone = [...known]
      .filter(([id]) => !this.byId.has(id))
      .map(([id, { stream }]) => ({ id, lane: laneOf(stream) }));
  }

  /** The version of a rule in use. */
  of(active: ActiveRule): RuleVersion {
    return present(this.byId.get(active.id), `the version of rule ${active.id}`);
  }

  /** True when rules wait to be started. */
  get hasWaiting(): boolean {
    for (const { row } of this.byId.values()) if (!row.isRunning) return true;
    return false;
  }

  /** Lets all rules that wait see events with times behind `startMs`, all when undefined. */
  start(startMs: number | undefined): void {
    for (const version of this.byId.values()) {
      if (version.row.isRunning) continue;
      version.row.isRunning = true;
      version.row.startMs = startMs;
      version.isDirty = true;
    }
  }

  /** Changes a counter. */
  count(version: RuleVersion, counter: keyof RuleCounters, by = 1): void {
    if (by === 0) return;
    version.row.counters[counter] += by;
    version.isDirty = true;
  }

  /** True when state of versions that are gone is to be deleted. */
  get hasGone(): boolean {
    return this.gone.length > 0;
  }

  /** Deletes state of versions that are gone until `isFull`. */
  deleteGone(isFull: () => boolean): void {
    for (let version = this.gone[0]; version !== undefined; version = this.gone[0]) {
      const { id, lane } = version;
      const { from, to } = rangeOf(`rule-key/${id}/`);
      const page = [...this.overlay.range(from, to, { limit: PAGE_COUNT })];
      for (const [key, bytes] of page) {
        if (isFull()) return;
        const { timerMs } = decodeRuleKeyRow(bytes);
        const part = key.slice(from.length);
        if (timerMs !== undefined)
          this.overlay.set(ruleTimerKey(lane, timerMs, id, part), undefined);
        this.overlay.set(key, undefined);
      }
      if (page.length === PAGE_COUNT) continue;
      if (isFull()) return;
      this.overlay.set(ruleKey(id), undefined);
      this.gone.shift();
    }
  }

  /** Puts the rows of all versions that changed into the overlay. */
  write(): void {
    for (const version of this.byId.values()) {
      if (!version.isDirty) continue;
      this.overlay.set(ruleKey(version.active.id), encodeRuleRow(version.row));
      version.isDirty = false;
    }
  }

  private *stored(): Iterable<[id: string, row: RuleRow]> {
    const { from, to } = rangeOf("rule/");
    for (const [key, bytes] of this.overlay.range(from, to)) {
      yield [key.slice(from.length), decodeRuleRow(bytes)];
    }
  }
}
