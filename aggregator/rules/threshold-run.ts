import {
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
  pickDimensions,
} from "../../shared/aggregates/dimensions.ts";
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
import {
  type Subject,
  sampleOf,
  subjectKey,
  thresholdAlert,
  windowEvent,
} from "./threshold-alert.ts";
import type { ThresholdRule } from "./threshold-rule.ts";

const MINUTE_MS = 60_000;

/** A final window: its names and numbers, as conditions see them. */
export interface RunWindow {
  readonly tenant?: string;
  readonly service: string;
  readonly stream: string;
  /** Those that it is kept apart by, and no others; none when left out: the window of the whole service. */
  readonly dimensions?: Dimensions | undefined;
  readonly startMs: number;
  /** Of a minute when left out. Rules look at windows of their own width. */
  readonly widthMinutes?: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A change of an alert: it fires, or is resolved. */
export interface ThresholdFound {
  readonly rule: string;
  readonly service: string;
  readonly dimensions?: Dimensions | undefined;
  readonly state: "firing" | "resolved";
  readonly atMs: number;
  readonly alert: Alert;
}

interface HeldLife {
  readonly subject: Subject;
  state: LifeState;
  fired?: Alert;
}

/** One threshold rule over final windows, offline: the same changes at the same times as live. */
export class ThresholdRun {
  readonly #rule: ThresholdRule;
  readonly #seen = new Map<string, Map<number, Readonly<Record<string, unknown>>>>();
  readonly #lives = new Map<string, HeldLife>();

  constructor(rule: ThresholdRule) {
    this.#rule = rule;
  }

  /** Takes windows in any order, lets time pass up to `untilMs`, and returns what changed, by time. */
  run(windows: readonly RunWindow[], untilMs: number): ThresholdFound[] {
    const found: ThresholdFound[] = [];
    for (const window of windows.toSorted((a, b) => a.startMs - b.startMs)) {
      found.push(...this.take(window));
    }
    return [...found, ...this.advance(untilMs)].toSorted((a, b) => a.atMs - b.atMs);
  }

  /** Takes the next window, of its service and dimensions in the order of time, and returns what changed with it. */
  take({ startMs, fields: given, widthMinutes = 1, ...names }: RunWindow): ThresholdFound[] {
    const rule = this.#rule;
    const fields = rule.numbersOf(given);
    const subject = this.#subjectOf(names);
    if (subject === undefined || rule.widthMinutes !== widthMinutes) return [];
    const { service, stream, dimensions } = subject;
    const key = subjectKey(subject);
    const minute = startMs / MINUTE_MS;
    const all = { ...dimensions, ...fields, service, stream, ...this.#usual(key, minute) };
    const event = windowEvent(all, startMs + widthMinutes * MINUTE_MS - 1);
    if (rule.baseline !== undefined) {
      const seen = this.#seen.get(key) ?? new Map<number, typeof fields>();
      this.#seen.set(key, seen.set(minute, fields));
    }
    if (!rule.concerns(event)) return [];
    const sample = sampleOf(rule, event, startMs);
    if (sample === undefined) return [];
    const held = this.#lives.get(key) ?? { subject, state: beginLife(startMs) };
    this.#lives.set(key, held);
    return this.#note(held, takeSample(held.state, rule.life, sample), event);
  }

  /** Lets time pass up to `untilMs`, and returns what changed since no window came. */
  advance(untilMs: number): ThresholdFound[] {
    return [...this.#lives.values()].flatMap((held) =>
      this.#note(held, passTime(held.state, this.#rule.life, untilMs - 1), undefined),
    );
  }

  /** Whom the rule knows a window under; undefined when it is not about such windows. */
  #subjectOf({
    tenant = "",
    service,
    stream,
    dimensions = DIMENSIONS_NONE,
  }: Omit<RunWindow, "startMs" | "fields" | "widthMinutes">): Subject | undefined {
    const { by, stream: wanted } = this.#rule.config;
    if (stream !== wanted) return undefined;
    const names = { tenant, stream, service };
    const given = dimensionsKey(dimensions);
    if (by.length === 0) return given === "" ? names : undefined;
    const picked = pickDimensions(dimensions, by);
    return given === dimensionsKey(picked) ? { ...names, dimensions: picked } : undefined;
  }

  #usual(key: string, minute: number): Readonly<Record<string, unknown>> {
    const { baseline } = this.#rule;
    if (baseline === undefined) return {};
    const { settings, names } = baseline;
    const seen = [...(this.#seen.get(key) ?? [])];
    const ranges = baselineRanges(settings, minute);
    const { widthMinutes } = this.#rule;
    const history = seen.filter(([at]) =>
      ranges.some(({ from, to }) => at >= from && at + widthMinutes <= to),
    );
    return baselineFields(
      names,
      history.map(([, fields]) => fields),
      settings,
    );
  }

  #note(
    held: HeldLife,
    step: LifeStep,
    event: ReturnType<typeof windowEvent> | undefined,
  ): ThresholdFound[] {
    held.state = step.state;
    const rule = this.#rule;
    const { subject } = held;
    const { service, dimensions } = subject;
    return step.transitions.flatMap((transition): ThresholdFound[] => {
      const { kind, atMs, reason } = transition;
      const what = { rule: rule.config.name, service, dimensions, atMs };
      if (kind === "fired") {
        const evidence = { window: undefined, link: undefined };
        const happened = { transition, event, evidence, revision: 1, state: "firing" } as const;
        held.fired = thresholdAlert(rule, subject, happened);
        return [{ ...what, state: "firing", alert: held.fired }];
      }
      if (kind !== "resolved" || held.fired === undefined) return [];
      const change = { state: "resolved", revision: 2, updatedMs: atMs } as const;
      const json = changedText(held.fired.json, { ...change, resolved: { atMs, reason } });
      return [{ ...what, state: "resolved", alert: { ...held.fired, json } }];
    });
  }
}
