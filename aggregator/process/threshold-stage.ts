/**
 * Threshold rules in stage 2: windows become samples of the lives of alerts (alert-life), whose transitions become revisions of alerts.
 *
 * Final windows come in the order of (end, series), by the lane that also feeds patterns, so the same windows give the same alerts in any
 * batching and after any crash. Two kinds of windows come beside it, at once, through a queue of rows: those that are not final yet and breach
 * a rule that does not want to wait, and those that were corrected. They can make fire, and nothing else.
 *
 * A service of which a rule knows nothing but that all is well has no row. It does no I/O, has no clock, and lives by the rules of
 * {@link file://./stage-two.ts}.
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import {
  beginLife,
  type LifeState,
  type LifeStep,
  lifeDueMs,
  passTime,
  type Sample,
  type Transition,
  takeCorrection,
  takeEarly,
  takeSample,
} from "../alerts/alert-life.ts";
import { changedText, isSuppressed, suppressedText } from "../alerts/alert-record.ts";
import type { SelfSample } from "../alerts/operation.ts";
import type { StateView } from "../log/log.ts";
import type { RuleSet } from "../rules/rule-set.ts";
import {
  type Subject,
  sampleOf,
  thresholdAlert,
  thresholdAlertId,
  windowEvent,
} from "../rules/threshold-alert.ts";
import { SELF_STREAM, type ThresholdRule } from "../rules/threshold-rule.ts";
import {
  afterChildren,
  keyPart,
  makeSeries,
  rangeOf,
  thresholdKey,
  thresholdNowKey,
  thresholdTimerKey,
  windowKey,
} from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import type { WaitingRow } from "../state/rule-rows.ts";
import type { ServiceRow } from "../state/service-row.ts";
import {
  decodeNowRow,
  decodeThresholdRow,
  encodeJsonRow,
  type NowRow,
  type ThresholdRow,
} from "../state/threshold-rows.ts";
import { decodeWindowRow } from "../state/window-row.ts";
import { type AlertDesk, lastNumber } from "./alert-desk.ts";
import type { AlertRows } from "./alert-rows.ts";
import { Baselines } from "./baselines.ts";
import { metricsRow } from "./metrics-event.ts";
import { evidenceOf } from "./threshold-evidence.ts";
import { TimeQueue } from "./time-queue.ts";

const PAGE_COUNT = 256;
const TIMER_PREFIX = "threshold-timer/";
const NOW_PREFIX = "threshold-now/";
const TIMER_VALUE: Buffer = Buffer.of(1);
/** Minutes before and behind a correction that are looked at. */
const REACH_MINUTES_MAX = 60;
const NEVER_MS = Number.NEGATIVE_INFINITY;

/** What the stage works on and with. */
export interface ThresholdParts {
  /** State as of the last commit, where windows are read. */
  readonly view: StateView;
  readonly overlay: Overlay;
  readonly alerts: AlertRows;
  readonly desk: AlertDesk;
  /** What was fired is remembered this long, measured from the newest sample. */
  readonly retentionMs: number;
  /** Where people reach this aggregator, without a slash at the end; undefined: alerts carry no link. */
  readonly externalUrl: string | undefined;
}

interface HeldKey {
  readonly rule: ThresholdRule;
  readonly part: string;
  readonly subject: Subject;
  timerMs: number | undefined;
  state: LifeState;
}

/** See the head of this file. */
export class ThresholdStage {
  private readonly parts: ThresholdParts;
  private readonly timers: TimeQueue;
  private baselines: Baselines;
  private rules: readonly ThresholdRule[] = [];
  private byId = new Map<string, ThresholdRule>();
  /** Ids of rules that are not in use any more, with state yet to be deleted. */
  private gone: string[] = [];
  private nowNumber: number;
  private hasNow: boolean;
  private nowMs: number | undefined;

  constructor(parts: ThresholdParts) {
    this.parts = parts;
    this.timers = new TimeQueue(parts.overlay, TIMER_PREFIX);
    this.baselines = new Baselines(parts.view);
    this.nowNumber = lastNumber(parts.overlay, NOW_PREFIX);
    this.hasNow = this.nowNumber > 0;
  }

  /** True when rules read what windows say. */
  get wantsWindows(): boolean {
    return this.rules.length > 0;
  }

  /** True when rules also read windows that may still change. */
  get wantsProvisional(): boolean {
    return this.rules.some(({ config }) => config.evaluate === "provisional");
  }

  /** Changes the rules. What fired for a rule that is gone is over. */
  use({ thresholds }: RuleSet): void {
    this.rules = thresholds;
    this.byId = new Map(thresholds.map((rule) => [rule.id, rule]));
    this.baselines = new Baselines(this.parts.view);
    this.gone = this.storedIds().filter((id) => !this.byId.has(id));
  }

