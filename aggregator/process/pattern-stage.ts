/**
 * Rules in stage 2: events become alerts. One of them owns one partition, beside the windows, and is committed with them.
 *
 * An event waits in a row of its own until the watermark has passed it. Then all that wait are taken in the order of events (time, agent,
 * source, file, generation, offset, index), which is the same however they came, and each is shown to the rules of its stream and field. What a
 * rule knows of one value of its key is a row, too; only rows that were touched are written. When no event up to the watermark is left, time
 * passes for the values that wait for it. So the same events give the same alerts in any batching, after any crash, and offline.
 *
 * There are two lanes, each with a watermark: events of agents, and what windows say when they first become final. A step (one event, or one
 * value's timer) is never split; between two steps the work stops when the open commit is full, and goes on after it.
 *
 * It does no I/O and has no clock, and lives by the rules of {@link file://./stage-two.ts}.
 */
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import type { InhibitRule } from "../alerts/inhibition.ts";
import type { AnyOperation } from "../alerts/operation.ts";
import {
  expressionEvent,
  type KeyedEvent,
  type KeyedHole,
  placeOfEvent,
} from "../log/keyed-event.ts";
import type { StateChange, StateView } from "../log/log.ts";
import { makeAlert, spanOf } from "../rules/make-alert.ts";
import type { RuleDropReason } from "../rules/make-limit-alert.ts";
import type { Step } from "../rules/rule-machine.ts";
import { METRICS_KEY, METRICS_STREAM, type RuleSet } from "../rules/rule-set.ts";
import { keyPart, type Lane, lateKey, PATTERNS_KEY, waitingKey } from "../state/keys.ts";
import { encodeLateRow, LATE_COUNT_MAX } from "../state/late-row.ts";
import { Overlay } from "../state/overlay.ts";
import { revisionBase } from "../state/restored-row.ts";
import {
  decodePatternsRow,
  decodeWaitingRow,
  encodePatternsRow,
  encodeWaitingRow,
  type PatternsRow,
  type WaitingRow,
} from "../state/rule-rows.ts";
import { AlertDesk } from "./alert-desk.ts";
import { AlertRows } from "./alert-rows.ts";
import { EventHoles } from "./event-holes.ts";
import { type HeldKey, KeyStates } from "./key-states.ts";
import { metricsPlace } from "./metrics-event.ts";
import { KEY_COUNT_MAX, type RuleDrop, RuleDrops, STEP_ALERT_BYTES_MAX } from "./rule-drops.ts";
import { laneOf, type RuleVersion, RuleVersions } from "./rule-versions.ts";
import { ThresholdStage } from "./threshold-stage.ts";
import { TimeQueue } from "./time-queue.ts";

const LANES = ["events", "metrics"] as const satisfies readonly Lane[];
const PAGE_COUNT = 256;

/** What rules are given in stage 2. */
export interface PatternSettings {
  readonly rules: RuleSet;
  /** Alerts older than this, measured from the watermark, are deleted. */
  readonly retentionMs: number;
  readonly alerts?: AlertSettings | undefined;
}

/** What holds for all alerts. */
export interface AlertSettings {
  readonly inhibitRules: readonly InhibitRule[];
  /** Where people reach this aggregator, without a slash at the end. */
  readonly externalUrl: string | undefined;
}

interface LaneQueues {
  readonly waiting: TimeQueue;
  readonly timers: TimeQueue;
  /** No event with a time up to this is expected; undefined before the first. */
  watermarkMs: number | undefined;
}

/** See the head of this file. */
export class PatternStage {
  private readonly overlay: Overlay;
  private readonly retentionMs: number;
  private readonly row: PatternsRow;
  private readonly versions: RuleVersions;
  private readonly alerts: AlertRows;
  private readonly drops: RuleDrops;
  private readonly desk: AlertDesk;
  /** Rules over windows. */
  readonly thresholds: ThresholdStage;
  private readonly holes: EventHoles;
  private readonly lanes: Readonly<Record<Lane, LaneQueues>>;
  private rules: RuleSet;
  private states: KeyStates;
  private rowBefore: PatternsRow;

  /** `view`: the state of this partition as of its last commit; `watermarkMs`: of events, as committed. */
  constructor(view: StateView, settings: PatternSettings, watermarkMs: number | undefined) {
    this.overlay = new Overlay(view);
    this.retentionMs = settings.retentionMs;
    this.row = decodePatternsRow(view.get(PATTERNS_KEY));
    this.rowBefore = { ...this.row };
    this.alerts = new AlertRows(this.overlay, this.row, revisionBase(view));
    this.desk = new AlertDesk(this.overlay, this.alerts, settings.alerts?.inhibitRules ?? []);
    this.drops = new RuleDrops(this.overlay, this.desk);
    this.thresholds = new ThresholdStage({
      ...{ view, overlay: this.overlay, alerts: this.alerts, desk: this.desk },
      retentionMs: settings.retentionMs,
      externalUrl: settings.alerts?.externalUrl,
    });
    this.thresholds.observe(this.row.metricsMs);
    this.holes = new EventHoles(view, this.overlay);
    this.states = new KeyStates(this.overlay);
    this.versions = new RuleVersions(this.overlay);
    this.lanes = {
      events: this.openLane("events", watermarkMs),
      metrics: this.openLane("metrics", this.row.metricsMs),
    };
    this.rules = settings.rules;
    this.versions.use(this.rules, this.row.metricsMs);
    this.thresholds.use(this.rules);
  }

