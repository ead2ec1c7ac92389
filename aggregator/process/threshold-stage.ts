/**
 * Threshold rules in stage 2: windows become samples of the lives of alerts (alert-life), whose transitions become revisions of alerts
 * (threshold-lives).
 *
 * Final windows of a minute come in the order of (end, series), by the lane that also feeds patterns, so the same windows give the same alerts
 * in any batching and after any crash. A rule over wider windows, or over those of dimensions, waits for the end of its window and reads it
 * then. Two kinds of windows come beside that, at once, through a queue of rows: those that are not final yet and breach a rule that does not
 * want to wait, and those that were corrected. They can make fire, and nothing else.
 *
 * It does no I/O, has no clock, and lives by the rules of {@link file://./stage-two.ts}.
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { MINUTE_MS, windowStartMinute } from "../../shared/time/window.ts";
import {
  type LifeStep,
  type Sample,
  takeCorrection,
  takeEarly,
  takeSample,
} from "../alerts/alert-life.ts";
import type { AgentsSample, SelfSample } from "../alerts/operation.ts";
import type { RuleSet } from "../rules/rule-set.ts";
import { type Subject, sampleOf, subjectKey } from "../rules/threshold-alert.ts";
import { AGENTS_STREAM, SELF_STREAM, type ThresholdRule } from "../rules/threshold-rule.ts";
import { keyPart, rangeOf, thresholdDueKey, thresholdNowKey, timeOfPart } from "../state/keys.ts";
import type { WaitingRow } from "../state/rule-rows.ts";
import type { ServiceRow } from "../state/service-row.ts";
import {
  type DueRow,
  decodeDueRow,
  decodeNowRow,
  encodeJsonRow,
  type NowRow,
} from "../state/threshold-rows.ts";
import { lastNumber } from "./alert-desk.ts";
import { Baselines } from "./baselines.ts";
import { metricsRow } from "./metrics-event.ts";
import { type HeldKey, ThresholdLives, type ThresholdParts } from "./threshold-lives.ts";
import { isShown, type ObservedWindow, ThresholdWindows } from "./threshold-windows.ts";
import { TimeQueue } from "./time-queue.ts";

const PAGE_COUNT = 256;
const DUE_PREFIX = "threshold-due/";
const NOW_PREFIX = "threshold-now/";
/** Windows before and behind a correction that are looked at. */
const REACH_COUNT_MAX = 60;
const NEVER_MS = Number.NEGATIVE_INFINITY;

/** See the head of this file. */
export class ThresholdStage {
  private readonly parts: ThresholdParts;
  private readonly lives: ThresholdLives;
  private readonly due: TimeQueue;
  private windows: ThresholdWindows;
  private rules: readonly ThresholdRule[] = [];
  /** Of the rules that read windows when they are over, by stream. */
  private widths = new Map<string, ReadonlySet<number>>();
  private nowNumber: number;
  private hasNow: boolean;
  /** Subjects that breach, by rule and minute, of the service whose correction is being looked at. */
  private readonly breaches = new Map<string, ReadonlySet<string>>();

  constructor(parts: ThresholdParts) {
    this.parts = parts;
    this.lives = new ThresholdLives(parts);
    this.due = new TimeQueue(parts.overlay, DUE_PREFIX);
    this.windows = new ThresholdWindows(parts.view, new Baselines(parts.view));
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
    this.lives.use(thresholds);
    this.windows = new ThresholdWindows(this.parts.view, new Baselines(this.parts.view));
    const widths = new Map<string, Set<number>>();
    for (const rule of thresholds) {
      if (isShown(rule)) continue;
      const { stream } = rule.config;
      const known = widths.get(stream) ?? new Set<number>();
      widths.set(stream, known.add(rule.widthMinutes));
    }
    this.widths = widths;
  }

  /** Says up to which event time all windows that are final were shown. */
  observe(finalMs: number | undefined): void {
    this.lives.nowMs = finalMs;
  }

  /** Takes what a window said that became final for the first time; in order. */
  show({ tenant, timeMs, fields }: WaitingRow): void {
    for (const { rule, ...observed } of this.concerned(tenant, fields, timeMs)) {
      this.take(rule, observed);
    }
    const subject = subjectOf(tenant, fields);
    if (subject !== undefined) this.await(subject, timeMs);
  }

