import type { InhibitRule } from "../../../../aggregator/alerts/inhibition.ts";
import type { AnyOperation } from "../../../../aggregator/alerts/operation.ts";
import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { RuleSet } from "../../../../aggregator/rules/rule-set.ts";
import { makeSeries } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readAlerts } from "../../../../aggregator/state/read-alerts.ts";
import { LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { makeDimensions } from "../../../../shared/aggregates/dimensions.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { keyed } from "./sample-deltas.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A rule about errors and latency. */
export const THRESHOLD_RULE = `
name: errors
summary: Too many requests fail.
condition: "errorRate > 0.05 || avgLatency > 1000"
labels: { team: shop }
alert: { type: HIGH_ERROR_RATE, severity: critical, message: "{{service}} {{errorCount}}/{{requestCount}}" }
`;

/** A pattern over the windows of a service. */
export const PATTERN_RULE = `
name: slow-twice
summary: Many requests failed in two minutes, one after the other.
stream: service-metrics
key: service
within: 5m
skip: skipPastLastEvent
stages:
  - { name: bad, where: "errorRate > 0.05", times: { min: 2, max: 2 } }
alert: { type: SLOW_TWICE, severity: info, message: "{{key}}" }
`;

/** Stage 2 of one partition, with threshold rules, over a store. */
export class Thresholds {
  readonly store = new MemoryStore();
  private readonly inhibitRules: readonly InhibitRule[];
  private rules: RuleSet;
  private stage: StageTwo;
  private clockMs = TEN_MS;
  private operationCount = 0;

  constructor(texts: readonly string[], inhibitRules: readonly InhibitRule[] = []) {
    this.inhibitRules = inhibitRules;
    this.rules = rulesOf(texts);
    this.stage = this.open();
  }

  /** Requests of a service in a minute after ten, of which some fail. */
  window(
    minute: number,
    requests: number,
    errors: number,
    service = "orders",
    agent = "web-1",
  ): KeyedDelta {
    const delta = keyed(service, TEN + minute, requests - errors, agent);
    for (let count = 0; count < errors; count++) delta.aggregate.add(LEVEL_INDEX.ERROR, -1);
    delta.contributors.add(agent, errors, errors);
    return delta;
  }

  /** The same, of one endpoint of a host. */
  endpoint(minute: number, requests: number, errors: number, endpoint: string): KeyedDelta {
    const delta = this.window(minute, requests, errors);
    const dimensions = makeDimensions(Object.entries({ endpoint, host: `h${errors}` }));
    return { ...delta, series: makeSeries("", delta.series.stream, "orders", dimensions) };
  }

  /** Takes windows, and says that all up to `minute` are over. */
  async take(deltas: readonly KeyedDelta[], minute?: number): Promise<this> {
    this.stage.observeClock(this.clockMs);
    for (const delta of deltas) this.stage.merge(delta);
    if (minute !== undefined) this.see(minute);
    await this.keepHouse();
    return this;
  }

  async clock(minutes: number): Promise<void> {
    this.clockMs = TEN_MS + minutes * MINUTE_MS;
    await this.take([]);
  }

  async operate(
    operation: Record<string, unknown> & { kind: AnyOperation["kind"] },
  ): Promise<void> {
    const operationId = `op-${++this.operationCount}`;
    this.stage.observeClock(this.clockMs);
    const json = JSON.stringify({ by: "ann", operationId, ...operation });
    this.stage.operate({ kind: "operation", tenant: "", json });
    await this.keepHouse();
  }

  use(...texts: readonly string[]): void {
    this.rules = rulesOf(texts);
    this.stage.use(this.rules);
  }

  restart(): void {
    this.stage = this.open();
  }

  /** The rules in use. */
  get shown() {
    return this.rules.thresholds;
  }

  /** Every revision, as `MINUTE SERVICE STATE rREVISION`. */
  get told(): string[] {
    return readAlerts(this.store, 0, 1_000).map(({ alert }) => {
      const { service, updatedAt, dimensions } = JSON.parse(alert.json);
      const whose =
        dimensions === undefined ? service : `${service}${Object.values(dimensions).join()}`;
      const quiet = alert.isSuppressed ? " quiet" : "";
      const minute = (Date.parse(updatedAt) - TEN_MS) / MINUTE_MS;
      return `${minute} ${whose} ${alert.state} r${alert.revision}${quiet}`;
    });
  }

  get newest() {
    const { alert } = readAlerts(this.store, 0, 1_000).at(-1) ?? {};
    return alert === undefined ? undefined : JSON.parse(alert.json);
  }

  private see(minute: number): void {
    const watermarkMs = TEN_MS + minute * MINUTE_MS - 1;
    this.stage.observe(0, { watermarkMs, idle: false, selection: undefined });
  }

  private open(): StageTwo {
    const alerts = { inhibitRules: this.inhibitRules, externalUrl: "http://tailrace.example" };
    const settings = { ...WINDOW_DEFAULTS, windowsRetentionMs: DAY_MS, alerts };
    return new StageTwo(this.store, settings, this.rules);
  }

  private async keepHouse(): Promise<void> {
    do {
      this.stage.housekeep();
      await this.store.commit(this.stage.flush().changes);
      this.stage.settle();
    } while (this.stage.hasHousekeeping);
  }
}

/** The rules of these files. */
export function rulesOf(texts: readonly string[]): RuleSet {
  const { rules, thresholds, faults } = loadRules(
    texts.map((text, index) => ({ file: `${index}.yaml`, text })),
  );
  if (rules === undefined) throw new Error(JSON.stringify(faults));
  return new RuleSet(rules, { revision: "", selectors: [] }, thresholds);
}