  /** Keys that the open flush changes. */
  get openKeys(): number {
    return this.overlay.changeCount + this.states.dirtyCount + this.drops.dirtyCount;
  }

  /** Bytes of the open flush, at most. */
  get openBytes(): number {
    return this.overlay.changeBytes + this.states.dirtyBytes + this.drops.dirtyBytes;
  }

  /** True when rules read what windows say when they become final. */
  get wantsMetrics(): boolean {
    const patterns = this.rules.rulesOf(METRICS_STREAM, METRICS_KEY);
    return patterns.length > 0 || this.thresholds.wantsWindows;
  }

  /** Moves the log's clock, by which only silences go. */
  observeClock(nowMs: number): void {
    this.desk.observeClock(nowMs);
  }

  /** Does what a person asked for, or takes what the program sees of itself. */
  operate(tenant: string, operation: AnyOperation): void {
    const { desk, thresholds } = this;
    if (operation.kind === "sample") thresholds.takeSelf(tenant, operation, desk.clockMs);
    else if (operation.kind === "agents") thresholds.takeAgents(tenant, operation, desk.clockMs);
    else desk.apply(tenant, operation);
  }

  /** Changes the rules. */
  use(rules: RuleSet): void {
    if (rules === this.rules) return;
    this.states.write();
    this.states = new KeyStates(this.overlay);
    this.rules = rules;
    this.versions.use(rules, this.row.metricsMs);
    this.thresholds.use(rules);
  }

  /** True when new rules wait for {@link start}. */
  get hasWaitingRules(): boolean {
    return this.versions.hasWaiting;
  }

  /** Lets new rules see events with times behind `startMs`, all when undefined: from there on agents sent what they need. */
  start(startMs: number | undefined): void {
    this.versions.start(startMs);
  }

  /** Takes an event of an agent. */
  add({ tenant, agent, keyField, key, event }: KeyedEvent): void {
    const { stream, timeMs, type, fields } = event;
    this.put("events", placeOfEvent(agent, event), {
      ...{ tenant, stream, keyField, key, timeMs, type, fields },
    });
  }

  /** Takes what a window of a series says that became final for the first time. */
  addMetrics(seriesKey: string, row: Omit<WaitingRow, "stream" | "keyField">): void {
    const parts = { ...row, stream: METRICS_STREAM, keyField: METRICS_KEY };
    this.put("metrics", metricsPlace(seriesKey, row.timeMs), parts);
  }

  /** Takes a gap in the events of a stream. */
  addHole({ tenant, hole }: KeyedHole): void {
    this.holes.add(tenant, hole, ++this.row.holeNumber);
  }

  /** Says how far a lane has come; never back. */
  observe(lane: Lane, watermarkMs: number | undefined): void {
    this.lanes[lane].watermarkMs = watermarkMs;
    if (lane === "metrics") {
      this.row.metricsMs = watermarkMs;
      this.thresholds.observe(watermarkMs);
    }
  }

  /** True when events, timers or old rows are due; {@link run} does some of it. */
  get hasWork(): boolean {
    if (this.versions.hasGone || this.thresholds.hasWork || this.desk.hasWork) return true;
    if (LANES.some((lane) => this.isDue(this.lanes[lane]))) return true;
    const oldestMs = this.oldestMs;
    return oldestMs !== undefined && this.alerts.hasBefore(oldestMs);
  }

  /** Does what is due until `isFull`. */
  run(isFull: () => boolean): void {
    for (const lane of LANES) this.runLane(lane, isFull);
    this.thresholds.run(isFull);
    this.desk.run(isFull);
    this.versions.deleteGone(isFull);
    const oldestMs = this.oldestMs;
    if (oldestMs === undefined) return;
    this.alerts.deleteBefore(oldestMs, isFull);
    this.holes.forgetBefore(oldestMs);
  }

  /** Takes what changed. */
  flush(): readonly StateChange[] {
    this.states.write();
    this.versions.write();
    this.drops.write();
    if (PATTERNS_FIELDS.some((field) => this.row[field] !== this.rowBefore[field])) {
      this.overlay.set(PATTERNS_KEY, encodePatternsRow(this.row));
      this.rowBefore = { ...this.row };
    }
    return this.overlay.take();
  }

