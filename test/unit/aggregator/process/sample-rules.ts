import { expect } from "vitest";
import { COMMIT_BYTES_MAX, COMMIT_KEYS_MAX } from "../../../../aggregator/log/check-commit.ts";
import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import type { KeyedEvent, KeyedHole } from "../../../../aggregator/log/keyed-event.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { RuleSet } from "../../../../aggregator/rules/rule-set.ts";
import { rangeOf } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readRuleDrops } from "../../../../aggregator/state/rule-drop-row.ts";
import { decodeRuleRow } from "../../../../aggregator/state/rule-rows.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { keyed } from "./sample-deltas.ts";
import { alertsOf, EVENT_STREAM, ruleSet, rulesOf, told } from "./sample-events.ts";

export const DAY_MS = 86_400_000;

/** Stage 2 of one partition over a store, to which events come. */
export class Rules {
  readonly store = new MemoryStore();
  private rules: RuleSet;
  private stage: StageTwo;
  commitCount = 0;

  constructor(...texts: readonly string[]) {
    this.rules = ruleSet(...texts);
    this.stage = this.open();
    this.see(undefined);
  }

  private open(): StageTwo {
    const settings = { ...WINDOW_DEFAULTS, windowsRetentionMs: DAY_MS };
    return new StageTwo(this.store, settings, this.rules);
  }

  /** Says how far the watermark is, in seconds after ten o'clock, and by which selectors agents select. */
  see(seconds: number | undefined, revision: string | undefined = "", since?: number): void {
    this.stage.observe(0, {
      watermarkMs: seconds === undefined ? undefined : TEN_MS + seconds * 1_000,
      idle: false,
      selection: revision === undefined ? undefined : { revision, sinceMs: since },
    });
  }

  async take(events: readonly KeyedEvent[], seconds?: number): Promise<void> {
    for (const one of events) {
      if (this.stage.isFull) await this.flush();
      this.stage.addEvent(one);
    }
    if (seconds !== undefined) this.see(seconds);
    this.stage.housekeep();
    await this.flush();
  }

  async merge(deltas: readonly KeyedDelta[]): Promise<void> {
    for (const delta of deltas) {
      if (this.stage.isFull) await this.flush();
      this.stage.merge(delta);
    }
    await this.take([]);
  }

  async windows(minutes: readonly (readonly [minute: number, latencyMs: number])[]): Promise<void> {
    const deltas = minutes.map(([minute, latencyMs]) => {
      const delta = keyed("orders", TEN + minute);
      delta.aggregate.add(2, latencyMs * 1_000);
      return delta;
    });
    await this.merge(deltas);
  }

  hole(hole: Omit<KeyedHole["hole"], "stream" | "count">): void {
    const { fromMs, toMs } = hole;
    const parts = { stream: EVENT_STREAM, fromMs: TEN_MS + fromMs, toMs: TEN_MS + toMs, count: 1 };
    this.stage.addHole({ tenant: "", hole: parts });
  }

  async keepHouse(): Promise<void> {
    while (this.stage.hasHousekeeping) await this.take([]);
  }

  restart(): void {
    this.stage = this.open();
  }

  use(...texts: readonly string[]): void {
    this.useSelecting("", ...texts);
  }

  /** Changes the rules to such that need other selectors. */
  useSelecting(revision: string, ...texts: readonly string[]): void {
    this.rules = new RuleSet(rulesOf(...texts), { revision, selectors: [] });
    this.stage.use(this.rules);
  }

  get told(): string[] {
    return told(alertsOf(this.store));
  }

  /** Counters of a rule. */
  counters(name: string) {
    const { from, to } = rangeOf("rule/");
    const rows = [...this.store.range(from, to)].map(([, bytes]) => decodeRuleRow(bytes));
    return rows.find((row) => row.name === name)?.counters;
  }

  /** The ledger of what bounds dropped. */
  drops() {
    return [...readRuleDrops(this.store)];
  }

  private async flush(): Promise<void> {
    const { changes } = this.stage.flush();
    expect(changes.length).toBeLessThanOrEqual(COMMIT_KEYS_MAX);
    const bytes = changes.reduce(
      (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
      0,
    );
    expect(bytes).toBeLessThanOrEqual(COMMIT_BYTES_MAX);
    await this.store.commit(changes);
    this.stage.settle();
    this.commitCount++;
  }
}
