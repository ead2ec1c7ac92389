import type { Dimensions } from "../../shared/aggregates/dimensions.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import type { StateView } from "../log/log.ts";
import { type Subject, windowEvent } from "../rules/threshold-alert.ts";
import type { ThresholdRule } from "../rules/threshold-rule.ts";
import { makeSeries, windowKey } from "../state/keys.ts";
import { readWindows } from "../state/read-windows.ts";
import type { ServiceRow } from "../state/service-row.ts";
import { decodeWindowRow } from "../state/window-row.ts";
import type { Baselines } from "./baselines.ts";
import { metricsRow } from "./metrics-event.ts";

/** Windows of one service that are read at once: a cardinality limit keeps them below it. */
const APART_COUNT_MAX = 10_000;

/** A window as a rule's conditions see it, and whose it is. */
export interface ObservedWindow {
  readonly subject: Subject;
  readonly event: ExpressionEvent;
}

/** Reads stored windows as threshold rules see them: of their width, divided by their dimensions, with what is usual. */
export class ThresholdWindows {
  private readonly view: StateView;
  private readonly baselines: Baselines;

  /** `view`: the state as of the last commit. */
  constructor(view: StateView, baselines: Baselines) {
    this.view = view;
    this.baselines = baselines;
  }

  /** The event that a rule's conditions see for a window of these numbers; `finalMs`: up to there windows are final and stored. */
  eventOf(
    rule: ThresholdRule,
    subject: Subject,
    shown: { readonly fields: Readonly<Record<string, unknown>>; readonly timeMs: number },
    finalMs: number,
  ): ExpressionEvent {
    const { dimensions } = subject;
    const numbers = rule.numbersOf(shown.fields);
    const fields = dimensions === undefined ? numbers : { ...dimensions, ...numbers };
    if (rule.baseline === undefined) return windowEvent(fields, shown.timeMs);
    const minute = (shown.timeMs + 1) / MINUTE_MS - rule.widthMinutes;
    const usual = this.baselines.fieldsOf(rule, subject, minute, finalMs);
    return windowEvent({ ...fields, ...usual }, shown.timeMs);
  }

  /** The stored windows of a service from `minute` on that concern a rule: one, or one for each value of its dimensions. */
  read(rule: ThresholdRule, names: ServiceRow, minute: number, finalMs: number): ObservedWindow[] {
    const { tenant, stream, service } = names;
    const { widthMinutes } = rule;
    const { by } = rule.config;
    const observed: ObservedWindow[] = [];
    const add = (dimensions: Dimensions | undefined, shown: ReturnType<typeof metricsRow>) => {
      const whose = { tenant, stream, service };
      const subject = dimensions === undefined ? whose : { ...whose, dimensions };
      const event = this.eventOf(rule, subject, shown, finalMs);
      if (rule.concerns(event)) observed.push({ subject, event });
    };
    if (widthMinutes === 1 && by.length === 0) {
      const bytes = this.view.get(windowKey(makeSeries(tenant, stream, service).key, minute));
      const row = bytes && decodeWindowRow(bytes);
      if (row !== undefined && row.state !== "provisional") {
        add(undefined, metricsRow(names, minute, row.aggregate));
      }
      return observed;
    }
    const { windows } = readWindows([this.view], {
      ...{ tenant, stream, service, limit: APART_COUNT_MAX, after: undefined },
      ...(by.length === 0 ? {} : { by }),
      ...{ fromMinute: minute, toMinute: minute + 1, stepMinutes: widthMinutes },
    });
    for (const { dimensions, aggregate } of windows) {
      // What has none of the dimensions is no value of them.
      if (by.length > 0 && Object.values(dimensions ?? {}).every((value) => value === "")) continue;
      add(dimensions, metricsRow(names, minute, aggregate, widthMinutes));
    }
    return observed;
  }
}

/** True when a rule looks at windows as they say themselves when they become final, by the minute; others are read. */
export function isShown({ widthMinutes, config }: ThresholdRule): boolean {
  return widthMinutes === 1 && config.by.length === 0;
}
