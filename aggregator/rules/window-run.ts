import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import {
  DIMENSIONS_NONE,
  type Dimensions,
  pickDimensions,
} from "../../shared/aggregates/dimensions.ts";
import { windowJson } from "../../shared/aggregates/window-json.ts";
import { MINUTE_MS, windowStartMinute } from "../../shared/time/window.ts";
import { type Subject, subjectKey } from "./threshold-alert.ts";
import type { ThresholdRule } from "./threshold-rule.ts";
import { type ThresholdFound, ThresholdRun } from "./threshold-run.ts";

/** What was counted of one service in one minute, of some of its dimensions. */
export interface CountedMinute extends Subject {
  readonly minute: number;
  readonly aggregate: Aggregate;
}

interface OpenWindow {
  readonly subject: Subject;
  readonly start: number;
  readonly aggregate: Aggregate;
}

/** One threshold rule over counted minutes, offline: they are put together to the windows that the rule looks at. */
export class WindowRun {
  readonly name: string;
  readonly #rule: ThresholdRule;
  readonly #run: ThresholdRun;
  #open = new Map<string, OpenWindow>();

  constructor(rule: ThresholdRule) {
    this.name = rule.config.name;
    this.#rule = rule;
    this.#run = new ThresholdRun(rule);
  }

  /** Takes what was counted, minutes ascending; several of one minute are one. */
  add({ minute, aggregate, ...names }: CountedMinute): void {
    const subject = this.#subjectOf(names);
    if (subject === undefined) return;
    const start = windowStartMinute(minute, this.#rule.widthMinutes);
    const key = `${start} ${subjectKey(subject)}`;
    const window = this.#open.get(key) ?? { subject, start, aggregate: new Aggregate() };
    this.#open.set(key, window);
    window.aggregate.merge(aggregate);
  }

  /** Says that all before `minute` was added, and returns what changed up to there. */
  advance(minute: number): ThresholdFound[] {
    const { widthMinutes } = this.#rule;
    const over = [...this.#open].filter(([, { start }]) => start + widthMinutes <= minute);
    const found: ThresholdFound[] = [];
    for (const [key, { subject, start, aggregate }] of over.toSorted(inOrder)) {
      this.#open.delete(key);
      const of = { ...subject, dimensions: DIMENSIONS_NONE, aggregate };
      const json = windowJson({ ...of, minute: start, windowMinutes: widthMinutes });
      const { latency, levels: _levels, dimensions: _dimensions, ...numbers } = json;
      const measures = (aggregate.detail?.measures ?? []).map(
        ({ name, kind, value }) => [`${name}_${kind}`, value] as const,
      );
      const fields = {
        ...Object.fromEntries(measures),
        ...{ ...numbers, responseTime: json.avgLatency, ...latency },
      };
      const startMs = start * MINUTE_MS;
      found.push(...this.#run.take({ ...subject, startMs, widthMinutes, fields }));
    }
    return [...found, ...this.#run.advance(minute * MINUTE_MS)].toSorted((a, b) => a.atMs - b.atMs);
  }

  #subjectOf({ tenant, stream, service, dimensions = DIMENSIONS_NONE }: Subject) {
    const { by, stream: wanted } = this.#rule.config;
    if (stream !== wanted) return undefined;
    const names = { tenant, stream, service };
    if (by.length === 0) return names;
    const picked: Dimensions = pickDimensions(dimensions, by);
    const isApart = Object.values(picked).some((value) => value !== "");
    return isApart ? { ...names, dimensions: picked } : undefined;
  }
}

function inOrder([, a]: readonly [string, OpenWindow], [, b]: readonly [string, OpenWindow]) {
  if (a.start !== b.start) return a.start - b.start;
  return subjectKey(a.subject) < subjectKey(b.subject) ? -1 : 1;
}

/** What changed as one line of JSON, the whole alert in it. */
export function changeText({ rule, service, dimensions, state, atMs, alert }: ThresholdFound) {
  const timestamp = new Date(atMs).toISOString();
  const head = JSON.stringify({
    rule,
    kind: "threshold",
    key: service,
    dimensions,
    state,
    timestamp,
  });
  return `${head.slice(0, -1)},"alert":${alert.json}}`;
}
