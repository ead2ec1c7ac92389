import {
  beginLife,
  type LifeState,
  type LifeStep,
  passTime,
  takeSample,
} from "../alerts/alert-life.ts";
import { changedText } from "../alerts/alert-record.ts";
import { baselineFields, baselineRanges } from "../alerts/baseline.ts";
import type { Alert } from "./make-alert.ts";
import { type Subject, sampleOf, thresholdAlert, windowEvent } from "./threshold-alert.ts";
import type { ThresholdRule } from "./threshold-rule.ts";

const MINUTE_MS = 60_000;

/** A final window of a minute: its names and numbers, as conditions see them. */
export interface RunWindow {
  readonly service: string;
  readonly stream: string;
  readonly startMs: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A change of an alert: it fires, or is resolved. */
export interface ThresholdFound {
  readonly rule: string;
  readonly service: string;
  readonly state: "firing" | "resolved";
  readonly atMs: number;
  readonly alert: Alert;
}

/** One threshold rule over final windows of one tenant, offline: the same changes at the same times as live. */
export class ThresholdRun {
  readonly #rule: ThresholdRule;
  readonly #seen = new Map<string, Map<number, Readonly<Record<string, unknown>>>>();
  readonly #lives = new Map<string, { subject: Subject; state: LifeState; fired?: Alert }>();

  constructor(rule: ThresholdRule) {
    this.#rule = rule;
  }

  /** Takes windows in any order, lets time pass up to `untilMs`, and returns what changed, by time. */
  run(windows: readonly RunWindow[], untilMs: number): ThresholdFound[] {
    const found: ThresholdFound[] = [];
    for (const window of windows.toSorted((a, b) => a.startMs - b.startMs)) {
      found.push(...this.#take(window));
    }
    for (const [key, { state }] of this.#lives) {
      found.push(...this.#note(key, passTime(state, this.#rule.life, untilMs - 1), undefined));
    }
    return found.toSorted((a, b) => a.atMs - b.atMs);
  }

  #take({ service, stream, startMs, fields }: RunWindow): ThresholdFound[] {
    const rule = this.#rule;
    if (rule.config.stream !== stream) return [];
    const minute = startMs / MINUTE_MS;
    const all = { ...fields, service, stream, ...this.#usual(service, minute) };
    const event = windowEvent(all, startMs + MINUTE_MS - 1);
    const seen = this.#seen.get(service) ?? new Map<number, typeof fields>();
    this.#seen.set(service, seen.set(minute, fields));
    if (!rule.concerns(event)) return [];
    const sample = sampleOf(rule, event, startMs);
    if (sample === undefined) return [];
    const subject = { tenant: "", stream, service };
    const held = this.#lives.get(service) ?? { subject, state: beginLife(startMs) };
    this.#lives.set(service, held);
    return this.#note(service, takeSample(held.state, rule.life, sample), event);
  }

  #usual(service: string, minute: number): Readonly<Record<string, unknown>> {
    const { baseline } = this.#rule;
    if (baseline === undefined) return {};
    const { settings, names } = baseline;
    const seen = [...(this.#seen.get(service) ?? [])];
    const ranges = baselineRanges(settings, minute);
    const history = seen.filter(([at]) => ranges.some(({ from, to }) => at >= from && at < to));
    return baselineFields(
      names,
      history.map(([, fields]) => fields),
      settings,
    );
  }

  #note(
    key: string,
    step: LifeStep,
    event: ReturnType<typeof windowEvent> | undefined,
  ): ThresholdFound[] {
    const held = this.#lives.get(key);
    if (held === undefined) return [];
    held.state = step.state;
    const rule = this.#rule;
    return step.transitions.flatMap((transition): ThresholdFound[] => {
      const { kind, atMs, reason } = transition;
      const { name } = rule.config;
      if (kind === "fired") {
        const evidence = { window: undefined, link: undefined };
        const happened = { transition, event, evidence, revision: 1, state: "firing" } as const;
        held.fired = thresholdAlert(rule, held.subject, happened);
        return [{ rule: name, service: key, state: "firing", atMs, alert: held.fired }];
      }
      if (kind !== "resolved" || held.fired === undefined) return [];
      const change = { state: "resolved", revision: 2, updatedMs: atMs } as const;
      const json = changedText(held.fired.json, { ...change, resolved: { atMs, reason } });
      return [
        { rule: name, service: key, state: "resolved", atMs, alert: { ...held.fired, json } },
      ];
    });
  }
}