  /** Takes what the program saw of itself up to `nowMs` of the log's clock. */
  takeSelf(tenant: string, { key, widthMs, fields }: SelfSample, nowMs: number): void {
    this.takeLook(tenant, { ...fields, stream: SELF_STREAM, service: key }, { widthMs, nowMs });
  }

  /** Takes what the program saw of silent agents up to `nowMs` of the log's clock. */
  takeAgents(tenant: string, { silent, widthMs }: AgentsSample, nowMs: number): void {
    for (const [service, silentSeconds] of Object.entries(silent)) {
      this.takeLook(tenant, { silentSeconds, stream: AGENTS_STREAM, service }, { widthMs, nowMs });
    }
  }

  private takeLook(
    tenant: string,
    fields: Readonly<Record<string, unknown>>,
    { widthMs, nowMs }: { readonly widthMs: number; readonly nowMs: number },
  ): void {
    if (!Number.isFinite(nowMs)) return;
    for (const { rule, subject, event } of this.concerned(tenant, fields, nowMs - 1)) {
      const sample = sampleOf(rule, event, nowMs - widthMs);
      if (sample === undefined) continue;
      const held = this.lives.find(rule, subject) ?? this.lives.begin(rule, subject, sample.fromMs);
      this.lives.settle(held, takeSample(held.state, rule.life, sample), event);
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
    if (isBreach || this.widths.has(names.stream)) {
      this.put({ kind: "correction", ...names, minute, fields });
    }
  }

  /** True when there is something to do; {@link run} does some of it. */
  get hasWork(): boolean {
    const { nowMs } = this.lives;
    const isDue = nowMs !== undefined && this.due.isDue(nowMs);
    return this.hasNow || isDue || this.lives.hasWork;
  }

  /** Does what is due until `isFull`. */
  run(isFull: () => boolean): void {
    this.runNow(isFull);
    this.runDue(isFull);
    // Silence counts only when all windows up to now were taken.
    if (!isFull()) this.lives.run(isFull);
  }

  private put(row: NowRow): void {
    const { tenant, stream, service } = row;
    const bytes = encodeJsonRow({ ...row, tenant, stream, service });
    this.parts.overlay.set(thresholdNowKey(++this.nowNumber), bytes);
    this.hasNow = true;
  }

  /** Has the windows that a minute belongs to, and that are over after `afterMs`, read when they are. */
  private await(subject: Subject, timeMs: number, afterMs = NEVER_MS): void {
    const minute = (timeMs + 1) / MINUTE_MS - 1;
    for (const width of this.widths.get(subject.stream) ?? []) {
      const dueMs = (windowStartMinute(minute, width) + width) * MINUTE_MS - 1;
      if (dueMs <= afterMs) continue;
      const key = thresholdDueKey(dueMs, width, keyPart(subjectKey(subject)));
      const row: DueRow = subject;
      this.parts.overlay.set(key, encodeJsonRow(row));
      this.due.note(dueMs);
    }
  }

  private runDue(isFull: () => boolean): void {
    const { nowMs } = this.lives;
    if (nowMs === undefined) return;
    while (this.due.isDue(nowMs)) {
      for (const [key, bytes] of this.due.page(nowMs, PAGE_COUNT)) {
        if (isFull()) return;
        const [, time = "", width = ""] = key.split("/");
        const names = decodeDueRow(bytes);
        const minute = (timeOfPart(time) + 1) / MINUTE_MS - Number(width);
        for (const rule of this.readers(names.stream)) {
          if (rule.widthMinutes !== Number(width)) continue;
          for (const observed of this.windows.read(rule, names, minute, nowMs)) {
            this.take(rule, observed);
          }
        }
        this.due.take(key);
      }
    }
  }

  private take(rule: ThresholdRule, { subject, event }: ObservedWindow): void {
    const sample = sampleOf(rule, event, event.ts + 1 - rule.widthMinutes * MINUTE_MS);
    if (sample === undefined) return;
    const held = this.lives.find(rule, subject);
    if (held === undefined && !sample.isBreach && rule.life.missingMs === undefined) return;
    const known = held ?? this.lives.begin(rule, subject, sample.fromMs);
    this.lives.settle(known, takeSample(known.state, rule.life, sample), event);
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

  private takeNow({ kind, minute, fields, ...names }: NowRow): void {
    const timeMs = (minute + 1) * MINUTE_MS - 1;
    this.breaches.clear();
    for (const { rule, ...observed } of this.concerned(names.tenant, fields, timeMs)) {
      if (kind === "correction") this.takeCorrected(rule, observed);
      else if (rule.config.evaluate === "provisional") this.takeOpen(rule, observed);
    }
    if (kind === "early") return;
    const nowMs = this.lives.nowMs ?? NEVER_MS;
    // What is not over yet is read when it is.
    this.await(names, timeMs, nowMs);
    for (const rule of this.readers(names.stream)) {
      const start = windowStartMinute(minute, rule.widthMinutes);
      if ((start + rule.widthMinutes) * MINUTE_MS - 1 > nowMs) continue;
      for (const observed of this.windows.read(rule, names, start, nowMs)) {
        this.takeCorrected(rule, observed);
      }
    }
  }

  private takeOpen(rule: ThresholdRule, { subject, event }: ObservedWindow): void {
    const sample = sampleOf(rule, event, event.ts + 1 - MINUTE_MS);
    if (sample?.isBreach !== true) return;
    const held = this.lives.find(rule, subject) ?? this.lives.begin(rule, subject, sample.fromMs);
    this.lives.settle(held, takeEarly(held.state, rule.life, sample), event);
  }

  private takeCorrected(rule: ThresholdRule, { subject, event }: ObservedWindow): void {
    const sample = sampleOf(rule, event, event.ts + 1 - rule.widthMinutes * MINUTE_MS);
    if (sample?.isBreach !== true) return;
    const held = this.lives.find(rule, subject) ?? this.lives.begin(rule, subject, sample.fromMs);
    this.lives.settle(held, this.stepOfCorrection(held, sample), event);
  }

  /** A correction may complete a breach that began before it, and went on behind it. */
  private stepOfCorrection(held: HeldKey, sample: Sample): LifeStep {
    const { rule } = held;
    const { widthMinutes: width } = rule;
    const count = Math.ceil(rule.life.forMs / (width * MINUTE_MS));
    const reach = Math.min(count, REACH_COUNT_MAX) * width;
    const minute = sample.fromMs / MINUTE_MS;
    let [first, last] = [minute, minute];
    while (first > minute - reach && this.isBreachAt(held, first - width)) first -= width;
    while (last < minute + reach && this.isBreachAt(held, last + width)) last += width;
    const whole = { ...sample, toMs: (last + width) * MINUTE_MS };
    return takeCorrection(held.state, rule.life, whole, first * MINUTE_MS);
  }

  private isBreachAt({ rule, subject }: HeldKey, minute: number): boolean {
    const key = `${rule.id} ${minute}`;
    const breaches = this.breaches.get(key) ?? this.breachesAt(rule, subject, minute);
    this.breaches.set(key, breaches);
    return breaches.has(subjectKey(subject));
  }

  /** The subjects of a service that breach a rule in the window from `minute` on, if it is over. */
  private breachesAt(rule: ThresholdRule, names: Subject, minute: number): Set<string> {
    const nowMs = this.lives.nowMs ?? NEVER_MS;
    if ((minute + rule.widthMinutes) * MINUTE_MS - 1 > nowMs) return new Set();
    const breaching = this.windows
      .read(rule, names, minute, nowMs)
      .filter(({ event }) => sampleOf(rule, event, minute * MINUTE_MS)?.isBreach === true);
    return new Set(breaching.map(({ subject }) => subjectKey(subject)));
  }

  /** The rules that read windows of a stream when they are over. */
  private readers(stream: string): ThresholdRule[] {
    return this.rules.filter((rule) => rule.config.stream === stream && !isShown(rule));
  }

  /** The rules that are about these numbers of a minute. */
  private concerned(tenant: string, fields: Readonly<Record<string, unknown>>, timeMs: number) {
    const subject = subjectOf(tenant, fields);
    if (subject === undefined) return [];
    const finalMs = this.lives.nowMs ?? NEVER_MS;
    return this.rules.flatMap((rule) => {
      if (rule.config.stream !== subject.stream || !isShown(rule)) return [];
      const event = this.windows.eventOf(rule, subject, { fields, timeMs }, finalMs);
      return rule.concerns(event) ? [{ rule, subject, event }] : [];
    });
  }
}

function subjectOf(
  tenant: string,
  { stream, service }: Readonly<Record<string, unknown>>,
): Subject | undefined {
  if (typeof stream !== "string" || typeof service !== "string") return undefined;
  return { tenant, stream, service };
}
