/** What threshold rules know of each service, or value of its dimensions: rows with the life of an alert, and what its transitions tell. */
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import {
  beginLife,
  type LifeState,
  type LifeStep,
  lifeDueMs,
  passTime,
  type Transition,
} from "../alerts/alert-life.ts";
import { changedText, isSuppressed, suppressedText } from "../alerts/alert-record.ts";
import type { StateView } from "../log/log.ts";
import {
  type Subject,
  subjectKey,
  thresholdAlert,
  thresholdAlertId,
} from "../rules/threshold-alert.ts";
import type { ThresholdRule } from "../rules/threshold-rule.ts";
import { afterChildren, keyPart, rangeOf, thresholdKey, thresholdTimerKey } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import { decodeThresholdRow, encodeJsonRow, type ThresholdRow } from "../state/threshold-rows.ts";
import type { AlertDesk } from "./alert-desk.ts";
import type { AlertRows } from "./alert-rows.ts";
import { ThresholdCounters } from "./threshold-counters.ts";
import { evidenceOf } from "./threshold-evidence.ts";
import { TimeQueue } from "./time-queue.ts";

const PAGE_COUNT = 256;
const TIMER_PREFIX = "threshold-timer/";
const TIMER_VALUE: Buffer = Buffer.of(1);
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

/** What is known of one subject of a rule. */
export interface HeldKey {
  readonly rule: ThresholdRule;
  readonly part: string;
  readonly subject: Subject;
  timerMs: number | undefined;
  state: LifeState;
  /** As its row says; undefined: there is no row. */
  storedPhase: LifeState["phase"] | undefined;
}

/** See the head of this file. A subject of which a rule knows nothing but that all is well has no row. */
export class ThresholdLives {
  private readonly parts: ThresholdParts;
  private readonly timers: TimeQueue;
  private readonly counters: ThresholdCounters;
  private byId: ReadonlyMap<string, ThresholdRule> = new Map();
  /** Ids of rules that are not in use any more, with state yet to be deleted. */
  private gone: string[] = [];
  /** Up to this event time all windows that are final were shown. */
  nowMs: number | undefined;

  constructor(parts: ThresholdParts) {
    this.parts = parts;
    this.timers = new TimeQueue(parts.overlay, TIMER_PREFIX);
    this.counters = new ThresholdCounters(parts.overlay);
  }

  /** Changes the rules. What fired for a rule that is gone is over. */
  use(rules: readonly ThresholdRule[]): void {
    this.byId = new Map(rules.map((rule) => [rule.id, rule]));
    this.gone = this.storedIds().filter((id) => !this.byId.has(id));
    this.counters.keep(this.byId);
  }

  /** What is known of a subject; undefined: nothing but that all is well. */
  find(rule: ThresholdRule, subject: Subject): HeldKey | undefined {
    return this.read(rule, keyPart(subjectKey(subject)));
  }

  /** Begins to know a subject, with a sample that begins at `fromMs`. */
  begin(rule: ThresholdRule, subject: Subject, fromMs: number): HeldKey {
    const part = keyPart(subjectKey(subject));
    const state = beginLife(fromMs);
    return { rule, part, subject, timerMs: undefined, state, storedPhase: undefined };
  }

  /** Tells what happened and puts down what is known now; `event` is the window that decided. */
  settle(held: HeldKey, step: LifeStep, event: ExpressionEvent | undefined): void {
    const { rule, part, subject } = held;
    for (const transition of step.transitions) this.happen(held, transition, event);
    if (step.isCooledDown) this.counters.add(rule, "cooledDown");
    const before = held.state;
    held.state = step.state;
    const { overlay } = this.parts;
    const dueMs = this.dueMs(held);
    if (dueMs === undefined) {
      if (held.timerMs !== undefined) {
        overlay.set(thresholdTimerKey(held.timerMs, rule.id, part), undefined);
      }
      this.put(held, undefined);
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
    this.put(held, row);
  }

  /** True when time matters to something, or rules are gone; {@link run} does some of it. */
  get hasWork(): boolean {
    return this.gone.length > 0 || (this.nowMs !== undefined && this.timers.isDue(this.nowMs));
  }

  /** Lets time pass for what waits for it, until `isFull`. Call it when all windows up to now were taken. */
  run(isFull: () => boolean): void {
    this.runTimers(isFull);
    this.deleteGone(isFull);
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

  private read(rule: ThresholdRule, part: string): HeldKey | undefined {
    const bytes = this.parts.overlay.get(thresholdKey(rule.id, part));
    if (bytes === undefined) return undefined;
    const { tenant, stream, service, dimensions, timerMs, ...state } = decodeThresholdRow(bytes);
    const names = { tenant, stream, service };
    const subject = dimensions === undefined ? names : { ...names, dimensions };
    return { rule, part, subject, timerMs, state: lifeOf(state), storedPhase: state.phase };
  }

  private put(held: HeldKey, row: ThresholdRow | undefined): void {
    const { rule, part, storedPhase } = held;
    this.parts.overlay.set(thresholdKey(rule.id, part), row && encodeJsonRow(row));
    this.counters.moved(rule, storedPhase, row?.phase);
    held.storedPhase = row?.phase;
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
      const evidence = evidenceOf(this.parts, { subject, rule }, transition);
      const alert = thresholdAlert(rule, subject, { transition, event, evidence, revision, state });
      const suppression = desk.suppression(subject.tenant, id, alert.json);
      const json = suppressedText(alert.json, suppression);
      const standing = { state, revision, isSuppressed: isSuppressed(suppression) };
      alerts.append(subject.tenant, { ...alert, json }, standing);
      if (kind !== "fired") return;
      this.counters.add(rule, "alerts");
      desk.opened(id);
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

function lifeOf(row: Pick<ThresholdRow, keyof LifeState>): LifeState {
  const { phase, lastMs, sinceMs, clearSinceMs, cooldownUntilMs, episodes } = row;
  return {
    ...{ phase, lastMs, sinceMs, clearSinceMs, cooldownUntilMs },
    episodes: episodes.map(({ fromMs, toMs }) => ({ fromMs, toMs })),
  };
}