  /** Says up to which event time all windows that are final were shown. */
  observe(finalMs: number | undefined): void {
    this.nowMs = finalMs;
  }

  /** Takes what a window said that became final for the first time; in order. */
  show({ tenant, timeMs, fields }: WaitingRow): void {
    for (const { rule, subject, event } of this.concerned(tenant, fields, timeMs)) {
      const sample = sampleOf(rule, event, timeMs + 1 - MINUTE_MS);
      if (sample === undefined) continue;
      const held = this.find(rule, subject);
      if (held === undefined && !sample.isBreach && rule.life.missingMs === undefined) continue;
      const known = held ?? this.begin(rule, subject, sample.fromMs);
      this.settle(known, takeSample(known.state, rule.life, sample), event);
    }
  }

  /** Takes what the program saw of itself up to `nowMs` of the log's clock. */
  takeSelf(tenant: string, { key, widthMs, fields }: SelfSample, nowMs: number): void {
    if (!Number.isFinite(nowMs)) return;
    const all = { ...fields, stream: SELF_STREAM, service: key };
    for (const { rule, subject, event } of this.concerned(tenant, all, nowMs - 1)) {
      const sample = sampleOf(rule, event, nowMs - widthMs);
      if (sample === undefined) continue;
      const held = this.find(rule, subject) ?? this.begin(rule, subject, sample.fromMs);
      this.settle(held, takeSample(held.state, rule.life, sample), event);
    }
  }

  /** Takes a window that may still change. */
  offer(names: ServiceRow, minute: number, aggregate: Aggregate): void {
    if (!this.wantsProvisional) return;
    const { fields, tenant, timeMs } = metricsRow(names, minute, aggregate);
    const isEarly = this.concerned(tenant, fields, timeMs).some(
      ({ rule, event }) =>
        rule.config.evaluate === "provisional" &&
        sampleOf(rule, event, timeMs + 1 - MINUTE_MS)?.isBreach === true,
    );
    if (isEarly) this.put({ kind: "early", ...names, minute, fields });
  }

  /** Takes a window that says something else than when it became final, or became final behind its neighbours. */
  correct(names: ServiceRow, timeMs: number, fields: Readonly<Record<string, unknown>>): void {
    const minute = (timeMs + 1) / MINUTE_MS - 1;
    const isBreach = this.concerned(names.tenant, fields, timeMs).some(
      ({ rule, event }) => sampleOf(rule, event, minute * MINUTE_MS)?.isBreach === true,
    );
    if (isBreach) this.put({ kind: "correction", ...names, minute, fields });
  }

  /** True when there is something to do; {@link run} does some of it. */
  get hasWork(): boolean {
    return (
      this.hasNow ||
      this.gone.length > 0 ||
      (this.nowMs !== undefined && this.timers.isDue(this.nowMs))
    );
  }

  /** Does what is due until `isFull`. */
  run(isFull: () => boolean): void {
    this.runNow(isFull);
    this.runTimers(isFull);
    this.deleteGone(isFull);
  }

  private put(row: NowRow): void {
    const { tenant, stream, service } = row;
    const bytes = encodeJsonRow({ ...row, tenant, stream, service });
    this.parts.overlay.set(thresholdNowKey(++this.nowNumber), bytes);
    this.hasNow = true;
  }

  private runNow(isFull: () => boolean): void {
    if (!this.hasNow) return;
    const { from, to } = rangeOf(NOW_PREFIX);
    for (const [key, bytes] of this.parts.overlay.range(from, to)) {
      if (isFull()) return;
      this.takeNow(decodeNowRow(bytes));
      this.parts.overlay.set(key, undefined);
    }
    this.hasNow = false;
  }

  private takeNow({ kind, tenant, minute, fields }: NowRow): void {
    const timeMs = (minute + 1) * MINUTE_MS - 1;
    for (const { rule, subject, event } of this.concerned(tenant, fields, timeMs)) {
      if (kind === "early" && rule.config.evaluate !== "provisional") continue;
      const sample = sampleOf(rule, event, minute * MINUTE_MS);
      if (sample?.isBreach !== true) continue;
      const held = this.find(rule, subject) ?? this.begin(rule, subject, sample.fromMs);
      const step =
        kind === "early"
          ? takeEarly(held.state, rule.life, sample)
          : this.stepOfCorrection(held, sample, minute);
      this.settle(held, step, event);
    }
  }