  /** Says that everything flushed is committed. */
  settle(): void {
    this.states.settle();
  }

  private get oldestMs(): number | undefined {
    const { watermarkMs } = this.lanes.events;
    return watermarkMs === undefined ? undefined : watermarkMs - this.retentionMs;
  }

  private openLane(lane: Lane, watermarkMs: number | undefined): LaneQueues {
    return {
      waiting: new TimeQueue(this.overlay, `waiting/${lane}/`),
      timers: new TimeQueue(this.overlay, `rule-timer/${lane}/`),
      watermarkMs,
    };
  }

  private isDue({ waiting, timers, watermarkMs }: LaneQueues): boolean {
    return watermarkMs !== undefined && (waiting.isDue(watermarkMs) || timers.isDue(watermarkMs));
  }

  private put(lane: Lane, place: string, row: WaitingRow): void {
    const { waiting, watermarkMs } = this.lanes[lane];
    if (watermarkMs !== undefined && row.timeMs <= watermarkMs) {
      if (lane === "metrics") this.correct(row);
      this.dropLate(row, place, watermarkMs);
      return;
    }
    this.overlay.set(waitingKey(lane, place, row.keyField ?? ""), encodeWaitingRow(row));
    waiting.note(row.timeMs);
  }

  /** A window that became final behind its neighbours. */
  private correct({ tenant, timeMs, fields }: WaitingRow): void {
    const { stream, service } = fields;
    if (typeof stream !== "string" || typeof service !== "string") return;
    this.thresholds.correct({ tenant, stream, service }, timeMs, fields);
  }

  private dropLate(row: WaitingRow, place: string, watermarkMs: number): void {
    const rules: string[] = [];
    for (const active of this.rules.rulesOf(row.stream, row.keyField)) {
      const version = this.versions.of(active);
      if (!sees(version, row.timeMs)) continue;
      this.versions.count(version, "late");
      rules.push(active.rule.config.name);
    }
    if (rules.length === 0) return;
    const key = lateKey(this.row.lateNumber++ % LATE_COUNT_MAX);
    this.overlay.set(key, encodeLateRow({ ...row, place, watermarkMs, rules }));
  }

  private runLane(lane: Lane, isFull: () => boolean): void {
    const { waiting, timers, watermarkMs } = this.lanes[lane];
    if (watermarkMs === undefined) return;
    while (waiting.isDue(watermarkMs)) {
      for (const [key, bytes] of waiting.page(watermarkMs, PAGE_COUNT)) {
        if (isFull()) return;
        this.show(lane, key, bytes);
        waiting.take(key);
      }
    }
    // Only now has everything been shown that came before these moments.
    while (timers.isDue(watermarkMs)) {
      for (const [key] of timers.page(watermarkMs, PAGE_COUNT)) {
        if (isFull()) return;
        timers.take(key);
        this.letTimePass(key, watermarkMs);
      }
    }
  }

  /** Shows an event that waited to the rules of its stream and field. */
  private show(lane: Lane, key: string, bytes: Buffer): void {
    const row = decodeWaitingRow(bytes);
    if (lane === "metrics") this.thresholds.show(row);
    const { tenant, stream, timeMs, fields } = row;
    const rules = this.rules.rulesOf(stream, row.keyField);
    if (rules.length === 0) return;
    const place = key.slice(`waiting/${lane}/`.length, key.lastIndexOf("/"));
    const event = expressionEvent(row, place);
    // Windows of one service in two streams are two things.
    const origin = lane === "metrics" ? fields["stream"] : undefined;
    const part = keyPart(JSON.stringify([tenant, row.key, origin]));
    for (const active of rules) {
      const version = this.versions.of(active);
      if (!sees(version, timeMs)) continue;
      const held = this.states.find(active, part) ?? this.begin(version, part, row, event);
      if (held === undefined) continue;
      const step = active.machine.take(held.state, event);
      if (!step.isChanged) continue;
      this.states.touch(held, bytes.length);
      this.settleStep(version, held, step, timeMs);
    }
  }

  /** A new state when the event begins something. */
  private begin(
    version: RuleVersion,
    part: string,
    row: WaitingRow,
    event: ExpressionEvent,
  ): HeldKey | undefined {
    const { active } = version;
    if (!active.machine.canStart(event)) return undefined;
    if (version.row.counters.keys >= KEY_COUNT_MAX) {
      this.drop(version, row, { reason: "keys_max", count: 1, ...momentOf(event.ts) });
      return undefined;
    }
    this.versions.count(version, "keys");
    return this.states.create(active, part, row);
  }

