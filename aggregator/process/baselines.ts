import { MINUTE_MS } from "../../shared/time/window.ts";
import {
  type BaselineSettings,
  baselineFields,
  baselineRanges,
  baselineSpan,
} from "../alerts/baseline.ts";
import type { StateView } from "../log/log.ts";
import type { Subject } from "../rules/threshold-alert.ts";
import type { ThresholdRule } from "../rules/threshold-rule.ts";
import { readWindows } from "../state/read-windows.ts";
import { metricsRow } from "./metrics-event.ts";

/** Some hundred bytes each; all are forgotten beyond it. */
const KNOWN_COUNT_MAX = 20_000;

/** What is usual of services, read from stored windows once for each span of time. */
export class Baselines {
  private readonly view: StateView;
  private readonly known = new Map<string, Readonly<Record<string, number | null>>>();

  /** `view`: the state as of the last commit. */
  constructor(view: StateView) {
    this.view = view;
  }

  /**
   * What a rule's conditions see beside the window's own numbers; nothing when the rule asks for nothing. `finalMs`: up to there windows are
   * final and stored; of a window that is looked at early some of those before it may be missing.
   */
  fieldsOf(
    rule: ThresholdRule,
    subject: Subject,
    minute: number,
    finalMs: number,
  ): Readonly<Record<string, number | null>> {
    const { id, baseline, widthMinutes } = rule;
    if (baseline === undefined) return {};
    const { settings, names } = baseline;
    const { tenant, stream, service } = subject;
    const span = baselineSpan(settings, minute);
    const isWhole = finalMs >= span * MINUTE_MS - 1;
    const key = JSON.stringify([id, span, isWhole, tenant, stream, service]);
    let fields = this.known.get(key);
    if (fields === undefined) {
      const history = this.history(settings, subject, { minute, widthMinutes }).map((fields) =>
        rule.numbersOf(fields),
      );
      fields = baselineFields(names, history, settings);
      if (this.known.size >= KNOWN_COUNT_MAX) this.known.clear();
      this.known.set(key, fields);
    }
    return fields;
  }

  private history(
    settings: BaselineSettings,
    subject: Subject,
    { minute, widthMinutes }: { readonly minute: number; readonly widthMinutes: number },
  ): Readonly<Record<string, unknown>>[] {
    const { tenant, stream, service } = subject;
    return baselineRanges(settings, minute).flatMap(({ from, to }) => {
      const { windows } = readWindows([this.view], {
        ...{ tenant, stream, service, limit: to - from, after: undefined },
        // A wider window that is not over when the range ends is none of the history.
        ...{ fromMinute: from, toMinute: to - widthMinutes + 1, stepMinutes: widthMinutes },
      });
      return windows
        .filter(({ state }) => widthMinutes > 1 || state !== "provisional")
        .map(
          ({ minute: at, aggregate }) => metricsRow(subject, at, aggregate, widthMinutes).fields,
        );
    });
  }
}