  /** A correction may complete a breach that began before it, and went on behind it. */
  private stepOfCorrection(held: HeldKey, sample: Sample, minute: number): LifeStep {
    const { rule, subject } = held;
    const reach = Math.min(Math.ceil(rule.life.forMs / MINUTE_MS), REACH_MINUTES_MAX);
    let [first, last] = [minute, minute];
    while (first > minute - reach && this.isBreachAt(rule, subject, first - 1)) first--;
    while (last < minute + reach && this.isBreachAt(rule, subject, last + 1)) last++;
    const whole = { ...sample, toMs: (last + 1) * MINUTE_MS };
    return takeCorrection(held.state, rule.life, whole, first * MINUTE_MS);
  }

  private isBreachAt(rule: ThresholdRule, subject: Subject, minute: number): boolean {
    const { tenant, stream, service } = subject;
    const bytes = this.parts.view.get(windowKey(makeSeries(tenant, stream, service).key, minute));
    if (bytes === undefined) return false;
    const { state, aggregate } = decodeWindowRow(bytes);
    if (state === "provisional") return false;
    const event = this.eventOf(rule, subject, metricsRow(subject, minute, aggregate));
    return rule.concerns(event) && sampleOf(rule, event, minute * MINUTE_MS)?.isBreach === true;
  }

  private runTimers(isFull: () => boolean): void {
    const { nowMs } = this;
    if (nowMs === undefined) return;
    while (this.timers.isDue(nowMs)) {
      for (const [key] of this.timers.page(nowMs, PAGE_COUNT)) {
        if (isFull()) return;
        this.timers.take(key);
        const [id = "", part = ""] = key.split("/").slice(-2);
        const rule = this.byId.get(id);
        const held = rule && this.read(rule, part);
        if (rule === undefined || held === undefined) continue;
        held.timerMs = undefined;
        this.settle(held, passTime(held.state, rule.life, nowMs), undefined);
      }
    }
  }

  private deleteGone(isFull: () => boolean): void {
    const { overlay, alerts, desk } = this.parts;
    for (let id = this.gone[0]; id !== undefined; id = this.gone[0]) {
      const { from, to } = rangeOf(`threshold/${id}/`);
      const page = [...overlay.range(from, to, { limit: PAGE_COUNT })];
      for (const [key, bytes] of page) {
        if (isFull()) return;
        const row = decodeThresholdRow(bytes);
        const part = key.slice(from.length);
        if (row.timerMs !== undefined)
          overlay.set(thresholdTimerKey(row.timerMs, id, part), undefined);
        if (row.sinceMs !== undefined) {
          const alertId = thresholdAlertId(id.slice(0, id.lastIndexOf("@")), row, row.sinceMs);
          if (row.phase === "pending") alerts.remove(alertId);
          else this.resolve(row.tenant, alertId, row.lastMs, "rule removed");
          desk.closed(alertId);
        }
        overlay.set(key, undefined);
      }
      if (page.length < PAGE_COUNT) this.gone.shift();
    }
  }

  private storedIds(): string[] {
    const ids: string[] = [];
    const { from, to } = rangeOf("threshold/");
    for (let start = from; ; ) {
      const [first] = this.parts.overlay.range(start, to, { limit: 1 });
      if (first === undefined) return ids;
      const id = first[0].split("/")[1] ?? "";
      ids.push(id);
      start = afterChildren(`threshold/${id}`);
    }
  }

  private *all(tenant: string, fields: Readonly<Record<string, unknown>>, timeMs: number) {
    const { stream, service } = fields;
    if (typeof stream !== "string" || typeof service !== "string") return;
    const subject = { tenant, stream, service };
    for (const rule of this.rules) {
      if (rule.config.stream !== stream) continue;
      const event = this.eventOf(rule, subject, { fields, timeMs });
      if (rule.concerns(event)) yield { rule, subject, event };
    }
  }

  private eventOf(
    rule: ThresholdRule,
    subject: Subject,
    { fields, timeMs }: Pick<WaitingRow, "fields" | "timeMs">,
  ): ExpressionEvent {
    if (rule.baseline === undefined) return windowEvent(fields, timeMs);
    const minute = (timeMs + 1) / MINUTE_MS - 1;
    const usual = this.baselines.fieldsOf(rule, subject, minute, this.nowMs ?? NEVER_MS);
    return windowEvent({ ...fields, ...usual }, timeMs);
  }

  private concerned(tenant: string, fields: Readonly<Record<string, unknown>>, timeMs: number) {
    return [...this.all(tenant, fields, timeMs)];
  }

  private find(rule: ThresholdRule, subject: Subject): HeldKey | undefined {
    const { tenant, stream, service } = subject;
    return this.read(rule, keyPart(JSON.stringify([tenant, stream, service])));
  }

  private read(rule: ThresholdRule, part: string): HeldKey | undefined {
    const bytes = this.parts.overlay.get(thresholdKey(rule.id, part));
    if (bytes === undefined) return undefined;
    const { tenant, stream, service, timerMs, ...state } = decodeThresholdRow(bytes);
    return { rule, part, subject: { tenant, stream, service }, timerMs, state: lifeOf(state) };
  }