  private letTimePass(timerKey: string, watermarkMs: number): void {
    const [ruleId = "", part = ""] = timerKey.split("/").slice(-2);
    const active = this.rules.find(ruleId);
    const held = active && this.states.find(active, part);
    if (active === undefined || held === undefined) return;
    held.timerMs = undefined;
    const step = active.machine.advance(held.state, watermarkMs);
    this.states.touch(held, 0);
    this.settleStep(this.versions.of(active), held, step, watermarkMs);
  }

  /** Raises what was found and puts down what is known now, at `nowMs` of the lane's events. */
  private settleStep(version: RuleVersion, held: HeldKey, step: Step, nowMs: number): void {
    const { active } = version;
    this.raise(version, held, step);
    for (const drop of step.drops) this.drop(version, held, drop);
    if (step.hasFailed) {
      this.versions.count(version, "failed");
      const count = Math.max(1, held.partialCount);
      this.beginAnew(version, held, { reason: "skip_missed", count, nowMs });
    } else if (!this.states.fits(held)) {
      const count = active.machine.partialCount(held.state);
      this.beginAnew(version, held, { reason: "state_bytes_max", count, nowMs });
    }
    const partialCount = active.machine.partialCount(held.state);
    this.versions.count(version, "partials", partialCount - held.partialCount);
    held.partialCount = partialCount;
    if (held.cooldownUntilMs !== undefined && held.cooldownUntilMs <= nowMs) {
      held.cooldownUntilMs = undefined;
    }
    const lane = laneOf(active.rule.config.stream);
    if (partialCount === 0 && held.cooldownUntilMs === undefined) {
      this.states.setTimer(held, lane, undefined);
      this.states.remove(held);
      this.versions.count(version, "keys", -1);
      return;
    }
    const deadlineMs = active.machine.deadlineMs(held.state);
    const dueMs = Math.min(deadlineMs, held.cooldownUntilMs ?? Number.POSITIVE_INFINITY);
    // A timer that comes too early costs less than moving it with every event.
    if (dueMs >= (held.timerMs ?? Number.POSITIVE_INFINITY)) return;
    this.states.setTimer(held, lane, dueMs);
    this.lanes[lane].timers.note(dueMs);
  }

  /** Forgets what is known of a value. */
  private beginAnew(
    version: RuleVersion,
    held: HeldKey,
    lost: { readonly reason: RuleDropReason; readonly count: number; readonly nowMs: number },
  ): void {
    const { machine } = version.active;
    const { reason, count, nowMs } = lost;
    const fromMs = Math.min(machine.oldestMs(held.state) ?? nowMs, nowMs);
    this.drop(version, held, { reason, count, fromMs, toMs: nowMs, atMs: nowMs });
    held.state = machine.begin();
  }

  /** Counts and tells what a bound dropped. */
  private drop(
    version: RuleVersion,
    { tenant, key }: Pick<HeldKey, "tenant" | "key">,
    drop: Omit<RuleDrop, "tenant" | "key">,
  ): void {
    this.versions.count(version, "dropped", drop.count);
    this.drops.note(version.active.rule, { tenant, key, ...drop });
  }

  private raise(version: RuleVersion, held: HeldKey, step: Step): void {
    const { rule } = version.active;
    const { alert: config, onTimeout, on_hole: onHole, stream } = rule.config;
    let bytesLeft = STEP_ALERT_BYTES_MAX;
    for (const found of step.found) {
      if (found.kind === "timeout" && onTimeout === "ignore") continue;
      if (held.cooldownUntilMs !== undefined && found.ts < held.cooldownUntilMs) {
        this.versions.count(version, "cooledDown");
        continue;
      }
      const { fromMs, toMs } = spanOf(found);
      const isIncomplete =
        laneOf(stream) === "events" && this.holes.touch(held.tenant, stream, fromMs, toMs);
      if (isIncomplete && onHole === "suppress") {
        this.versions.count(version, "suppressed");
        continue;
      }
      if (bytesLeft <= 0) {
        const span = { fromMs, toMs: fromMs, atMs: found.ts };
        this.drop(version, held, { reason: "alert_bytes_max", count: 1, ...span });
        continue;
      }
      const { tenant, key } = held;
      bytesLeft -= this.desk.tell(tenant, makeAlert(rule, found, { tenant, key, isIncomplete }));
      this.versions.count(version, "alerts");
      if (config.cooldown > 0) held.cooldownUntilMs = found.ts + config.cooldown;
    }
  }
}

/** What tells whether the row is to be written. */
const PATTERNS_FIELDS = ["alertNumber", "holeNumber", "lateNumber", "metricsMs"] as const;

/** A drop of what began at the very moment. */
function momentOf(timeMs: number) {
  return { fromMs: timeMs, toMs: timeMs, atMs: timeMs };
}

function sees({ row }: RuleVersion, timeMs: number): boolean {
  return row.isRunning && (row.startMs === undefined || timeMs > row.startMs);
}