  private begin(rule: ThresholdRule, subject: Subject, fromMs: number): HeldKey {
    const { tenant, stream, service } = subject;
    const part = keyPart(JSON.stringify([tenant, stream, service]));
    return { rule, part, subject, timerMs: undefined, state: beginLife(fromMs) };
  }

  /** Tells what happened and puts down what is known now. */
  private settle(held: HeldKey, step: LifeStep, event: ExpressionEvent | undefined): void {
    const { rule, part, subject } = held;
    for (const transition of step.transitions) this.happen(held, transition, event);
    const before = held.state;
    held.state = step.state;
    const { overlay } = this.parts;
    const dueMs = this.dueMs(held);
    if (dueMs === undefined) {
      if (held.timerMs !== undefined) {
        overlay.set(thresholdTimerKey(held.timerMs, rule.id, part), undefined);
      }
      overlay.set(thresholdKey(rule.id, part), undefined);
      return;
    }
    // A timer that comes too early costs less than moving it with every window.
    const isEarlier = held.timerMs === undefined || dueMs < held.timerMs;
    if (!isEarlier && before === step.state) return;
    if (isEarlier) {
      if (held.timerMs !== undefined) {
        overlay.set(thresholdTimerKey(held.timerMs, rule.id, part), undefined);
      }
      held.timerMs = dueMs;
      overlay.set(thresholdTimerKey(dueMs, rule.id, part), TIMER_VALUE);
      this.timers.note(dueMs);
    }
    const row: ThresholdRow = {
      ...subject,
      timerMs: held.timerMs,
      ...step.state,
      episodes: [...step.state.episodes],
    };
    overlay.set(thresholdKey(rule.id, part), encodeJsonRow(row));
  }

  /** When the row is to be looked at without a window; undefined: it says nothing any more. */
  private dueMs({ rule, state }: HeldKey): number | undefined {
    const { episodes, cooldownUntilMs, lastMs } = state;
    const lifeMs = lifeDueMs(state, rule.life);
    if (lifeMs !== undefined) return lifeMs;
    let keptMs = cooldownUntilMs ?? NEVER_MS;
    if (episodes.length > 0 || rule.life.missingMs !== undefined) {
      keptMs = Math.max(keptMs, lastMs + this.parts.retentionMs);
    }
    return keptMs > (this.nowMs ?? NEVER_MS) ? keptMs : undefined;
  }

  private happen(
    { rule, subject }: HeldKey,
    transition: Transition,
    event: ExpressionEvent | undefined,
  ): void {
    const { alerts, desk } = this.parts;
    const { kind, sinceMs, atMs, reason } = transition;
    const id = thresholdAlertId(rule.config.name, subject, sinceMs);
    if (kind === "lapsed") {
      alerts.remove(id);
    } else if (kind === "resolved") {
      this.resolve(subject.tenant, id, atMs, reason);
      desk.closed(id);
    } else {
      const before = alerts.find(id);
      // What has fired never fires again.
      if (before !== undefined && before.state !== "pending") return;
      alerts.remove(id);
      const state = kind === "fired" ? ("firing" as const) : ("pending" as const);
      const revision = alerts.nextRevision(before);
      const evidence = evidenceOf(this.parts, subject, transition);
      const alert = thresholdAlert(rule, subject, { transition, event, evidence, revision, state });
      const suppression = desk.suppression(subject.tenant, id, alert.json);
      const json = suppressedText(alert.json, suppression);
      const standing = { state, revision, isSuppressed: isSuppressed(suppression) };
      alerts.append(subject.tenant, { ...alert, json }, standing);
      if (kind === "fired") desk.opened(id);
    }
  }

  private resolve(tenant: string, id: string, atMs: number, reason: string): void {
    const { alerts } = this.parts;
    const before = alerts.find(id);
    if (before === undefined || before.state === "resolved") return;
    const revision = alerts.nextRevision(before);
    const change = { state: "resolved", revision, updatedMs: atMs } as const;
    const json = changedText(before.json, { ...change, resolved: { atMs, reason } });
    const { isSuppressed: isQuiet } = before;
    alerts.append(
      tenant,
      { ...before, json },
      { state: "resolved", revision, isSuppressed: isQuiet },
    );
  }
}

function lifeOf(row: Omit<ThresholdRow, "tenant" | "stream" | "service" | "timerMs">): LifeState {
  const { phase, lastMs, sinceMs, clearSinceMs, cooldownUntilMs, episodes } = row;
  return {
    ...{ phase, lastMs, sinceMs, clearSinceMs, cooldownUntilMs },
    episodes: episodes.map(({ fromMs, toMs }) => ({ fromMs, toMs })),
  };
}
